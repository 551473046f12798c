"""Clocks that are set back or forward, and machines that were asleep."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest
from support.hosts import stop_between_deliveries
from support.waiting import until

PROGRAMS = Path(__file__).parent / "programs"

DAY = 86_400.0


class Machine:
    """Processes whose clock is set by a file; the monotonic clock goes on as it does."""

    def __init__(self, folder):
        self.folder = folder
        self.database = folder / "chest.sqlite3"
        self.processes = []
        self.answered = []
        self.set(0)

    def set(self, seconds):
        """Set the clock a number of seconds ahead of the real one, in one step."""
        new = self.folder / "clock.new"
        new.write_text(f"{seconds:+.0f}\n")
        new.rename(self.folder / "clock")

    def start(self, **environment):
        libraries = list(Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1"))
        assert libraries, "apt-get install libfaketime (tools/install_servers.sh does it as root)"
        process = subprocess.Popen(
            [sys.executable, PROGRAMS / "answers_on_stdin.py", self.folder],
            env={
                **os.environ,
                "LD_PRELOAD": str(libraries[0]),
                "FAKETIME_TIMESTAMP_FILE": str(self.folder / "clock"),
                "FAKETIME_NO_CACHE": "1",
                "FAKETIME_DONT_FAKE_MONOTONIC": "1",
                # Else each wait for the GIL ends at once: two threads take a hundred times as long.
                "FAKETIME_FORCE_MONOTONIC_FIX": "0",
                **environment,
            },
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            bufsize=1,
        )
        self.processes.append(process)
        return process

    def tell(self, process, word):
        process.stdin.write(f"{word}\n")
        line = process.stdout.readline()
        assert line, "the process has ended"
        return json.loads(line)

    def ask(self, process, times=5):
        for _ in range(times):
            self.answered.append(self.tell(process, "ask"))

    def stored(self, column="request_id"):
        with contextlib.closing(sqlite3.connect(self.database, timeout=10)) as connection:
            rows = connection.execute(f"SELECT {column} FROM chest_records ORDER BY rowid")
            return [value for (value,) in rows]

    def has_all(self):
        stored = self.stored()
        assert len(stored) == len(set(stored))
        return sorted(stored) == sorted(self.answered)

    def close(self):
        for process in self.processes:
            process.kill()
            process.communicate()


@pytest.fixture
def machine(tmp_path):
    machine = Machine(tmp_path)
    yield machine
    machine.close()


def test_delivery_goes_on_after_each_step_of_the_clock(machine):
    process = machine.start()
    for ahead in (0, -DAY, DAY, 3_600, -3_600, 0):
        machine.set(ahead)
        assert abs(machine.tell(process, "time") - time.time() - ahead) < 60
        machine.ask(process)
        _, lag, failures, dropped = machine.tell(process, "stats")
        assert lag >= 0.0
        assert (failures, dropped) == (0, {})
        until(machine.has_all)
        newest = datetime.fromisoformat(machine.stored("started_at")[-1].replace("Z", "+00:00"))
        assert abs(newest - datetime.now(timezone.utc) - timedelta(seconds=ahead)) < timedelta(
            minutes=1
        ), "what the clock said"
    machine.processes.clear()
    process.communicate(timeout=60)
    assert process.returncode == 0


@pytest.mark.slow
def test_what_was_recorded_under_other_clocks_is_delivered_by_the_next_process(machine):
    for ahead in (DAY, -DAY, 400 * DAY, 0):
        machine.set(ahead)
        process = machine.start()
        # Before it has delivered anything, and in the middle of it.
        machine.ask(process, 3)
        process.kill()
        process.wait()
    last = machine.start()
    machine.ask(last, 1)
    assert machine.tell(last, "flush")
    assert machine.has_all()
    assert machine.tell(last, "stats")[0] == 0
    segments = machine.folder / "chest" / "segments"
    until(lambda: len(list(segments.glob("*.jsonl"))) == 1)


def test_time_is_utc_whatever_the_zone_and_its_summer(machine):
    # An hour before, in, and after the hour that Berlin has twice on 25 October 2026.
    change = datetime(2026, 10, 25, 1, tzinfo=timezone.utc)
    process = machine.start(TZ="Europe/Berlin")
    for hours in (-2, -1, 0, 1):
        moment = change + timedelta(hours=hours, minutes=35)  # the file has whole seconds
        machine.set((moment - datetime.now(timezone.utc)).total_seconds())
        machine.ask(process, 1)
    until(machine.has_all)
    assert [text[:15] for text in sorted(machine.stored("started_at"))] == [
        "2026-10-24T23:3",
        "2026-10-25T00:3",
        "2026-10-25T01:3",
        "2026-10-25T02:3",
    ]


@pytest.mark.slow
def test_a_machine_that_was_asleep_goes_on(machine):
    first, second = machine.start(), machine.start()
    for process in (first, second):
        machine.ask(process)
    until(machine.has_all)
    for process in (first, second):
        process.send_signal(signal.SIGSTOP)
    machine.set(8 * 3_600)
    time.sleep(1.0)
    for process in (first, second):
        process.send_signal(signal.SIGCONT)
    for process in (first, second):
        machine.ask(process)
        assert machine.tell(process, "stats")[1] >= 0.0
    until(machine.has_all)


@pytest.mark.slow
def test_a_process_that_is_asleep_delays_no_flush_of_another(machine):
    sleeper = machine.start()
    machine.ask(sleeper)
    until(machine.has_all)
    stop_between_deliveries(sleeper, machine.folder)
    machine.set(3_600)
    other = machine.start()
    machine.ask(other)
    assert machine.tell(other, "flush")
    assert machine.has_all()
    sleeper.send_signal(signal.SIGCONT)
    machine.ask(sleeper)
    until(machine.has_all)
