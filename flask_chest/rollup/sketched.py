"""`Sketched`: the different values of an operand, of which only a sketch is known."""

from __future__ import annotations

from flask_chest.query.distinct import Distinct
from flask_chest.query.questions import Scalar
from flask_chest.rollup.sketch import Sketch


class Sketched(Distinct):
    """The different values in a group, as a sketch. It takes those of any other."""

    __slots__ = ("sketch",)

    def __init__(self, sketch: Sketch | None = None) -> None:
        super().__init__()
        self.sketch = sketch or Sketch()

    @classmethod
    def of(cls, other: Distinct) -> Sketched:
        """Return the same values as a sketch."""
        made = cls()
        made.merge(other)
        return made

    def add(self, value: Scalar) -> None:
        """Add a value."""
        self.sketch.add(value)

    def merge(self, other: Distinct) -> None:
        """Add the values of another."""
        if isinstance(other, Sketched):
            self.sketch.merge(other.sketch)
            return
        for _kind, value in other._values:  # noqa: SLF001 - of its own base class
            self.sketch.add(value)

    def count(self) -> int:
        """Return the estimate of their number."""
        return self.sketch.count()
