"""How a value of a record is written, whatever strangers have sent."""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Iterable
from datetime import datetime
from typing import Final

MISSING: Final = "—"
"""Stands for null."""

MOST: Final = 200
"""Characters of a value in a table. The page of a record has it whole."""

_DOES_NOT_SHOW: Final = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")
_LARGE: Final = 1e5
"""Numbers below it are written with six digits. The page of a record has them exactly."""

_VISIBLE: Final = frozenset("LMNPS")
"""The first letters of the categories of characters that show."""


def in_one_line(found: object, most: int = MOST) -> str:
    """Return any value of a record as a text in one line, with control characters visible.

    Args:
        found: The value.
        most: Characters that are kept. No more of a long value is looked at.
    """
    text = plain(found, most + 1)
    if len(text) > most:
        text = text[: most - 1] + "…"
    if isinstance(found, str) and not _shows(text):
        return json.dumps(text)
    return _DOES_NOT_SHOW.sub(_escaped, text)


def plain(found: object, most: int) -> str:
    """Return the beginning of a value: a text as it is, and all else as JSON writes it."""
    if found is None:
        return MISSING
    if isinstance(found, str):
        return found[:most]
    if isinstance(found, datetime):
        return found.isoformat()
    if isinstance(found, float):
        return f"{found:.6g}" if abs(found) < _LARGE else repr(round(found, 2))
    if isinstance(found, (dict, list)):
        # In pieces, as it may be of many megabytes.
        pieces = json.JSONEncoder(ensure_ascii=False, default=str).iterencode(found)
        return "".join(_first(pieces, most))[:most]
    return json.dumps(found, default=str)[:most]


def _first(pieces: Iterable[str], most: int) -> list[str]:
    found: list[str] = []
    left = most
    for piece in pieces:
        found.append(piece)
        left -= len(piece)
        if left <= 0:
            break
    return found


def _shows(text: str) -> bool:
    return any(unicodedata.category(each)[0] in _VISIBLE for each in text)


def _escaped(found: re.Match[str]) -> str:
    return json.dumps(found[0])[1:-1] if found[0] in "\n\r\t" else f"\\u{ord(found[0]):04x}"
