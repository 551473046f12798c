"""Of all processes of a host, the leader alone deletes; another takes over when it is killed."""

from __future__ import annotations

import subprocess
import sys
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest
from flask_chest_sqlite import SqliteConfig, SqliteStore
from support.waiting import until

from flask_chest.testing import make_batch, make_record

PROGRAM = Path(__file__).with_name("programs") / "retains.py"
DAY = timedelta(days=1)


@pytest.fixture
def start(tmp_path):
    """Return a function that starts a process, which has begun to deliver when it returns."""
    running = []

    def start():
        output = (tmp_path / f"output-{len(running)}").open("w+")
        process = subprocess.Popen(
            [sys.executable, PROGRAM, tmp_path],
            stdin=subprocess.PIPE,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
        process.lines = Path(output.name).read_text
        running.append((process, output))
        until(lambda: "begun" in process.lines() or process.poll())
        return process

    yield start
    for process, output in running:
        process.stdin.close()
        process.wait(60)
        output.close()


@pytest.fixture
def store(tmp_path):
    store = SqliteStore(SqliteConfig(path=tmp_path / "chest.sqlite3"))
    store.open()
    yield store
    store.close()


def put(store, *days):
    now = datetime.now(timezone.utc)
    store.export(make_batch(*(make_record(started_at=now - n * DAY) for n in days)))


def old(store):
    return store.count(until=datetime.now(timezone.utc) - 92 * DAY)


@pytest.mark.slow
def test_the_leader_deletes_and_its_heir_goes_on(start, store):
    first, second = start(), start()
    put(store, 1.01, 89, 100, 200)
    until(lambda: old(store) == 0)
    until(lambda: first.lines().split()[-1] == "2")
    assert second.lines().split() == ["begun"]
    first.kill()
    first.wait(60)
    put(store, 100, 200, 300)
    until(lambda: old(store) == 0)
    until(lambda: second.lines().split()[-1] == "3")
    assert store.count() == 2 + 2  # those of the programs, and the young ones
