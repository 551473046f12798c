"""Lists and dicts that are taken over in one look are what the value rules would make of them."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flask_chest.encode.flat import flat
from flask_chest.encode.values import MAX_VARIABLE, _Converter, to_data
from flask_chest.redaction import PLAIN, Redactor, SecretKeys

SECRETS = [
    "password",
    "api_key",
    "prompt_tokens",
    "Bearer abcdefgh",
    "4111111111111111",
    "eyJhbGciOi.a.b",
]
CARD = 4_111_111_111_111_111

texts = st.text(max_size=50) | st.sampled_from([*SECRETS, "new", "a b", "x" * 36])
leaves = (
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.sampled_from([CARD, float(CARD), math.nan, math.inf, -0.0])
    | st.floats()
    | texts
)
inner = leaves | st.lists(leaves, max_size=2)
containers = (
    st.lists(inner, max_size=4)
    | st.lists(inner, max_size=3).map(tuple)
    | st.dictionaries(texts | st.integers(), inner, max_size=4)
    | st.integers(60, 70).map(lambda number: ["x"] * number)
)
redact = Redactor(SecretKeys(()))


@given(containers, st.sampled_from([0, 40, 100, MAX_VARIABLE]))
def test_any_list_and_dict_is_what_the_value_rules_make_of_it(value, room):
    converter = _Converter(room, redact, named=True)
    slowly = converter.revealed(PLAIN, value, 0)
    form, taken = to_data(value, PLAIN, room, redact, named=True)
    assert repr(form) == repr(slowly)  # NaN aside from nothing, True aside from 1
    assert taken == room - converter.room


@pytest.mark.parametrize(
    "value",
    [
        ["new", "mobile", 3, 2.5, None, True],
        {"method": "express", "days": 1, "gift": False},
        ("a", "b"),
        [],
        {},
    ],
)
def test_what_is_short_and_simple_takes_one_look_and_is_a_copy(value):
    known = flat(value, redact)
    assert known is not None
    assert known[0] == (list(value) if type(value) is tuple else value)
    assert known[0] is not value


@pytest.mark.parametrize(
    "value",
    [
        ["password", "x"],
        {"password": "x"},
        {"prompt_tokens": 12},  # only numbers are no secret under such a key
        {1: 2},
        ["Bearer abcdefgh"],
        [CARD],
        [math.nan],
        [[1]],
        ["x" * 41],
        list(range(65)),
        {"a": "\0"},
        set(),
        "text",
    ],
)
def test_anything_else_is_left_to_the_value_rules(value):
    assert flat(value, redact) is None
