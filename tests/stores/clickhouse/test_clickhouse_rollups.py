"""Rollups on ClickHouse, which has no transactions. `make test-clickhouse` has more."""

from __future__ import annotations

import time
from datetime import timedelta

import pytest
from flask_chest_clickhouse.rollup_storage import minutes_of
from support.rollup_host import DECLARATION, Host, check_answers, check_rows

from flask_chest.rollup import Declaration, Keeper, Overtaken, Row
from flask_chest.testing import make_batch, make_record
from flask_chest.testing.records import START

MINUTE = int(START.timestamp()) // 60 * 60


@pytest.fixture
def storages(backend, opened):
    """Return the rollups of one database, as two hosts have them."""
    opened(backend)
    stores = [backend.new() for _ in range(2)]
    for store in stores:
        store.rollups = Declaration()
        store.open()
    yield [store.rollup_storage() for store in stores]
    for store in stores:
        store.close()


def test_the_server_takes_one_of_two_changes_that_began_with_one_revision(storages):
    first, second = storages
    first.mark([MINUTE])
    row = Row("k", 1, 1.0, 0.0, b"payload")
    with pytest.raises(Overtaken), first.changing() as lost:
        lost.state.late = 1
        lost.forget(first.marks(MINUTE, MINUTE + 60))
        lost.replace(1, 60, range(MINUTE, MINUTE + 60, 60), {MINUTE: [row]})
        with second.changing() as won:
            won.state.late = 2
    for storage in storages:
        assert storage.state().late == 2
        assert storage.state().revision == 1
        assert storage.marked() == {MINUTE}
        assert list(storage.rows(1, 60, MINUTE, MINUTE + 60)) == []


def test_a_change_replaces_forgets_and_deletes(storages):
    storage, other = storages
    storage.mark([MINUTE, MINUTE, MINUTE + 60])
    row = Row("k", 1, 1.0, 0.5, b"\x00\xff payload")
    buckets = range(MINUTE, MINUTE + 180, 60)
    with storage.changing() as change:
        change.replace(1, 60, buckets, {MINUTE: [row, row], MINUTE + 60: [row]})
        change.forget(storage.marks(MINUTE, MINUTE + 60))
    assert list(other.rows(1, 60, MINUTE, MINUTE + 180)) == [
        *([(MINUTE, row)] * 2),
        (MINUTE + 60, row),
    ]
    assert other.marked() == {MINUTE + 60}
    with other.changing() as change:
        change.replace(1, 60, buckets, {MINUTE + 60: [row], MINUTE + 120: [row]})
    assert [at for at, _ in storage.rows(1, 60, MINUTE, MINUTE + 180)] == [
        MINUTE + 60,
        MINUTE + 120,
    ]
    assert storage.oldest(1, 60) == MINUTE + 60
    with storage.changing() as change:
        change.delete(1, 60, MINUTE + 120)
    assert storage.oldest(1, 60) == MINUTE + 120
    assert storage.state().revision == 3


def test_of_rows_that_are_not_merged_the_newest_is_read(backend, storages):
    storage, _ = storages
    backend.run("SYSTEM STOP MERGES chest_rollups")
    minutes = [MINUTE + 60 * n for n in range(5)]
    for revision in range(4):
        row = Row(f"k-{revision}", revision, 1.0, 0.0, b"payload")
        with storage.changing() as change:
            change.replace(
                1,
                60,
                range(MINUTE, minutes[-1] + 60, 60),
                {minute: [row, row] for minute in minutes[revision:]},
            )
    [(stored,)] = backend.execute("SELECT count() FROM chest_rollups WHERE series = 1")
    assert int(stored) == 5 + 4 + 3 + 2 + 3  # of three minutes, the last row says that none is left
    assert list(storage.rows(1, 60, MINUTE, MINUTE + 3_600)) == [
        (minute, row) for minute in minutes[3:] for _ in range(2)
    ]


def test_a_host_that_is_overtaken_does_not_keep_the_rollups(storages):
    other = Keeper(storages[1], "other")
    calls = []

    def now():
        calls.append(None)
        if len(calls) == 2:  # while the change of the first host goes on
            assert other.claim()
        return time.time()

    assert not Keeper(storages[0], "first", now).claim()
    assert len(calls) > 2
    assert storages[0].state().keeper == "other"
    assert not Keeper(storages[0], "first").claim()


@pytest.mark.slow
def test_rollups_are_equal_to_the_records_and_come_back_when_a_table_is_dropped(backend, opened):
    store = opened(backend)
    store.rollups = DECLARATION
    store.open()
    host = Host(store)
    records = host.deliver(timedelta(hours=2), timedelta(hours=1), timedelta(minutes=5))
    host.lead()
    check_rows(host)
    host.delete(records[:1])
    check_answers(host, questions=[{"by": ["tenant"], "bins": ["cost"]}])
    backend.execute("DROP TABLE chest_rollup_marks SYNC")
    store.open()
    host = Host(store, seed=3)
    host.lead()
    check_rows(host)
    assert store.rollup_storage().state().series


def test_the_minutes_of_a_batch_are_those_of_its_records():
    records = [
        make_record(started_at=START),
        make_record(started_at=START + timedelta(days=1), variables={"started_at": "soon"}),
    ]
    day = MINUTE + 86_400
    assert minutes_of(make_batch(*records).lines) == {MINUTE, day}
