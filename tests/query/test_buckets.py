"""Buckets of time in time zones."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flask_chest import query
from flask_chest.errors import QueryError
from flask_chest.query.buckets import buckets, length, zone

pytestmark = pytest.mark.opens_nothing


def made(begin, end, every, tz="Europe/Berlin"):
    zoned = [datetime.fromisoformat(each).replace(tzinfo=zone(tz)) for each in (begin, end)]
    return buckets(*zoned, length(every), zone(tz))


def hours(found):
    return [
        (last - first) / 3_600
        for first, last in zip(found.borders, found.borders[1:], strict=False)
    ]


def labels(found):
    return [found.label(at) for at in range(len(found))]


def test_days_begin_at_midnight_and_have_23_to_25_hours():
    spring = made("2026-03-28T12:00", "2026-03-30T12:00", "1d")
    assert hours(spring) == [24, 23, 24]
    assert labels(spring)[1:] == ["2026-03-29T00:00:00+01:00", "2026-03-30T00:00:00+02:00"]
    assert hours(made("2026-10-24", "2026-10-26T12:00", "1d")) == [24, 25, 24]
    assert hours(made("2018-11-03", "2018-11-05", "1d", "America/Sao_Paulo")) == [24, 23]


def test_hours_are_of_one_length_and_longer_buckets_follow_the_clock():
    autumn = made("2026-10-25T00:00", "2026-10-26T00:00", "1h")
    assert hours(autumn) == [1] * 25
    assert hours(made("2026-10-25T00:00", "2026-10-26T00:00", "6h")) == [7, 6, 6, 6]
    assert hours(made("2026-03-29T00:00", "2026-03-29T06:00", "2h")) == [2, 1, 2]


def test_weeks_begin_on_monday_months_and_years_on_their_first_day():
    assert labels(made("2026-11-29", "2026-12-08", "1w", "UTC")) == [
        "2026-11-23T00:00:00+00:00", "2026-11-30T00:00:00+00:00", "2026-12-07T00:00:00+00:00",
    ]  # fmt: skip
    assert labels(made("2026-02-03", "2026-04-01", "1mo")) == [
        "2026-02-01T00:00:00+01:00", "2026-03-01T00:00:00+01:00",
    ]  # fmt: skip
    assert labels(made("2026-02-03", "2026-04-01", "3mo", "UTC")) == ["2026-01-01T00:00:00+00:00"]
    assert labels(made("2025-02-03", "2026-04-01", "1y", "Asia/Kathmandu")) == [
        "2025-01-01T00:00:00+05:45", "2026-01-01T00:00:00+05:45",
    ]  # fmt: skip


@settings(max_examples=60, deadline=None)
@given(
    st.datetimes(datetime(1950, 1, 1), datetime(2100, 1, 1)),
    st.integers(0, 10**6),
    st.sampled_from(["5s", "1m", "15m", "1h", "6h", "24h", "1d", "3d", "1w", "2w", "1mo", "1y"]),
    st.sampled_from(
        ["UTC", "Europe/Berlin", "Asia/Kathmandu", "Australia/Lord_Howe", "Africa/Cairo"]
    ),
)
def test_every_moment_of_the_range_is_in_one_bucket_of_whole_slots(begin, seconds, every, tz):
    begin = begin.replace(tzinfo=timezone.utc)
    seconds = min(seconds, 1_000 * length(every).shortest_seconds)
    end = begin + timedelta(seconds=seconds)
    found = buckets(begin, end, length(every), zone(tz))
    assert list(found.borders) == sorted(set(found.borders))
    assert found.borders[0] <= begin.timestamp()
    assert found.borders[-1] >= end.timestamp()
    assert found.borders[1] > begin.timestamp()
    assert len(found) < 2 or found.borders[-2] < end.timestamp()
    assert all(border % found.slot_seconds == 0 for border in found.borders)
    assert found.at(int(begin.timestamp() // 1)) == 0
    assert query.bucket_begin(begin, every, tz).timestamp() == found.borders[0]
    for at in {0, len(found) - 1}:
        assert datetime.fromisoformat(found.label(at)).timestamp() == found.borders[at]
        if every.endswith(("d", "w", "mo", "y")) and tz != "Africa/Cairo":  # where midnights lack
            assert "T00:00:00" in found.label(at)


@pytest.mark.parametrize(
    ("every", "reason"),
    [
        ("7m", "a day has no whole number of these. Write 6m or 8m"),
        ("5h", "Write 4h or 6h"),
        ("36h", "write it in days"),
        ("5mo", "Write 4mo or 6mo"),
        ("24mo", "write it in years"),
        ("0h", "Write a number and a unit: 30s, 5m"),
        ("1.5h", "no length of a bucket"),
        ("hour", "no length of a bucket"),
        (3_600, "no length of a bucket"),
    ],
)
def test_a_wrong_length_is_refused_with_the_nearest(every, reason):
    with pytest.raises(QueryError, match=reason):
        length(every)


@pytest.mark.parametrize(
    ("tz", "reason"),
    [
        ("Europe/Berln", "Write 'Europe/Berlin'"),
        ("utc", "Write 'UTC'"),
        ("/etc/passwd", "no time zone"),
        ("../Europe/Berlin", "no time zone"),
        ("", "no time zone"),
        (2, "no time zone"),
    ],
)
def test_a_wrong_time_zone_is_refused_with_the_nearest(tz, reason):
    with pytest.raises(QueryError, match=reason):
        zone(tz)
    assert zone("Europe/Berlin") == ZoneInfo("Europe/Berlin")


def test_too_many_buckets_are_refused_before_they_are_made():
    with pytest.raises(QueryError, match=r"every='1s' makes 63,\d+,000 buckets.*a longer one"):
        made("2026-01-01", "2028-01-01", "1s", "UTC")
    last = datetime.max.replace(tzinfo=timezone.utc)
    with pytest.raises(QueryError, match="the last year"):
        buckets(last - timedelta(hours=5), last, length("1d"), timezone.utc)
