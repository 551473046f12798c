"""Find numbers of payment cards.

Sources:
    ISO/IEC 7812-1: a number has an issuer's prefix, and a check digit by Luhn's algorithm.
    Prefixes and lengths: https://en.wikipedia.org/wiki/Payment_card_number#Issuer_identification_number_(IIN)
    and, as they are grouped on cards, https://baymard.com/checkout-usability/credit-card-patterns

Not every number that an issuer may give is found. Where one digit in ten is right by chance, other
numbers of that length are too many: 18 digits that begin with 62 are an ID of Discord.
"""

from __future__ import annotations

import re
from typing import Final

from flask_chest.redaction.scan import LOOK, Scan

_ISSUERS: Final[tuple[tuple[str, str, tuple[int, ...]], ...]] = (
    # Issuer, prefixes, and lengths without separators.
    ("American Express", r"3[47]", (15,)),
    ("Diners Club", r"3(?:0[0-5]|095|[689])", (14,)),
    ("Discover", r"6(?:011|4[4-9]|5)", (16,)),
    ("JCB", r"35(?:2[89]|[3-8])", (16,)),
    ("Maestro", r"50(?:18|19|20|38)|5893|6304|6390|67(?:59|6[1-3])", (16,)),
    ("Mastercard", r"5[1-5]|2(?:22[1-9]|2[3-9]|[3-6]|7[01]|720)", (16,)),
    ("Mir", r"220[0-4]", (16,)),
    ("RuPay", r"508|6[05]|8[12]", (16,)),
    ("UnionPay", r"62", (16, 19)),
    ("Visa", r"4", (16,)),
)

_UP_TO_19: Final = r"62|50(?:18|20|38)|6304|67(?:59|6[1-3])"
_GROUPINGS: Final[dict[tuple[int, ...], str]] = {
    # Lengths of groups, and prefixes of the cards that have such groups.
    (4, 4, 4, 4): "|".join(prefix for _, prefix, lengths in _ISSUERS if 16 in lengths),
    (4, 4, 4, 4, 3): rf"4|{_UP_TO_19}",
    (6, 13): _UP_TO_19,
    (4, 6, 5): r"3[47]",
    (4, 4, 4, 3): r"3[47]",
    (4, 6, 4): r"3(?:0|[689])",
    (4, 4, 4, 2): r"3(?:0|[689])",
    (4, 4, 5): r"4|50(?:18|20|38)",
    (4, 3, 3, 3): r"4",
}

_PREFIXES: Final = {
    (length,): re.compile("|".join(prefix for _, prefix, lengths in _ISSUERS if length in lengths))
    for length in (14, 15, 16, 19)
} | {groups: re.compile(prefixes) for groups, prefixes in _GROUPINGS.items()}
_VALUES: Final = bytes.maketrans(b"0123456789", bytes(range(10)))
_DOUBLED: Final = bytes.maketrans(b"0123456789", bytes((0, 2, 4, 6, 8, 1, 3, 5, 7, 9)))
"""The sum of the digits of 2n, by n."""

_SPACES: Final = " \u00a0\u2007\u2009\u202f\u3000"
_DASHES: Final = "-\u2010\u2011\u2012\u2013\u2212\uff0d"
_JOINS: Final = _DASHES + "."
# Digits of any script, all at once or in groups. In front is no letter and no digit, except those
# of an escape such as `%20` or `\n`.
_NUMBER: Final = re.compile(
    r"\d{4}(?<!\d{9})(?:(?<![^\W_]\d{4})(?<!%\d{4})|(?<=%[0-9A-Fa-f]{2}\d{4})|(?<=\\[bfnrtv]\d{4})"
    r"|(?<=\\x[0-9a-f]{2}\d{4})|(?<=\\u[0-9a-f]{4}\d{4}))"
    rf"(?:\d{{10,15}}|\d{{0,2}}(?P<separator>[{_DASHES}{_SPACES}.+]|%20)\d{{3,13}}"
    r"(?:(?P=separator)\d{2,5}){0,3})(?![^\W_])"
)
_DIGITS: Final = re.compile(r"\d{4}")
_LOOK_AT_GROUPS: Final = 5 * LOOK  # several may pass for a card, each with Luhn's test


def cards(scan: Scan) -> None:
    """Find card numbers, with and without separators, in digits of any script."""
    text = scan.text
    if len(text) < 13:
        return
    if text.isascii():
        if not _has_first_digit(text):
            return
        digits = sum(map(text.count, "0123456789"))
    else:
        if not scan.look(0, len(text) // 2) or not _DIGITS.search(text):
            return
        digits = len(text)
    if not scan.look(0, len(text) + 3 * digits):
        return
    position = 0
    while (match := _NUMBER.search(text, position)) is not None:
        start = match.start()
        separator = match["separator"] or ""
        if not scan.look(start, _LOOK_AT_GROUPS if separator else 2 * LOOK):
            return
        groups = match[0].split(separator) if separator else [match[0]]
        # The second group may be the first of a card number: `123 4111 1111 1111 1111`.
        position = start + len(groups[0])
        found = _card(text, start, groups, separator)
        if found:
            scan.spans.append((start, start + found))
            position = start + found


def is_card(digits: str) -> bool:
    """Return whether ASCII digits, without separators, can be a card number."""
    prefixes = _PREFIXES.get((len(digits),))
    return prefixes is not None and prefixes.match(digits) is not None and _passes_luhn(digits)


def _has_first_digit(text: str) -> bool:
    return (
        "4" in text or "5" in text or "2" in text or "3" in text or "6" in text or "8" in text
    )  # six searches in C take less time than one by an expression


def _card(text: str, start: int, groups: list[str], separator: str) -> int:
    """Return the length of the card number that begins with the first group, 0 if there is none."""
    is_tight = not separator.isspace() and separator != "%20"
    if is_tight and _is_continued(text, start, start + len(separator.join(groups)), separator):
        return 0
    lengths = tuple(map(len, groups))
    # After a space may follow another number, such as the year in which the card expires.
    fewest = len(groups) if is_tight else 1
    for count in range(len(groups), fewest - 1, -1):
        prefixes = _PREFIXES.get(lengths[:count])
        if prefixes is not None:
            digits = "".join(groups[:count])
            if not digits.isascii():
                digits = str(int(digits))
            if prefixes.match(digits) and _passes_luhn(digits):
                return sum(lengths[:count]) + len(separator) * (count - 1)
    return 0


def _is_continued(text: str, start: int, end: int, separator: str) -> bool:
    """Return whether digits are a part of a longer number, such as a decimal or a range of IDs."""
    joins = separator or _JOINS
    before, after = text[max(start - 2, 0) : start], text[end : end + 2]
    if len(after) == 2 and after[0] in joins and after[1].isdigit():
        return True
    if not separator and before.endswith("."):
        return not before[0].isalpha()
    return len(before) == 2 and before[1] in joins and before[0].isdigit()


def _passes_luhn(digits: str) -> bool:
    codes = digits.encode()
    single, doubled = codes[-1::-2].translate(_VALUES), codes[-2::-2].translate(_DOUBLED)
    return (sum(single) + sum(doubled)) % 10 == 0
