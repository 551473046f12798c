"""A comparison of numbers means the same after it was moved to integers or floats."""

from __future__ import annotations

import math

import pytest
from flask_chest_sql.compiler import OPERATORS
from flask_chest_sql.exact import with_floats, with_integers
from hypothesis import given, settings
from hypothesis import strategies as st

pytestmark = pytest.mark.opens_nothing

INTEGERS = st.one_of(
    st.integers(-(2**63), 2**63 - 1),
    st.sampled_from([0, 1, -1, 2**53, 2**53 + 1, 2**63 - 1, -(2**63)]),
)
FLOATS = st.one_of(
    st.floats(allow_nan=False, allow_infinity=False),
    st.sampled_from([0.5, -0.5, 2.0**53, 2.0**63, -(2.0**63), 1e300, 5e-324]),
)
COMPARISONS = st.sampled_from(sorted(OPERATORS))


@settings(max_examples=300, deadline=None)
@given(COMPARISONS, INTEGERS | FLOATS, FLOATS, INTEGERS)
def test_it_holds_for_the_same_numbers(comparison, value, number, whole):
    for convert, numbers, kind in (
        (with_floats, (number, float(value)), float),
        (with_integers, (whole, math.floor(value)), int),
    ):
        same = convert(comparison, value)
        if not isinstance(same, bool):
            assert type(same[1]) is kind
        for each in numbers:
            if kind is int and not -(2**63) <= each < 2**63:
                continue
            expected = OPERATORS[comparison](each, value)
            found = same if isinstance(same, bool) else OPERATORS[same[0]](each, same[1])
            assert found is expected, (comparison, value, each)
