"""Filters: what each means, against a naive evaluator with three truth values."""

from __future__ import annotations

import operator
from datetime import datetime, timedelta, timezone

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flask_chest.query import Filter, parse
from flask_chest.query.nodes import FIELDS, NULLABLE, Compare, Field, Variable
from flask_chest.query.times import distance, spoken
from flask_chest.record import Record, RecordData
from flask_chest.testing import make_record
from flask_chest.testing.records import START

pytestmark = pytest.mark.opens_nothing


def matches(text, **fields):
    return parse(text).matches(make_record(**fields))


# -- Meaning -----------------------------------------------------------------------------------


def test_the_fields_are_those_of_a_record():
    assert set(FIELDS) | {"variables"} == set(RecordData.__annotations__)
    for name, hint in Record.__annotations__.items():
        assert ("None" in hint) == (name in NULLABLE), name


@pytest.mark.parametrize(
    ("text", "variables", "expected"),
    [
        ("tenant == 'acme'", {"tenant": "acme"}, True),
        ("tenant == 'acme'", {"tenant": "Acme"}, False),
        ("'acme' == tenant", {"tenant": "acme"}, True),
        ("5 < total", {"total": 6}, True),
        ("1 < total <= 3 < other", {"total": 3, "other": 4}, True),
        ("1 < total <= 3 < other", {"total": 4, "other": 4}, False),
        ("total == 1.0", {"total": 1}, True),
        ("total == -1", {"total": -1}, True),
        ("total in (1, 'a')", {"total": "a"}, True),
        ("total not in (1, 'a')", {"total": "b"}, True),
        ("total not in (1, 'a')", {"total": 1.0}, False),
        ("total not in (1, 'a')", {"total": True}, False),
        ("total not in [1]", {}, False),
        ("not (a == 1 and b == 2)", {"a": 1, "b": 3}, True),
        ("not (a == 1 or b == 2)", {"a": 1, "b": 3}, False),
        ("not (a == 1 or b == 2)", {"a": 3, "b": 3}, True),
        ("not not a == 1", {"a": 1}, True),
        ("ok == True", {"ok": True}, True),
        ("ok == True", {"ok": 1}, False),
        ("ok == 1", {"ok": True}, False),
        ("ok != True", {"ok": False}, True),
        ("name < 'b'", {"name": "a"}, True),
        ("contains(name, 'é')", {"name": "café"}, True),
        ("startswith(name, 'ca')", {"name": "café"}, True),
        ("endswith(name, 'ca')", {"name": "café"}, False),
        ("not contains(name, 'x')", {"name": "café"}, True),
        ("not contains(name, 'x')", {"name": 5}, False),
        ("user.plan == 'pro'", {"user": {"plan": "pro"}}, True),
        ("user.plan == 'pro'", {"user": "pro"}, False),
        ("user.plan.x is None", {"user": {"plan": "pro"}}, True),
        ("variables['odd name'].a == 1", {"odd name": {"a": 1}}, True),
        ("variables['path'] == '/'", {"path": "/"}, True),
        ("user['odd key'] == 1", {"user": {"odd key": 1}}, True),
        ("variables.tenant == 1", {"tenant": 1}, True),
        ("app.release == '1.2'", {"app.release": "1.2"}, True),
        ("app.release == '1.2'", {"app": {"release": "1.2"}}, False),
        ("variables['app'].release == '1.2'", {"app": {"release": "1.2"}}, True),
        ("app == 1", {"app": 1}, True),
        ("request.query.page == '2'", {"request.query.page": "2"}, True),
        ("request.headers.X_Plan == '2'", {"request.headers.x-plan": "2"}, True),
        ("response.headers['X-Plan'] == '2'", {"response.headers.x-plan": "2"}, True),
        ("a == 9223372036854775807", {"a": 2**63 - 1}, True),
        ("a < 99999999999999999999999", {"a": 1e22}, True),
        ("a == 'x#y'", {"a": "x#y"}, True),
        ("  (a == 1\n  and b == 2)\r\n", {"a": 1, "b": 2}, True),
        (r"a == 'it\'s\n'", {"a": "it's\n"}, True),
        (r"a == r'\d'", {"a": r"\d"}, True),
        ("a == '''x'y'''", {"a": "x'y"}, True),
    ],
)  # fmt: skip
def test_a_condition_on_variables(text, variables, expected):
    assert matches(text, variables=variables) is expected


