"""The time before a range, where the clocks change."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from zoneinfo import ZoneInfo

import pytest
from flask_chest_dashboard.charts.over_time import charts_of
from flask_chest_dashboard.choices import Choices
from hypothesis import example, given, settings
from hypothesis import strategies as st

from flask_chest import query
from flask_chest.memory_store import MemoryStore
from flask_chest.query.buckets import buckets, length
from flask_chest.testing import make_batch, make_record

BERLIN = "Europe/Berlin"
HOUR = timedelta(hours=1)

pytestmark = pytest.mark.opens_nothing


def shown(found, index):
    """Return what the clocks show where a bucket begins."""
    return datetime.fromisoformat(found.label(index)).replace(tzinfo=None)


@settings(max_examples=200, deadline=None)
@given(
    st.sampled_from([BERLIN, "America/New_York", "America/Santiago", "Africa/Cairo"]),
    st.sampled_from(["4d", "7d", "30d", "90d", "365d"]),
    st.datetimes(datetime(2024, 1, 1), datetime(2027, 1, 1)),
)
@example(BERLIN, "7d", datetime(2026, 3, 29, 1))  # when the clocks go forward
@example(BERLIN, "7d", datetime(2026, 10, 25, 1))  # when they go back
@example(BERLIN, "30d", datetime(2026, 4, 20))
@example(BERLIN, "90d", datetime(2026, 5, 4))
@example(BERLIN, "365d", datetime(2026, 11, 20))
@example("Africa/Cairo", "90d", datetime(2026, 4, 23, 22))  # this day begins at 1
def test_it_has_the_same_buckets_whenever_the_clocks_change(tz, since, now):
    window = Choices(since=since, tz=tz).window(now.replace(tzinfo=timezone.utc))
    before = window.before()
    assert before.until <= window.since
    assert abs(before.length - window.length) <= 2 * HOUR  # back in one, forward in the other
    assert query.bucket_begin(before.since, before.every, tz) == before.since
    found, earlier = (
        buckets(each.since, each.until, length(each.every), ZoneInfo(tz))
        for each in (window, before)
    )
    assert len(found) == len(earlier)
    distances = [shown(found, each) - shown(earlier, each) for each in range(len(found))]
    # Where the clocks skip the beginning of a bucket, it begins an hour later.
    usual = max(distances, key=distances.count)
    assert sum(each != usual for each in distances) <= 2
    assert all(abs(each - usual) <= HOUR for each in distances)


@pytest.mark.parametrize(
    ("since", "until", "every"),
    [
        ("2026-03-30", "2026-04-06", "2h"),
        ("2026-03-30", "2026-04-20", "6h"),
        ("2026-03-30", "2026-05-04", "1d"),
        ("2026-03-16", "2026-03-30", "6h"),
        ("2026-10-26", "2026-11-02", "2h"),
        ("2026-10-26", "2026-11-16", "6h"),
        ("2026-10-26", "2026-11-30", "1d"),
    ],
)
def test_what_was_slow_each_monday_is_drawn_on_mondays(since, until, every):
    store = MemoryStore(10**9)
    noon = datetime(2025, 10, 6, 12, 30, tzinfo=ZoneInfo(BERLIN))
    days = (noon + timedelta(days=each) for each in range(600))  # of the clocks
    store.export(
        make_batch(
            *(
                make_record(
                    started_at=day.astimezone(timezone.utc),
                    duration_ms=10.0 if day.weekday() else 1_000.0,
                )
                for day in days
            )
        )
    )
    window = Choices(since=since, until=until, tz=BERLIN).window()
    assert window.every == every
    [*_, durations] = charts_of(store, window, None, BERLIN)
    lines = {line.title: line.values for line in durations.series}
    places = [
        [place for place, value in enumerate(lines[title]) if value and value > 500]
        for title in ("p95", "p95 before")
    ]
    assert places[0] == places[1]
    assert len(places[0]) == round(window.length / timedelta(weeks=1))
