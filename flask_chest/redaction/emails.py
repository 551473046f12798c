"""Find e-mail addresses, also where a URL or HTML encodes the `@`.

Sources:
    Addresses: https://www.rfc-editor.org/rfc/rfc5322#section-3.4.1, with characters beyond ASCII:
    https://www.rfc-editor.org/rfc/rfc6531#section-3.3. The local part has up to 64 octets:
    https://www.rfc-editor.org/rfc/rfc5321#section-4.5.3.1.1
    `&commat;`: https://html.spec.whatwg.org/multipage/named-characters.html
"""

from __future__ import annotations

import re
from typing import Final

from flask_chest.redaction.scan import LOOK, Scan

_SHORT: Final = 64
_LONGEST: Final = 192
"""Characters of a local part, each of which may be percent-encoded."""

_AT: Final = re.compile("@")
_ANY_AT: Final = re.compile(
    r"[@\uff20\ufe6b]|%(?:25){0,3}40|&(?:#0{0,5}64|#[xX]0{0,5}40|commat);", re.ASCII
)

# Parts of words beyond ASCII that `\w` has not: accents, vowel signs and joiners.
_MARKS: Final = "\u0300-\u036f\u064b-\u065f\u0900-\u109f\u200c\u200d\u3099\u309a"
_ENTITY: Final = "&(?:#39|#[xX]27|apos|amp);"  # Jinja escapes the apostrophe as `&#39;`
_LOCAL_REVERSED: Final = re.compile(
    rf"(?:[\w.!#$%&'*+/=?^`{{|}}~\uff0e{_MARKS}-]+"
    r"|;(?:93#|72[xX]#|sopa|pma)&"
    r"|(?:(?<=')|(?<=[67]200u))\\)*"  # `\'` and, as Flask escapes it in JSON, `\u0027`
)
_DOT: Final = r"(?:[.\uff0e\u3002]|%(?:25){0,3}2[eE]|&#46;)"
_LABEL: Final = rf"[^\W_][\w{_MARKS}-]{{0,62}}"
_DOMAIN: Final = re.compile(rf"{_LABEL}(?:{_DOT}{_LABEL}){{1,126}}")

# What an address may have in it, and what also stands in front of one.
_PLAIN: Final = re.compile(rf"[\w+{_MARKS}-][\w.+{_MARKS}-]*")
_ENCODED_END: Final = re.compile(  # a space, a quote, a bracket, ...
    r".*%(?:25){0,3}(?:[01][0-9a-f]|2[0289c]|3[abce]|5[bcd])", re.IGNORECASE | re.DOTALL
)
_EQUALS: Final = r"(?:=|%(?:25){0,3}3[dD])"
_PARAMETER: Final = re.compile(
    rf".*(?:[?#]|&(?:amp;)?|%(?:25){{0,3}}(?:3[fF]|2[36]))[\w.-]{{1,64}}{_EQUALS}", re.DOTALL
)
_KEY: Final = re.compile(rf"([\w.-]{{1,64}})['`]?!?{_EQUALS}+")
_OPENING: Final = re.compile(
    rf"(?:{_ENTITY}|\\?'|\\u002[67]|[.`*{{|/?&=]|%(?:25){{0,3}}(?:2[67fF]|3[dDfF]|7[bBcC]))+"
)
_LITERAL: Final = re.compile(r"[bBrRuU]{1,2}'")  # of Python
_SEGMENT: Final = re.compile(r".*(?:[/|]|%(?:25){0,3}2[fF])", re.DOTALL)
_SEPARATOR: Final = re.compile(r".*[/?&=|]", re.DOTALL)


def emails(scan: Scan) -> None:
    """Find e-mail addresses."""
    text = scan.text
    at_sign = _AT
    if _may_be_encoded(text):
        at_sign = _ANY_AT
        if not scan.look(0, len(text) // 2):
            return
    elif "@" not in text:
        return
    previous = 0  # end of the last address
    for at in at_sign.finditer(text):
        earliest = max(at.start() - _LONGEST, 0)
        if not scan.look(earliest, 3 * LOOK):
            return
        domain = _DOMAIN.match(text, at.end())
        start = at.start() if domain is None else _start_of_run(scan, at.start(), domain.end())
        if start < 0 or not scan.look(earliest, 3 * (at.start() - start)):
            return
        if domain is not None and start < at.start():
            if start < previous < at.start():
                start = previous
            closing = text[domain.end() : domain.end() + 1]
            start += _surroundings(text[start : at.start()], closing)
            previous = domain.end()
            if start < at.start():
                scan.spans.append((start, previous))


def _may_be_encoded(text: str) -> bool:
    """Return whether a text may have an `@` in another form. Ordinary texts are told at once."""
    return (
        ("%" in text and "40" in text)
        or ("&" in text and ("64;" in text or "40;" in text or "commat;" in text))
        or (not text.isascii() and ("\uff20" in text or "\ufe6b" in text))
    )


def _start_of_run(scan: Scan, at: int, end: int) -> int:
    """Return where the characters that a local part may have begin; -1 when the budget is spent.

    Args:
        scan: The text.
        at: Where the `@` is.
        end: End of the domain, which is paid for here.
    """
    text = scan.text
    earliest = max(at - _LONGEST, 0)
    if not scan.look(earliest, 3 * (end - at)):
        return -1
    length = _length_of_run(text[max(at - _SHORT, 0) : at])
    if length < _SHORT:
        return at - length
    if not scan.look(earliest, 4 * LOOK):
        return -1
    length = _length_of_run(text[earliest:at])
    # No local part is as long as that: something else is in front of it.
    separator = _SEPARATOR.match(text, earliest, at) if length == _LONGEST else None
    return separator.end() if separator is not None else at - length


def _length_of_run(before: str) -> int:
    run = _LOCAL_REVERSED.match(before[::-1])
    return run.end() if run is not None else 0


def _surroundings(run: str, closing: str) -> int:
    """Return how many characters of a run are not of the address: a key, a path, a quote.

    In doubt they are: better one word too many is masked than half an address is kept.

    Args:
        run: What stands in front of the `@`.
        closing: The character behind the address.
    """
    if _PLAIN.fullmatch(run):
        return 0
    start = 0
    if "%" in run and (encoded := _ENCODED_END.match(run)) is not None:
        start = encoded.end()
    if (parameter := _PARAMETER.match(run, start)) is not None:
        start = parameter.end()
    elif (key := _KEY.match(run, start)) is not None and not _is_forwarded(run, key):
        start = key.end()
    elif closing == "'" and (literal := _LITERAL.match(run, start)) is not None:
        start = literal.end()
    is_path = run.startswith(("/", "|", "%2F", "%2f", "%252F"), start) or closing == "|"
    if is_path and (segment := _SEGMENT.match(run, start)) is not None:
        start = segment.end()
    opening = _OPENING.match(run, start)
    return opening.end() if opening is not None else start


def _is_forwarded(run: str, key: re.Match[str]) -> bool:
    """Return whether an address is within another: `bounce-ann=example.com@lists.example`."""
    return "-" in key[1] and _DOMAIN.fullmatch(run, key.end()) is not None
