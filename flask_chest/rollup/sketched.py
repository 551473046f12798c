"""`Sketched`: the different values of an operand, of which only a sketch is known."""

from __future__ import annotations

from flask_chest.query.distinct import Distinct
from flask_chest.query.sketch import Sketch


class Sketched(Distinct):
    """The different values in a group, as a sketch from the first on."""

    __slots__ = ()

    def __init__(self, sketch: Sketch | None = None) -> None:
        super().__init__()
        self.sketch = sketch or Sketch()

    @classmethod
    def of(cls, other: Distinct) -> Sketched:
        """Return the same values as a sketch."""
        made = cls()
        made.merge(other)
        return made
