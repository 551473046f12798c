"""Counters of a host whose workers are killed, recycled and replaced."""

from __future__ import annotations

import json
import os
import signal

import pytest
from support.serving import gunicorn, until

from flask_chest.journal.host_counters import read_host


@pytest.fixture
def shown(serve):
    """Return a server with three workers, and a function that asks one of them for its counters."""
    with serve(gunicorn("--workers=3"), app="showing_counters") as serving:
        yield serving, lambda query="": json.loads(serving.get(f"/counters{query}")[0])


@pytest.mark.slow
def test_every_worker_shows_the_same_and_no_kill_or_restart_changes_it(shown):
    serving, counters = shown

    def agree(recorded, suppressed):
        """Wait until workers and files show what the client has counted."""

        def is_so():
            stored = read_host(serving.journal)
            found = [counters() for _ in range(5)]
            expected = {
                "scope": "host",
                "recorded": recorded,
                "suppressed": suppressed,
                "delivered": recorded,
                "pending_records": 0,
            }
            return (
                (stored.recorded, stored.suppressed) == (recorded, suppressed)
                and stored.exporters["main"].delivered == recorded
                and all(expected.items() <= each.items() for each in found)
            )

        until(is_so)

    def ask(times):
        for _ in range(times):
            assert serving.get("/private")[0] == "not recorded"
            serving.visit("/")

    ask(60)
    agree(60, 60)
    for pid in serving.workers:
        os.kill(pid, signal.SIGKILL)
        until(lambda: len(serving.workers) == 3 and pid not in serving.workers)  # noqa: B023
    agree(60, 60)
    ask(30)
    agree(90, 90)
    old = serving.reload(signal.SIGHUP)
    until(lambda: len(serving.workers) == 3 and not old.intersection(serving.workers))
    ask(10)
    agree(100, 100)
    until(serving.has_all)
    # A worker counts from its first request on.
    until(lambda: counters()["processes"] == 3)
    assert until(lambda: counters()["leader"]) == serving.leader()
    alone = counters("?process")
    assert alone["scope"] == "process"
    assert alone["recorded"] < 100
    serving.end(signal.SIGTERM)
    stats = read_host(serving.journal)
    assert (stats.recorded, stats.suppressed, stats.exporters["main"].delivered) == (100, 100, 100)
    assert (stats.processes, stats.leader) == (0, None)
    assert set(stats.exporters) == {"main", "central"}
