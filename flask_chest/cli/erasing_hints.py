"""Say why an erasure found nothing: a wrong type or a misspelt name looks like nobody's records."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from flask_chest import query
from flask_chest.cli.missing import NEWEST, missing, newest, operands_of
from flask_chest.errors import ChestError
from flask_chest.query import Filter
from flask_chest.query.nodes import And, Node, Or
from flask_chest.record import RecordData
from flask_chest.store import Store

_JOURNAL: Final = "journal"


class Sample:
    """Records of each place, as they were before the erasure.

    Args:
        chosen: The filter of the erasure.
    """

    def __init__(self, chosen: Filter) -> None:
        self._chosen = chosen
        self._found: dict[str, list[RecordData]] = {}

    def look(self, name: str, store: Store) -> None:
        """Take the newest records of a store. What cannot be read is reported by the erasure.

        Args:
            name: Of its exporter.
            store: Open.
        """
        try:
            self._found[name] = newest(store)
        except ChestError:
            return

    def waits(self, record: RecordData) -> None:
        """Take a record of the journal, while there are few."""
        found = self._found.setdefault(_JOURNAL, [])
        if len(found) < NEWEST:
            found.append(record)

    def hints(self, number: int) -> list[str]:
        """Return what is wrong with the filter: types with their places, and names.

        One part of an ``or`` may be wrong where another one has found records.

        Args:
            number: How many records were found, in all places together.
        """
        root = self._chosen.root
        places: dict[str, list[str]] = {}
        for place, found in self._found.items():
            for text in dict.fromkeys(query.mismatches(root, found)):
                places.setdefault(text, []).append(place)
        hints = [f"{', '.join(names)}: {text}" for text, names in places.items()]
        if not number or _has_or(root):
            # A record that waits may lack what those in the database have.
            everywhere = [record for found in self._found.values() for record in found]
            hints += missing(everywhere, operands_of(root))
        return hints


def _has_or(node: Node) -> bool:
    if isinstance(node, Or):
        return True
    parts: Iterable[Node] = node.parts if isinstance(node, And) else ()
    return any(map(_has_or, parts))
