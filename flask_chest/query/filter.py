"""`Filter`: a condition on records, read from one line of text."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from flask_chest.query.complement import complement
from flask_chest.query.evaluate import matches
from flask_chest.query.nodes import And, Compare, Field, Node


@dataclass(frozen=True)
class Filter:
    """A condition on records. `parse` makes it.

    Attributes:
        text: As it was written.
        root: Its parts, as a store compiles them.
    """

    text: str
    root: Node

    def matches(self, record: Mapping[str, Any]) -> bool:
        """Return whether a record, as the journal has it, satisfies the condition. Never raises."""
        return matches(self.root, record)

    def __str__(self) -> str:
        return self.text


def started_before(chosen: Filter, before: datetime) -> Filter:
    """Return the filter of those among the chosen records that started before a moment.

    Args:
        chosen: A filter.
        before: An aware datetime.
    """
    limit = Compare(Field("started_at"), "<", before)
    text = f"({chosen.text}) and started_at < '{before.isoformat()}'"
    return Filter(text, And((chosen.root, limit)))


def others_than(chosen: Filter) -> Filter:
    """Return the filter of the records that are not chosen, those included that lack the value.

    That is more than ``not (...)``, which leaves these out. No text says it in short, so its text
    is ``not (...)`` all the same.

    Args:
        chosen: A filter.
    """
    return Filter(f"not ({chosen.text})", complement(chosen.root))
