"""Sizes are numbers of bytes. Whoever writes a unit is told the number."""

from __future__ import annotations

import re
from typing import Final

_SIZE: Final = re.compile(r"\s*(\d+(?:[.,]\d+)?)\s*([kmgt]?)(i?)b?\s*", re.IGNORECASE)
_POWERS: Final = {"": 0, "k": 1, "m": 2, "g": 3, "t": 4}


def number_of(given: object) -> str:
    """Return the end of a message about a size: the number to write; empty if it is unclear.

    Args:
        given: What was given in place of a number, such as ``1GB`` or ``64 MiB``.
    """
    found = _SIZE.fullmatch(given) if isinstance(given, str) else None
    if found is None:
        return ""
    base = 1024 if found[3] else 1000
    number = round(float(found[1].replace(",", ".")) * base ** _POWERS[found[2].lower()])
    return f". Write the number of bytes: {number:_}"
