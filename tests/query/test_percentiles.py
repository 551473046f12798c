"""Percentiles of weighted values, at their limits."""

from __future__ import annotations

import pytest

from flask_chest.query.histogram import Ranking

pytestmark = pytest.mark.opens_nothing


def test_the_highest_percentile_is_the_largest_value_though_sums_of_weights_are_rounded():
    # Added one by one to 1e16, each 1.0 is lost; their exact sum is not.
    weights = {0.0: 1e16, **{float(value): 1.0 for value in range(1, 20_001)}}
    assert Ranking(weights).percentile(100) == 20_000.0
