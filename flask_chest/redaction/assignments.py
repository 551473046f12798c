"""Find the values of secret keys in texts: in a query string, a header, JSON, or a `repr`."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from flask_chest.redaction.bare_values import bare_value, end_of_quoted
from flask_chest.redaction.keys import PLAIN, WEAK, SecretKeys
from flask_chest.redaction.scan import LOOK, Finder, Scan
from flask_chest.redaction.value_fields import VALUE_FIELD

_LOOK: Final = 100
_MAX_KEY: Final = 128

_KEY: Final = re.compile(
    # The key; closing quotes or brackets, `[0]`, or the `)` of `Key (token)=(x)`; `=` or `:`, or
    # `,` after a quote, as in the repr of a pair; and an opening quote of the value.
    r"(?<![\w.-])(?:(?<=%)[0-9A-Fa-f]{2}|[\d.-]*)([^\W\d][\w.-]+)"
    r"(?:(?:\]?\[\d{1,4}\])?[\"'`\[\]\\]{0,4}|(?:%5[BDbd]\d{0,4}){1,4}|%22|&quot;|&#3[49];|\\{1,4}u0022"
    r"|\)(?==\())"
    r"\s{0,40}(?::{0,2}={1,3}>?|::?|<>|!=|%(?:25){0,2}3[ADad]|\\{1,4}u003[ADad]"
    r"|(?<=[\"']),)"
    r"(?:\s{0,40}(\"\"\"|\'\'\'|\\{0,8}[\"']|%22|&quot;|&#3[49];|\\{1,4}u0022)|[ \t\xa0]{0,40})"
)
_FOLDED: Final = re.compile(
    r"[>|]?[+-]?[ \t]{0,40}\r?\n[ \t]{1,40}(?:-[ \t]{1,9})?(?![\w.-]{1,64}:)(?=\S)"
)
"""A value of YAML on the next line."""
_BESIDE: Final = re.compile(
    r"(?i:passwords?|passwd|passphrase|pwd|requirepass|masterauth|_authtoken|aws_secret_access_key)"
    r"[ \t]{1,9}(?:(?:is|was|to|are):?[ \t]{1,4})?(?=\S{0,64}\d)(?=\S{0,64}[A-Za-z])"
    r"([^\s,;:=\"'()<>]{8,256})"
)
"""A password without `=`, as in a .netrc file. It has a letter and a digit."""
_TYPE: Final = re.compile(
    r"(?:&?(?:'static )?[sS]tr(?:ing)?|bytes|Any|Final|SecretStr"
    r"|(?:Optional|Final|Mapped|Annotated|ClassVar)\[[^\]\r\n]{0,60}\])"
    r"(?:[ ]?\|[ ]?(?:None|null|undefined))?[ ]{0,4}=[ ]{0,4}(?:b|r|u)?([\"'])"
)
"""A type between key and value, in source code: `api_key: str = "x"`."""
_WIDE: Final = re.compile("[\uff01-\uff5e]")
_NARROW: Final = {wide: wide - 0xFEE0 for wide in range(0xFF01, 0xFF5F)}

_LAST_WORDS: Final = frozenset(
    ("key", "keys", "number", "no", "string", "phrase", "code", "token", "id")
)
_WORD_BEFORE: Final = re.compile(r"([A-Za-z][\w-]{1,30})[ \t]\Z")

_FACT: Final = re.compile(
    r"(?:true|false|null|none|nil|undefined|\?|%s|%\(\w{1,40}\)s|\$\d{1,3}|\$\{\w{1,60}\}|\*{3,}|\[\]|\{\}|\(\)"
    r"|:[a-z_]{1,40}|\[redacted\])(?![^\s,;&)}\]\"'<])",
    re.IGNORECASE,
)
"""What is no secret under any key: a constant, a placeholder, a mask."""
_LITERAL: Final = re.compile(r"[bru]{1,2}[\"']|[\d\[{(]|[A-Za-z_][\w.]{0,64}[(\[]")
_PROSE: Final = re.compile(r"[A-Za-z]{1,24},? [A-Za-z]")
_URL: Final = re.compile(r"[a-z][\w+.-]{1,30}://", re.IGNORECASE)
_NUMBER: Final = re.compile(r"-?\d+(?:\.\d+)?(?![\w.])")

_PERMISSION: Final = re.compile(
    r"(?:read|write|create|update|delete|list|view|edit|manage|admin)(?![\w=-])"
)
_OPERATOR: Final = re.compile(r"[=:\uff1d\uff1a]|<>|%3|%253|[\"'],|u003")


def assignments(keys: SecretKeys) -> Finder:
    """Return what finds the values of secret keys in texts."""

    def find(scan: Scan) -> None:
        text, lower = scan.text, scan.lower
        if _OPERATOR.search(text) is None:
            return
        if not text.isascii() and _WIDE.search(text) is not None:
            text = text.translate(_NARROW)
            lower = text.lower() if len(text.lower()) == len(text) else text
        if keys.candidate.search(lower) is not None and scan.look(0, 2 * len(text)):
            scan.spans += _values(scan, text, keys)

    return find


def passwords(scan: Scan) -> None:
    """Find passwords that stand beside their key, without an operator."""
    lower = scan.lower
    candidates = lower.count("pass") + lower.count("pwd")
    candidates += lower.count("auth") + lower.count("aws_secret")
    if candidates and scan.look(0, LOOK * candidates):
        for match in _BESIDE.finditer(scan.text):
            if not scan.look(match.start()):
                return
            scan.spans.append(match.span(1))


def _values(scan: Scan, text: str, keys: SecretKeys) -> Iterator[tuple[int, int]]:
    position = 0
    while (match := _KEY.search(text, position)) is not None:
        if not scan.look(match.start(), _LOOK):
            return
        position = match.end()
        key, verdict = _key(match, keys)
        # The value of another key may itself begin with a key, as in `data: password=x`.
        if verdict != PLAIN and not _is_fact(text, position, key, verdict):
            start, end = _value(text, match, key, verdict)
            if end > start:
                yield start, end
                position = max(end, position)


def _value(text: str, match: re.Match[str], key: str, verdict: int) -> tuple[int, int]:
    """Return start and end of the value of a secret key. They are equal when there is none."""
    start, quote = match.end(), match[2]
    operator = text[match.end(1) : start].strip("\"'`\\ \t\r\n[]")
    if operator == ",":  # of a pair, or of prose
        field = VALUE_FIELD.match(text, start - len(quote or ""))
        if field is not None:
            start, quote = field.end(), field[1]
            if quote is None and verdict == WEAK and _NUMBER.match(text, start):
                return start, start
        elif quote is None and _LITERAL.match(text, start) is None:
            return start, start
    if quote is None and operator == ":" and (typed := _TYPE.match(text, start)) is not None:
        start, quote = typed.end(), typed[1]
    if quote is not None:
        return start, end_of_quoted(text, start, quote)
    before = text[max(0, match.start() - 2) : match.start()]
    if before == "//" or _URL.match(text, start) is not None:
        return start, start  # user and password of a URL have a finder of their own
    is_header = text[match.end(1) : match.end()].rstrip() == ":"
    if is_header and (folded := _FOLDED.match(text, start)) is not None:
        start = folded.end()
    elif is_header and verdict == WEAK and _PROSE.match(text, start) is not None:
        return start, start
    return bare_value(text, start, key.lower(), before[-1:], is_header=is_header)


def _key(match: re.Match[str], keys: SecretKeys) -> tuple[str, int]:
    """Return the key of a match and the verdict on it. A key in prose may have two words."""
    key = match[1][-_MAX_KEY:]
    found = keys.verdict(key)
    if found == PLAIN and key.lower() in _LAST_WORDS:
        start = match.start(1)
        before = _WORD_BEFORE.search(match.string, max(0, start - 34), start)
        if before is not None:
            return key, keys.verdict(f"{before[1]}_{key}")
    return key, found


def _is_fact(text: str, start: int, key: str, verdict: int) -> bool:
    if _FACT.match(text, start) is not None:
        return True
    if verdict != WEAK:
        return False
    if text[start - 1] == ":" and _PERMISSION.match(text, start) is not None:
        return True  # `token:read`
    # `prompt_tokens=512` is a count; `otp=123456` is none.
    is_count = "tokens" in (lower := key.lower()) or lower.endswith("sessions")
    return is_count and _NUMBER.match(text, start) is not None
