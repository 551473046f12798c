"""Texts of strangers without characters that a terminal would obey, or that change the order."""

from __future__ import annotations

import re
from typing import Final

_UNPRINTABLE: Final = re.compile(
    "[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u206f\ufff9-\ufffb\ud800-\udfff]"
)
"""C0, DEL, C1, bidirectional and other format controls, line separators, lone surrogates.

Source: UAX #9, section 2, and UTS #55, https://www.unicode.org/reports/tr55/
"""


def printable(text: object) -> str:
    r"""Return a text with every control character as ``\uXXXX``, which JSON reads back."""
    return _UNPRINTABLE.sub(lambda found: f"\\u{ord(found[0]):04x}", str(text))
