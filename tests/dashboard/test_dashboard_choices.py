"""What a viewer chooses, as the URL has it."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta, timezone
from zoneinfo import available_timezones

import pytest
from flask_chest_dashboard.choices import RANGES, Choices
from hypothesis import example, given, settings
from hypothesis import strategies as st
from werkzeug.datastructures import MultiDict

from flask_chest import query
from flask_chest.errors import QueryError

TIMES = ["24h", "15m", "-3d", "0s", "2026-01-31", "2026-03-29T02:30", "2026-01-31T12:00:00+01:00",
         "0001-01-01", "9999-12-31T23:59", "999999999999w", "1d1", "now", ""]  # fmt: skip
ZONES = ["UTC", "Europe/Berlin", "America/Sao_Paulo", "Europe", "../../etc/passwd", "/etc/passwd",
         "posixrules", "x" * 300, "\0", "\ud800", "Asia/Kathmandu", ""]  # fmt: skip
FILTERS = ["tenant == 'acme'", "status_code >= 500", "status_code >= ", "'", "(" * 200, "a == 1",
           "started_at >= '24h'", "a in " + str(tuple(range(900))), "\x00", ""]  # fmt: skip
TEXTS = st.text(max_size=30)
ARGUMENTS = st.lists(
    st.one_of(
        st.tuples(st.sampled_from(["since", "until"]), st.sampled_from(TIMES) | TEXTS),
        st.tuples(st.just("tz"), st.sampled_from(ZONES) | TEXTS),
        st.tuples(st.just("where"), st.sampled_from(FILTERS) | TEXTS),
        st.tuples(st.sampled_from(["live", "odd"]), st.sampled_from(["off", "on"]) | TEXTS),
    ),
    max_size=25,
)

pytestmark = pytest.mark.opens_nothing


def read(*arguments, **cookies):
    return Choices.read(MultiDict(arguments), cookies)


def again(choices, **cookies):
    given_again = choices.arguments()
    return Choices.read(MultiDict(given_again), cookies)


@settings(max_examples=150, deadline=None)
@given(ARGUMENTS, st.sampled_from(ZONES) | TEXTS)
@example([("since", "0001-01-01"), ("tz", "Asia/Tokyo")], "")
@example([("until", "9999-12-31T23:59"), ("tz", "America/Lima")], "")
def test_whatever_is_in_a_url_is_read_or_refused_and_is_the_same_when_read_back(arguments, cookie):
    try:
        choices = read(*arguments, chest_tz=cookie)
    except QueryError:
        return
    assert again(choices, chest_tz=cookie) == replace(choices, wrong=None)
    assert choices.local("since") == "" or choices.fault is None
    for other in choices.zones:
        moved = choices.in_zone(other)
        assert again(moved, chest_tz=cookie) == replace(moved, wrong=None)
    if choices.wrong is None:
        assert choices.filter is None or query.parse(choices.filter)
    if choices.fault is None:
        window = choices.window()
        assert window.since < window.until
    else:
        with pytest.raises(QueryError):
            choices.window()


@settings(max_examples=150, deadline=None)
@given(
    st.sampled_from(sorted(available_timezones() - {"localtime"})),
    st.sampled_from([*RANGES, "90s", "3h", "2d", "200d", "900d"]),
    st.datetimes(datetime(1990, 1, 1), datetime(2037, 1, 1)),
)
@example("America/Havana", "7d", datetime(2026, 11, 1, 5, 30))
@example("Africa/Cairo", "90d", datetime(2026, 7, 24, 12))
@example("Antarctica/Troll", "30d", datetime(2026, 3, 29, 12))
@example("Pacific/Apia", "7d", datetime(2012, 1, 2))
def test_a_range_that_ends_now_begins_with_a_bucket(tz, since, now):
    now = now.replace(tzinfo=timezone.utc)
    window = Choices(since=since, tz=tz).window(now)
    assert query.bucket_begin(window.since, window.every, tz) == window.since
    assert window.since < now <= window.until < now + timedelta(seconds=3)
    # No longer than a bucket more than what was chosen.
    first = query.bucket_begin(window.until - query.distance(since), window.every, tz)
    assert first == window.since


def test_the_range_before_is_as_long_and_some_buckets_earlier():
    now = datetime(2026, 5, 20, 10, 7, 13, tzinfo=timezone.utc)
    window = Choices(since="24h").window(now)
    assert (window.since.isoformat(), window.every) == ("2026-05-19T10:00:00+00:00", "15m")
    before = window.before()
    assert before.length == window.length
    assert before.since == window.since - timedelta(hours=24, minutes=15)
    assert before.until <= window.since
    assert Choices(since="2d").length == timedelta(days=2)
    assert read(("since", "2026-03-01"), ("until", "2026-03-04")).length == timedelta(days=3)
    with pytest.raises(QueryError, match="no time before"):
        read(("since", "0001-01-02"), ("until", "0011-01-02")).window().before()


def test_viewers_of_the_same_moment_ask_the_same():
    now = datetime(2026, 5, 20, 10, 7, 13, tzinfo=timezone.utc)
    choices = Choices()
    assert choices.window(now) == choices.window(now + timedelta(seconds=0.9))
    assert choices.window(now) != choices.window(now + timedelta(seconds=2))


def test_a_time_is_that_of_the_viewers_clock_unless_it_says_otherwise():
    berlin = read(("since", "2026-03-01T12:00"), ("until", "2026-03-01T13:00Z"), tz="x")
    berlin = replace(berlin, tz="Europe/Berlin")
    window = berlin.window()
    assert window.since.isoformat() == "2026-03-01T11:00:00+00:00"
    assert window.until.isoformat() == "2026-03-01T13:00:00+00:00"
    assert (berlin.local("since"), berlin.local("until")) == (
        "2026-03-01T12:00",
        "2026-03-01T14:00",
    )
    assert not berlin.is_relative
    tokyo = berlin.in_zone("Asia/Tokyo")
    assert replace(tokyo.window(), tz=window.tz) == window
    assert tokyo.local("since") == "2026-03-01T20:00"


def test_the_zone_is_the_one_of_the_url_or_that_of_the_browser():
    assert read(chest_tz="Asia/Tokyo").tz == "Asia/Tokyo"
    assert read(chest_tz="Asia%2FTokyo").tz == "Asia/Tokyo"
    assert read(chest_tz="no/zone").tz == "UTC"
    both = read(("tz", "UTC"), chest_tz="Asia/Tokyo")
    assert (both.tz, both.zones) == ("UTC", ["Asia/Tokyo", "UTC"])
    # The choice of the browser's own zone needs no argument.
    assert both.in_zone("Asia/Tokyo").arguments() == {}
    with pytest.raises(QueryError, match="'no/zone' is no time zone"):
        read(("tz", "no/zone"))


def test_a_filter_that_cannot_be_read_is_kept_apart_and_no_question_is_asked_without_it():
    choices = read(("where", "a == 1"), ("where", "status_code > 'x'"), ("where", " a == 1 "))
    assert choices.where == ("a == 1",)
    assert choices.wrong.text == "status_code > 'x'"
    assert choices.wrong.message.endswith("^")
    with pytest.raises(QueryError, match="status_code"):
        _ = choices.filter
    assert choices.arguments() == {"where": ["a == 1"]}


def test_filters_hold_together():
    choices = read(("where", "a == 1 or b == 2"), ("where", "c == 3"))
    assert choices.filter == "(a == 1 or b == 2) and (c == 3)"
    assert choices.without("c == 3").also("d == 4").filter == "(a == 1 or b == 2) and (d == 4)"
    assert choices.unfiltered().filter is None
    many = read(*(("where", f"a == {number}") for number in range(21)))
    assert (len(many.where), many.wrong.text) == (20, "a == 20")
    assert read(*(("where", f"a == '{'x' * 3_000}{n}'") for n in range(3))).wrong is not None
