"""What is no filter, or one that cannot match: each error points at the place."""

from __future__ import annotations

import gc
import sys
import threading

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flask_chest.errors import ChestError, FilterError
from flask_chest.query import Filter, parse
from flask_chest.query.source import MAX_DEPTH, MAX_LENGTH, MAX_NODES

pytestmark = pytest.mark.opens_nothing


def refused(text):
    with pytest.raises(FilterError) as raised:
        parse(text)
    error = raised.value
    reason, shown, caret = str(error).split("\n")
    assert reason
    assert shown.startswith("  ")
    assert caret.strip() == "^"
    assert error.text == text
    assert 0 <= error.position <= len(text)
    return error


@pytest.mark.parametrize(
    ("marked", "reason"),
    [
        ("tenant ▸= 'acme'", "write =="),
        ("a == 1 ▸&& b == 2", "`and`"),
        ("a == 1 ▸AND b == 2", "`and`"),
        ("a == 1 ▸or", None),
        ("odd ▸name == 1", "variables['...']"),
        ("▸x-plan == 1", "variables['...']"),
        ("▸", "empty"),
        ("tenant == ▸acme", "'acme'"),
        ("ok == ▸true", "True"),
        ("a == ▸null", "None"),
        ("a == ▸None", "is None"),
        ("a in (1, ▸None)", "is None"),
        ("a is ▸5", "=="),
        ("a is ▸True", "=="),
        ("▸method is None", "never null"),
        ("a == 1 and ▸b", "no condition"),
        ("▸a", "== True"),
        ("▸5", "no condition"),
        ("▸True", "no condition"),
        ("▸1 == 1", "two values"),
        ("▸a == 1 & b == 2", None),
        ("▸(a == 1) & (b == 2)", "`and`"),
        ("status_code == ▸'500'", "write 500"),
        ("status_code in (200, ▸'500')", "write 500"),
        ("status_code == ▸True", "a bool"),
        ("path > ▸5", "write '5'"),
        ("▸'5' == duration_ms", "a number"),
        ("started_at > ▸5", "24h"),
        ("started_at > ▸'yesterday'", "24h"),
        ("started_at > ▸'2026-02-30'", "no time"),
        ("ok > ▸True", "no order"),
        ("contains(▸status_code, '5')", "number"),
        ("contains(▸started_at, '5')", "time"),
        ("contains(path, ▸5)", "in quotes"),
        ("contains(path, ▸b'x')", "in quotes"),
        ("▸contains(path)", "contains(name, 'text')"),
        ("▸exists(a, b)", "exists(name)"),
        ("exists(▸path)", "every record"),
        ("exists(▸route)", "is not None"),
        ("exists(▸'a')", "no name"),
        ("contains(path, x=▸'a')", "named"),
        ("▸len(a) == 1", "no name"),
        ("▸len(a)", "'len'"),
        ("▸a.startswith('x')", "startswith(a, 'x')"),
        ("'a' in ▸path", "contains(path, 'a')"),
        ("a in ▸()", "no value"),
        ("a in (▸'x')", "in ('a',)"),
        ("a in (1, ▸b)", "'b'"),
        ("a[▸0] == 1", "in quotes"),
        ("a[▸'x':'y'] == 1", "in quotes"),
        ("▸path.x == 1", "variables['path']"),
        ("▸variables == 1", "variables['name']"),
        ("▸class == 1", "variables['...']"),
        ("▸ﬁn == 1", "'fin'"),
        ("▸a.ﬁn == 1", "'fin'"),
        ("a == ▸1j", "a number"),
        ("a == ▸b'x'", "a number"),
        ("a == ▸...", "a number"),
        ("a == ▸f'{b}'", "f-string"),
        ("a == ▸'x' 'y'", "side by side"),
        ("a == ▸'it''s'", "side by side"),
        ("a == ▸10**3", "a value"),
        ("a == ▸1e999", "large"),
        ("a == ▸-1e999", "large"),
        (f"a == ▸{10**400}", "large"),
        (r"a == ▸'\ud800'", "surrogate"),
        (r"a == ▸'\0'", "NUL"),
        (r"variables[▸'\0'] == 1", "NUL"),
        ("a == 1 ▸# and b == 2", "comments"),
        ("a == ▸'''x\ny'''", "\\n"),
        ("日本 == 'ü' and ▸b", "no condition"),
    ],
)
def test_an_error_points_at_the_place_and_says_what_to_write(marked, reason):
    text = marked.replace("▸", "")
    error = refused(text)
    if reason is not None:
        assert error.position == marked.index("▸")
        assert reason in str(error).split("\n")[0]


