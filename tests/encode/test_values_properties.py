"""Any value at all becomes strict JSON within the limits."""

from __future__ import annotations

import collections
import types
from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from support.hostile_values import RAISING, Hostile, endless, hostile
from support.json_forms import convert, record
from support.value_samples import DATA, NO_DATA, Color, Model, Plain
from werkzeug.local import LocalProxy

from flask_chest.encode.text import clean_text
from flask_chest.encode.values import NotData

pytestmark = pytest.mark.opens_nothing


texts = st.text(st.characters(exclude_categories=()), max_size=30)


scalars = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.integers(min_value=-(2**2000), max_value=2**2000),
    st.floats(),
    st.complex_numbers(),
    texts,
    texts.map(lambda text: text * 2_000),
    st.binary(max_size=50),
    st.binary(max_size=50).map(lambda raw: raw * 2_000),
    st.binary(max_size=50).map(bytearray),
    st.binary(max_size=50).map(memoryview),
    st.decimals(),
    st.fractions(),
    st.datetimes(timezones=st.none() | st.timezones()),
    st.dates(),
    st.times(),
    st.timedeltas(),
    st.uuids(),
    st.ip_addresses(),
)


HOSTILE = {
    **{kind: value for kind, (value, _) in DATA.items()},
    **NO_DATA,
    **RAISING,
    "hostile str": hostile(str)("a"),
    "hostile int": hostile(int)(1),
    "hostile dict": hostile(dict)(a=1),
    "endless sequence": hostile(Sequence, __iter__=endless)(),
    "endless set": hostile(AbstractSet, __iter__=endless)(),
    "proxy to what raises": LocalProxy(Hostile),
}


ODD_KEYS = [Hostile(), Color.RED, Plain, hostile(str)("a"), "a" * 300, "…", "1", 1]


class Made:
    def __init__(self, make):
        self.make = make


def made(strategy, build=lambda value: value):
    # In a tuple: else `map` goes into each branch of `one_of`, and five levels are 39,000 branches.
    return st.tuples(strategy).map(lambda drawn: Made(lambda: build(*drawn)))


keys = made(texts | st.integers() | st.floats() | st.none() | st.booleans() | st.binary(max_size=5))


keys |= made(st.tuples(texts, st.integers())) | made(st.integers(0, 7), lambda i: ODD_KEYS[i])


def containers(values):
    items = st.lists(values, max_size=8)
    pairs = st.lists(st.tuples(keys, values), max_size=8)
    kinds = (list, tuple, collections.deque, collections.UserList, iter)
    wraps = (Plain, lambda value: Model.model_construct(x=value))
    wraps += (lambda value: [[value] * 3] * 3, lambda value: types.SimpleNamespace(x=value))
    wraps += (lambda value: LocalProxy(lambda: value), lambda value: {"a": value, "b": [value]})

    def unhashed(pairs):
        return hostile(Mapping, items=lambda _self: [(k.make(), v.make()) for k, v in pairs])()

    return st.one_of(
        *(made(items, lambda them, kind=kind: kind([it.make() for it in them])) for kind in kinds),
        *(made(values, lambda it, wrap=wrap: wrap(it.make())) for wrap in wraps),
        made(pairs, lambda them: {key.make(): value.make() for key, value in them}),
        made(pairs, lambda them: {key.make() for key, _ in them}),
        made(pairs, unhashed),
    )


odd = made(st.sampled_from(sorted(HOSTILE)), lambda kind: HOSTILE[kind])


anything = st.recursive(made(scalars) | odd, containers, max_leaves=30)


json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0")),
    lambda values: st.lists(values) | st.dictionaries(st.text("abcß"), values),
    max_leaves=20,
)


thorough = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])


@thorough
@given(anything)
def test_any_value_becomes_strict_json_within_the_limits(made):
    value = made.make()
    convert(value, named=True)
    try:
        convert(value, named=False)
    except NotData:
        record({"v": value, "w": 1}, "*")


@thorough
@given(json_values)
def test_a_json_value_stays_as_it_is(value):
    assert repr(convert(value)) == repr(value)


@settings(thorough, max_examples=100)
@given(st.dictionaries(texts, anything, max_size=6))
def test_any_variables_make_a_record(variables):
    variables = {name: made.make() for name, made in variables.items()}
    data, skipped = record(variables, "*")
    assert len(data) + skipped == len(variables)


@thorough
@given(texts, st.integers(30, 200))
def test_clean_text_keeps_to_its_limit(text, limit):
    for each in (text, text * 20):
        cleaned = clean_text(each, limit)
        cleaned.encode()
        assert len(cleaned) <= limit
        assert "\0" not in cleaned
        assert cleaned == clean_text(cleaned, limit)
        assert cleaned.endswith(f"…[cut, {len(each)} characters]") == (len(each) > limit)
