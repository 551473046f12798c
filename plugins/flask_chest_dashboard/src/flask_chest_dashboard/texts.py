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

_HIDDEN: Final = (
    "\x00-\x1f\x7f-\x9f\xad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180e\u200b\u200e\u200f\u2028-\u202e"
    "\u2060-\u206f\u3164\ud800-\udfff\ufeff\uffa0\ufff0-\ufffb\U0001bca0-\U0001bca3"
    "\U0001d173-\U0001d17a\U000e0000-\U000e00ff\U000e01f0-\U000e0fff"
)
"""What controls, what changes the order of a text, and what takes no room in it.

Source: UAX #9, section 2, and Default_Ignorable_Code_Point of UAX #44. A soft hyphen is one, too.
"""

_JOINERS: Final = "\u200c\u200d"
"""Between two letters or emojis they belong to the text; elsewhere they hide in it."""

_SELECTORS: Final = "\u180b-\u180d\u180f\ufe00-\ufe0f\U000e0100-\U000e01ef"
"""The same behind a character that has variants. A digit has one in a keycap."""

_SCRIPT: Final = f"[^\x00-\x7f{_JOINERS}{_HIDDEN}]"
_DOES_NOT_SHOW: Final = re.compile(
    f"[{_HIDDEN}]|(?<!{_SCRIPT})[{_JOINERS}]|[{_JOINERS}](?!{_SCRIPT})"
    f'|(?<![^\x00-"$-)+-/:-\x7f{_SELECTORS}{_JOINERS}{_HIDDEN}])[{_SELECTORS}]'
)
_CONTROLS: Final = re.compile("[\x00-\x1f\x7f]")
_LINE: Final = frozenset("\t\n")
_LARGE: Final = 1e5
"""Numbers below it are written with six digits. The page of a record has them exactly."""

_VISIBLE: Final = frozenset("LMNPS")
"""The first letters of the categories of characters that show."""


def visible(text: str) -> str:
    r"""Return a text with ``\uXXXX``, which JSON reads back, for each character that does not show.

    What breaks lines and the tab stay. A page has what strangers have sent in it: a character that
    changes the order makes it say something else.
    """
    if not _may_hide(text):
        return text
    return _DOES_NOT_SHOW.sub(
        lambda found: found[0] if _breaks_line(found) else _escaped(found), text
    )


def _may_hide(text: str) -> bool:
    """Fast path: False when the text certainly shows."""
    return not text.isascii() or _CONTROLS.search(text) is not None


def _breaks_line(found: re.Match[str]) -> bool:
    return found[0] in _LINE or (found[0] == "\r" and found.string[found.end() :][:1] == "\n")


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
    if not _may_hide(text):
        return text
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
    text = json.dumps(found[0])[1:-1]  # of what is beyond U+FFFF, a pair
    return text if text.startswith("\\u") or found[0] in "\n\r\t" else f"\\u{ord(found[0]):04x}"
