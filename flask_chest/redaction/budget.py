"""How much CPU the redaction and conversion of one record may take."""

from __future__ import annotations

from collections.abc import Collection
from typing import Final

RECORD_STEPS: Final = 100_000
"""Steps of one record: 2 to 3 ms of CPU. What is beyond is cut, and says so."""

PATH_STEPS: Final = 10_000
"""Steps of a path, a request ID or the name of a job."""

VALUE_STEPS: Final = 60
"""Price of a value that is converted."""

SHORT_STEPS: Final = 38
"""Price of a short text of letters and digits that has not been seen lately."""

SEARCH_STEPS: Final = 200
"""Price of the search of another text that has not been seen lately."""

KEY_STEPS: Final = 40
"""Price of a key that has not been seen lately."""

CANDIDATE_STEPS: Final = 160
"""Price of such a key that contains the letters of a secret one."""

WIDE_STEPS: Final = 30
"""Price of a character of a new key that is not ASCII: one can stand for 18."""


class Budget:
    """What one record may still cost, and what was masked in it.

    A step is about 20 ns: one character that an expression passes over, at its slowest. All that
    takes time in proportion to what a client sent is paid for in steps, before it is done.

    Attributes:
        steps: What is left. Nothing more is read once it is below zero.
        variable: Name of the variable at hand.
        masked: How many values were masked, by name.
        forms: By what they were found, by name, when not by the name itself.
    """

    __slots__ = ("forms", "masked", "steps", "variable")

    def __init__(self, steps: int = RECORD_STEPS) -> None:
        self.steps = steps
        self.variable = ""
        self.masked: dict[str, int] = {}
        self.forms: dict[str, set[str]] = {}

    def mask(self, key: str = "", forms: Collection[str] = ()) -> None:
        """Count a value that was masked.

        Args:
            key: The secret key within the variable; empty for the variable itself, and for a secret
                that was found by its form.
            forms: By what it was found in a text.
        """
        name = f"{self.variable}.{key}" if key else self.variable
        self.masked[name] = self.masked.get(name, 0) + 1
        if forms:
            self.forms.setdefault(name, set()).update(forms)
