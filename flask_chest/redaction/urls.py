"""Find passwords and signatures in URLs.

Sources:
    The user and password: https://www.rfc-editor.org/rfc/rfc3986#section-3.2.1. People also write
    passwords that this grammar forbids, with `/`, `#`, `?`, `@` and spaces.
    JDBC: https://docs.oracle.com/en/database/oracle/oracle-database/23/jjdbc/data-sources-and-URLs.html
    and https://learn.microsoft.com/sql/connect/jdbc/building-the-connection-url
    Signatures: https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-query-string-auth.html,
    https://cloud.google.com/storage/docs/authentication/signatures,
    https://learn.microsoft.com/rest/api/storageservices/create-service-sas and
    https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/private-content-signed-urls.html
"""

from __future__ import annotations

import re
from typing import Final

from flask_chest.redaction.scan import LOOK, Scan

_LONGEST: Final = 512
"""Characters within which the end of a password is looked for."""

# The user, up to the `:`. What begins with `[` is a host.
_USER: Final = re.compile(r"[^\s/?#@:\[\]\"'<>()]{0,256}:(?=[^\s@])")
# A user that is a token, as that of a Git server or of Sentry.
_TOKEN: Final = re.compile(r"(?=[^\s@]{0,64}[0-9])[A-Za-z0-9_-]{20,256}(?=@)")
_NO_PASSWORD: Final = ("x-oauth-basic@", "x-token-auth@")
"""Stand where the password would be, when the user is the secret."""
_PORT: Final = re.compile(r"[0-9]{0,5}(?![^\s/?#\"'<>(),;&\]}.\\`|])")
_AUTHORITY: Final = re.compile(r"[^\s/?#\"'<>]*@")
# With what the grammar forbids: from the most likely to the least likely.
_FORBIDDEN: Final = tuple(
    re.compile(each) for each in (r"[^\s\"'<>]*", r"[^\s\"<>]*", r"[^\r\n\"<>]*")
)
_SURE_HOST: Final = re.compile(r"\[|localhost\b|[\w-]{1,63}(?:\.[\w-]|:[0-9])")
_HOST: Final = re.compile(r"\w[\w.-]{0,253}(?:[:/?\s,;\"')\]}]|$)|\[")

_ENCODED: Final = "%3a%2f%2f"
_ENCODED_PORT: Final = re.compile(r"[0-9]{0,5}(?:%2f|%3f|[^\w%])")
_ENCODED_URL: Final = re.compile(rf"[^\s&\"'<>]{{0,{_LONGEST}}}")

_ORACLE: Final = re.compile(r"jdbc:oracle:[a-z0-9]{2,8}:[^/\s@:\"']{1,128}/([^\s@\"']{1,128})@")
_JDBC_PROPERTY: Final = re.compile(
    r"[;?&,(:][\w.]{0,24}(?:password|passphrase|pwd|secret|token)=(\{[^}\s]*|[^;&\s\"')]+)"
)
_JDBC_URL: Final = re.compile(r"[^\s\"'<>]{5,2000}")

_GO: Final = re.compile(r"@(?:tcp|unix)\(")
_REVERSED_NAME: Final = re.compile(r"([^\s\"'`]{1,200}):[^\s\"'`:]{0,200}")

_SIGNATURE: Final = re.compile(
    r"(?:x-(?:amz|goog|oss|cos|obs|ms)-(?:signature|security-token|credential)|sig(?:nature)?)"
    r"(?:=|%3d)([^&\s\"'<>#;,)]{1,4000})"
)
_BESIDE_SIGNATURE: Final = re.compile(
    r"(?:[?&;\s\"']|%26|%3f)(?:s[evpr]|skn|expires|key-pair-id|(?:aws|google|oss)access(?:key)?id)(?:=|%3d)"
)
_NEAR: Final = 200


def url_passwords(scan: Scan) -> None:
    """Find passwords in URLs, also where the URL is a part of another, and in JDBC's."""
    text = scan.text
    if ":" in text or "%" in text:
        if "://" in text:
            _plain(scan)
        if _ENCODED in scan.lower:
            _encoded(scan)
        if "jdbc:" in scan.lower:
            _jdbc(scan)
    if "@" in text and ("@tcp(" in text or "@unix(" in text):
        _go(scan)


