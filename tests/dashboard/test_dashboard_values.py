"""How values are written, and what their menus offer."""

from __future__ import annotations

import json

import pytest
from flask_chest_dashboard.texts import in_one_line, visible
from flask_chest_dashboard.values import described

from flask_chest import query
from flask_chest.runtime.printable import printable


@pytest.mark.parametrize(
    ("found", "text"),
    [
        ("acme", "acme"),
        (None, "—"),
        (True, "true"),
        (17, "17"),
        (1234567, "1234567"),
        (0.1 + 0.2, "0.3"),
        (1e300, "1e+300"),
        ("a\nb\x00\x7f\x85\u2028", "a\\nb\\u0000\\u007f\\u0085\\u2028"),
        ("", '""'),
        (" \t", '" \\t"'),
        ("\u200b\u202e", '"\\u200b\\u202e"'),
        ("x\u202e\u00fcn\u00ef", "x\\u202e\u00fcn\u00ef"),
        ("a\u200bb\u00adc\ufeff", "a\\u200bb\\u00adc\\ufeff"),
        ({"\u2066": "\u2069"}, '{"\\u2066": "\\u2069"}'),
        ({"a": ["b\n", None]}, '{"a": ["b\\n", null]}'),
        ([], "[]"),
        ("NaN", "NaN"),
    ],
)
def test_a_value_is_written_in_one_line_that_shows(found, text):
    assert in_one_line(found) == text


def test_what_the_command_line_makes_visible_is_visible_on_a_page_and_lines_stay():
    hidden = [each for each in map(chr, range(0x110000)) if printable(each) != each]
    assert len(hidden) > 2_000
    assert all(visible(each) == printable(each) for each in hidden if each not in "\n\t\r")
    lines = "a\n\tb\r\nc"
    assert visible(f"{lines}\rd\u202e") == f"{lines}\\rd\\u202e"


@pytest.mark.parametrize(
    "text",
    [
        "\N{MAN}\u200d\N{WOMAN}\u200d\N{GIRL}",
        "\N{HEAVY BLACK HEART}\ufe0f\u200d\N{FIRE}",
        "1\ufe0f\u20e3",
        "\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645",  # Persian
        "\u05e9\u05dc\u05d5\u05dd",  # Hebrew, which has its order by itself
        "\u0928\u094d\u200d\u092f",  # Hindi
    ],
)
def test_what_scripts_and_emojis_need_stays(text):
    assert visible(text) == in_one_line(text) == text


@pytest.mark.parametrize("hidden", ["a\u200db", "a\ufe01", "\U0001f600\ufe01\ufe02", "a\U000e0041"])
def test_what_hides_in_a_text_is_visible_and_json_reads_it_back(hidden):
    assert visible(hidden) != hidden
    assert json.loads(f'"{visible(hidden)}"') == hidden


@pytest.mark.parametrize("found", ["x" * 2_000_000, ["x" * 50] * 40_000, {"a": {"b": "x" * 9_999}}])
def test_a_long_value_is_cut(found):
    text = in_one_line(found)
    assert len(text) == 200
    assert text.endswith("…")
    it = described("body", found)
    assert len(it.title) == 2_000
    assert len(it.menu) < 1_000


def chosen(condition, *values):
    """Return which values of the variable `x` a filter chooses."""
    read = query.parse(condition)
    return [each for each in values if read.matches({"variables": {"x": each}})]


@pytest.mark.parametrize("found", ["it's", '<b>"x"</b>', "a\nb", "\u202e", "", 5, 0.5, True, None])
def test_a_menu_chooses_the_value_or_all_others(found):
    filters = described("x", found).menu.split("\n")
    others = ["else", 7, False, None]
    assert chosen(filters[0], found, *others)[0] == found
    without = chosen(filters[1], found, *others)
    assert found not in without
    assert None in without or found is None
    if found in (5, 0.5):
        assert [chosen(each, 0, found, 7) for each in filters[2:]] == [[found, 7], [0, found]]
    else:
        assert len(filters) == 2


def test_a_long_text_is_chosen_by_its_beginning():
    found = "a'" * 5_000
    only, others = described("x", found).menu.split("\n")
    assert len(only) < 400
    assert chosen(only, found, "a", None) == [found]
    assert chosen(others, found, "a", None) == ["a", None]
    assert all(map(query.parse, described("path", found).filters))


@pytest.mark.parametrize("found", [{}, {"a": 1}, [], [1], query.OBJECT, query.LIST])
def test_a_dict_and_a_list_have_no_menu(found):
    assert described("x", found).filters == ()
