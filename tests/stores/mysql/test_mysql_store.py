"""Batches on MySQL and MariaDB: packets, locks, deadlocks, crashes, purge."""

from __future__ import annotations

import time
from datetime import timedelta

import pytest
from support.waiting import in_thread, until

from flask_chest.errors import (
    BatchRejected,
    ExporterUnavailable,
)
from flask_chest.testing import make_batch, make_record
from flask_chest.testing.records import START, as_stored

DEADLOCKS = "SHOW GLOBAL STATUS LIKE 'Innodb_deadlocks'"


def test_a_batch_larger_than_max_allowed_packet_is_split_in_one_transaction(odd, opened):
    odd.execute("SET GLOBAL max_allowed_packet = 16384")
    store = opened(odd)
    records = [make_record(variables={"text": "'\\" * 500, "n": n}) for n in range(200)]
    store.export(make_batch(*records))
    assert sorted(odd.ids()) == sorted(record["id"] for record in records)
    # The record at fault is in the last packet; the others are rolled back.
    with pytest.raises(BatchRejected):
        store.export(make_batch(*(make_record() for _ in range(200)), make_record(method="M" * 33)))
    assert len(odd.ids()) == 200


def test_a_record_larger_than_a_packet_is_rejected_with_the_remedy(odd, opened):
    odd.execute("SET GLOBAL max_allowed_packet = 16384")
    store = opened(odd)
    with pytest.raises(BatchRejected, match=r"takes \d+ bytes.*max_allowed_packet"):
        store.export(make_batch(make_record(), make_record(variables={"text": "x" * 20_000})))
    assert odd.ids() == []
    fitting = []
    # Exact to the byte: the server itself never reports that a packet is too large.
    for length in range(15_800, 16_100):
        record = make_record(path="x" * length)
        try:
            store.export(make_batch(record))
            fitting.append(record)
        except BatchRejected as error:
            assert "bytes as SQL" in str(error)  # noqa: PT017 - either is right
    assert 0 < len(fitting) < 300
    assert sorted(odd.ids()) == sorted(record["id"] for record in fitting)


def test_a_large_record_has_a_statement_of_its_own(backend, store):
    records = [make_record(), make_record(variables={"text": "é" * 2_500_000}), make_record()]
    store.export(make_batch(*records))
    assert store.query(newest_first=False) == sorted(map(as_stored, records), key=lambda r: r.id)


def test_a_batch_that_is_the_victim_of_a_deadlock_is_retried(odd, odd_store):
    first, second, *others = [make_record() for _ in range(50)]
    before = int(odd.execute(DEADLOCKS)[0][1])
    insertion = (
        "INSERT INTO chest_records SELECT %s, 'r', NULL, 's', 'i', NULL, NULL, 'GET', '/', 200,"
        " NULL, now(6), 1, 1, '{}'"
        " ON DUPLICATE KEY UPDATE id = chest_records.id"
    )
    with odd.connection() as cursor:
        cursor.execute("SET innodb_lock_wait_timeout = 60")
        for record in (second, *others):  # the transaction that changed more rows survives
            cursor.execute(insertion, (record["id"],))
        wait = in_thread(lambda: odd_store.export(make_batch(first, second)))
        # The server does not look again for who reads this table more often than every 0.1 s.
        waiting = "SELECT COUNT(*) FROM information_schema.innodb_trx WHERE trx_state = 'LOCK WAIT'"
        until(lambda: odd.execute(f"SELECT SLEEP(0.2), ({waiting})")[0][1] == 1)
        cursor.execute(insertion, (first["id"],))
        cursor.connection.commit()
    assert wait() is None
    assert int(odd.execute(DEADLOCKS)[0][1]) == before + 1
    assert len(odd.ids()) == 50


def test_a_batch_waits_for_a_lock_no_longer_than_timeout_seconds(backend, opened):
    store = opened(backend, timeout_seconds=2.0)
    record = make_record()
    store.export(make_batch(record))
    with backend.connection() as cursor:
        cursor.execute("DELETE FROM chest_records")
        started = time.monotonic()
        with pytest.raises(ExporterUnavailable, match=r"Lock wait timeout.*\(1205\)"):
            store.export(make_batch(record))
        assert time.monotonic() - started < 20, "the default is 30 seconds"
        cursor.connection.rollback()
    other = make_record()
    store.export(make_batch(record, other))
    assert sorted(backend.ids()) == sorted([record["id"], other["id"]])


def test_a_restart_of_the_server_between_batches_fails_no_batch(odd, odd_server, odd_store):
    records = [make_record() for _ in range(3)]
    odd_store.export(make_batch(records[0]))
    assert odd_store.count() == 1
    odd_server.kill()
    with pytest.raises(ExporterUnavailable, match=rf":{odd_server.port}/.*\(200[0-9]+\)"):
        odd_store.export(make_batch(*records[:2]))
    with pytest.raises(ExporterUnavailable):
        odd_store.query()
    odd_server.start()
    odd_store.export(make_batch(*records[:2]))
    assert odd_store.count() == 2
    odd_server.kill()
    odd_server.start()
    odd_store.export(make_batch(*records))
    assert sorted(odd.ids()) == sorted(record["id"] for record in records)


def test_purge_deletes_in_several_transactions(backend, store):
    records = [make_record(started_at=START + timedelta(seconds=n)) for n in range(20_001)]
    store.export(make_batch(*records))
    before = _commits(backend)
    assert store.purge(before=START + timedelta(seconds=20_000)) == 20_000
    assert _commits(backend) - before >= 3
    assert [record.id for record in store.query()] == [records[-1]["id"]]


def _commits(backend):
    return int(backend.execute("SHOW GLOBAL STATUS LIKE 'Handler_commit'")[0][1])
