"""CSV that a spreadsheet opens without running any of it."""

from __future__ import annotations

import csv
import io
import json
import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from flask_chest.query.sheets import csv_line, guarded

pytestmark = pytest.mark.opens_nothing

STARTS = "=+\\-@\uff1d\uff0b\uff0d\uff20"
FORMULA = re.compile(f"[{STARTS}\t\r\n]")


def restored(text):
    """Return what `guarded` was given, without control characters: docs/how-to/export.md."""
    return re.sub(f"^'(?=\\s*[{STARTS}'])|(?<=;)'(?=\\s*[{STARTS}'\"])", "", text)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("ada", "ada"),
        ("", ""),
        ("1-2", "1-2"),
        ("a=b", "a=b"),
        ("it's", "it's"),
        ("=1+1", "'=1+1"),
        (" =1", "' =1"),
        ("a;  @x", "a;'  @x"),
        ("-5", "'-5"),
        ("@SUM(A1)", "'@SUM(A1)"),
        ("\uff1d1", "'\uff1d1"),
        ("'=1", "''=1"),
        ("a;=1+1", "a;'=1+1"),
        ('a;"=1"', 'a;\'"=1"'),
        ("\t=1", r"\u0009=1"),
        ("a\n=1", r"a\u000a=1"),
    ],
)
def test_what_a_spreadsheet_might_run_has_an_apostrophe(text, shown):
    assert guarded(text) == shown


@given(
    st.text(
        st.characters(codec="utf-8", categories=["L", "N", "P", "S", "Zs"])
        | st.sampled_from("=+-@'\";;;\t\n")
    )
)
@example("';'='")
@example("=;;=;'\"")
def test_no_cell_begins_like_a_formula_and_the_text_comes_back(text):
    shown = guarded(text)
    for part in shown.split(";"):
        assert not FORMULA.match(part.lstrip())
        assert not part.lstrip().startswith('"') or part is shown.split(";")[0]
    assert restored(shown) == re.sub("[\t\n]", lambda found: f"\\u{ord(found[0]):04x}", text)


values = st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1)
values |= st.floats(allow_nan=False, allow_infinity=False) | st.text(
    st.characters(codec="utf-8", exclude_characters="\0")  # which no record has
)


@given(st.lists(values, min_size=1, max_size=6))
def test_a_line_is_read_back_with_its_types(row):
    line = csv_line(row, raw=True)
    [cells] = csv.reader(io.StringIO(line, newline=""), strict=True)
    for value, text in zip(row, cells, strict=True):
        if isinstance(value, str):
            assert text == value
        else:
            assert text == ("" if value is None else json.dumps(value))
    assert csv_line(["", None, 1, "1"]) == '"",,1,"1"'


def test_lists_and_dicts_are_json():
    [[cell]] = csv.reader([csv_line([{"a": [1, 'x"y']}])])
    assert json.loads(cell) == {"a": [1, 'x"y']}
