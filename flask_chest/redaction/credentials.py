"""Find credentials of HTTP authorization: in the header, and after a scheme in other texts.

Sources:
    The grammar of a credential: https://www.rfc-editor.org/rfc/rfc9110#section-11.4
    The schemes that are registered: https://www.iana.org/assignments/http-authschemes
    Those that are not: beside their rows of `_AFTER_SCHEME`.
"""

from __future__ import annotations

import base64
import binascii
import re
import string
from typing import Final

from flask_chest.redaction.scan import LOOK, Scan

_BASE64: Final = r"[A-Za-z0-9+/_-]{4,}={0,2}"
_TOKEN68: Final = r"[\w.~+/^:-]{8,}={0,2}"
# The parameters of a credential: `username="Mufasa", response="6629"`. Each has a `=`, so that an
# expression for all of them is linear.
_PARAMETERS: Final = re.compile(
    r"[\w-]{1,40}[ ]?=[ ]?(?:\"[^\"\r\n]{0,2000}\"?|[^\s,\"'<>\\]{1,4000})"
    r"(?:[,; ][,; ]{0,3}[\w-]{1,40}[ ]?=[ ]?(?:\"[^\"\r\n]{0,2000}\"?|[^\s,\"'<>\\]{1,4000})){0,40}"
)
_SIGNS: Final = re.compile(r"(?:response|cnonce|mac|sig|signature|oauth_token|auth|token)[ ]?=")

_AFTER_SCHEME: Final[dict[str, re.Pattern[str] | None]] = {
    # In other texts than a header; None: parameters, among them one of `_SIGNS`.
    # RFC 6750, and what servers take besides.
    "bearer": re.compile(r"[^\s\"',;<>&(){}\[\]\\]{1,8000}"),
    "basic": re.compile(_BASE64),  # RFC 7617
    "token": re.compile(r"[\w.-]{16,}"),  # https://www.django-rest-framework.org/api-guide/authentication/#tokenauthentication
    "apikey": re.compile(r"[\w.+/-]{12,}={0,2}"),  # https://www.elastic.co/docs/deploy-manage/api-keys/elasticsearch-api-keys
    "api-key": re.compile(r"[\w.+/-]{12,}={0,2}"),  # https://florimondmanca.github.io/djangorestframework-api-key/guide/
    "bot": re.compile(r"[\w.-]{50,}"),  # https://docs.discord.com/developers/reference#authentication
    "splunk": re.compile(r"[A-Za-z0-9_^-]{16,}"),  # https://help.splunk.com/en/data-management/collect-http-event-data
    "ntlm": re.compile(r"TlRMTVNTUA[A-Za-z0-9+/]*={0,2}"),  # RFC 4559, with the signature "NTLMSSP"
    "negotiate": re.compile(r"[A-Za-z0-9+/]{16,}={0,2}"),  # RFC 4559
    "sharedkey": re.compile(r"[\w-]+:[A-Za-z0-9+/]{30,}={0,2}"),  # https://learn.microsoft.com/rest/api/storageservices/authorize-with-shared-key
    "sharedkeylite": re.compile(r"[\w-]+:[A-Za-z0-9+/]{30,}={0,2}"),
    "digest": None,  # RFC 7616
    "hawk": None,  # https://github.com/mozilla/hawk/blob/main/API.md
    "mac": None,  # https://datatracker.ietf.org/doc/html/draft-ietf-oauth-v2-http-mac
    "aws4-hmac-sha256": None,  # https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-authentication-methods.html
    "oauth": None,  # RFC 5849
    "googlelogin": None,  # https://developers.google.com/identity/protocols/AuthForInstalledApps
    "signature": None,  # https://datatracker.ietf.org/doc/html/draft-cavage-http-signatures
    "sharedaccesssignature": None,  # https://learn.microsoft.com/rest/api/eventhub/generate-sas-token
}  # fmt: skip
"""What is a credential after a scheme, by the scheme in lower case."""

