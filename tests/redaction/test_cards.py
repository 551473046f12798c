"""Card numbers are found, and other numbers are kept."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.finders import found

from flask_chest.redaction.cards import cards, is_card

pytestmark = pytest.mark.opens_nothing


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
        "4",
        "51",
        "55",
        "2221",
        "2230",
        "2299",
        "2300",
        "2650",
        "2700",
        "2720",
        "6011",
        "644",
        "649",
        "65",
        "3528",
        "3530",
        "3589",
        "62",
        "2200",
        "2204",
        "508",
        "60",
        "81",
        "82",
        "5018",
        "5019",
        "5020",
        "5038",
        "5893",
        "6304",
        "6390",
        "6759",
        "6761",
        "6763",
    ],
    15: ["34", "37"],
    14: ["300", "305", "3095", "36", "38", "39"],
    19: ["62"],
}

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
    " ",
    "\u00a0",
    "\u202f",
    "\u2009",
    "\u3000",
    "-",
    "\u2010",
    "\u2011",
    "\u2013",
    "\uff0d",
    ".",
    "+",
    "%20",
]

CARDS = [number(prefix, length) for length, prefixes in BARE.items() for prefix in prefixes]


@pytest.mark.parametrize("card", CARDS)
def test_a_number_of_each_issuer_is_found_and_no_other_check_digit(card):
    assert is_card(card)
    assert found(cards, f"paid with {card}.") == [card]
    for digit in "0123456789":
        assert is_card(card[:-1] + digit) == (digit == card[-1])


@pytest.mark.parametrize("separator", SEPARATORS)
@pytest.mark.parametrize(("prefix", "lengths"), GROUPED)
def test_groups_as_on_cards_are_found_with_any_separator(prefix, lengths, separator):
    card = grouped(number(prefix, sum(lengths)), lengths, separator)
    assert found(cards, card) == [card]
    assert found(cards, f"my card {card}, thanks") == [card]
    assert found(cards, f"n={card}&x=1") == [card]


def test_digits_of_any_script_are_found():
    for zero in ("\uff10", "\u0660", "\u0966"):
        script = {ord("0") + n: chr(ord(zero) + n) for n in range(10)}
        for card in (number("4", 16), grouped(number("4", 16), (4, 4, 4, 4), " ")):
            assert found(cards, f"a {card.translate(script)} b") == [card.translate(script)]


@pytest.mark.parametrize(
    "text",
    [
        "123 {}",
        "{} 123",
        "2027 {} 12/27",
        "{},12,{}",
        "card:{}",
        "/pay/{}/now",
        "?n={}&x=1",
        "[{}]",
        "_{}_",
        "#{}",
        "({})",
        "a\n{}\nb",
        "%20{}%20",
        "%3D{}&",
        "\\n{}\\n",
        "\\x1f{}",
        "\\u00a0{}",
        "a.{}",
        "{}.",
        "{}. And",
        "{}; {}",
        "\u4e2d {} \u4e2d",
    ],
)
def test_borders_of_a_card_number(text):
    for card in (number("4", 16), grouped(number("51", 16), (4, 4, 4, 4), " ")):
        assert found(cards, text.format(card, card)) == [card] * text.count("{}")


@pytest.mark.parametrize(
    "text",
    [
        "x{}",
        "{}x",
        "1{}",
        "{}1",
        "0.{}",
        "52.{}",
        "-.{}",
        "{}.5",
        "12-{}",
        "{}-12",
        "{}e5",
        "\u4e2d{}",
        "{}\u4e2d",
        "\u0661{}",
    ],
)
def test_a_part_of_something_longer_is_no_card_number(text):
    assert found(cards, text.format(number("4", 16))) == []


@pytest.mark.parametrize(
    "lengths", [(4, 4, 8), (8, 8), (2, 4, 4, 4, 2), (3, 3, 3, 3, 4), (5, 5, 6), (4, 12), (12, 4)]
)
def test_groups_that_no_card_has_are_kept(lengths):
    for separator in SEPARATORS:
        assert found(cards, f"a {grouped(number('4', 16), lengths, separator)} b") == []


def test_dashes_and_points_join_what_spaces_do_not():
    card = grouped(number("4", 16), (4, 4, 4, 4), "-")
    assert found(cards, f"1234-{card}") == []
    assert found(cards, f"{card}-1") == []
    assert found(cards, f"1234 {card} 1") == [card]


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
    assert found(cards, text) == []


def uuid(digits):
    return "-".join((digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:32]))


HARMLESS = {
    "timestamp": lambda n: f"2026{n % 12 + 1:02}{n % 28 + 1:02}{n % 10**6:06}",
    "microseconds": lambda n: str(1_764_000_000_000_000 + n % 10**13),
    "nanoseconds": lambda n: str(1_764_000_000_000_000_000 + n % 10**16),
    "IMEI": lambda n: f"35{n % 10**13:013}",
    "coordinate": lambda n: f"{n % 180}.{n % 10**16:016}",
    "negative coordinate": lambda n: f"-{n % 90}.{n % 10**15:015}",
    "snowflake of 17 digits": lambda n: str(10**16 + n % (9 * 10**16)),
    "snowflake of 18 digits": lambda n: str(10**17 + n % (9 * 10**17)),
    "snowflake of 19 digits": lambda n: str(10**18 + n % 10**18),
    "UUID": lambda n: f"/orders/{uuid(f'{n % 2**128:032x}')}/items",
    "UUID of digits": lambda n: uuid(f"{n % 10**32:032}"),
    "hash": lambda n: f"{n % 2**256:064x}",
    "EAN-13": lambda n: f"{n % 10**13:013}",
    "phone": lambda n: f"+49 {n % 900 + 100} {n % 10**8:08}",
}


@pytest.mark.parametrize("kind", HARMLESS)
def test_harmless_numbers_are_kept(kind):
    r = random.Random(kind)
    texts = [HARMLESS[kind](r.getrandbits(256)) for _ in range(2000)]
    assert [text for text in texts if found(cards, text)] == []
    assert [text for text in texts if text.isdecimal() and is_card(text)] == []


def test_of_random_numbers_of_16_digits_few_may_be_card_numbers():
    r = random.Random(16)
    masked = sum(is_card(str(r.randrange(10**15, 10**16))) for _ in range(20_000))
    assert masked / 20_000 < 0.035


@given(st.text("0123456789 -.x", max_size=60))
def test_what_is_found_is_a_card_number_with_borders(text):
    for card in found(cards, text):
        digits = "".join(character for character in card if character.isdigit())
        assert luhn(digits) == 0
        assert 13 <= len(digits) <= 19
        start = text.index(card)
        assert not text[max(start - 1, 0) : start].isalnum()
