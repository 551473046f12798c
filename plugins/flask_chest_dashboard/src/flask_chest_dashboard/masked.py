"""`masked`: the text of an error without the passwords that it names."""

from __future__ import annotations

import re
from typing import Final

MASK: Final = "***"
_URL: Final = re.compile(r"(\w://)[^\s'\"<>]*@")
_OPTION: Final = re.compile(
    r"(?i)((?:pass(?:word|wd|phrase)?|pwd|secret|token|api_?key)[\"']?\s*[=:]\s*)"
    r"(?:\"[^\"\n]*\"|'[^'\n]*'|\S+)"
)


def masked(text: str) -> str:
    """Return a text with what may be a password masked: in a URL, and as in ``password=...``.

    Drivers, and the stores of others, put into their errors what they were connected with.
    """
    return _OPTION.sub(rf"\1{MASK}", _URL.sub(rf"\1{MASK}@", text))