def _plain(scan: Scan) -> None:
    text = scan.text
    position = text.find("://")
    while position >= 0:
        start = position + 3
        user = _USER.match(text, start)
        following = text.find("://", start)
        if not scan.look(position, 3 * LOOK):
            return
        if user is None:
            token = _TOKEN.match(text, start)
            if token is not None:
                scan.spans.append(token.span())
        elif text.startswith(_NO_PASSWORD, user.end()):
            scan.spans.append((start, user.end() - 1))
        else:
            limit = user.end() + _LONGEST
            limit = limit if following < 0 else min(limit, following)
            if not scan.look(position, 8 * LOOK):
                return
            end = _end_of_password(text, user.end(), limit)
            if end > user.end():
                scan.spans.append((user.end(), end))
        position = following


def _end_of_password(text: str, start: int, limit: int) -> int:
    """Return the end of a password, `start` if there is none."""
    authority = _AUTHORITY.match(text, start, limit)
    if authority is None:
        if _PORT.match(text, start, limit):
            return start
    elif _SURE_HOST.match(text, authority.end()):
        return authority.end() - 1
    for expression in _FORBIDDEN:
        window = expression.match(text, start, limit)
        ends = [] if window is None else _ends(text, start, window.end())
        if ends and authority is None:
            return ends[0]
        sure = [end for end in ends if _SURE_HOST.match(text, end + 1)]
        if ends:
            return sure[0] if sure else ends[-1]
    return authority.end() - 1 if authority else start


def _ends(text: str, start: int, end: int) -> list[int]:
    """Return the places of each `@` with a host behind it. `/@scope/name` is a path."""
    found = []
    at = text.find("@", start, end)
    while at >= 0:
        if text[at - 1] != "/" and _HOST.match(text, at + 1):
            found.append(at)
        at = text.find("@", at + 1, end)
    return found


def _encoded(scan: Scan) -> None:
    lower = scan.lower
    position = lower.find(_ENCODED)
    while position >= 0:
        start = position + len(_ENCODED)
        if not scan.look(position, 10 * LOOK):
            return
        window = _ENCODED_URL.match(lower, start)
        end = window.end() if window else start
        following = lower.find(_ENCODED, start)
        colon = lower.find("%3a", start, end)
        at = lower.find("%40", colon, end) if colon >= 0 else -1
        is_host = "%2f" in lower[start : max(colon, start)]
        if at > colon + 3 and not is_host and not _ENCODED_PORT.match(lower, colon + 3):
            scan.spans.append((colon + 3, at))
        position = following


def _jdbc(scan: Scan) -> None:
    lower = scan.lower
    position = lower.find("jdbc:")
    while position >= 0:
        following = lower.find("jdbc:", position + 5)
        window = _JDBC_URL.match(lower, position, following if following >= 0 else len(lower))
        end = window.end() if window else position
        if not scan.look(position, 4 * LOOK + 2 * (end - position)):
            return
        oracle = _ORACLE.match(lower, position)
        if oracle is not None:
            scan.spans.append(oracle.span(1))
        scan.spans += (each.span(1) for each in _JDBC_PROPERTY.finditer(lower, position, end))
        position = following


def _go(scan: Scan) -> None:
    """Find `user:password@tcp(host)`, as Go's drivers have it."""
    text = scan.text
    for match in _GO.finditer(text):
        start = max(match.start() - _LONGEST // 2, 0)
        if not scan.look(start, 8 * LOOK):
            return
        # Backwards, up to what cannot be in it: the user, `:` and the password.
        reversed_name = _REVERSED_NAME.match(text[start : match.start()][::-1])
        if reversed_name is not None:
            scan.spans.append((match.start() - reversed_name.end(1), match.start()))


def url_signatures(scan: Scan) -> None:
    """Find signatures of pre-signed URLs: of AWS, Google, Azure, and what speaks like them."""
    lower = scan.lower
    if ("=" not in lower and "%3d" not in lower) or ("sig" not in lower and "x-amz-" not in lower):
        return
    if not scan.look(0, len(lower) // 2):
        return
    for match in _SIGNATURE.finditer(lower):
        start, end = match.span(1)
        is_short = lower[match.start()] == "s"
        if not scan.look(match.start(), 30 * LOOK if is_short else LOOK):
            return
        if is_short:
            near = max(match.start() - _NEAR, 0), end + _NEAR
            if not _begins_word(lower, match.start()) or not _BESIDE_SIGNATURE.search(lower, *near):
                continue
        ampersand = lower.find("%26", start, end)
        scan.spans.append((start, ampersand if ampersand > start else end))


def _begins_word(lower: str, start: int) -> bool:
    before = lower[max(start - 3, 0) : start]
    return before in {"%26", "%3f"} or not (before[-1:].isalnum() or before.endswith("_"))
