"""Batches on MongoDB: sizes, write concern, rejected documents, purge."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path

import pytest
from flask_chest_mongo import removal
from support.mongo import raw_documents
from support.programs import run

from flask_chest.errors import (
    BatchRejected,
    ExporterUnavailable,
)
from flask_chest.testing import make_batch, make_record
from flask_chest.testing.records import START

PROGRAMS = Path(__file__).with_name("programs")


def test_a_record_of_up_to_16_mib_is_stored_and_a_larger_one_rejected(backend, store):
    def of(length):
        return make_record(path="", variables={"t": "x" * length})

    store.export(make_batch(of(0)))
    overhead = len(raw_documents(backend)[0])
    largest = of(16 * 1024 * 1024 - overhead)
    store.export(make_batch(make_record(), largest))
    found = {record.id: record.variables for record in store.query()}
    assert found[largest["id"]] == largest["variables"]
    for more in (1, 100_000):
        small, larger = make_record(), of(16 * 1024 * 1024 - overhead + more)
        with pytest.raises(BatchRejected, match=r"16,777,216 bytes"):
            store.export(make_batch(small, larger))
        with pytest.raises(BatchRejected, match=r"16,777,216 bytes"):
            store.export(make_batch(larger))
    assert len(backend.ids()) <= 5


def test_a_batch_larger_than_a_message_is_split(backend, warm_python):
    sent = [json.loads(line) for line in run(warm_python, PROGRAMS / "show_inserts.py", backend)]
    for concern, *_ in sent:
        assert concern == {"w": "majority", "j": True, "wtimeout": 27_000}
    assert not any(ordered for _, ordered, _ in sent)
    assert [number for *_, number in sent][:11] == [10] + [4] * 10


def test_a_record_that_a_validator_refuses_is_rejected(backend, store):
    backend.ask(
        lambda db: db.command("collMod", "chest_records", validator={"method": {"$ne": "PUT"}})
    )
    with pytest.raises(BatchRejected, match="validation"):
        store.export(make_batch(make_record(path="/3", method="PUT")))
    store.export(make_batch(make_record(path="/3")))


def test_records_wait_while_a_unique_index_of_others_keeps_them_out(backend, store):
    backend.ask(lambda db: db.chest_records.create_index("variables.mail", unique=True))
    twins = [make_record(variables={"mail": "a@b.example"}) for _ in range(2)]
    batch = make_batch(make_record(variables={"mail": "c@d.example"}), *twins)
    for _ in range(2):
        with pytest.raises(ExporterUnavailable) as caught:
            store.export(batch)
        assert "the index variables.mail_1 is unique" in str(caught.value)
        assert "a@b.example" not in str(caught.value), "a value of a record is in no message"
    backend.ask(lambda db: db.chest_records.drop_index("variables.mail_1"))
    store.export(batch)
    assert len(backend.ids()) == 3


def test_purge_deletes_in_steps(store, monkeypatch):
    monkeypatch.setattr(removal, "AT_ONCE", 3)
    moments = [START + timedelta(microseconds=300 * n) for n in range(40)]
    store.export(make_batch(*(make_record(started_at=moment) for moment in moments)))
    steps = []
    assert store.purge(before=moments[33], progress=steps.append) == 33
    assert steps == [3] * 11
    assert [r.started_at for r in store.query(newest_first=False)] == moments[33:]


def test_a_purge_goes_on_where_another_process_has_deleted_the_same_first(store, monkeypatch):
    delete, calls = removal.delete, []

    def be_late(records, ids):
        calls.append(ids)
        if len(calls) == 2:
            delete(records, ids)  # as another process
        return delete(records, ids)

    monkeypatch.setattr(removal, "AT_ONCE", 3)
    monkeypatch.setattr(removal, "delete", be_late)
    store.export(make_batch(*(make_record() for _ in range(10))))
    steps = []
    assert store.purge(before=START + timedelta(days=1), progress=steps.append) == 7
    assert steps == [3, 0, 3, 1]
    assert store.count() == 0
