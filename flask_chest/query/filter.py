"""`Filter`: a condition on records, read from one line of text."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from flask_chest.query.evaluate import matches
from flask_chest.query.nodes import Node


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
