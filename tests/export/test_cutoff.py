"""No clock that is wrong makes the retention delete what it should keep."""

from __future__ import annotations

import logging
from datetime import datetime, timedelta, timezone

import pytest
from flask_chest_sqlite import SqliteConfig, SqliteStore

from flask_chest.export import cutoff
from flask_chest.export.cutoff import Cutoff
from flask_chest.runtime.log import Throttle
from flask_chest.testing import make_batch, make_record

DAY = timedelta(days=1)
HOUR = timedelta(hours=1)
TODAY = datetime(2026, 11, 29, 3, tzinfo=timezone.utc)


class Clocks:
    """The clocks of a host: one that only goes forward, and one that may be wrong."""

    def __init__(self):
        self.seconds = 1_000.0
        self.wall = TODAY

    def monotonic(self):
        return self.seconds

    def unix_us(self):
        return int(self.wall.timestamp() * 1e6)

    def go_on(self, duration, cut=None, step=HOUR):
        """Let time pass; `cut` looks at the clock as often as the leader does."""
        while duration > timedelta(0):
            part = min(step, duration)
            duration -= part
            self.seconds += part.total_seconds()
            self.wall += part
            if cut is not None:
                cut.observe()


@pytest.fixture
def clocks(monkeypatch):
    clocks = Clocks()
    monkeypatch.setattr(cutoff, "time", clocks)
    monkeypatch.setattr(cutoff, "clock", clocks)
    return clocks


@pytest.fixture
def store(tmp_path):
    store = SqliteStore(SqliteConfig(path=tmp_path / "chest.sqlite3"))
    store.open()
    yield store
    store.close()


def put(store, *moments):
    store.export(make_batch(*(make_record(started_at=moment) for moment in moments)))


def make(retention):
    return Cutoff("main", retention, Throttle())


def test_under_traffic_a_new_process_deletes_what_is_too_old_and_a_day_later_exactly(clocks, store):
    put(store, *(TODAY - n * HOUR for n in range(100)))
    cut = make(90 * DAY)
    assert TODAY - 91 * DAY - HOUR <= cut.moment(store) <= TODAY - 91 * DAY
    clocks.go_on(DAY, cut)
    assert cut.moment(store) == clocks.wall - 90 * DAY


@pytest.mark.parametrize("years", [1, 10, 1_000])
@pytest.mark.parametrize("running", [timedelta(0), timedelta(days=5)])
def test_a_jump_ahead_deletes_nothing_for_a_day(clocks, store, caplog, years, running):
    put(store, *(TODAY + running - n * HOUR for n in range(24 * 100)))
    cut = make(90 * DAY)
    clocks.go_on(running, cut)
    clocks.wall += years * 365 * DAY
    clocks.go_on(HOUR, cut)
    put(store, clocks.wall)  # which has the wrong time, too
    for _ in range(22):
        assert cut.moment(store) <= TODAY + running - 90 * DAY
        clocks.go_on(HOUR, cut)
        put(store, clocks.wall)
    [said] = [r for r in caplog.records if r.levelno == logging.WARNING]
    assert "set the clock if it is wrong" in said.getMessage()


def test_a_process_that_starts_with_a_wrong_clock_deletes_nothing_either(clocks, store):
    put(store, *(TODAY - n * HOUR for n in range(24 * 100)))
    clocks.wall += 10 * 365 * DAY
    put(store, clocks.wall)
    assert make(90 * DAY).moment(store) <= TODAY - 90 * DAY


def test_a_clock_that_is_put_right_deletes_as_before(clocks, store):
    put(store, *(TODAY - n * HOUR for n in range(24 * 100)))
    cut = make(90 * DAY)
    clocks.wall += 3_650 * DAY
    put(store, clocks.wall)
    cut.observe()
    clocks.wall -= 3_650 * DAY
    assert TODAY - 91 * DAY - HOUR <= cut.moment(store) <= TODAY - 91 * DAY


def test_a_clock_that_goes_back_deletes_less(clocks, store):
    put(store, *(TODAY - n * HOUR for n in range(100)))
    cut = make(90 * DAY)
    clocks.go_on(2 * DAY, cut)
    clocks.wall -= 365 * DAY
    found = cut.moment(store)
    assert found is None or found <= clocks.wall - 90 * DAY


def test_a_service_without_traffic_forgets_its_last_records_all_the_same(clocks, store):
    put(store, TODAY - 200 * DAY)
    cut = make(90 * DAY)
    assert cut.moment(store) <= TODAY - 290 * DAY
    clocks.go_on(DAY, cut)
    assert cut.moment(store) == clocks.wall - 90 * DAY


def test_a_slow_change_of_the_clock_is_no_jump(clocks, store, caplog):
    cut = make(90 * DAY)
    for _ in range(48):
        clocks.go_on(timedelta(minutes=30), cut)
        clocks.wall += timedelta(seconds=5)
    assert cut.moment(store) == clocks.wall - 90 * DAY
    assert not caplog.records


def test_a_short_retention_does_not_wait_for_a_day(clocks, store):
    put(store, *(TODAY - n * timedelta(minutes=1) for n in range(600)))
    cut = make(HOUR)
    assert TODAY - 2 * HOUR - timedelta(minutes=2) <= cut.moment(store) <= TODAY - 2 * HOUR
    clocks.go_on(HOUR, cut, step=timedelta(minutes=1))
    assert cut.moment(store) == clocks.wall - HOUR


def test_an_empty_database_has_nothing_to_delete(clocks, store):
    assert make(90 * DAY).moment(store) is None
