"""How many different values there are."""

from __future__ import annotations

from typing import Final, TypeAlias

from flask_chest.query.nodes import kind
from flask_chest.query.questions import Scalar
from flask_chest.query.sketch import Sketch

Identity: TypeAlias = tuple[str, Scalar]
"""Kind and value: 1 equals 1.0, and True equals neither."""


def identity(value: Scalar) -> Identity:
    """Return what two equal values have in common, and no others."""
    return kind(value), value


EXACT: Final = 10_000
"""Up to so many different values are counted exactly. More of them are estimated: `Sketch`."""


class Distinct:
    """The different values of an operand in a group. Two are merged by union.

    Attributes:
        sketch: Has them all, where there are too many to keep; else None.
    """

    __slots__ = ("_values", "sketch")

    def __init__(self) -> None:
        self._values: set[Identity] = set()
        self.sketch: Sketch | None = None

    def add(self, value: Scalar) -> None:
        """Add a value, which is not None."""
        if self.sketch is not None:
            self.sketch.add(value)
            return
        self._values.add(identity(value))
        if len(self._values) > EXACT:
            self._estimate()

    def merge(self, other: Distinct) -> None:
        """Add the values of another."""
        if self.sketch is None and other.sketch is None:
            self._values |= other._values
            if len(self._values) > EXACT:
                self._estimate()
            return
        mine = self._estimate()
        if other.sketch is not None:
            mine.merge(other.sketch)
        for _, value in other._values:
            mine.add(value)

    def _estimate(self) -> Sketch:
        """Keep a sketch alone."""
        if self.sketch is None:
            self.sketch = Sketch()
            for _, value in self._values:
                self.sketch.add(value)
            self._values = set()
        return self.sketch

    @property
    def size(self) -> int:
        """How much memory it takes, in values."""
        return len(self._values) if self.sketch is None else min(self.sketch.size, EXACT)

    def count(self) -> int:
        """Return how many different values there are."""
        return len(self._values) if self.sketch is None else self.sketch.count()
