"""A fault that repeats is logged once a minute, with the number of those left out."""

from __future__ import annotations

import logging

import pytest

from flask_chest.runtime import log
from flask_chest.runtime.log import Throttle


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


def test_a_traceback_is_there_at_level_debug_only(caplog):
    for level, has_traceback in ((logging.INFO, False), (logging.DEBUG, True)):
        caplog.set_level(level, "flask_chest")
        Throttle().log(logging.ERROR, "one", "what happened", OSError("why"))
        assert bool(caplog.records[-1].exc_info) is has_traceback
