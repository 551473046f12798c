"""Where the value of a secret key ends, when nothing but the text around it says so."""

from __future__ import annotations

import re
from typing import Final

_SCHEME: Final = re.compile(
    r"(?:bearer|basic|token|jwt|digest|hawk|mac|api-?key|bot|oauth|ntlm|negotiate|splunk|dpop)"
    r"[ \t]{1,9}(?=\S)",
    re.IGNORECASE,
)
# Another scheme may be a part of the secret: no value shows which.
_MAYBE_SCHEME: Final = re.compile(r"[A-Za-z-]{2,30}[ \t]{1,4}(?![\w.-]{1,64}[ \t]{0,4}[=:])")
_SHOWN: Final = re.compile(r"<[\w.]{1,64} [^<>{}\s]{1,256}>")  # the repr of an object
_SIGNED: Final = re.compile(r"(?:\w{1,9}=[\w+/=.-]{1,512},?){1,8}")
_BARE: Final = re.compile(r"[^\s&;,|\"'(){}\[\]]*")
_BARE_IN_URL: Final = re.compile(r"[^\s&;,|#\"'(){}\[\]]*")
_NEXT_KEY: Final = re.compile(r"[ \t]{0,8}[\w.-]{1,40}(?: [\w.-]{1,40})?[ \t]{0,8}[=:]")
_MORE_WORDS: Final = re.compile(r"[ \t]{1,4}([^\s,;&\"'(){}\[\]=:]{1,64})(?![\w.-]{0,40}[=:])")
_MAX_WORDS: Final = 32
_PHRASE: Final = re.compile(r"phrase|mnemonic|recovery|seed")
_PASSWORD: Final = re.compile(r"pass|pwd|secret")
_PREFIXES: Final = frozenset(
    ("b", "r", "u", "f", "br", "rb", "n", "e", "x")
)  # of Python's and SQL's literals
_GROUP: Final = re.compile(
    r"[(\[{]|[)\]}]|\"(?:[^\"\\]|\\.)*\"?|'(?:[^'\\]|\\.)*'?|[^()\[\]{}\"']+", re.DOTALL
)
_LINE: Final = re.compile(r"[^\r\n]*")
_QUOTED: Final = {
    '"': re.compile(r'(?:[^"\\]|\\.)*', re.DOTALL),
    "'": re.compile(r"(?:[^'\\]|\\.)*", re.DOTALL),
}


def bare_value(text: str, start: int, key: str, around: str, *, is_header: bool) -> tuple[int, int]:
    """Return start and end of an unquoted value, which may be an object's `repr`.

    Args:
        text: The text.
        start: Where the value begins.
        key: In lower case.
        around: The character before the key, such as the quote around a whole header.
        is_header: Whether it is written as a header is.
    """
    first = start
    if "auth" in key and (scheme := _SCHEME.match(text, start)) is not None:
        first = start = scheme.end()
    elif key.endswith(("auth", "authentication")) and (word := _MAYBE_SCHEME.match(text, start)):
        start = word.end()
    elif "signature" in key and (signed := _SIGNED.match(text, start)) is not None:
        return start, signed.end()  # `t=1,v1=5257a869`
    if is_header and ("cookie" in key or "authori" in key):
        # Several cookies or parameters, perhaps in quotes.
        line = _end(_LINE, text, start)
        quote = text.find(around, start, line) if around in _QUOTED else -1
        return first, quote if quote >= 0 else line
    if (shown := _SHOWN.match(text, start)) is not None:
        return first, shown.end()
    end = _end_of_bare(text, start, _BARE_IN_URL if around in ("?", "&") else _BARE)
    if text[end : end + 1] in _QUOTED and text[start:end].lower() in _PREFIXES:
        return first, _end(_QUOTED[text[end]], text, end + 1)
    while text[end : end + 1] in ("(", "[", "{"):  # a group may follow another: `Root[int](x)`
        end = _end_of_bare(text, _end_of_group(text, end))
    if end > start and (_PHRASE.search(key) or (is_header and _PASSWORD.search(key))):
        end = _end_of_phrase(text, end)
    return first, end


def end_of_quoted(text: str, start: int, quote: str) -> int:
    """Return where a value in quotes ends.

    Args:
        text: The text.
        start: Behind the opening quote.
        quote: The opening quote, perhaps escaped (JSON in JSON) or percent-encoded.
    """
    if quote in _QUOTED:
        return _end(_QUOTED[quote], text, start)
    end = text.find(quote, start)
    return end if end >= 0 else len(text)


def _end_of_bare(text: str, start: int, run: re.Pattern[str] = _BARE) -> int:
    """Return the end of a run that may have `;` and `,` in it, but not before another key."""
    end = _end(run, text, start)
    while (
        text[end : end + 1] in (";", ",", "|")
        and not text[end + 1 : end + 2].isspace()
        and _NEXT_KEY.match(text, end + 1) is None
        and (following := _end(run, text, end + 1)) > end + 1
    ):
        end = following
    return end


def _end_of_phrase(text: str, end: int) -> int:
    """Return the end of the words that follow on the same line, up to another key."""
    for _ in range(_MAX_WORDS):
        more = _MORE_WORDS.match(text, end)
        if more is None:
            break
        end = more.end()
    return end


def _end_of_group(text: str, start: int) -> int:
    depth = 0
    for token in _GROUP.finditer(text, start):
        if token[0] in "([{":
            depth += 1
        elif token[0] in ")]}":
            depth -= 1
            if depth == 0:
                return token.end()
    return len(text)


def _end(expression: re.Pattern[str], text: str, start: int) -> int:
    found = expression.match(text, start)
    return found.end() if found else start
