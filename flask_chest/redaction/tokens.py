"""Find JSON Web Tokens, by the form of JSON in base64url.

Sources:
    Signed and encrypted: https://www.rfc-editor.org/rfc/rfc7519#section-3
    The same form, with which Flask signs its sessions:
    https://itsdangerous.palletsprojects.com/en/stable/url_safe/
"""

from __future__ import annotations

import re
from typing import Final

from flask_chest.redaction.scan import Scan

# `{"` in base64. The parts may be empty, and the last may be missing.
_TOKEN: Final = re.compile(r"eyJ[\w-]{6,}(?:\.[\w-]*){0,4}", re.ASCII)


def json_web_tokens(scan: Scan) -> None:
    """Find JSON Web Tokens (RFC 7519), including encrypted and truncated ones."""
    text = scan.text
    if "eyJ" not in text or not scan.look(0, len(text) // 4):
        return
    for match in _TOKEN.finditer(text):
        if not scan.look(match.start()):
            return
        # Without a point it is JSON in base64, such as the state of a page.
        if "." in match[0]:
            scan.spans.append(match.span())
