"""What takes the fast path has the form that the value rules give it."""

from __future__ import annotations

import math
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markupsafe import Markup
from support.json_forms import convert
from support.value_samples import Level

from flask_chest.encode.fast_path import flat_copy, is_json_scalar
from flask_chest.encode.limits import MAX_TEXT, MAX_VARIABLE
from flask_chest.encode.values import Conversion, to_data
from flask_chest.redaction import PLAIN, Budget, Redactor, SecretKeys

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
def test_any_list_and_dict_has_the_form_that_the_value_rules_give_it(value, room):
    conversion = Conversion(room, redact, Budget(), named=True)
    slowly = conversion.convert_keyed(PLAIN, value, 0)
    form, taken = to_data(value, PLAIN, room, redact, Budget(), named=True)
    assert repr(form) == repr(slowly)  # so that NaN is NaN, and True is not 1
    assert taken == room - conversion.room


@pytest.mark.parametrize(
    "value",
    [
        ["new", "mobile", 3, 2.5, None, True],
        {"method": "express", "days": 1, "gift": False},
        {"prompt_tokens": 12, "completion_tokens": None},
        ("a", "b"),
        [],
        {},
    ],
)
def test_a_flat_list_or_dict_is_copied(value):
    known = flat_copy(value, redact)
    assert known is not None
    assert known[0] == (list(value) if type(value) is tuple else value)
    assert known[0] is not value


@pytest.mark.parametrize(
    "value",
    [
        ["password", "x"],
        {"password": "x"},
        {"prompt_tokens": "x"},  # only numbers are no secret under such a key
        {"name": "password", "value": "x"},
        ["-px"],
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
def test_any_other_value_is_left_to_the_value_rules(value):
    assert flat_copy(value, redact) is None


@pytest.mark.parametrize(
    "value", ["a", "", 0, 2**63 - 1, -(2**63), 0.5, True, False, None, "a" * MAX_TEXT]
)
def test_a_short_scalar_goes_into_json_as_it_is(value):
    assert is_json_scalar(value)
    assert convert(value) is value


@pytest.mark.parametrize(
    "value",
    [
        *("ä", "\0", "a" * (MAX_TEXT + 1), Markup("a"), b""),
        *(2**63, -(2**63) - 1, math.nan, math.inf, Level.HIGH, Decimal(1)),
        *([], {}, (), object(), bool),
    ],
    ids=lambda value: repr(value)[:20],
)
def test_any_other_value_does_not(value):
    assert not is_json_scalar(value)
