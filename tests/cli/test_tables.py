"""Tables: aligned whatever is in them, and never wider than the terminal."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flask_chest.cli.charts import MOST_BUCKETS, bar, has_blocks, histogram, sparkline
from flask_chest.cli.streams import is_broken, is_terminal
from flask_chest.cli.tables import Table, amount, cell, cut, terminal_width, width
from flask_chest.runtime.printable import printable

pytestmark = pytest.mark.opens_nothing


@pytest.mark.parametrize(
    ("text", "columns"),
    [
        ("abc", 3),
        ("Größe", 5),
        ("東京", 4),
        ("e\u0301", 1),
        ("한국", 4),
        ("\u1112\u1161\u11ab", 2),
        ("ﾊﾝｶｸ", 4),
        ("🚀", 2),
        ("a\u200db", 2),
    ],
)
def test_the_width_is_that_on_a_terminal(text, columns):
    assert width(text) == columns


def test_columns_line_up_with_wide_characters_in_them():
    table = Table(["city", "count"], right=["count"])
    assert list(table.lines([["東京", "5"], ["Oslo", "1,000"], ["Zürich", "12"]])) == [
        "city    count",
        "東京        5",
        "Oslo    1,000",
        "Zürich     12",
    ]


def test_the_widest_cell_is_cut_on_a_narrow_terminal_and_no_number_is():
    table = Table(["path", "user", "count"], right=["count"], columns=40)
    rows = [["/a/very/long/path/that/goes/on/and/on", "ada", "1,234,567"], ["/b", "bob", "1"]]
    assert list(table.lines(rows)) == [
        "path                     user      count",
        "/a/very/long/path/that…  ada   1,234,567",
        "/b                       bob           1",
    ]


def test_nothing_is_cut_where_there_is_no_terminal():
    table = Table(["path"])
    assert list(table.lines([["x" * 5_000]]))[1] == "x" * 5_000


texts = st.text(st.characters(codec="utf-8"), max_size=30).map(printable)


@given(st.lists(st.tuples(texts, texts, texts), max_size=8), st.integers(1, 60))
@settings(max_examples=50)
def test_no_line_is_wider_than_the_terminal(rows, columns):
    table = Table(["a", "b", "number"], right=["number"], whole=["a"], columns=columns)
    assert all(width(line) <= columns for line in table.lines(rows))


@given(texts, st.integers(0, 40))
def test_a_text_is_cut_to_its_columns_and_only_if_it_must(text, columns):
    shown = cut(text, columns)
    assert width(shown) <= columns
    assert shown == text or shown.endswith("…") or columns == 0


def test_a_table_with_very_many_rows_is_not_held(monkeypatch):
    taken = 0

    def rows():
        nonlocal taken
        for number in range(100_000):
            taken += 1
            yield [str(number)]

    lines = Table(["number"]).lines(rows())
    for _ in range(10):
        next(lines)
    assert taken <= 300


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "-"),
        (True, "true"),
        (7, "7"),
        (1234567, "1234567"),
        (2.0, "2"),
        (12.34567, "12.35"),
        (0.000123456, "0.0001235"),
        (1234567.89, "1,234,568"),
        (9e15, "9,000,000,000,000,000"),
        (-1.2345678e300, "-1.23457e+300"),
        (float("inf"), "inf"),
        ("a\x1b[31m", r"a\u001b[31m"),
        ({"a": [1, "東"]}, '{"a": [1, "東"]}'),
    ],
)
def test_a_cell_shows_a_value_in_one_line(value, text):
    assert cell(value) == text


def test_amounts_have_groups_of_three_digits():
    assert [amount(1234567), amount(3.0), amount(None), amount(True)] == [
        "1,234,567",
        "3",
        "-",
        "true",
    ]


def test_a_sparkline_begins_at_zero_and_leaves_out_what_is_not_known():
    assert sparkline([0, 1, None, 4, 8]) == "▁▂ ▅█"
    assert sparkline([5, 5]) == "██"
    assert sparkline([0, 0]) == "▁▁"
    assert sparkline([None, None]) == "  "
    assert sparkline([-4, 0, 4]) == "▁▅█"
    assert sparkline([0, 8], blocks=False) == "_#"


def test_neighbours_share_a_character_that_shows_the_largest():
    values = [0.0] * 1_000
    values[500] = 9.0
    line = sparkline(values)
    assert len(line) == MOST_BUCKETS
    assert line.count("█") == 1
    assert sparkline([None] * 500 + [1.0] * 500, 10) == "     █████"


def test_a_histogram_has_a_character_for_each_bin_and_gaps_where_it_has_none():
    doubling = [[2 ** (n / 16), 2 ** ((n + 1) / 16), 1 + (n == 3)] for n in (0, 1, 3, 8)]
    assert histogram(doubling) == "▅▅ █    ▅"
    assert histogram([[-2.0, -1.9, 4], [0, 0, 8], [1e300, 1.04e300, 2]], blocks=False) == "= # -"
    assert len(histogram([[1e-9, 1.1e-9, 1], [1e9, 1.1e9, 1]])) == 20
    assert histogram([]) == ""


def test_a_bar_is_as_long_as_its_value():
    assert bar(10, 10) == "█" * 20
    assert bar(5, 10) == "█" * 10
    assert bar(0.001, 10) == "▏"
    assert bar(0, 10) == bar(None, 10) == ""
    assert bar(5, 10, blocks=False) == "#" * 10


@pytest.mark.parametrize("columns", range(1, 30))
def test_no_part_of_a_number_is_shown_on_a_terminal_of_any_width(columns):
    table = Table(["path", "count", "p95", ""], right=["count", "p95"], columns=columns)
    _, *lines = table.lines([["/a", "1234", "4.3456", "##"], ["/b", "5678", "8.7654", "####"]])
    for line, count, p95 in zip(lines, ("1234", "5678"), ("4.3456", "8.7654"), strict=True):
        assert width(line) <= columns
        assert set(line[6:].split()) <= {count, p95, "\u2026", "##", "####", "#\u2026", "##\u2026"}
    assert ("1234" in lines[0]) == (columns > 12), "there is room for it"


def test_a_stream_that_the_shell_has_closed_is_no_terminal(monkeypatch):
    monkeypatch.setattr("sys.stdout", None)  # as Python has it after >&-
    assert terminal_width() is None
    assert not has_blocks()
    assert is_broken(None)
    assert not is_terminal(None)