_WITH_KEY: Final = ("apikey", "api-key", "sharedkey")
_WITH_PARAMETERS: Final = tuple(
    each for each, expression in _AFTER_SCHEME.items() if expression is None
)

_GAP: Final = r"(?:[ \t]{1,8}|\+|%20)"
_SCHEME: Final = re.compile(
    "(?:"
    + "|".join(f"{each}(?<![a-z0-9]{each})" for each in _AFTER_SCHEME)
    + rf")(?:{_GAP}|(?<=bearer):[ \t]{{0,8}})"
)
_KNOWN_SCHEME: Final = re.compile(rf"(?:{'|'.join(_AFTER_SCHEME)}){_GAP}")

# A credential rather than words: a digit, letters of both cases within a word, or a long word.
_NOT_WORDS: Final = re.compile(r"[0-9_~=]|[a-z][A-Z]|[A-Za-z]{24}|[A-Za-z]{3}\.[A-Za-z]{3}")
_PRINTABLE: Final = bytes(range(32, 127)) + bytes(range(0xA0, 0x100))

_HEADER: Final = re.compile(r"authori[sz]ation")
# Up to the value: `": "` in JSON, `', '` in a pair of a `repr`, `: ` in a header, `=` in a query.
_UP_TO_VALUE: Final = re.compile(
    r"(?P<name>\\{0,3}[\"'])?[\])]?[ \t]{0,8}"
    r"(?P<separator>:|=>|=|%3a|%3d|(?(name),|(?!)))"
    r"(?:[ \t]|%20|\+){0,8}[(\[]?(?:[bfru]{1,2}(?=[\"']))?(?P<quote>\\{0,3}[\"'])?"
)
_LETTERS: Final = string.ascii_letters + "-_"
_QUOTED: Final = {
    '"': re.compile(r'[^"\\]*(?:\\.[^"\\]*)*', re.DOTALL),
    "'": re.compile(r"[^'\\]*(?:\\.[^'\\]*)*", re.DOTALL),
}
_QUOTED_LINE: Final = {
    '"': re.compile(r'[^"\\\r\n]*(?:\\(?![rn]).[^"\\\r\n]*)*'),
    "'": re.compile(r"[^'\\\r\n]*(?:\\(?![rn]).[^'\\\r\n]*)*"),
}
_LINE: Final = re.compile(r"[^\r\n\\]*(?:\\(?![rn])[^\r\n\\]*)*")
_EMPTY: Final = re.compile(r"(?:none|null|true|false)\b")
_WORDS_AFTER_BEARER: Final = frozenset(("token", "tokens", "auth", "authentication", "only"))
_WORD: Final = re.compile(r"[^\s\"',;<>&(){}\[\]\\]+(?:\\(?![rn])[^\s\"',;<>&(){}\[\]\\]*)*")


def credentials(scan: Scan) -> None:
    """Find the credentials of an authorization header, and those after the name of a scheme."""
    if "authori" in scan.lower:
        _in_headers(scan)
    if _has_scheme(scan.lower):
        _after_schemes(scan)


def _has_scheme(lower: str) -> bool:
    return (
        "bearer" in lower
        or "basic" in lower
        or "token" in lower
        or "bot" in lower
        or "ntlm" in lower
        or "splunk" in lower
        or "negotiate" in lower
        or ("key" in lower and _has_any(_WITH_KEY, lower))
        or ("=" in lower and _has_any(_WITH_PARAMETERS, lower))
    )


def _has_any(schemes: tuple[str, ...], lower: str) -> bool:
    return any(each in lower for each in schemes)


