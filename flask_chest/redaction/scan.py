"""One text that is searched for secrets, and what the search has cost."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, TypeAlias

Finder: TypeAlias = "Callable[[Scan], None]"
"""Adds the spans of the secrets of one kind to a scan."""

LOOK: Final = 30
"""Steps of one look at a candidate, such as a match of an expression."""


class Scan:
    """A text that finders search, within a budget.

    A step is about 20 ns of CPU: one character that an expression passes over, at its slowest.

    Attributes:
        text: The text.
        lower: The same in lower case, character by character, so that positions agree.
        spans: Start and end of each secret that was found, in no order.
        steps: What is left of the budget.
        end: Up to where every finder has looked: less than the length of the text once the budget
            is spent. What is behind it must be cut.
    """

    __slots__ = ("end", "lower", "spans", "steps", "text")

    def __init__(self, text: str, steps: int) -> None:
        self.text = text
        lower = text.lower()
        # No other character has two in lower case.
        self.lower = lower if len(lower) == len(text) else text.replace("\u0130", "i").lower()
        self.spans: list[tuple[int, int]] = []
        self.steps = steps
        self.end = len(text)

    def look(self, position: int, steps: int = LOOK) -> bool:
        """Pay for a look at `position`. False when the budget is spent: the finder stops there.

        A finder goes through a text from its start to its end. So when it stops, all that is in
        front of `position` has been searched.
        """
        self.steps -= steps
        if self.steps >= 0:
            return True
        self.end = min(self.end, position)
        return False
