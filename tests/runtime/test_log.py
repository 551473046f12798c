"""A fault that repeats is logged once a minute, with the number of those left out."""

from __future__ import annotations

import logging
import os
import re
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from flask_chest.runtime import log
from flask_chest.runtime.log import Throttle

PROGRAMS = Path(__file__).parent / "programs"


@pytest.fixture
def clock(monkeypatch):
    """Return a list whose only entry is the time on the monotonic clock, in seconds."""
    now = [1_000.0]
    monkeypatch.setattr(log.time, "monotonic", lambda: now[0])
    return now


def test_each_kind_is_logged_once_a_minute_with_the_number_left_out(clock, caplog):
    throttle = Throttle()
    for _ in range(100):
        throttle.log(logging.ERROR, "one", "the first kind")
        throttle.log(logging.WARNING, "two", "100% of the second")
        clock[0] += 59.9 / 100
    assert [(r.levelname, r.getMessage()) for r in caplog.records] == [
        ("ERROR", "the first kind"),
        ("WARNING", "100% of the second"),
    ]
    caplog.clear()
    clock[0] += 0.2
    for _ in range(2):
        throttle.log(logging.ERROR, "one", "again")
    clock[0] += 60.0
    throttle.log(logging.ERROR, "one", "and again")
    assert [r.getMessage() for r in caplog.records] == [
        "again (99 more since the last such message)",
        "and again (1 more since the last such message)",
    ]


def lines(caplog):
    found = [record.getMessage() for record in caplog.records]
    caplog.clear()
    return found


def test_numbers_add_up_over_all_lines(clock, caplog):
    throttle = Throttle()
    for number in range(1, 1_001):
        throttle.log(logging.ERROR, "full", "{number} records are dropped", number=number)
        clock[0] += 0.25
    throttle.flush()
    said = [int(line.partition(" ")[0].replace(",", "")) for line in lines(caplog)]
    assert sum(said) == sum(range(1, 1_001))
    assert len(said) == 6  # one at once, four after a minute each, and the rest


@pytest.mark.parametrize("seconds", [0.0, 0.9, 59.0, 60.1, 3_600.0])
def test_what_was_left_out_is_logged_at_the_end(clock, caplog, seconds):
    throttle = Throttle()
    for _ in range(3):
        throttle.log(logging.ERROR, "one", "refused")
        throttle.log(logging.ERROR, "two", "{number} lost", number=700)
    throttle.log(logging.ERROR, "three", "once")
    lines(caplog)
    clock[0] += seconds
    throttle.flush()
    age = f"{seconds:.0f} s ago" if seconds >= 1 else ""
    assert lines(caplog) == [
        f"refused (1 more since the last such message{age and '; the newest '}{age})",
        f"1,400 lost{age and f' (the newest {age})'}",
    ]
    throttle.flush()
    assert lines(caplog) == []


def test_what_was_left_out_is_logged_when_its_minute_is_over(clock, caplog):
    throttle = Throttle()
    for text in ("first", "second"):
        throttle.log(logging.WARNING, "one", text)
    throttle.log_due()
    assert lines(caplog) == ["first"]
    clock[0] += 60.0
    throttle.log_due()
    throttle.log_due()
    assert lines(caplog) == ["second (60 s ago)"]
    throttle.log(logging.WARNING, "one", "third")
    clock[0] += 59.0
    throttle.log_due()
    assert lines(caplog) == []  # its minute began with the line before
    clock[0] += 1.0
    throttle.log_due()
    assert lines(caplog) == ["third (60 s ago)"]


def test_a_message_is_no_format_string(clock, caplog):
    throttle = Throttle()
    hostile = "{0} {} {number.__class__} %s {number!r} {number}"
    throttle.log(logging.ERROR, "one", hostile)
    throttle.log(logging.ERROR, "two", "{number} lost: " + hostile, number=12_345)
    assert lines(caplog) == [hostile, "12,345 lost: " + hostile]


def test_events_of_many_threads_are_all_counted(clock, caplog):
    throttle = Throttle()

    def work():
        for _ in range(500):
            throttle.log(logging.ERROR, "full", "{number} dropped", number=3)

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    throttle.flush()
    assert lines(caplog) == ["3 dropped", f"{3 * 500 * 8 - 3:,} dropped"]


def test_a_level_is_that_of_the_worst_event_in_the_line(clock, caplog):
    throttle = Throttle()
    for level in (logging.WARNING, logging.ERROR, logging.INFO):
        throttle.log(level, "one", "what happened")
    throttle.flush()
    assert [record.levelno for record in caplog.records] == [logging.WARNING, logging.ERROR]


def test_a_forked_child_leaves_to_its_parent_what_was_left_out(clock, caplog):
    throttle = Throttle()
    for _ in range(3):
        throttle.log(logging.ERROR, "one", "of the parent")
    lines(caplog)
    child = os.fork()
    if not child:
        throttle.flush()
        os._exit(len(caplog.records))
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    throttle.flush()
    assert lines(caplog) == ["of the parent (1 more since the last such message)"]


@pytest.mark.parametrize("way", ["main", "multiprocessing", "closed"])
def test_the_end_of_a_process_logs_what_is_left(tmp_path, way):
    result = subprocess.run(
        [sys.executable, PROGRAMS / "drops_and_ends.py", way, tmp_path],
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    said = [int(n.replace(",", "")) for n in re.findall(r": ([\d,]+) dropped", result.stderr)]
    assert said == [1, 1_466], result.stderr


def test_a_traceback_is_there_at_level_debug_only(caplog):
    for level, has_traceback in ((logging.INFO, False), (logging.DEBUG, True)):
        caplog.set_level(level, "flask_chest")
        Throttle().log(logging.ERROR, "one", "what happened", OSError("why"))
        assert bool(caplog.records[-1].exc_info) is has_traceback
