"""Card numbers are found, and other numbers are kept."""

from __future__ import annotations

import json
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flask_chest.redaction.cards import cards, is_card
from flask_chest.redaction.scan import Scan

pytestmark = pytest.mark.opens_nothing


def found(text):
    scan = Scan(text, 10**6)
    cards(scan)
    assert scan.end == len(text)
    return [text[start:end] for start, end in sorted(scan.spans)]


def luhn(digits):
    total = 0
    for place, digit in enumerate(reversed(digits)):
        doubled = int(digit) * (2 if place % 2 else 1)
        total += doubled - 9 if doubled > 9 else doubled
    return total % 10


def number(prefix, length):
    """Return a number that passes Luhn's test. The digits in its middle are made up."""
    digits = (prefix + "0123456789012345678")[: length - 1]
    return digits + str(-luhn(digits + "0") % 10)


def grouped(digits, lengths, separator):
    groups = []
    for length in lengths:
        groups.append(digits[:length])
        digits = digits[length:]
    return separator.join(groups)


BARE = {
    16: [
        "4", "51", "55", "2221", "2230", "2299", "2300", "2650", "2700", "2720", "6011", "644",
        "649", "65", "3528", "3530", "3589", "62", "2200", "2204", "508", "60", "81", "82", "5018",
        "5019", "5020", "5038", "5893", "6304", "6390", "6759", "6761", "6763",
    ],
    15: ["34", "37"],
    14: ["300", "305", "3095", "36", "38", "39"],
    19: ["62"],
}  # fmt: skip

GROUPED = [
    ("4", (4, 4, 4, 4)),
    ("51", (4, 4, 4, 4)),
    ("4", (4, 4, 4, 4, 3)),
    ("62", (4, 4, 4, 4, 3)),
    ("62", (6, 13)),
    ("34", (4, 6, 5)),
    ("37", (4, 4, 4, 3)),
    ("36", (4, 6, 4)),
    ("38", (4, 4, 4, 2)),
    ("4", (4, 3, 3, 3)),
    ("4", (4, 4, 5)),
]

SEPARATORS = [
    " ", "\u00a0", "\u202f", "\u2009", "\u3000", "-", "\u2010", "\u2011", "\u2013", "\uff0d", ".",
    "+", "%20",
]  # fmt: skip

CARDS = [number(prefix, length) for length, prefixes in BARE.items() for prefix in prefixes]


@pytest.mark.parametrize("card", CARDS)
def test_a_number_of_each_issuer_is_found_and_no_other_check_digit(card):
    assert is_card(card)
    assert found(f"paid with {card}.") == [card]
    for digit in "0123456789":
        assert is_card(card[:-1] + digit) == (digit == card[-1])


@pytest.mark.parametrize("separator", SEPARATORS)
@pytest.mark.parametrize(("prefix", "lengths"), GROUPED)
def test_groups_as_on_cards_are_found_with_any_separator(prefix, lengths, separator):
    card = grouped(number(prefix, sum(lengths)), lengths, separator)
    assert found(card) == [card]
    assert found(f"my card {card}, thanks") == [card]
    assert found(f"n={card}&x=1") == [card]


def test_digits_of_any_script_are_found():
    for zero in ("\uff10", "\u0660", "\u0966"):
        script = {ord("0") + n: chr(ord(zero) + n) for n in range(10)}
        for card in (number("4", 16), grouped(number("4", 16), (4, 4, 4, 4), " ")):
            assert found(f"a {card.translate(script)} b") == [card.translate(script)]


@pytest.mark.parametrize(
    "text",
    [
        "123 {}", "{} 123", "2027 {} 12/27", "{},12,{}", "card:{}", "/pay/{}/now", "?n={}&x=1",
        "[{}]", "_{}_", "#{}", "({})", "a\n{}\nb", "%20{}%20", "%3D{}&", "\\n{}\\n", "\\x1f{}",
        "\\u00a0{}", "a.{}", "{}.", "{}. And", "{}; {}", "\u4e2d {} \u4e2d",
    ],
)  # fmt: skip
def test_borders_of_a_card_number(text):
    for card in (number("4", 16), grouped(number("51", 16), (4, 4, 4, 4), " ")):
        assert found(text.format(card, card)) == [card] * text.count("{}")
    assert json.dumps(number("4", 16)) == f'"{found(json.dumps(number("4", 16)))[0]}"'


