"""Find secrets in texts.

A finder is a function that returns the spans of the secrets in a text. Most texts hold none, so
each finder begins with a cheap test. The time is linear in the length, also for hostile texts.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Callable, Iterable, Iterator
from typing import Final, Literal, TypeAlias

from flask_chest.redaction.keys import COUNT, PLAIN

SecretKind: TypeAlias = Literal["credentials", "jwt", "card", "email"]
"""The values of CHEST_REDACT_VALUES."""

DEFAULT_VALUES: Final[tuple[SecretKind, ...]] = ("credentials", "jwt", "card")

Span: TypeAlias = tuple[int, int]
Finder: TypeAlias = Callable[[str], Iterable[Span]]

_SCHEMES: Final = re.compile(
    r"[Bb](?:[Ee][Aa][Rr][Ee][Rr](?:[\s:+]|%20)+([^\s\"',;<>]+)|[Aa][Ss][Ii][Cc]\s+([\w+/-]{4,}={0,2}))"
)
_URL_PASSWORD: Final = re.compile(r"://[^\s/?#@:]*:([^\s/?#]*)@")
_ISSUED: Final = re.compile(
    r"(?:AKIA|ASIA)[0-9A-Z]{16}|gh[pousr]_\w{20,}|github_pat_\w{20,}|xox[abeoprs]-[\w-]{10,}"
    r"|[rs]k_(?:live|test)_\w{10,}|sk-(?<![A-Za-z0-9]sk-)[\w-]{20,}|AIza[\w-]{30,}|glpat-[\w-]{16,}"
)
_PRIVATE_KEY: Final = re.compile(
    r"-----BEGIN [A-Z ]*PRIVATE KEY-----(?s:.*?)(?:-----END [A-Z ]*PRIVATE KEY-----|\Z)"
)
_JWT: Final = re.compile(r"eyJ[\w-]{6,}(?:\.[\w-]*)*")
_MANY_DIGITS: Final = re.compile(r"\d{3}[\d -]{7,}\d{3}")
_ESCAPE: Final = re.compile(r"\\(?:[abfnrtv]|x[0-9a-f]{2}|u[0-9a-f]{4}|U[0-9a-f]{8})")
_DIGITS: Final = re.compile(
    r"\d{3,}(?:[ -]{1,2}\d{3,})*"
)  # groups in card numbers are never shorter
_DIGIT: Final = re.compile(r"\d")
_DOUBLED: Final = (0, 2, 4, 6, 8, 1, 3, 5, 7, 9)  # the sum of the digits of 2n, by n
_GROUP: Final = re.compile(r"\d+")
_EMAIL: Final = re.compile(r"(?<![\w.+%-])[\w.+%-]{1,254}@[\w-]{1,63}(?:\.[\w-]{1,63})+")
_KEY: Final = re.compile(
    # The key, an optional closing quote or bracket, `=` or `:` (or `,` after a quote, as in the
    # repr of a pair), and an optional opening quote of the value.
    r"(?<![\w.-])[\d.-]*([^\W\d][\w.-]+)(?:[\"'\]\\]{0,4}|%5[Dd])"
    r"[ \t]*(?:=>?|:|%3[ADad]|(?<=[\"']),)[ \t]*(\\*[\"'])?"
)
_MAX_KEY: Final = 128
_SCHEME: Final = re.compile(r"(?i)(?:bearer|basic|digest|token|negotiate|apikey)[ \t]+")
_AFTER_EQUALS: Final = re.compile(r"[^\s&;\"'(){}\[\]]*")
_AFTER_COLON: Final = re.compile(r"[^\s,;\"'(){}\[\]]*")
_PREFIXES: Final = frozenset(("b", "r", "u", "f", "br", "rb"))  # of Python's literals
_TOKEN: Final = re.compile(
    r"[(\[{]|[)\]}]|\"(?:[^\"\\]|\\.)*\"?|'(?:[^'\\]|\\.)*'?|[^()\[\]{}\"']+", re.DOTALL
)
_LINE: Final = re.compile(r"[^\r\n]*")
_QUOTED: Final = {
    '"': re.compile(r'(?:[^"\\]|\\.)*', re.DOTALL),
    "'": re.compile(r"(?:[^'\\]|\\.)*", re.DOTALL),
}


def without_escapes(text: str) -> str:
    r"""Return a text of the same length whose escape sequences have no letters and no digits.

    In the `repr` of a text, `\notp=1` is the key "otp" after a line feed, not the key "notp".
    """
    if "\\" not in text:
        return text
    return _ESCAPE.sub(lambda match: "\x01" * len(match[0]), text)


def credentials(text: str) -> Iterable[Span]:
    """Find passwords in URLs, credentials after `Bearer` and `Basic`, and keys of known issuers."""
    found: list[Span] = []
    if " " in text or ":" in text:
        for match in _SCHEMES.finditer(text):
            if match[1] is not None:
                found.append(match.span(1))
            elif _is_pair(match[2]):
                found.append(match.span(2))
        if "://" in text:
            found += (match.span(1) for match in _URL_PASSWORD.finditer(text))
        if "-----BEGIN " in text:
            found += (match.span() for match in _PRIVATE_KEY.finditer(text))
    if len(text) >= 16 and _ISSUED.search(text):
        found += (match.span() for match in _ISSUED.finditer(text))
    return found


def _is_pair(encoded: str) -> bool:
    """Return whether a text is `user:password` in base64, not just a word after "basic"."""
    whole = encoded.rstrip("=")
    try:
        return b":" in base64.b64decode(whole[: len(whole) // 4 * 4], altchars="-_")
    except (binascii.Error, ValueError):
        return False


def tokens(text: str) -> Iterable[Span]:
    """Find JSON Web Tokens (RFC 7519), including encrypted and truncated ones."""
    if "eyJ" not in text:
        return ()
    return [match.span() for match in _JWT.finditer(text) if "." in match[0]]


def cards(text: str) -> Iterable[Span]:
    """Find card numbers: 13 to 19 digits that begin with 2 to 6 and pass Luhn's test.

    A space or `-` may separate groups of digits. Source: ISO/IEC 7812-1.
    """
    if len(text) < 13 or not _MANY_DIGITS.search(text):
        return ()
    return _cards(text)


def _cards(text: str) -> Iterator[Span]:
    for chain in _DIGITS.finditer(text):
        if chain.end() - chain.start() < 13:
            continue
        groups = [match.span() for match in _GROUP.finditer(text, *chain.span())]
        position = 0
        for first, (start, _) in enumerate(groups):
            if start < position or text[start] not in "23456":
                continue
            digits = ""
            for begin, end in groups[first : first + 7]:
                digits += text[begin:end]
                if is_card(digits):
                    yield start, end
                    position = end
                    break


def is_card(digits: str) -> bool:
    """Return whether digits can be a card number: by length, first digit and check digit."""
    if not 13 <= len(digits) <= 19:
        return False
    numbers = [int(digit) for digit in digits]
    if not 2 <= numbers[0] <= 6:
        return False
    return (sum(numbers[-1::-2]) + sum(_DOUBLED[n] for n in numbers[-2::-2])) % 10 == 0


def emails(text: str) -> Iterable[Span]:
    """Find e-mail addresses."""
    if "@" not in text:
        return ()
    return [match.span() for match in _EMAIL.finditer(text)]


def keyed(text: str, verdict: Callable[[str], int]) -> Iterable[Span]:
    """Find values of secret keys: in a query string, a header, JSON, or an object's `repr`."""
    if "=" in text or ":" in text or "%3" in text or "'," in text or '",' in text:
        return _keyed(text, verdict)
    return ()