def test_the_caret_stands_below_the_place_among_wide_and_combining_characters():
    for text in ("日本 == 1 and é == x", "'e\u0301' == a and b == x", "a == 1\tand b == x"):
        _, shown, caret = str(refused(text)).split("\n")
        columns = sum(0 if c == "\u0301" else 2 if c in "日本" else 1 for c in shown[:-1])
        assert len(caret) == columns + 1


def test_what_a_terminal_would_obey_is_not_repeated():
    message = str(refused("a == 'x\x1b[31m\u202e' and b"))
    assert "\x1b" not in message
    assert "\u202e" not in message


@pytest.mark.parametrize(
    "text",
    [
        "(" * 4_000,
        "not " * 1_900 + "a == 1",
        "-" * 7_000 + "1 == a",
        "a" + ".b" * 3_500 + " == 1",
        "a" + "['b']" * 1_500 + " == 1",
        "a == " + "9" * 7_000,
        "[" * 90 + "]" * 90,
        "a in (" + "1," * 2_000 + ")",
        "a == 1 or " * 400 + "a == 1",
        "a == 1" + " or a == 1" * 1_000,
        "lambda: " * 900 + "1",
        "f'{f'{f'{a}'}'}' == a",
        "[a for a in b]",
        "{**a}",
        "(yield)",
        "a if b else c",
        "(a := 1) == 1",
        "a == *b",
        "a; b",
        "import os",
        "__import__('os').system('true')",
        "a.__class__.__mro__()",
        "a == 1\0",
        "a == '\ud800'",
        "\ufeffa == 1",
        "a == 1\n\nb == 2",
        "\\\n",
        "'",
        '"""',
        "a == 1 \x0c# x\nand b",
    ],
)
def test_a_hostile_text_is_refused(text):
    refused(text)


def test_what_python_itself_cannot_parse_is_marked_at_its_beginning():
    error = refused("-" * 7_000 + "1 == a")
    assert "nested too deeply, or too long" in str(error)
    assert error.position == 0


def test_the_limits_are_reached_by_filters_that_are_read():
    longest = "a == '" + "x" * (MAX_LENGTH - 7) + "'"
    assert parse(longest).text == longest
    refused(f"{longest} ")
    refused("not (" * (MAX_DEPTH + 1) + "a == 1" + ")" * (MAX_DEPTH + 1))
    parse("not (" * (MAX_DEPTH - 2) + "a == 1" + ")" * (MAX_DEPTH - 2))
    assert parse("(" * 100 + "a == 1" + ")" * 100) == parse("(" * 100 + "a == 1" + ")" * 100)
    many = ",".join("1" * (MAX_NODES - 4))
    assert parse(f"a in ({many})")


def test_a_filter_is_a_text():
    for wrong in (None, 5, b"a == 1", ["a"]):
        with pytest.raises(TypeError):
            parse(wrong)


def test_it_is_an_error_of_ours():
    assert issubclass(FilterError, ChestError)


_PIECES = st.sampled_from(
    [
        "a", "b.c", "path", "status_code", "started_at", "variables", "['x y']", "contains",
        "exists", "1", "-2.5", "0x", "1e9", "'x'", '"y"', "'24h'", "b'z'", "f'{a}'", "None", "True",
        "==", "!=", "<", ">=", "=", "&", "in", "is", "not", "and", "or", "lambda", "*", "@", ":",
        "(", ")", "[", "]", ",", ".", ";", "#", "'", '"""', "\\", "ﬁ", "é", "日",
        "\n", "\r", "\f", "\xa0", "\0", "\ud800",
    ]
)  # fmt: skip


@settings(max_examples=800, deadline=None)
@given(st.one_of(st.lists(_PIECES, max_size=12).map(" ".join), st.text(max_size=40)))
def test_any_text_is_a_filter_or_refused(text):
    try:
        found = parse(text)
    except FilterError:
        return
    assert isinstance(found, Filter)
    assert found.matches({"variables": {}}) in {True, False}


class _Untidy:
    def __del__(self):
        sum(range(50))  # a thread may be switched here, in the middle of what made it garbage


@pytest.mark.slow
def test_threads_that_parse_at_the_same_time_all_get_their_filter():
    faults = []

    def read():
        try:
            for _ in range(300):
                ring = [_Untidy()]
                ring.append(ring)
                parse("status_code >= 500 and (route in ('/a', '/b') or not user_id == 7)")
        except Exception as error:  # noqa: BLE001 - whatever it is, shown below
            faults.append(error)

    switching, collecting = sys.getswitchinterval(), gc.get_threshold()
    threads = [threading.Thread(target=read) for _ in range(8)]
    sys.setswitchinterval(1e-6)
    gc.set_threshold(5, 2, 2)
    try:
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    finally:
        sys.setswitchinterval(switching)
        gc.set_threshold(*collecting)
    assert faults == []
