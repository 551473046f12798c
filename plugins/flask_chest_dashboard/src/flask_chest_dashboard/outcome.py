"""`Outcome`: what became of a retry or a drop of dead letters, through a redirect."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Final

_FAULTS: Final = {
    "": "",
    "away": "The exporter failed, and the others were not sent. The log has its error.",
    "busy": "A delivery to it is under way, and has not ended in 10 seconds. Try again later.",
    "mode": "Nothing was done: nothing may be delivered now.",
    "journal": "Nothing was done: the dead letters cannot be changed. The log has the reason.",
}
_ARGUMENT_PARTS: Final = 5


@dataclass(frozen=True)
class Outcome:
    """What became of it.

    It travels in the address, so it holds numbers and words that are known, and no free text.

    Attributes:
        what: ``retry`` or ``drop``.
        exporter: Name of the exporter.
        done: How many were stored, or deleted.
        left: How many were refused again, or were no dead letters any more.
        fault: Why not all was done: a key of `_FAULTS`.
        error: The text of an error, which does not travel with it.
    """

    what: str
    exporter: str
    done: int = 0
    left: int = 0
    fault: str = ""
    error: str = ""

    @property
    def is_bad(self) -> bool:
        """Whether not all was done."""
        return bool(self.fault or (self.what == "retry" and self.left))

    @property
    def text(self) -> str:
        """What is said about it."""
        if self.what == "retry":
            said = f"{self.exporter}: {_letters(self.done)} stored"
            said += f", {self.left:,} refused again, with the error below." if self.left else "."
        else:
            said = f"{self.exporter}: {_letters(self.done)} deleted"
            said += f". No longer there: {self.left:,}." if self.left else "."
        return f"{said} {_FAULTS[self.fault]}".rstrip()

    @property
    def argument(self) -> str:
        """As an argument of an address."""
        return f"{self.what}.{self.done}.{self.left}.{self.fault}.{self.exporter}"

    @classmethod
    def read(cls, text: str, exporters: Collection[str]) -> Outcome | None:
        """Read what `argument` has written; None for anything else."""
        parts = text.split(".", _ARGUMENT_PARTS - 1)
        if len(parts) != _ARGUMENT_PARTS:
            return None
        what, done, left, fault, exporter = parts
        is_known = what in {"retry", "drop"} and fault in _FAULTS and exporter in exporters
        if not (is_known and _is_number(done) and _is_number(left)):
            return None
        return cls(what, exporter, int(done), int(left), fault)


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdecimal() and len(text) < 7


def _letters(number: int) -> str:
    return f"{number:,} dead letter{'' if number == 1 else 's'}"
