"""Documents that were changed by hand: passed over and counted, and the others come."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID, uuid4

import bson
import pytest
from bson import DatetimeMS
from bson.raw_bson import RawBSONDocument
from flask_chest_mongo import removal
from flask_chest_mongo.decode import Documents
from flask_chest_mongo.encode import RAW
from support.mongo import raw_documents

from flask_chest.query import LIST
from flask_chest.store import ValueCount
from flask_chest.testing import make_batch, make_record
from flask_chest.testing.records import START

CHANGES = {
    "a text for the time": {"started_at": "2024-05-01T12:00:00Z"},
    "a number for the time": {"started_at": 17},
    "no time": {"started_at": None},
    "a text for the microseconds": {"started_at_us": "1"},
    "too many microseconds": {"started_at_us": 1_000},
    "a number for the method": {"method": 7},
    "a text for the duration": {"duration_ms": "1.5"},
    "a decimal for the weight": {"weight": bson.Decimal128("1")},
    "a float for the status": {"status_code": 200.5},
    "a list for the route": {"route": ["/"]},
    "a list for the variables": {"variables": [{}]},
    "a list of times": {"started_at": [START]},
    "a list of numbers": {"weight": [1.0]},
    "a number for the request ID": {"request_id": 5},
}


def change(backend, identity, fields):
    backend.ask(lambda db: db.chest_records.update_one({"_id": UUID(identity)}, {"$set": fields}))


@pytest.mark.parametrize("fields", CHANGES.values(), ids=CHANGES)
def test_an_unreadable_document_is_passed_over_in_every_read(backend, store, said, fields):
    records = [
        make_record(started_at=START + timedelta(seconds=n), variables={"n": n % 2})
        for n in range(6)
    ]
    store.export(make_batch(*records))
    change(backend, records[2]["id"], fields)
    rest = [record["id"] for record in records if record is not records[2]]
    for _ in range(2):
        assert [record.id for record in store.query()] == rest[::-1]
        assert [record.id for record in store.query(newest_first=False, limit=5)] == rest
        assert [record.id for record in store.page(limit=3)] == rest[:3]
        assert [record.id for record in store.page()] == rest
        assert sum(summary.count for summary in store.routes()) == 5
        assert store.top_values("n") == [ValueCount(1, 3.0), ValueCount(0, 2.0)]
    assert store.count() == 5
    assert store.unreadable == 1
    [line] = said()
    assert "1 documents among the records that are no records" in line
    assert records[2]["id"] in line


@pytest.mark.parametrize("missing", ["started_at", "started_at_us", "variables", "weight", "path"])
def test_a_document_without_a_field_is_passed_over(backend, store, missing):
    records = [make_record() for _ in range(3)]
    store.export(make_batch(*records))
    backend.ask(lambda db: db.chest_records.update_one({}, {"$unset": {missing: 1}}))
    assert len(store.query()) == len(store.page()) == 2
    assert sum(summary.count for summary in store.routes()) == 2
    assert store.unreadable == 1


@pytest.mark.parametrize(
    "milliseconds", [253_402_300_800_000, 2**55, -62_135_596_800_001, -(2**55)]
)
def test_a_year_that_python_lacks_is_passed_over(backend, store, milliseconds):
    # SecantusDB stores no such date, so the documents do not come from a server.
    records = [make_record() for _ in range(2)]
    store.export(make_batch(*records))
    first, second = map(bson.decode, raw_documents(backend))
    first["started_at"] = DatetimeMS(milliseconds)
    documents = [RawBSONDocument(bson.encode(each), RAW) for each in (first, second)]
    reader = Documents()
    assert [record.id for record in reader.records(documents, "here")] == [
        str(second["_id"].as_uuid())
    ]
    assert reader.unreadable == 1


def test_documents_of_others_among_the_records_are_passed_over(backend, store):
    store.export(make_batch(make_record()))
    foreign = [{"_id": n, "started_at": START} for n in (7, "x", None)] + [{"_id": {"a": 1}}]
    backend.ask(lambda db: db.chest_records.insert_many(foreign))
    assert len(store.query()) == len(store.page()) == store.count() == 1
    assert store.unreadable == 4
    assert store.purge(before=START + timedelta(days=1)) == 4
    assert store.count() == 0


def test_a_variable_that_json_lacks_is_passed_over(backend, store):
    records = [make_record(variables={"a": [n]}) for n in range(3)]
    store.export(make_batch(*records))
    for value in (bson.ObjectId(), START, bson.Decimal128("1"), b"x", [START]):
        change(backend, records[0]["id"], {"variables.a": value})
        assert len(store.query()) == 2
        # What is in a list is not looked at for a sum.
        lists = 3.0 if isinstance(value, list) else 2.0
        assert store.top_values("a") == [ValueCount(LIST, lists)]


def test_a_page_passes_over_more_documents_than_it_has_records(backend, store):
    records = [make_record(started_at=START + timedelta(seconds=n)) for n in range(30)]
    store.export(make_batch(*records))
    for record in records[:25]:
        change(backend, record["id"], {"weight": "heavy"})
    assert [record.id for record in store.page(limit=2)] == [r["id"] for r in records[25:27]]
    assert store.unreadable == 25


def test_a_position_may_be_any_record(store):
    moments = [START + timedelta(microseconds=n) for n in (0, 0, 1, 400, 999, 1_000, 1_000)]
    store.export(make_batch(*(make_record(started_at=moment) for moment in moments)))
    ordered = sorted(store.query(), key=lambda record: (record.started_at, record.id))
    for limit in (1, 2, 100):
        found, after = [], None
        while page := store.page(after=after, limit=limit):
            found += page
            after = (page[-1].started_at, page[-1].id)
        assert found == ordered
    assert store.page(until=ordered[3].started_at) == ordered[:3]
    assert store.page(after=(ordered[1].started_at, str(uuid4())), limit=1) in (
        ordered[:1],
        ordered[1:2],
        ordered[2:3],
    )
    assert store.page(after=(ordered[0].started_at, str(UUID(int=2**128 - 1)))) == ordered[2:]


def test_delete_removes_these_records_and_says_how_many_there_were(store, monkeypatch):
    monkeypatch.setattr(removal, "AT_ONCE", 100)
    store.export(make_batch(*(make_record() for _ in range(250))))
    page = store.page(limit=210)
    assert store.delete(page) == 210
    assert store.delete(page[:5]) == 0
    assert store.delete([]) == 0
    assert store.count() == 40