@pytest.mark.parametrize(
    ("value", "satisfied"),
    [
        ({}, {"is null", "does not exist"}),
        ({"a": None}, {"is null", "exists"}),
        ({"a": 1}, {"exists", "is not null", "== 1"}),
        ({"a": 2}, {"exists", "is not null", "!= 1"}),
        ({"a": "1"}, {"exists", "is not null"}),
        ({"a": True}, {"exists", "is not null"}),
        ({"a": [1]}, {"exists", "is not null"}),
        ({"a": {}}, {"exists", "is not null"}),
    ],
)
def test_what_is_missing_or_of_another_type_satisfies_no_comparison_and_no_opposite(
    value, satisfied
):
    texts = {
        "is null": ("a is None", "not (a is not None)"),
        "is not null": ("a is not None", "not (a is None)"),
        "exists": ("exists(a)", "not (not exists(a))"),
        "does not exist": ("not exists(a)",),
        "== 1": ("a == 1", "not (a != 1)", "a in (1,)", "not a not in (1,)"),
        "!= 1": ("a != 1", "not (a == 1)", "a not in (1,)", "not (a in (1,))"),
    }
    for name, forms in texts.items():
        for form in forms:
            assert matches(form, variables=value) is (name in satisfied), form


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("status_code >= 500", True),
        ("status_code in (200, 503)", True),
        ("route is None", True),
        ("not (route is None)", False),
        ("route != '/'", False),
        ("path == '/cart/1' and method != 'POST'", True),
        ("started_at >= '2024-05-01T12:00:00.123456Z'", True),
        ("started_at > '2024-05-01T12:00:00.123456Z'", False),
        ("started_at == '2024-05-01T14:00:00.123456+02:00'", True),
        ("started_at >= '2024-05-01'", True),
        ("started_at < '2024-05-02'", True),
        ("'2024-05-01' <= started_at < '2024-05-02'", True),
        ("started_at in ('2024-05-01 12:00:00.123456',)", True),
    ],
)
def test_a_condition_on_fields(text, expected):
    assert matches(text, status_code=503, route=None) is expected


@pytest.mark.parametrize("text", ["24h", "-24h", "1d", "1440m", "86400s", "0.142857w"])
def test_a_distance_is_measured_back_from_now(text):
    now = START + timedelta(days=1)
    after = parse(f"started_at > '{text}'", now=now + timedelta(seconds=1))
    before = parse(f"started_at > '{text}'", now=now - timedelta(seconds=1))
    assert not after.matches(make_record())
    assert before.matches(make_record())


@pytest.mark.parametrize(
    ("text", "said"),
    [
        *(("30d", "30 days"), ("1d", "1 day"), ("36h", "36 hours"), ("90m", "90 minutes")),
        *(("90s", "90 seconds"), ("1s", "1 second"), ("1.5s", "1.5 seconds"), ("1w", "7 days")),
    ],
)
def test_a_distance_is_said_in_the_largest_unit_that_fits(text, said):
    assert spoken(distance(text)) == said


def test_the_parts_of_a_filter_are_plain_values():
    found = parse("not (user.plan == 'pro')")
    assert found == Filter(
        "not (user.plan == 'pro')", Compare(Variable(("user", "plan")), "!=", "pro")
    )
    assert str(found) == "not (user.plan == 'pro')"
    assert hash(found) == hash(parse(found.text))
    moment = datetime(2024, 5, 1, tzinfo=timezone.utc)
    assert parse("started_at < '2024-05-01'").root == Compare(Field("started_at"), "<", moment)


@pytest.mark.parametrize(
    "record",
    [
        {},
        {"variables": None, "started_at": None, "status_code": "x", "path": 5},
        {"variables": [1], "started_at": "31 o'clock", "status_code": [], "path": None},
    ],
)
def test_a_corrupt_record_satisfies_no_comparison_and_raises_nothing(record):
    for text in ("a == 1", "started_at < '2999-01-01'", "status_code > 0", "contains(path, '')"):
        assert parse(text).matches(record) is False
        assert parse(f"not ({text})").matches(record) is False
    assert parse("a is None").matches(record) is True


