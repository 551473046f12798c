"""How many different values there are."""

from __future__ import annotations

from typing import TypeAlias

from flask_chest.query.nodes import kind
from flask_chest.query.questions import Scalar

Identity: TypeAlias = tuple[str, Scalar]
"""Kind and value: 1 equals 1.0, and True equals neither."""


def identity(value: Scalar) -> Identity:
    """Return what two equal values have in common, and no others."""
    return kind(value), value


class Distinct:
    """The different values of an operand in a group. Two are merged by union."""

    __slots__ = ("_values",)

    def __init__(self) -> None:
        self._values: set[Identity] = set()

    def add(self, value: Scalar) -> None:
        """Add a value, which is not None."""
        self._values.add(identity(value))

    def merge(self, other: Distinct) -> None:
        """Add the values of another."""
        self._values |= other._values

    def count(self) -> int:
        """Return how many different values there are."""
        return len(self._values)
