"""`flask chest tail`: each record once, however late it arrives."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from datetime import datetime, timedelta, timezone

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.commands import run_alone

from flask_chest.cli import tailing
from flask_chest.cli.tailing import Follower
from flask_chest.errors import ExporterUnavailable
from flask_chest.memory_store import MemoryStore
from flask_chest.query import parse
from flask_chest.record import Record, encode, uuid7

BEGAN = datetime(2026, 1, 31, 12, tzinfo=timezone.utc)
WINDOW = timedelta(minutes=10)


def record_at(seconds, **variables):
    """Return the line of a record that started so many seconds after BEGAN."""
    started = BEGAN + timedelta(seconds=seconds)
    record_id = uuid7(int(started.timestamp() * 1e6))
    fields = ("svc", "host:1", "view", "/", "GET", "/", 200, None)
    record = Record(record_id, record_id, None, *fields, started, 1.0, 1.0, variables)
    return encode(record.as_data())


def ids(found):
    return [record.id for record in found]


def id_of(line):
    return json.loads(line)["id"]


@pytest.fixture
def store():
    return MemoryStore(10**8)


@given(
    st.lists(
        st.tuples(st.integers(1, 40), st.lists(st.floats(-900, 3), max_size=4)),
        min_size=1,
        max_size=8,
    )
)
@settings(max_examples=50, deadline=None)
def test_each_record_is_found_once_if_it_arrives_within_the_window(looks):
    """Each look is some seconds after the one before; records are up to 15 minutes late."""
    store = MemoryStore(10**8)
    follower = Follower(store, None, BEGAN - timedelta(seconds=900), WINDOW)
    now, expected, found, late = BEGAN, [], [], set()
    for number, (seconds, ages) in enumerate(looks):
        now += timedelta(seconds=seconds)
        for age in ages:
            line = record_at((now - BEGAN).total_seconds() + age)
            store.append(line)
            expected.append(id_of(line))
            if number and age < -(WINDOW.total_seconds() - 1):
                late.add(id_of(line))
        found += ids(follower.new(now))
    assert len(found) == len(set(found)), "none is there twice"
    assert set(expected) - late <= set(found) <= set(expected)


def test_between_two_looks_at_the_whole_window_the_newest_part_is_looked_at(store):
    follower = Follower(store, None, BEGAN - timedelta(hours=1), WINDOW)
    assert ids(follower.new(BEGAN)) == []
    old, new = record_at(-60), record_at(-5)
    store.append(old)
    store.append(new)
    assert ids(follower.new(BEGAN, all_of_it=False)) == [id_of(new)]
    assert ids(follower.new(BEGAN)) == [id_of(old)]
    assert ids(follower.new(BEGAN)) == ids(follower.new(BEGAN, all_of_it=False)) == []


def test_it_begins_with_what_was_asked_for_also_before_the_window(store):
    lines = [record_at(-3_000), record_at(-1_000), record_at(-1)]
    for line in lines:
        store.append(line)
    follower = Follower(store, None, BEGAN - timedelta(seconds=2_000), WINDOW)
    assert ids(follower.new(BEGAN)) == [id_of(line) for line in lines[1:]]


def test_only_what_satisfies_the_filter_is_found(store):
    wanted = record_at(-1, tenant="acme")
    for line in (wanted, record_at(-1, tenant="globex"), record_at(-1)):
        store.append(line)
    follower = Follower(store, parse("tenant == 'acme'"), BEGAN - WINDOW, WINDOW)
    assert ids(follower.new(BEGAN)) == [id_of(wanted)]


def test_what_is_behind_the_window_is_forgotten(store):
    follower = Follower(store, None, BEGAN - WINDOW, WINDOW)
    for seconds in range(0, 3_600, 60):
        store.append(record_at(seconds))
        assert len(ids(follower.new(BEGAN + timedelta(seconds=seconds)))) == 1
    assert len(follower._seen) <= 11
    assert len(follower._numbers) <= 11


@pytest.mark.parametrize("window", ["0s", "0.5s", "0d"])
def test_a_window_in_which_nothing_can_arrive_is_refused(shop, monkeypatch, window):
    done = run_alone(monkeypatch, ["--store", shop, "tail", "--window", window], code=2)
    assert "Write at least 1s" in done.stderr


def test_an_outage_is_waited_for_and_said_once(shop, monkeypatch):
    """The database is away at the second and third look."""
    looks = iter([0, 1, 1, 0])
    calls = iter([False] * 4 + [True])
    new = Follower.new

    def failing(self, now, **options):
        if next(looks):
            raise ExporterUnavailable("SQLite: no answer")
        return new(self, now, **options)

    monkeypatch.setattr(Follower, "new", failing)
    monkeypatch.setattr(tailing, "is_broken", lambda _stream: next(calls))
    arguments = ["--store", shop, "tail", "--since", "1d", "--interval", "0.1", "--format", "json"]
    done = run_alone(monkeypatch, arguments, code=0)
    assert len(done.stdout.splitlines()) == 20
    assert done.stderr == "SQLite: no answer. It is tried again\n"


def test_ctrl_c_ends_it_cleanly_on_a_terminal(terminal, shop):
    tail = terminal("-m", "flask_chest", "--store", shop, "tail", "--since", "1d")
    tail.wait_for("r-0-19")
    tail.press("\x03")
    assert tail.ended() == 0
    assert "Traceback" not in tail.text
    lines = tail.text.splitlines()
    assert all(len(line) <= 120 for line in lines), "none is wrapped"
    assert any(line.endswith("…") for line in lines)


def test_it_ends_when_its_reader_has_ended(shop):
    """As with `| head -1`, also when no further record arrives."""
    reading, writing = os.pipe()
    process = subprocess.Popen(
        [sys.executable, "-m", "flask_chest", "--store", shop, "tail", "--since", "1d"],
        stdout=writing,
        stderr=subprocess.PIPE,
    )
    os.close(writing)
    assert os.read(reading, 10) == b"started_at"
    os.close(reading)
    _, said = process.communicate(timeout=300)
    assert (process.returncode, said) == (0, b"")