# -- Against a naive evaluator ---------------------------------------------------------------------

_OPERATORS = {
    "==": operator.eq, "!=": operator.ne, "<": operator.lt,
    "<=": operator.le, ">": operator.gt, ">=": operator.ge,
}  # fmt: skip
_VALUES = st.sampled_from([0, 1, 2.5, -7, 1e300, 2**62, "", "a", "b", "é", "ab", True, False])
_STORED = st.one_of(_VALUES, st.none(), st.just([1]), st.just({"plan": "a"}), st.just({"plan": 1}))
_NAMES = st.sampled_from(["a", "b", "user.plan", "variables['x y']"])
_GONE = object()


def _type(value):
    return {bool: "b", int: "n", float: "n", str: "t"}.get(type(value))


def _look_up(name, record):
    variables = record["variables"]
    if name == "user.plan":
        inside = variables.get("user")
        return inside.get("plan", _GONE) if isinstance(inside, dict) else _GONE
    return variables.get("x y" if "x y" in name else name, _GONE)


@st.composite
def _comparisons(draw):
    name, sign, value = draw(_NAMES), draw(st.sampled_from(sorted(_OPERATORS))), draw(_VALUES)
    if isinstance(value, bool):
        sign = draw(st.sampled_from(["==", "!="]))

    def holds(record):
        found = _look_up(name, record)
        return _OPERATORS[sign](found, value) if _type(found) == _type(value) else None

    return f"{name} {sign} {value!r}", holds


@st.composite
def _memberships(draw):
    name, values = draw(_NAMES), draw(st.lists(_VALUES, min_size=1, max_size=3))

    def holds(record):
        found = _look_up(name, record)
        alike = [value for value in values if _type(value) == _type(found)]
        return found in alike if alike else None

    return f"{name} in ({', '.join(map(repr, values))},)", holds


@st.composite
def _text_tests(draw):
    name, part = draw(_NAMES), draw(st.sampled_from(["", "a", "b", "é"]))
    test = draw(st.sampled_from(["contains", "startswith", "endswith"]))

    def holds(record):
        found = _look_up(name, record)
        if not isinstance(found, str):
            return None
        return part in found if test == "contains" else getattr(found, test)(part)

    return f"{test}({name}, {part!r})", holds


@st.composite
def _presences(draw):
    name, form = draw(_NAMES), draw(st.sampled_from(["{} is None", "exists({})"]))

    def holds(record):
        found = _look_up(name, record)
        return found is not _GONE if form == "exists({})" else found is _GONE or found is None

    return form.format(name), holds


def _combine(inner):
    @st.composite
    def combined(draw):
        word = draw(st.sampled_from(["and", "or", "not"]))
        parts = draw(st.lists(inner, min_size=1, max_size=1 if word == "not" else 3))
        texts, tests = zip(*parts, strict=True)
        if word == "not":
            opposite = {True: False, False: True, None: None}
            return f"not ({texts[0]})", lambda record: opposite[tests[0](record)]

        def holds(record):
            found = [test(record) for test in tests]
            decisive = word == "or"
            if decisive in found:
                return decisive
            return None if None in found else not decisive

        return f" {word} ".join(f"({text})" for text in texts), holds

    return combined()


_CONDITIONS = st.recursive(
    st.one_of(_comparisons(), _memberships(), _text_tests(), _presences()), _combine, max_leaves=8
)
_VARIABLES = st.dictionaries(st.sampled_from(["a", "b", "user", "x y"]), _STORED)


@settings(max_examples=400, deadline=None)
@given(condition=_CONDITIONS, variables=st.lists(_VARIABLES, min_size=1, max_size=5))
def test_a_filter_matches_what_is_true_in_three_valued_logic(condition, variables):
    text, holds = condition
    found = parse(text)
    for each in variables:
        record = make_record(variables=each)
        assert found.matches(record) is (holds(record) is True), text
