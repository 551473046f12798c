"""Secrets inside of texts: what they look like, wherever they stand.

Each finder is a function of a text that gives the spans of what it found. Most texts hold nothing,
so each looks first for a sign that costs little. The time is in proportion to the text, whatever
it is.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Callable, Iterable, Iterator
from typing import Final, Literal, TypeAlias

from flask_chest.redaction.keys import COUNT, PLAIN

SecretKind: TypeAlias = Literal["credentials", "jwt", "card", "email"]
"""What CHEST_REDACT_VALUES may name."""

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
_DIGITS: Final = re.compile(r"\d{3,}(?:[ -]{1,2}\d{3,})*")  # cards have no smaller groups
_DIGIT: Final = re.compile(r"\d")
_DOUBLED: Final = (0, 2, 4, 6, 8, 1, 3, 5, 7, 9)  # sums of the digits of 2n
_GROUP: Final = re.compile(r"\d+")
_EMAIL: Final = re.compile(r"(?<![\w.+%-])[\w.+%-]{1,254}@[\w-]{1,63}(?:\.[\w-]{1,63})+")
_KEY: Final = re.compile(
    # key, perhaps its closing quote or bracket, `=` or `:` (or `,` after a quote, as in the repr of
    # a pair), perhaps the quote of the value
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
    r"""Return a text of the same length whose escape sequences are no letters and digits.

    In the `repr` of a text, `\notp=1` is not the key "notp", and `\x194111` not the number 194111.
    """
    if "\\" not in text:
        return text
    return _ESCAPE.sub(lambda match: "\x01" * len(match[0]), text)


def credentials(text: str) -> Iterable[Span]:
    """Find passwords in URLs, what follows `Bearer` and `Basic`, and keys of known issuers."""
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
    """Tell whether a text is `user:password` in base64, and not a word after "basic"."""
    whole = encoded.rstrip("=")
    try:
        return b":" in base64.b64decode(whole[: len(whole) // 4 * 4], altchars="-_")
    except (binascii.Error, ValueError):
        return False


def tokens(text: str) -> Iterable[Span]:
    """Find JSON Web Tokens (RFC 7519), also encrypted ones and those that were cut."""
    if "eyJ" not in text:
        return ()
    return [match.span() for match in _JWT.finditer(text) if "." in match[0]]


def cards(text: str) -> Iterable[Span]:
    """Find numbers of payment cards: 13 to 19 digits that begin with 2 to 6 and pass Luhn's test.

    Digits may be in groups with a space or `-` between. Source: ISO/IEC 7812-1.
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
    """Tell whether digits are the number of a payment card, as far as they show it."""
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
    """Find what belongs to a secret key: in a query, a header, JSON, or an object's `repr`."""
    if "=" in text or ":" in text or "%3" in text or "'," in text or '",' in text:
        return _keyed(text, verdict)
    return ()


def _keyed(text: str, verdict: Callable[[str], int]) -> Iterator[Span]:
    position = 0
    while (match := _KEY.search(text, position)) is not None:
        position = match.end()
        found = verdict(match[1][-_MAX_KEY:])
        if found == PLAIN or (found == COUNT and _DIGIT.match(text, position)):
            # The value may be a key in its turn, as in `data: password=x`.
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
        else:  # JSON within JSON: up to the next quote that is escaped the same way
            end = text.find(quote, start)
            end = end if end >= 0 else len(text)
        if end > start:
            yield start, end
        position = max(end, position)


def _end(expression: re.Pattern[str], text: str, start: int) -> int:
    found = expression.match(text, start)
    return found.end() if found else start


def _end_of_bare(text: str, start: int, key: str, *, is_header: bool) -> int:
    """Return where a value that stands in no quotes ends; it may be an object's `repr`."""
    if is_header and "cookie" in key.casefold():
        return _end(_LINE, text, start)  # several of them, perhaps in quotes
    bare = _AFTER_COLON if is_header else _AFTER_EQUALS
    end = _end(bare, text, start)
    if text[end : end + 1] in _QUOTED and text[start:end].lower() in _PREFIXES:
        return _end(_QUOTED[text[end]], text, end + 1)
    while text[end : end + 1] in ("(", "[", "{"):  # one group may follow another: `Root[int](x)`
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
