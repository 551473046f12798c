"""Records as documents of MongoDB: types, odd values, what is rejected."""

from __future__ import annotations

import json
import uuid
from datetime import datetime, timedelta, timezone

import bson
import pytest
from support.mongo import raw_documents

from flask_chest.errors import (
    BatchRejected,
)
from flask_chest.exporter import Batch
from flask_chest.record import encode
from flask_chest.testing import make_batch, make_record
from flask_chest.testing.records import START


def test_a_record_is_one_document_of_native_types(backend, store):
    record = make_record(trace_id=None, status_code=200, variables={"n": 1})
    record["of_a_later_version"] = 1
    store.export(make_batch(record))
    (raw,) = raw_documents(backend)
    document = bson.decode(raw)
    assert document == {
        "_id": bson.Binary(uuid.UUID(record["id"]).bytes, 4),
        "request_id": "r-1",
        "trace_id": None,
        "service": "shop",
        "instance": "host:1",
        "endpoint": "cart",
        "route": "/cart/<int:id>",
        "method": "GET",
        "path": "/cart/1",
        "status_code": 200,
        "error": None,
        "started_at": START.replace(tzinfo=None, microsecond=123_000),
        "duration_ms": 1.5,
        "weight": 1.0,
        "variables": {"n": 1},
        "started_at_us": 456,
    }
    assert next(iter(document)) == "_id"
    assert document["_id"].subtype == 4
    assert b"\x01weight\x00" in raw, "a double"


@pytest.mark.parametrize(
    "moment",
    [
        datetime(1969, 12, 31, 23, 59, 59, 999_999, tzinfo=timezone.utc),
        datetime(1, 1, 1, 0, 0, 0, 1, tzinfo=timezone.utc),
        datetime(9999, 12, 31, 23, 59, 59, 999_999, tzinfo=timezone.utc),
    ],
)
def test_times_keep_their_microseconds_at_both_ends(store, moment):
    text = f"{moment.replace(tzinfo=None).isoformat(timespec='microseconds')}Z"
    store.export(make_batch(make_record(started_at=text)))
    assert store.query()[0].started_at == moment
    assert store.count(since=moment) == 1
    assert store.count(until=moment) == 0
    if moment.year > 1:
        shifted = moment.astimezone(timezone(timedelta(hours=-11)))
        assert store.count(since=shifted) == 1


HARD = {
    "a reference": {"$ref": "c", "$id": 1, "$db": "d", "more": 2},
    "half a reference": {"$ref": "#/definitions/x"},
    "half of another": {"$id": {"$oid": "6b0"}},
    "operators": {"$set": {"a.b": 1}, "$or": [], "$expr": {"$eq": [1, 1]}},
    "dots": {".": {"a.b.c": {"..": [{"": {"$": None}}]}}},
    "numbers": [-0.0, 2**31, -(2**63), 2**63 - 1, 5e-324, 1.7976931348623157e308],
    "extended": {"$numberLong": "1", "$date": "x", "$binary": {"base64": "", "subType": "04"}},
    "no codes": {"_bsontype": "ObjectID", "__proto__": 1, "constructor": 2},
}


def nested(depth):
    return [{"k": nested(depth - 2)}] if depth > 0 else []


@pytest.mark.parametrize("kind", [*HARD, "deep"])
def test_values_that_look_like_operators_or_types_of_mongodb_come_back(store, kind):
    value = nested(16) if kind == "deep" else HARD[kind]
    store.export(make_batch(make_record(variables={"v": value, "w.x": value, "$y": [value]})))
    found = store.query()[0].variables
    assert found == {"v": value, "w.x": value, "$y": [value]}
    assert json.dumps(found, sort_keys=True) == json.dumps(
        {"v": value, "w.x": value, "$y": [value]}, sort_keys=True
    )
    types = {type(each) for each in found["v"]}
    assert types <= {str, int, float, dict}, "no BSON types"


@pytest.mark.parametrize(
    "line",
    [
        encode(make_record(variables={"x": 1.5})).replace(b"1.5}", b"NaN}"),
        encode(make_record(variables={"x": 1.5})).replace(b"1.5}", b"-Infinity}"),
        encode(make_record(variables={"x": 1.5})).replace(b"1.5}", b"9223372036854775808}"),
        encode(make_record(variables={"x": 1.5})).replace(b'"x"', b'"a\\u0000b"'),
        encode(make_record(id="7")),
        encode(make_record(status_code=True)),
        encode(make_record(weight=True)),
        encode(make_record(path=["/"])),
        encode(make_record(started_at=1_714_564_800)),
        encode(make_record(started_at="2024-05-01T12:00:00")),
        encode(make_record(path="X")).replace(b'"X"', b"[" * 5_000 + b"]" * 5_000),
        encode(make_record())[:-1] + b"," + encode(make_record()),
    ],
    ids=lambda line: f"{len(line)} bytes",  # the random IDs in it differ by process
)
def test_a_batch_with_a_record_at_fault_is_rejected_before_anything_is_sent(backend, store, line):
    with pytest.raises(BatchRejected):
        store.export(Batch(encode(make_record()) + line, 2))
    assert backend.ids() == []


def test_the_words_nan_and_infinity_may_be_in_a_text(store):
    store.export(make_batch(make_record(variables={"x": "NaN", "y": "-Infinity"})))
    assert store.count(variables={"x": "NaN"}) == 1
