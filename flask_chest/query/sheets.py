"""CSV that a spreadsheet opens without running any of it, and that can be read back."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from typing import Any, Final

from flask_chest.runtime.printable import printable

_AT_START: Final = "=+\\-@'\uff1d\uff0b\uff0d\uff20"  # the last four are full-width
_GUARDED: Final = re.compile(f'^(?=\\s*[{_AT_START}])|(?<=;)(?=\\s*[{_AT_START}"])')
"""Where a spreadsheet may take a text for a formula. Source: OWASP, "CSV Injection",
https://owasp.org/www-community/attacks/CSV_Injection

Where a semicolon separates cells, as in many countries, one within a text begins a cell. A program
may cut off spaces at the start of one.
"""


def guarded(text: str) -> str:
    r"""Return a text that no spreadsheet runs, with ``'`` before what it would run.

    A ``'`` there is doubled, and characters that control a terminal become ``\uXXXX``. To get the
    text back, remove one ``'`` at the start, and one behind each ``;``.
    """
    return _GUARDED.sub("'", printable(text))


def csv_line(values: Iterable[Any], *, raw: bool = False) -> str:
    """Return one line of CSV (RFC 4180), without its end.

    Texts have quotes around them, and numbers, true and false have none. What is null or missing
    is empty. Lists and dicts are JSON.

    Args:
        values: Of the cells.
        raw: Whether to leave texts as they are.
    """
    line = ",".join(_cell(value, raw=raw) for value in values)
    return line or '""'  # of one cell: an empty line would be no row


def _cell(value: Any, *, raw: bool) -> str:  # noqa: ANN401 - any value of a record
    if value is None:
        return ""
    if isinstance(value, (bool, int, float)):
        return json.dumps(value)
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
    if not raw:
        text = guarded(text)
    return '"' + text.replace('"', '""') + '"'
