"""What an export of one exporter does: which modules, files and moments it has."""

from __future__ import annotations

import importlib
import os
import random
import sys
from collections.abc import Callable, Collection, Sequence
from contextlib import suppress
from typing import Any, Final

from flask_chest.errors import ChestError
from flask_chest.exporter import Exporter
from flask_chest.record import RecordData
from flask_chest.testing.forked import Child
from flask_chest.testing.moments import Moment, Moments
from flask_chest.testing.records import make_batch, make_record

_RECORDS: Final = 4


def text_of(record_id: str) -> str:
    """Return the text of the record with this ID. Two fill a buffer, and compression keeps them."""
    return random.Random(record_id).randbytes(2_000).hex()  # noqa: S311 - no secret


def some_records() -> list[RecordData]:
    """Return new records, each with its `text_of`."""
    records = [make_record() for _ in range(_RECORDS)]
    for record in records:
        record["variables"] = {"text": text_of(record["id"])}
    return records


class Watched:
    """Watches exports, each in a child.

    Args:
        new: Returns a new exporter.
        chance: Chooses among more moments than are wanted.
    """

    def __init__(self, new: Callable[[], Exporter], chance: random.Random) -> None:
        self._new = new
        self._chance = chance

    def import_all(self) -> None:
        """Import here what an export imports, so that no child does it again."""

        def used(_: object) -> list[str]:
            self._new().preload()
            self._export()
            return list(sys.modules)

        names = Child(used).wait()
        for name in names if isinstance(names, list) else ():
            if name not in sys.modules:
                with suppress(Exception):  # some can be imported by another only
                    importlib.import_module(name)

    def moments(
        self,
        counts: Callable[[Moment], bool],
        packages: Collection[str],
        most: int,
    ) -> list[int]:
        """Return the numbers of the moments of an export, or of as many as are wanted."""

        def watched(_: object) -> dict[str, list[bool]]:
            found: list[bool] = []

            def note(moment: Moment) -> None:
                if counts(moment):
                    found.append(moment.is_call)

            with Moments(note, packages):
                self._export()
            return {"is_call": found}

        answer = Child(watched).wait()
        if "fault" in answer:
            raise ChestError(f"an export that nothing interrupts fails: {answer['fault']}")
        calls = [number for number, is_call in enumerate(answer["is_call"]) if is_call]
        lines = [number for number, is_call in enumerate(answer["is_call"]) if not is_call]
        chosen = self._some(calls, most - min(most // 3, len(lines)))
        return sorted([*chosen, *self._some(lines, most - len(chosen))])

    def _some(self, numbers: Sequence[int], most: int) -> list[int]:
        """Return some of these, from all parts alike."""
        if len(numbers) <= most:
            return list(numbers)
        if most < 1:
            return []
        step = len(numbers) / most
        return [numbers[int((part + self._chance.random()) * step)] for part in range(most)]

    def files(self) -> list[str]:
        """Return the paths of the files that an export writes."""

        def watched(_: object) -> list[str]:
            found = set()

            def note(event: str, arguments: tuple[Any, ...]) -> None:
                if event == "open" and isinstance(arguments[0], (str, bytes)):
                    if (arguments[2] or 0) & (os.O_WRONLY | os.O_RDWR):
                        found.add(os.path.realpath(os.fsdecode(arguments[0])))
                elif event == "sqlite3.connect":
                    found.add(os.path.realpath(os.fsdecode(arguments[0])))

            sys.addaudithook(note)
            self._export()
            return sorted(found)

        answer = Child(watched).wait()
        return list(answer) if isinstance(answer, list) else []

    def _export(self) -> None:
        exporter = self._new()
        exporter.open()
        exporter.export(make_batch(*some_records()))
        exporter.close()


def size_of(path: str) -> int:
    """Return how many bytes a file has; 0 when it is not there."""
    try:
        return os.path.getsize(path)  # noqa: PTH202 - a text
    except OSError:  # renamed, or deleted
        return 0
