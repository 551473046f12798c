"""A purge in steps: others write all the time, and a purge that is ended leaves all in order."""

from __future__ import annotations

import sqlite3
import threading
import time
from contextlib import closing, contextmanager
from datetime import timedelta
from itertools import pairwise

import pytest
from flask_chest_sql import steps
from support.waiting import until

from flask_chest.testing import make_batch, make_record
from flask_chest.testing.records import START

ROWS = 3_000


@pytest.fixture(params=["sqlite", "mysql"])
def backend(request, backend_of):
    return backend_of(request.param)


def filled(store):
    for first in range(0, ROWS, 1_000):
        store.export(
            make_batch(
                *(
                    make_record(started_at=START + timedelta(seconds=first + n))
                    for n in range(1_000)
                )
            )
        )


def test_no_transaction_of_a_purge_is_large(backend, opened):
    store = opened(backend)
    filled(store)
    said = []
    before = START + timedelta(seconds=ROWS - 10)
    assert store.purge(before=before, progress=said.append) == ROWS - 10
    assert sum(said) == ROWS - 10
    assert max(said) <= steps.MAX_STEP
    assert said[0] == steps.FIRST_STEP
    assert all(b <= max(a * 3 // 2, 20) for a, b in pairwise(said))
    assert [r.started_at for r in store.query(newest_first=False, limit=1)] == [before]


def test_a_writer_gets_in_after_every_step(backend, opened):
    purging, writing = opened(backend), opened(backend)
    filled(purging)
    done, written, taken = threading.Event(), [], []

    def write():
        while not done.is_set():
            record = make_record(started_at=START + timedelta(days=30))
            writing.export(make_batch(record))
            written.append(record["id"])

    def step(number):
        taken.append(number)
        count = len(written)
        until(lambda: len(written) > count)

    thread = threading.Thread(target=write)
    thread.start()
    try:
        until(lambda: written)
        assert purging.purge(before=START + timedelta(days=1), progress=step) == ROWS
    finally:
        done.set()
        thread.join()
    assert len(taken) > 3
    assert sorted(backend.ids()) == sorted(written), "nothing failed, and nothing was lost"


def test_a_step_is_followed_by_a_pause_as_long():
    ends, gaps, lengths = [], [], []
    left = [5 * steps.FIRST_STEP]

    def delete(limit):
        began = time.monotonic()
        if ends:
            gaps.append(began - ends[-1])
        time.sleep(0.03)
        number = min(limit, left[0])
        left[0] -= number
        ends.append(time.monotonic())
        lengths.append(ends[-1] - began)
        return steps.Step(number, lengths[-1], left[0] == 0)

    assert steps.in_steps(delete, None) == 5 * steps.FIRST_STEP
    assert len(gaps) > 3
    for gap, length in zip(gaps, lengths, strict=False):
        assert gap >= max(length, steps.MIN_PAUSE_SECONDS) * 0.99


def test_a_step_ends_with_its_time_however_slow_each_row_is():
    calls = []

    def delete(limit):
        calls.append(limit)
        time.sleep(steps.STEP_SECONDS / 2)
        return limit

    deleted, is_last = steps.within_a_step(delete, 1_000, 5)
    assert not is_last
    assert deleted == sum(calls) <= 10, "two pieces fill the time of a step"
    assert steps.within_a_step(lambda _: 0, 1_000, 5) == (0, True)
    assert steps.within_a_step(lambda limit: limit, 12, 5)[0] == 12


def test_an_erasure_in_sqlite_lets_writers_in_as_a_purge_does(backend_of, opened):
    backend = backend_of("sqlite")
    store = opened(backend)
    filled(store)
    chosen, free = store.page(limit=1_000), []
    stepping = store.stepping

    @contextmanager
    def watched(connection):
        with stepping(connection):
            yield
        with closing(sqlite3.connect(backend.path, isolation_level=None, timeout=0)) as other:
            other.execute("BEGIN IMMEDIATE")
            free.append(other.execute("SELECT count(*) FROM chest_records").fetchone()[0])
            other.execute("ROLLBACK")

    store.stepping = watched
    assert store.delete([*chosen, *chosen[:10]]) == 1_000
    sizes = [before - after for before, after in pairwise([ROWS, *free])]
    assert sum(sizes) == 1_000
    assert max(sizes) < 500
    assert not {record.id for record in chosen} & set(backend.ids())


def test_a_purge_that_is_interrupted_keeps_its_steps_and_can_go_on(backend, opened):
    store = opened(backend)
    filled(store)
    deleted = []

    def interrupt(number):
        deleted.append(number)
        if len(deleted) == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        store.purge(before=START + timedelta(days=1), progress=interrupt)
    assert store.count() == ROWS - sum(deleted)
    assert store.query(newest_first=False, limit=1)[0].started_at == START + timedelta(
        seconds=sum(deleted)
    )
    store.export(make_batch(make_record(started_at=START)))
    assert store.purge(before=START + timedelta(days=1)) == ROWS - sum(deleted) + 1
    assert store.count() == 0


def test_the_lock_of_sqlite_is_free_between_two_steps(backend_of, opened):
    backend = backend_of("sqlite")
    store = opened(backend)
    filled(store)

    def lock(_):
        with closing(sqlite3.connect(backend.path, isolation_level=None, timeout=0)) as other:
            other.execute("BEGIN IMMEDIATE")
            other.execute("ROLLBACK")

    assert store.purge(before=START + timedelta(days=1), progress=lock) == ROWS


@pytest.mark.parametrize(
    ("size", "took", "expected"),
    [
        (250, steps.STEP_SECONDS, 250),
        (250, steps.STEP_SECONDS / 10, 375),
        (250, 0.0, 375),
        (250, steps.STEP_SECONDS * 5, 50),
        (250, 60.0, 20),
        (steps.MAX_STEP, 0.001, steps.MAX_STEP),
    ],
)
def test_the_size_of_a_step_follows_the_time_that_the_last_one_took(size, took, expected):
    assert steps.next_size(size, took) == expected


@pytest.mark.parametrize("name", ["sqlite", "mysql"])
def test_purge_and_pages_use_the_index_on_the_time(backend_of, opened, name):
    backend = backend_of(name)
    store = opened(backend)
    store.export(make_batch(*(make_record(started_at=START + timedelta(n)) for n in range(500))))
    explain = "EXPLAIN QUERY PLAN" if name == "sqlite" else "EXPLAIN"
    for condition in (
        "started_at < '2024-05-02' ORDER BY started_at LIMIT 10",
        "started_at >= '2025-01-01' AND (started_at > '2025-01-01' OR id > 'x') LIMIT 10",
    ):
        plan = str(backend.execute(f"{explain} SELECT * FROM chest_records WHERE {condition}"))
        assert "chest_records_started_at" in plan, plan
        assert "filesort" not in plan
