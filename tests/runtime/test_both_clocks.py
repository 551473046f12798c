"""The clocks of a record are read at one time, though the thread may stand still in between."""

from __future__ import annotations

import time
from datetime import datetime, timezone

from flask_chest.runtime.clock import Clock, clock


def test_both_clocks_are_of_one_moment_though_the_thread_stands_still_a_few_times():
    read, standstills = Clock(), [0.2, 0.3]

    def stand_still():
        now = time.time_ns()
        if standstills:
            time.sleep(standstills.pop())
        return now

    expected = time.time_ns() - time.perf_counter_ns()
    read.time_ns = stand_still
    now, monotonic_ns = read.both()
    assert standstills == []
    assert abs(now * 1_000 - monotonic_ns - expected) < 100_000_000


def test_readings_end_where_the_thread_stands_still_each_time():
    read, seconds = Clock(), [0.003, 0.004, 0.001, 0.005, 0.002]

    def stand_still():
        now = time.time_ns()
        time.sleep(seconds.pop())
        return now

    read.time_ns = stand_still
    read.both()
    assert seconds == []


def test_a_record_begins_when_its_request_began_though_the_thread_stood_still(
    chest, tracked, recorded, monkeypatch
):
    tracked.get("/")(chest.track(lambda: ""))
    genuine, standstills = clock.time_ns, [0.3]

    def stand_still():
        now = genuine()
        if standstills:
            time.sleep(standstills.pop())
        return now

    monkeypatch.setattr(clock, "time_ns", stand_still)
    before = datetime.now(timezone.utc)
    tracked.test_client().get("/")
    assert standstills == []
    [row] = recorded(chest, 1)
    assert datetime.fromisoformat(row["started_at"].replace("Z", "+00:00")) >= before