def _after_schemes(scan: Scan) -> None:
    text, lower = scan.text, scan.lower
    if not scan.look(0, 2 * len(text)):
        return
    position = 0
    while (match := _SCHEME.search(lower, position)) is not None:
        start = position = match.end()
        if not scan.look(match.start(), 4 * LOOK):
            return
        scheme = match[0].rstrip(" \t+:").removesuffix("%20")
        expression = _AFTER_SCHEME[scheme]
        found = expression.match(text, start) if expression else None
        if found is not None and not scan.look(match.start(), found.end() - start):
            return
        if found is not None and _is_credential(scheme, found[0]):
            position = found.end() - (found[0][-1] in ".:")
            scan.spans.append((start, position))
        elif scheme == "bearer" and _is_value_of_header(match, text):
            scan.spans.append((start, len(text)))
        elif expression is None or scheme == "token":
            position = _end(_PARAMETERS, text, start)
            if not scan.look(match.start(), 4 * (position - start)):
                return
            if _SIGNS.search(lower, start, position):
                scan.spans.append((start, position))


def _is_value_of_header(scheme: re.Match[str], text: str) -> bool:
    """Return whether the text as a whole is `Bearer` and one word, whatever that is."""
    start = scheme.end()
    return (
        scheme.start() == 0
        and _WORD.fullmatch(text, start) is not None
        and text[start:].lower() not in _WORDS_AFTER_BEARER
        and text[start:].strip(".*") != ""
    )


def _is_credential(scheme: str, text: str) -> bool:
    return _is_pair(text) if scheme == "basic" else _NOT_WORDS.search(text) is not None


def _is_pair(encoded: str) -> bool:
    """Return whether a text is `user:password` in base64, not just a word after "basic"."""
    whole = encoded.rstrip("=")
    try:
        pair = base64.b64decode(whole[: len(whole) // 4 * 4], altchars="-_")
    except (binascii.Error, ValueError):
        return False
    user, colon, password = pair.partition(b":")
    # Without a user, the password has to look like one.
    return colon == b":" and (user or password).translate(None, _PRINTABLE) == b""


def _in_headers(scan: Scan) -> None:
    text, lower = scan.text, scan.lower
    position = 0
    while (match := _HEADER.search(lower, position)) is not None:
        position = match.end()
        if not scan.look(match.start(), 6 * LOOK):
            return
        value = _UP_TO_VALUE.match(lower, position)
        if value is None:
            continue
        start, quote = value.end(), value["quote"]
        if quote is None:
            end = _end_of_bare(text, lower, value, _quote_in_front(text, match.start()))
        elif len(quote) == 1:
            end = _end(_QUOTED[quote], text, start)
        else:  # JSON in JSON: the value ends at the next quote with this escape
            end = text.find(quote, start)
            end = end if end >= 0 else len(text)
        if not scan.look(match.start(), end - start):
            return
        scheme = _KNOWN_SCHEME.match(lower, start, end)
        if scheme is not None and scheme.end() < end:
            start = scheme.end()
        if end > start and lower[start:end].strip() not in _AFTER_SCHEME:
            scan.spans.append((start, end))
        position = max(position, end)


def _quote_in_front(text: str, end: int) -> str:
    """Return the quote in front of the header's name, as in `-H 'Authorization: Basic x'`."""
    before = text[max(end - 40, 0) : end].rstrip(_LETTERS)[-1:]
    return before if before in _QUOTED else ""


def _end_of_bare(text: str, lower: str, value: re.Match[str], quote: str) -> int:
    """Return the end of a credential that is not in quotes."""
    start, separator = value.end(), value["separator"]
    # What is no text in JSON or in a `repr` is for the finder of keys and values.
    if separator == "," or value["name"] or _EMPTY.match(lower, start):
        return start
    if quote:
        return _end(_QUOTED_LINE[quote], text, start)
    scheme = _KNOWN_SCHEME.match(lower, start)
    if scheme is not None:
        end = _end(_PARAMETERS, text, scheme.end())
        return end if end > scheme.end() else _end(_WORD, text, end)
    return _end(_LINE if separator == ":" else _WORD, text, start)


def _end(expression: re.Pattern[str], text: str, start: int) -> int:
    found = expression.match(text, start)
    return found.end() if found else start