@pytest.mark.parametrize(
    "text",
    [
        "x{}", "{}x", "1{}", "{}1", "0.{}", "52.{}", "-.{}", "{}.5", "12-{}", "{}-12", "{}e5",
        "\u4e2d{}", "{}\u4e2d", "\u0661{}",
    ],
)  # fmt: skip
def test_a_part_of_something_longer_is_no_card_number(text):
    assert found(text.format(number("4", 16))) == []


@pytest.mark.parametrize(
    "lengths", [(4, 4, 8), (8, 8), (2, 4, 4, 4, 2), (3, 3, 3, 3, 4), (5, 5, 6), (4, 12), (12, 4)]
)
def test_groups_that_no_card_has_are_kept(lengths):
    for separator in SEPARATORS:
        assert found(f"a {grouped(number('4', 16), lengths, separator)} b") == []


def test_dashes_and_points_join_what_spaces_do_not():
    card = grouped(number("4", 16), (4, 4, 4, 4), "-")
    assert found(f"1234-{card}") == []
    assert found(f"{card}-1") == []
    assert found(f"1234 {card} 1") == [card]


@pytest.mark.parametrize(
    "text",
    [
        "4111 1111 1111 1112",
        "1234567890123456789012",
        "1764260000000",
        "0511223344556677",
        "192.168.100.200 555.123.4567",
        "4111 1111-1111 1111",
        "4111",
        "52.5200065412345678, 13.404954012345678",
        "01a2041f-4f20-7dd3-923d-2718af5a6ea7",
        "4006381333931",
        "+49 170 1234567",
        "2026-11-29T03:14:22.123456",
    ],
)
def test_what_resembles_a_card_number_is_kept(text):
    assert found(text) == []


def generated(kind, n):
    r = random.Random(f"{kind} {n}")
    if kind == "timestamp":
        return f"2026{r.randrange(1, 13):02}{r.randrange(1, 29):02}{r.randrange(10**6):06}"
    if kind == "microseconds":
        return str(1_764_000_000_000_000 + r.randrange(10**13))
    if kind == "nanoseconds":
        return str(1_764_000_000_000_000_000 + r.randrange(10**16))
    if kind == "IMEI":
        return f"35{r.randrange(10**13):013}"
    if kind == "coordinate":
        return f"{r.choice('-+ ')}{r.randrange(180)}.{r.randrange(10**16):016}"
    if kind == "snowflake of 17 digits":
        return str(r.randrange(10**16, 10**17))
    if kind == "snowflake of 18 digits":
        return str(r.randrange(10**17, 10**18))
    if kind == "snowflake of 19 digits":
        return str(r.randrange(10**18, 2 * 10**18))
    if kind == "UUID":
        digits = f"{r.getrandbits(128):032x}"
        parts = (digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:])
        return f"/orders/{'-'.join(parts)}/items"
    if kind == "UUID of digits":
        digits = f"{r.randrange(10**32):032}"
        return "-".join((digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:]))
    if kind == "hash":
        return f"{r.getrandbits(256):064x}"
    if kind == "EAN-13":
        return f"{r.randrange(10**13):013}"
    return f"+49 {r.randrange(100, 999)} {r.randrange(10**7, 10**8)}"


@pytest.mark.parametrize(
    "kind",
    [
        "timestamp", "microseconds", "nanoseconds", "IMEI", "coordinate", "snowflake of 17 digits",
        "snowflake of 18 digits", "snowflake of 19 digits", "UUID", "UUID of digits", "hash",
        "EAN-13", "phone",
    ],
)  # fmt: skip
def test_harmless_numbers_are_kept(kind):
    texts = [generated(kind, n) for n in range(2000)]
    assert [text for text in texts if found(text)] == []
    assert [text for text in texts if text.isdecimal() and is_card(text)] == []


def test_of_random_numbers_of_16_digits_few_may_be_card_numbers():
    r = random.Random(16)
    masked = sum(is_card(str(r.randrange(10**15, 10**16))) for _ in range(20_000))
    assert masked / 20_000 < 0.035


@given(st.text("0123456789 -.x", max_size=60))
def test_what_is_found_is_a_card_number_with_borders(text):
    for card in found(text):
        digits = "".join(character for character in card if character.isdigit())
        assert luhn(digits) == 0
        assert 13 <= len(digits) <= 19
        start = text.index(card)
        assert not text[max(start - 1, 0) : start].isalnum()
