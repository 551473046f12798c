"""Batches on ClickHouse: stored once by their token and their IDs, whole, and kept so long."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

import pytest
from flask_chest_clickhouse import erasing
from freezegun import freeze_time
from support.clickhouse import stored

from flask_chest.errors import BatchRejected, ExporterUnavailable
from flask_chest.exporter import Batch
from flask_chest.record import encode
from flask_chest.testing import make_batch, make_record
from flask_chest.testing.records import START


def test_a_repeated_batch_takes_no_space(backend, opened):
    batch = make_batch(*(make_record() for _ in range(5)))
    for _ in range(3):
        store = opened(backend)
        store.export(batch)
        store.export(batch)
    assert stored(backend) == 5


def test_records_in_other_batches_than_before_are_read_once(backend, store):
    records = [make_record(variables={"n": n}) for n in range(6)]
    store.export(make_batch(*records))
    store.export(make_batch(*records[3:], make_record()))
    assert stored(backend) == 10
    assert store.count() == 7
    assert store.measure("count", "sum(n)") == [{"count": 7.0, "sum(n)": 15.0}]
    assert store.erase("n == 4") == 1
    assert store.count() == 6


def test_a_deleted_record_that_is_delivered_again_is_there_again(backend, store, opened):
    """As from the backup of a journal, with the same batches as before."""
    batch = make_batch(*(make_record(variables={"n": n}) for n in range(5)))
    store.export(batch)
    store.erase("n < 3")
    store.export(batch)
    assert store.count() == 5
    store.erase("n == 1")
    another = opened(backend)
    another.export(batch)
    assert another.count() == 5


@pytest.mark.slow
def test_a_record_is_there_again_after_any_number_of_deletions(backend, store, opened):
    batch = make_batch(make_record())
    for _ in range(13):
        store.export(batch)
        opened(backend).erase("method == 'GET'")
        assert store.count() == 0
        store.close()
        store.open()
    store.export(batch)
    assert store.count() == 1


def test_a_batch_may_have_more_days_than_the_server_likes(backend, store):
    records = [make_record(started_at=START + timedelta(days=n)) for n in range(105)]
    store.export(make_batch(*records))
    assert stored(backend) == 105
    assert store.purge(before=START + timedelta(days=4)) == 4
    assert store.count() == 101


@pytest.mark.parametrize("partition_by", ["day", "month"])
def test_retention_drops_whole_partitions_alone(backend, opened, partition_by):
    store = opened(backend, partition_by=partition_by)
    days = [datetime(2024, 3, 30, 12, tzinfo=timezone.utc) + timedelta(days=n) for n in range(4)]
    store.export(make_batch(*(make_record(started_at=day) for day in days for _ in range(2))))
    steps = []
    deleted = store.retain(before=days[3], progress=steps.append)
    expected = {"day": [2, 2, 2], "month": [4]}[partition_by]
    assert (deleted, steps) == (sum(expected), expected)
    assert store.count() == 8 - deleted


def test_the_server_deletes_three_days_later_than_the_leader_would(backend):
    store = backend.new()
    store.retention = timedelta(days=30)
    store.open()
    now = datetime.now(timezone.utc)
    ages = (29, 32.5, 33.5)
    store.export(make_batch(*(make_record(started_at=now - timedelta(days=n)) for n in ages)))
    backend.optimize()
    assert [round((now - r.started_at) / timedelta(days=1), 1) for r in store.query()] == [
        *(29, 32.5)
    ]
    # Their rollups are brought up to date before, by the clock of the server.
    with freeze_time(now + timedelta(days=3_650)):
        assert now - timedelta(days=33) < store.expired_before() < now - timedelta(days=32.9)
    store.retention = timedelta(days=20)
    store.open()
    assert "toIntervalSecond(1987200)" in backend.creation()
    assert "changed the TTL" not in str(store.repair())
    store.retention = None
    assert store.repair() == ["removed the TTL: no retention is configured"]
    assert "toIntervalSecond" not in backend.creation()


@pytest.mark.parametrize("year", [1, 1899, 2299, 9999])
def test_a_time_that_the_server_cannot_have_is_rejected(backend, store, year):
    line = encode(make_record(started_at=START)).replace(b'"2024-05-01T', b'"%04d-12-31T' % year)
    with pytest.raises(BatchRejected, match="not chest_is_dated"):
        store.export(Batch(line, 1))
    assert backend.ids() == []


def test_a_rejection_names_the_field_and_repeats_no_value(store):
    line = encode(make_record(path="/secret")).replace(b'"duration_ms":1.5', b'"duration_ms":"x"')
    with pytest.raises(BatchRejected) as raised:
        store.export(Batch(line, 1))
    assert "duration_ms" in str(raised.value)
    assert "secret" not in str(raised.value)


def test_a_batch_waits_while_a_constraint_of_others_keeps_it_out(backend, store):
    backend.run("ALTER TABLE chest_records ADD CONSTRAINT theirs CHECK method != 'PUT'")
    with pytest.raises(ExporterUnavailable, match=r"theirs.*no such constraint. Drop it"):
        store.export(make_batch(make_record(method="PUT")))
    backend.run("ALTER TABLE chest_records DROP CONSTRAINT theirs")
    store.export(make_batch(make_record(method="PUT")))


def test_a_batch_may_be_compressed_on_its_way(backend, opened):
    store = opened(backend, compress=True)
    records = [make_record(path="/é😀" * 50) for _ in range(200)]
    store.export(make_batch(*records))
    assert {record.path for record in store.query()} == {"/é😀" * 50}
    assert len(backend.ids()) == 200


def test_of_many_records_the_server_finds_those_that_are_erased(backend, store, monkeypatch):
    monkeypatch.setattr(erasing, "SMALL", 100)
    records = [make_record(variables={"n": n % 4, "user": f"u-{n % 50}"}) for n in range(400)]
    store.export(make_batch(*records))
    late = [make_record(started_at=START - timedelta(days=1), variables={"user": "u-3"})]
    steps = []

    def arrive(deleted):
        steps.append(deleted)
        if late:
            store.export(make_batch(late.pop()))

    assert store.erase("user == 'u-3'", progress=arrive) == 9
    assert steps == [8, 1]
    meant = [
        record["id"]
        for record in records
        if (record["variables"]["n"] in (1, 2) or record["variables"]["user"] == "u-4")
        and record["variables"]["user"] != "u-3"
    ]
    assert store.erase("n in (1, 2) or user == 'u-4'") == len(meant)
    assert store.count() == 400 - 8 - len(meant)
    assert not {record.id for record in store.query(limit=400)} & set(meant)
