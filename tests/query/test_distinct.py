"""Different values: exact up to a number, then estimated within two percent."""

from __future__ import annotations

import pytest

from flask_chest.query import distinct, sketch
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
    for first, second in ((100, 100), (300, 300), (900, 300), (300, 900), (900, 900), (499, 501)):
        merged = of(range(first))
        merged.merge(of(range(200, 200 + second)))
        wanted = len({*range(first), *range(200, 200 + second)})
        assert merged.count() == pytest.approx(wanted, rel=0.02)
        is_exact = max(first, second, wanted) <= 500
        assert (merged.sketch is None) == is_exact
        assert merged.count() == wanted or not is_exact


@pytest.mark.parametrize("share", [0.001, 0.25, 0.5, 0.9, 0.999])
def test_the_correction_for_full_registers_is_that_of_ertls_paper(share):
    """Equation 19 of "New cardinality estimation algorithms for HyperLogLog sketches"."""
    terms = ((1 - share**2.0**-k) ** 2 * 2.0**-k for k in range(1, 80))
    assert sketch._tau(share) == pytest.approx((1 - share - sum(terms)) / 3, rel=1e-12)
    assert sketch._tau(0.0) == sketch._tau(1.0) == 0.0