def _keyed(text: str, verdict: Callable[[str], int]) -> Iterator[Span]:
    position = 0
    while (match := _KEY.search(text, position)) is not None:
        position = match.end()
        found = verdict(match[1][-_MAX_KEY:])
        if found == PLAIN or (found == COUNT and _DIGIT.match(text, position)):
            # The value may itself begin with a key, as in `data: password=x`.
            continue
        start, quote = position, match[2]
        if quote is None:
            before = text[match.end(1) : start]
            is_header = before.rstrip(" ") == ":"
            scheme = _SCHEME.match(text, start)
            start = scheme.end() if scheme else start
            end = _end_of_bare(text, start, match[1], is_header=is_header)
        elif len(quote) == 1:
            end = _end(_QUOTED[quote], text, start)
        else:  # JSON in JSON: the value ends at the next quote with the same escape
            end = text.find(quote, start)
            end = end if end >= 0 else len(text)
        if end > start:
            yield start, end
        position = max(end, position)


def _end(expression: re.Pattern[str], text: str, start: int) -> int:
    found = expression.match(text, start)
    return found.end() if found else start


def _end_of_bare(text: str, start: int, key: str, *, is_header: bool) -> int:
    """Return the end of an unquoted value, which may be an object's `repr`."""
    if is_header and "cookie" in key.casefold():
        return _end(_LINE, text, start)  # several cookies, perhaps in quotes
    bare = _AFTER_COLON if is_header else _AFTER_EQUALS
    end = _end(bare, text, start)
    if text[end : end + 1] in _QUOTED and text[start:end].lower() in _PREFIXES:
        return _end(_QUOTED[text[end]], text, end + 1)
    while text[end : end + 1] in ("(", "[", "{"):  # a group may follow another: `Root[int](x)`
        end = _end(bare, text, _end_of_group(text, end))
    return end - 1 if end > start + 1 and text[end - 1] == "," else end


def _end_of_group(text: str, start: int) -> int:
    depth = 0
    for token in _TOKEN.finditer(text, start):
        if token[0] in "([{":
            depth += 1
        elif token[0] in ")]}":
            depth -= 1
            if depth == 0:
                return token.end()
    return len(text)


FINDERS: Final[dict[SecretKind, Finder]] = {
    "credentials": credentials,
    "jwt": tokens,
    "card": cards,
    "email": emails,
}
