"""The text of an error about a filter: what is wrong, and the place, marked by a caret."""

from __future__ import annotations

import unicodedata
from typing import Final

from flask_chest.errors import FilterError

_BEFORE: Final = 60
_AFTER: Final = 40
"""Characters of a long filter that are shown around the place."""


def fault(reason: str, text: str, position: int) -> FilterError:
    """Return the error.

    Args:
        reason: What is wrong, and the remedy.
        text: The filter.
        position: Index in it.
    """
    position = max(0, min(position, len(text)))
    begin, end = max(0, position - _BEFORE), position + _AFTER
    before, after = ("…" if begin else ""), ("…" if end < len(text) else "")
    left, right = _shown(text[begin:position]), _shown(text[position:end])
    left = before + left
    caret = " " * sum(map(_width, left)) + "^"
    return FilterError(f"{reason}\n  {left}{right}{after}\n  {caret}", text=text, position=position)


def _shown(text: str) -> str:
    """Return a text with a question mark for each character that a terminal would obey."""
    return "".join(c if c.isprintable() else " " if c in "\t\n\r\f" else "?" for c in text)


def _width(character: str) -> int:
    """Return how many columns of a terminal a character takes."""
    if unicodedata.combining(character):
        return 0
    return 2 if unicodedata.east_asian_width(character) in {"W", "F"} else 1
