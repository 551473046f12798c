"""Find private keys in the text forms of OpenSSL, OpenSSH, PGP, SSH.com and PuTTY.

Sources:
    PEM: https://www.rfc-editor.org/rfc/rfc7468, and when encrypted https://www.rfc-editor.org/rfc/rfc1421
    OpenSSH: https://github.com/openssh/openssh-portable/blob/master/PROTOCOL.key
    PGP: https://www.rfc-editor.org/rfc/rfc9580#section-6.2
    PuTTY: https://the.earth.li/~sgtatham/putty/latest/htmldoc/AppendixC.html
"""

from __future__ import annotations

import re
from typing import Final

from flask_chest.redaction.scan import LOOK, Scan

# A space may be encoded for a URL. SSH.com has four dashes and a space.
_SPACE: Final = r"(?: |\+|%20)"
_KIND: Final = rf"(?:{_SPACE}[A-Z0-9]{{1,20}}){{0,4}}"
_NAME: Final = rf"{_KIND}{_SPACE}PRIVATE{_SPACE}KEY(?:{_SPACE}BLOCK)?{_SPACE}?-{{4,5}}"
_PEM: Final = re.compile(rf"----{_SPACE}?BEGIN{_NAME}"), re.compile(rf"----{_SPACE}?END{_NAME}")
_PUTTY: Final = (
    re.compile(r"Private-Lines: ?[0-9]"),
    re.compile(r"Private-(?:MAC|Hash): ?[0-9a-f]{0,64}"),
)


def private_keys(scan: Scan) -> None:
    """Find private keys, also encrypted ones. One whose end is missing ends with the text."""
    if "private" not in scan.lower:
        return
    for first, last in (_PEM, _PUTTY):
        if not scan.look(0, len(scan.text) // 2):
            return
        _between(scan, first, last)


def _between(scan: Scan, first: re.Pattern[str], last: re.Pattern[str]) -> None:
    text = scan.text
    position = 0
    while (begin := first.search(text, position)) is not None:
        start = begin.start() - text.endswith("-", 0, begin.start())  # a fifth dash
        if not scan.look(start, 2 * LOOK):
            return
        end = last.search(text, begin.end())
        position = end.end() if end else len(text)
        scan.spans.append((start, position))
