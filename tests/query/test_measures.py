"""Measures as they are written: what can be read, and the errors for what cannot."""

from __future__ import annotations

import pytest

from flask_chest.errors import QueryError
from flask_chest.query import parse
from flask_chest.query.measures import Measure, parse_measure
from flask_chest.query.nodes import Field, Variable

pytestmark = pytest.mark.opens_nothing


@pytest.mark.parametrize("text", ["count", "errors", "error_rate", "rate"])
def test_a_measure_of_records_has_no_brackets(text):
    assert parse_measure(f" {text} ") == Measure(text, text)


@pytest.mark.parametrize(
    ("text", "operand"),
    [
        ("sum(cost_usd)", Variable(("cost_usd",))),
        ("mean( user.spent )", Variable(("user", "spent"))),
        ("min(variables['odd name)'])", Variable(("odd name)",))),
        ("max(status_code)", Field("status_code")),
        ("distinct(route)", Field("route")),
        ("top(app.release)", Variable(("app.release",))),
        ("histogram(duration_ms)", Field("duration_ms")),
        ("distinct (request.headers.x_plan)", Variable(("request.headers.x-plan",))),
    ],
)
def test_a_name_is_read_as_in_a_filter(text, operand):
    found = parse_measure(text)
    assert (found.text, found.operand) == (text, operand)
    assert found.function == text.partition("(")[0].strip()


@pytest.mark.parametrize(("name", "percent"), [("p50", 50), ("p99.9", 99.9), ("p0.1", 0.1)])
def test_a_percentile_may_have_a_fraction(name, percent):
    found = parse_measure(f"{name}(duration_ms)")
    assert (found.function, found.percent) == ("percentile", percent)
    assert found.operand == Field("duration_ms")


def test_a_share_has_a_filter():
    found = parse_measure("share(duration_ms > 500 and tenant == 'a)')")
    assert found.condition == parse("duration_ms > 500 and tenant == 'a)'").root


@pytest.mark.parametrize(
    ("marked", "reason"),
    [
        ("▸", "begins with its name"),
        ("▸(count)", "begins with its name"),
        ("▸coutn", "write count"),
        ("▸cost", "'cost'. To sum a variable, write sum(cost); others are mean(cost)"),
        ("▸user.spent", "write sum(user.spent)"),
        ("▸duration_ms", "It is a field: write p95(duration_ms)"),
        ("▸route", "It is a field: write distinct(route)"),
        ("▸started_at", "The measures are count,"),
        ("▸7", "The measures are count,"),
        ("▸avg(cost_usd)", "write mean(cost_usd)"),
        ("▸SUM(cost_usd)", "write sum(cost_usd)"),
        ("▸median", "write p50(duration_ms)"),
        ("▸colour(x)", "The measures are count,"),
        ("▸p(x)", "percentiles such as p95"),
        ("▸p100(x)", "write max"),
        ("▸p0(x)", "write min"),
        ("▸count(x)", "write count"),
        ("▸count + errors", "write count"),
        ("sum▸", "in brackets: sum(duration_ms)"),
        ("sum ▸x", "a bracket follows"),
        ("sum(x▸", "closing bracket"),
        ("sum(x)▸ + 1", "ends with its closing bracket"),
        ("sum(▸)", "write sum(duration_ms)"),
        ("distinct(▸ )", "write distinct(user_id)"),
        ("share(▸)", "write share(duration_ms > 500)"),
        ("sum(x▸))", "cannot be read here"),
        ("sum(▸path)", "distinct(path)"),
        ("p95(▸error)", "top(error)"),
        ("histogram(▸path)", "distinct(path)"),
        ("distinct(▸started_at)", "every='1h'"),
        ("max(▸5)", "no name"),
        ("max(▸duration_ms.x)", "nothing in it"),
        ("max(a[▸0])", "in quotes"),
        ("share(▸x)", "no condition"),
        ("share(status_code > ▸'5')", "write 5"),
        ("share(a == 1 ▸# b)", "comments"),
    ],
)
def test_an_error_points_at_the_place_and_says_what_to_write(marked, reason):
    with pytest.raises(QueryError) as raised:
        parse_measure(marked.replace("▸", ""))
    first, shown, caret = str(raised.value).split("\n")
    assert reason in first
    assert shown == f"  {marked.replace('▸', '')}"
    assert caret.index("^") - 2 == marked.index("▸")


def test_a_measure_of_any_length_or_type_is_refused():
    for wrong in ("x" * 9_000, "sum(" + "(" * 2_000 + "x" + ")" * 2_001, f"sum({'x.' * 2_000}x)"):
        with pytest.raises(QueryError):
            parse_measure(wrong)
    with pytest.raises(QueryError, match="a measure is a text, such as 'count'"):
        parse_measure(5)
