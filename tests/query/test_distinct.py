"""Different values: exact up to a number, then estimated within two percent."""

from __future__ import annotations

import pytest

from flask_chest.query import distinct
from flask_chest.query.distinct import EXACT, Distinct

pytestmark = pytest.mark.opens_nothing


def of(values):
    found = Distinct()
    for value in values:
        found.add(value)
    return found


def test_few_values_are_counted_exactly_by_their_type():
    assert of([1, 1.0, True, "1", "true", "", 2**53, 2**53 + 1]).count() == 7
    assert of(range(EXACT)).count() == EXACT
    assert of(range(EXACT)).size == EXACT


def test_many_values_are_estimated_in_bounded_memory():
    found = of(f"u-{number}" for number in range(60_000))
    assert found.count() == pytest.approx(60_000, rel=0.02)
    assert found.size == EXACT
    assert not found._values


def test_any_two_are_merged_to_the_same_count(monkeypatch):
    monkeypatch.setattr(distinct, "EXACT", 500)
    for first, second in ((300, 300), (900, 300), (300, 900), (900, 900), (499, 501)):
        merged = of(range(first))
        merged.merge(of(range(200, 200 + second)))
        wanted = len({*range(first), *range(200, 200 + second)})
        assert merged.count() == pytest.approx(wanted, rel=0.02)
        assert merged.count() == wanted or merged.sketch is not None
