"""Ranges of time in which a page is looked for have every moment of the days once, in order."""

from __future__ import annotations

from datetime import date, datetime, timezone
from itertools import pairwise

import pytest
from flask_chest_parquet.windows import DAY, Window, day_of, microseconds, moment, of_day, windows
from hypothesis import given
from hypothesis import strategies as st

pytestmark = pytest.mark.opens_nothing

DAYS = st.lists(st.integers(-800_000, 2_900_000), min_size=1, max_size=20, unique=True)


@given(DAYS, st.integers(0, 40 * DAY), st.booleans())
def test_each_moment_of_the_days_is_in_one_range_and_they_are_in_order(numbers, first, descending):
    days = [Window(n * DAY + n % 7, (n + 1) * DAY) for n in sorted(numbers, reverse=descending)]
    found = list(windows(days, first, descending=descending))
    assert found == sorted(found, reverse=descending)
    assert all(one.begin < one.end for one in found)
    ordered = sorted(found)
    assert all(one.end <= other.begin for one, other in pairwise(ordered))
    for day in days:
        parts = [Window(max(o.begin, day.begin), min(o.end, day.end)) for o in found]
        assert sum(max(part.end - part.begin, 0) for part in parts) == day.end - day.begin


def test_the_first_range_is_short_and_each_is_longer_than_the_one_before():
    days = [of_day(date(2026, 11, number)) for number in range(30, 0, -1)]
    found = list(windows(days, DAY // 100, descending=True))
    assert found[0] == Window(days[0].end - DAY // 100, days[0].end)
    assert [one.end - one.begin for one in found[:2]] == [DAY // 100, DAY // 100 * 8]
    assert len(found) < 8


def test_the_first_and_the_last_day_of_all_time_are_days():
    assert of_day(date.max).days == (date.max, date.max)
    assert day_of(of_day(date.min).begin) == date.min
    late = datetime.max.replace(tzinfo=timezone.utc)
    assert moment(microseconds(late)) == late
    assert microseconds(late) < of_day(date.max).end
