"""What MongoDB alone has: documents, keys and indexes, answers of the server, its URLs."""

from __future__ import annotations

import gc
import json
import logging
import math
import re
import select
import socket
import socketserver
import threading
import time
import traceback
import uuid
from contextlib import contextmanager
from datetime import datetime, timedelta, timezone
from urllib.parse import quote_plus

import bson
import pymongo
import pytest
from bson.raw_bson import RawBSONDocument
from conftest import _open_files
from flask_chest_mongo import MongoConfig, MongoStore, queries
from flask_chest_mongo import store as store_module
from flask_chest_mongo.connection import make_client
from flask_chest_mongo.encode import documents
from support.backends import Mongo
from support.certificates import make_authority, make_certificate

from flask_chest.errors import (
    BatchRejected,
    ChestError,
    ConfigurationError,
    ExporterUnavailable,
    SchemaMismatch,
)
from flask_chest.exporter import Batch
from flask_chest.record import encode
from flask_chest.settings.exporters import make_exporters
from flask_chest.store import ValueCount
from flask_chest.testing import Relay, make_batch, make_record
from flask_chest.testing.records import START
from tools.servers import MongoServer, free_port


def new_threads(before):
    return [t for t in threading.enumerate() if t not in before and t.is_alive()]


@contextmanager
def nothing_left(look):
    """Fail when what `look` finds is not gone soon after the block."""
    yield
    deadline = time.monotonic() + 5
    while left := look():
        assert time.monotonic() < deadline, f"left behind: {left}"
        gc.collect()
        time.sleep(0.02)


@pytest.fixture(autouse=True, scope="module")
def no_leaks_at_the_end(mongo_server):
    threads, files = set(threading.enumerate()), _open_files()
    with nothing_left(lambda: [*new_threads(threads), *(_open_files() - files)]):
        yield


@pytest.fixture(autouse=True)
def no_leaks():
    """Take the place of the one for all tests, but leave PyMongo half a second to end its threads.

    To wait for that in each test would take longer than all of them: they are looked for at the
    end.
    """
    threads = set(threading.enumerate())
    with nothing_left(
        lambda: [t for t in new_threads(threads) if not t.name.startswith("pymongo_")]
    ):
        yield


@pytest.fixture
def backend(mongo):
    return Mongo(mongo)


@pytest.fixture
def store(backend):
    store = backend.new()
    store.open()
    yield store
    store.close()


# -- Documents ---------------------------------------------------------------------------------


def raw_documents(backend):
    """Return the bytes of the documents, as they are on the wire."""
    codec = bson.CodecOptions(document_class=RawBSONDocument)

    def question(db):
        found = db.get_collection("chest_records", codec_options=codec).find().sort("_id", 1)
        return [document.raw for document in found]

    return backend.ask(question)


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
def test_no_microsecond_is_lost_at_either_end_of_time(store, moment):
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
def test_what_mongodb_might_take_for_its_own_comes_back(store, kind):
    value = nested(16) if kind == "deep" else HARD[kind]
    store.export(make_batch(make_record(variables={"v": value, "w.x": value, "$y": [value]})))
    found = store.query()[0].variables
    assert found == {"v": value, "w.x": value, "$y": [value]}
    assert json.dumps(found, sort_keys=True) == json.dumps(
        {"v": value, "w.x": value, "$y": [value]}, sort_keys=True
    )
    types = {type(each) for each in found["v"]}
    assert types <= {str, int, float, dict}, "no BSON types"
    if kind != "a reference":  # which SecantusDB 0.7 itself takes for one, in a question
        assert store.count(variables={"v": value}) == 1
    assert store.count(variables={"w.x": value}) == 1
    assert store.count(variables={"$y": [value]}) == 1


def test_a_record_of_nearly_16_mib_is_stored_and_a_larger_one_refused(backend, store):
    def of(length):
        return make_record(path="", variables={"t": "x" * length})

    overhead = len(bson.encode(documents(make_batch(of(0)))[0]))
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
    assert len(backend.ids()) <= 4


def test_a_batch_of_more_than_a_message_carries_is_split(backend):
    script = """
import pymongo.monitoring
from flask_chest.testing import make_batch, make_record
class Listener(pymongo.monitoring.CommandListener):
    def started(self, event):
        if event.command_name == "insert" and len(event.command["documents"]) > 1:
            print(json.dumps([event.command["writeConcern"], event.command["ordered"],
                              len(event.command["documents"])]))
    def succeeded(self, event): pass
    def failed(self, event): pass
pymongo.monitoring.register(Listener())
store = new()
store.open()
store.export(make_batch(*(make_record() for _ in range(10))))
big = [make_record(variables={"t": "x" * 500_000}) for _ in range(40)]
dense = [make_record(variables={"l": [0] * 900_000}) for _ in range(2)]
store.export(make_batch(*big, *dense, make_record()))
assert store.count() == 53
store.close()
"""
    with backend.start(script) as process:
        out, err = process.communicate(timeout=60)
    assert err == ""
    sent = [json.loads(line) for line in out.splitlines()]
    for concern, *_ in sent:
        assert concern == {"w": "majority", "j": True, "wtimeout": 27_000}
    assert not any(ordered for _, ordered, _ in sent)
    assert [number for *_, number in sent][:11] == [10] + [4] * 10


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
    ids=lambda line: f"{len(line)} bytes",  # without the random IDs, which differ by process
)
def test_what_no_record_may_be_is_refused_before_anything_is_sent(backend, store, line):
    with pytest.raises(BatchRejected):
        store.export(Batch(encode(make_record()) + line, 2))
    assert backend.ids() == []


def test_the_words_nan_and_infinity_in_a_text_are_no_fault(store):
    store.export(make_batch(make_record(variables={"x": "NaN", "y": "-Infinity"})))
    assert store.count(variables={"x": "NaN"}) == 1


def test_a_document_that_a_validator_or_an_index_of_yours_refuses_is_rejected(backend, store):
    backend.ask(lambda db: db.chest_records.create_index("path", unique=True))
    store.export(make_batch(make_record(path="/1")))
    with pytest.raises(BatchRejected, match="duplicate key"):
        store.export(make_batch(make_record(path="/1"), make_record(path="/2")))
    backend.ask(
        lambda db: db.command("collMod", "chest_records", validator={"method": {"$ne": "PUT"}})
    )
    with pytest.raises(BatchRejected, match="validation"):
        store.export(make_batch(make_record(path="/3", method="PUT")))
    store.export(make_batch(make_record(path="/3")))


# -- Schema ------------------------------------------------------------------------------------


def indexes(backend):
    return backend.ask(lambda db: db.chest_records.index_information())


def test_there_are_two_indexes_and_one_version(backend, store):
    assert {name: index["key"] for name, index in indexes(backend).items()} == {
        "_id_": [("_id", 1)],
        "chest_started_at": [("started_at", 1), ("started_at_us", 1), ("_id", 1)],
        "chest_request_id": [("request_id", 1)],
    }
    versions = backend.ask(lambda db: list(db.chest_schema.find()))
    assert versions == [{"_id": "flask-chest", "version": 1}]


def test_retention_is_an_index_that_changes_with_the_configuration(backend):
    for days, seconds in ((30, 2_592_000), (0.5, 43_200), (None, None), (7, 604_800)):
        for _ in range(2):
            store = backend.new(retention_days=days)
            store.open()
            store.close()
        index = indexes(backend).get("chest_retention", {})
        assert index.get("expireAfterSeconds") == seconds
        assert seconds is None or index["key"] == [("started_at", 1)]


def test_another_index_in_the_place_of_retention_is_named(backend, store):
    # Of another age it is another index to SecantusDB 0.7, but not to MongoDB.
    mine = {"name": "mine", "expireAfterSeconds": 86_400}
    backend.ask(lambda db: db.chest_records.create_index("started_at", **mine))
    with pytest.raises(ConfigurationError, match=r"mine.*Drop that index"):
        backend.new(retention_days=1).open()


def test_questions_of_time_and_of_a_request_use_an_index(backend, store):
    store.export(make_batch(*(make_record() for _ in range(10))))
    for where, index in (
        ({"since": START.replace(microsecond=0)}, "chest_started_at"),
        ({"until": START.replace(microsecond=0)}, "chest_started_at"),
        ({"request_id": "r-1"}, "chest_request_id"),
    ):
        find = {"find": "chest_records", "filter": queries.restriction(where)}
        plan = backend.ask(lambda db, find=find: db.command("explain", find))
        assert index in str(plan["queryPlanner"]["winningPlan"]), where


def test_the_view_keeps_the_types_of_the_values(backend, store):
    record = make_record(variables={"n": 1.5, "l": [1], "none": None, "a.b": "x"})
    store.export(make_batch(record))
    (view,) = backend.ask(lambda db: list(db.list_collections(filter={"name": "chest_variables"})))
    assert view["type"] == "view"
    assert view["options"]["viewOn"] == "chest_records"
    rows = backend.ask(lambda db: list(db.chest_variables.find()))
    assert {row["name"]: row["value"] for row in rows} == record["variables"]
    assert {(str(row["record_id"]), row["request_id"], row["endpoint"]) for row in rows} == {
        (record["id"], "r-1", "cart")
    }
    assert rows[0]["started_at"] == START.replace(tzinfo=None, microsecond=123_000)


@pytest.mark.parametrize("last", ["chest_schema", "chest_records", "indexes", "chest_variables"])
def test_a_creation_that_was_cut_short_is_completed(backend, store, last):
    store.close()
    whole = backend.ask(lambda db: sorted(db.list_collection_names()))
    steps = ["chest_schema", "chest_records", "indexes", "chest_variables"]

    def undo(db):
        db.chest_schema.delete_many({})
        for name in steps[steps.index(last) + 1 :]:
            if name == "indexes":
                db.chest_records.drop_indexes()
            else:
                db.drop_collection(name)

    backend.ask(undo)
    store.open()
    store.export(make_batch(make_record()))
    assert backend.ask(lambda db: sorted(db.list_collection_names())) == whole
    assert len(indexes(backend)) == 3
    assert backend.ask(lambda db: db.chest_schema.count_documents({})) == 1


def test_a_collection_that_was_dropped_has_its_indexes_after_the_next_open(backend, store):
    backend.ask(lambda db: db.drop_collection("chest_records"))
    store.export(make_batch(make_record()))  # which the server makes a collection for
    store.close()
    store.open()
    assert len(indexes(backend)) == 3
    assert len(backend.ids()) == 1


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda db: db.chest_variables.insert_one({"_id": 7}), "chest_variables that Flask-Chest"),
        (lambda db: db.chest_schema.insert_one({"_id": 7}), "chest_schema without our document"),
        (
            lambda db: db.create_collection("chest_schema", viewOn="x"),
            "chest_schema that is no collection",
        ),
        (
            lambda db: (
                db.create_collection("chest_schema"),
                db.chest_variables.insert_one({"_id": 7}),
            ),
            "chest_variables that is no view",
        ),
        (
            lambda db: (
                db.create_collection("chest_schema"),
                db.create_collection("chest_records", viewOn="x"),
            ),
            "chest_records that is no collection",
        ),
        (
            lambda db: db.chest_schema.insert_one({"_id": "flask-chest", "version": "x"}),
            "schema version x",
        ),
    ],
)
def test_what_is_not_ours_is_refused_and_left_alone(backend, make, message):
    backend.ask(make)
    before = backend.ask(lambda db: sorted(map(str, db.list_collections())))
    store = backend.new()
    with pytest.raises(SchemaMismatch, match=message) as caught:
        store.open()
    assert backend.name in str(caught.value)
    assert backend.ask(lambda db: sorted(map(str, db.list_collections()))) == before


def test_two_prefixes_in_one_database_do_not_mind_each_other(backend, store):
    other = Mongo(backend.url, collection_prefix="über. %s'_")
    second = other.new()
    second.open()
    store.export(make_batch(make_record()))
    second.export(make_batch(make_record(variables={"n": 1}), make_record()))
    assert (store.count(), second.count()) == (1, 2)
    assert (len(backend.ids()), len(other.ids()), len(other.variables())) == (1, 2, 1)
    second.close()


# -- Questions ---------------------------------------------------------------------------------


def test_purge_goes_in_steps(store, monkeypatch):
    monkeypatch.setattr(store_module, "_PURGE_AT_ONCE", 3)
    moments = [START + timedelta(microseconds=300 * n) for n in range(40)]
    store.export(make_batch(*(make_record(started_at=moment) for moment in moments)))
    assert store.purge(before=moments[33]) == 33
    assert [r.started_at for r in store.query(newest_first=False)] == moments[33:]


def test_values_are_counted_by_their_text(store):
    counted = {
        "1": [1, "1", 1],
        "true": [True, "true"],
        "1.0": [1.0],
        "[1]": [[1], "[1]"],
        "[1.0]": [[1.0]],
        "[]": [[]],
        "{}": [{}],
        '{"$ref":"c","$id":1}': [{"$ref": "c", "$id": 1}],
        "9223372036854775807": [2**63 - 1],
        "": [""],
        None: [None],
    }
    values = [value for values in counted.values() for value in values]
    store.export(make_batch(*(make_record(variables={"a": v, "b": "x"}) for v in values)))
    found = store.top_values("a", limit=100)
    assert {value.value: value.count for value in found} == {
        text: len(values) for text, values in counted.items()
    }
    assert found[0] == ValueCount("1", 3.0)
    assert [value.value for value in found[3:6]] == [None, "", "1.0"]
    assert store.top_values("a\0") == []


def test_only_the_most_frequent_values_travel_where_all_are_text(store):
    names = [f"n{number}" for number in range(300) for _ in range(1 + number % 3)]
    store.export(make_batch(*(make_record(variables={"a": name}) for name in names)))
    wanted = sorted(f"n{number}" for number in range(2, 300, 3))[:5]
    assert store.top_values("a", limit=5) == [ValueCount(name, 3.0) for name in wanted]


def test_percentiles_are_those_of_the_requests_that_the_weights_stand_for(store):
    pairs = [((n * 37) % 101 / 7, 1 + n % 5) for n in range(200)]
    store.export(make_batch(*(make_record(duration_ms=d, weight=float(w)) for d, w in pairs)))
    requests = sorted(duration for duration, weight in pairs for _ in range(weight))
    (summary,) = store.routes()
    assert summary.count == len(requests)
    assert summary.p50_ms == requests[math.ceil(len(requests) * 0.5) - 1]
    assert summary.p95_ms == requests[math.ceil(len(requests) * 95 / 100) - 1]


# -- Servers -----------------------------------------------------------------------------------


class GuardedServer(MongoServer):
    """A server that asks for a password, and fails on demand."""

    credentials = ""

    @property
    def own_url(self):
        return f"mongodb://{self.credentials}127.0.0.1:{self.port}"


PASSWORD = "pl@nted:/se?cr#t%+&="


@pytest.fixture(scope="module")
def guarded():
    with GuardedServer(options=["--enable-test-commands"]) as server:
        with pymongo.MongoClient(server.url()) as client:
            client.admin.command("createUser", "root", pwd="root", roles=["root"])
            for user, role in (("writer", "readWrite"), ("reader", "read")):
                roles = [{"role": role, "db": "shop"}]
                client.shop.command("createUser", user, pwd=PASSWORD, roles=roles)
        server.credentials = "root:root@"
        server.options += ["--auth"]
        server.stop()
        server.start()
        yield server
        server.kill()  # which is quicker than to stop it


@pytest.fixture
def fail(guarded):
    """Return what lets the server fail, as MongoDB does for tests of drivers."""
    with pymongo.MongoClient(guarded.url()) as client:

        def fail(times=1, **data):
            client.admin.command(
                {"configureFailPoint": "failCommand", "mode": {"times": times}, "data": data}
            )

        yield fail
        client.admin.command({"configureFailPoint": "failCommand", "mode": "off"})


def guarded_store(guarded, **fields):
    given = {"host": "127.0.0.1", "port": guarded.port, "database": "shop", "user": "writer"}
    timeouts = {"connect_timeout_seconds": 2.0, "timeout_seconds": 2.0}
    return MongoStore(MongoConfig(**{**given, "password": PASSWORD, **timeouts, **fields}))


def test_a_user_who_may_read_and_write_is_all_that_is_needed(guarded):
    url = f"mongodb://writer:{quote_plus(PASSWORD)}@127.0.0.1:{guarded.port}/shop"
    for config in (MongoConfig(url=url), guarded_store(guarded).config):
        store = MongoStore(config)
        store.check()
        store.open()
        store.export(make_batch(make_record()))
        assert store.count() >= 1
        store.close()


@pytest.mark.parametrize(
    ("fields", "remedy"),
    [
        ({"password": "wr0ng-s3cret"}, r"authentication failed\. Correct the user, the password"),
        ({"user": "nobody"}, r"Correct the user"),
        ({"auth_source": "admin"}, r"or `auth_source`"),
        ({"user": None, "password": None}, r"Name a `user` that has the role readWrite"),
        ({"user": "reader"}, r"not authorized.*the role readWrite"),
        ({"database": "other", "auth_source": "shop"}, r"not authorized on other.*readWrite"),
        ({"replica_set": "of-others"}, r"of-others.*Correct `replica_set`"),
        ({"replica_set": "of-others", "direct_connection": True}, r"Correct `replica_set`"),
        ({"tls": True}, r"handshake.*It may offer no TLS"),
    ],
    ids=str,
)
def test_what_a_person_has_to_put_right_is_said(guarded, fields, remedy):
    store = guarded_store(guarded, **{"connect_timeout_seconds": 0.7, **fields})
    with pytest.raises(ConfigurationError, match=remedy) as caught:
        store.open()
    assert f"127.0.0.1:{guarded.port}/" in str(caught.value)
    assert len(str(caught.value)) < 400


def test_a_secret_is_shown_nowhere(guarded, caplog, capfd):
    caplog.set_level(logging.DEBUG)
    url = f"mongodb://writer:{quote_plus(PASSWORD)}@127.0.0.1:{guarded.port}/shop"
    shown = []
    for fields in ({}, {"user": "nobody"}, {"database": "other", "auth_source": "shop"}):
        config = MongoConfig(url=url, **fields)
        store = MongoStore(config)
        shown += [repr(config), str(config), str(config.model_dump()), config.model_dump_json()]
        for call in (store.open, store.check, store.count):
            try:
                call()
            except ChestError as error:
                shown.append(format_all(error))
        shown.append(repr(vars(store)))
        store.close()
    shown += [caplog.text, *capfd.readouterr()]
    assert "Correct the user" in "".join(shown)
    for secret in (PASSWORD, quote_plus(PASSWORD)):
        assert not any(secret in text for text in shown)


def test_what_only_the_server_knows_does_not_stop_the_application(guarded):
    with pytest.raises(ExporterUnavailable, match="Correct the user, the password"):
        guarded_store(guarded, password="wrong").check()


def format_all(error):
    return "".join(traceback.format_exception(error)) + repr(error) + repr(error.__cause__)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (
            {"writeConcernError": {"code": 64, "errmsg": "waiting for replication timed out"}},
            "majority of the servers has not confirmed the batch: waiting for replication",
        ),
        ({"errorCode": 14031}, "fail"),
        ({"errorCode": 2}, "fail"),
        ({"errorCode": 50}, "no answer within `timeout_seconds`"),
        ({"blockConnection": True, "blockTimeMS": 2_500}, "no answer within `timeout_seconds`"),
    ],
    ids=str,
)
def test_a_batch_that_is_not_confirmed_waits_and_is_stored_once(guarded, fail, data, message):
    store = guarded_store(guarded)
    store.open()
    batch = make_batch(*(make_record(request_id="waits") for _ in range(3)))
    before = store.count()
    fail(failCommands=["insert"], **data)
    with pytest.raises(ExporterUnavailable, match=message):
        store.export(batch)
    store.export(batch)
    assert store.count() == before + 3
    store.close()


@pytest.mark.parametrize("data", [{"closeConnection": True}, {"errorCode": 10107}], ids=str)
def test_a_lost_connection_or_primary_is_looked_for_once_more(guarded, fail, data):
    store = guarded_store(guarded)
    store.open()
    fail(failCommands=["insert"], **data)
    store.export(make_batch(make_record()))
    fail(2, failCommands=["insert"], **data)
    with pytest.raises(ExporterUnavailable):
        store.export(make_batch(make_record()))
    store.close()


def test_a_privilege_that_was_taken_away_is_a_fault_of_the_configuration(guarded, fail):
    store = guarded_store(guarded)
    store.open()
    fail(failCommands=["insert", "find"], errorCode=13, times=2)
    for call in (lambda: store.export(make_batch(make_record())), store.query):
        with pytest.raises(ConfigurationError, match="readWrite"):
            call()
    store.close()


def test_retention_changes_also_where_the_role_may_not_change_an_index(guarded, fail):
    for days in (1, 2):
        store = guarded_store(guarded, retention_days=days, collection_prefix="kept_")
        fail(failCommands=["collMod"], errorCode=13)
        store.open()
        store.close()
        with pymongo.MongoClient(guarded.url()) as client:
            index = client.shop.kept_records.index_information()["chest_retention"]
        assert index["expireAfterSeconds"] == days * 86_400


def test_a_secondary_is_read_only_and_a_set_without_primary_unavailable(guarded):
    writer = guarded_store(guarded, connect_timeout_seconds=0.5)
    writer.open()
    direct = guarded_store(guarded, direct_connection=True)
    with pymongo.MongoClient(guarded.url(), directConnection=True) as client:
        client.admin.command({"replSetStepDown": 2, "force": True})
        with pytest.raises(ConfigurationError, match=r"secondary, which is read-only\. Name"):
            direct.open()
        with pytest.raises(ExporterUnavailable, match="none of its servers is the primary"):
            writer.export(make_batch(make_record()))
        while not client.admin.command("hello")["isWritablePrimary"]:
            time.sleep(0.05)
    writer.export(make_batch(make_record()))
    writer.close()


def test_what_a_killed_server_had_confirmed_is_there_when_it_is_back():
    with MongoServer(durable=True) as server:
        store = MongoStore(MongoConfig(url=server.url("shop"), connect_timeout_seconds=1.0))
        store.open()
        batches = [make_batch(make_record(), make_record()) for _ in range(2)]
        for number, batch in enumerate(batches):
            store.export(batch)
            server.kill()
            if number == 0:
                with pytest.raises(ExporterUnavailable, match="refused"):
                    store.export(batches[1])
            server.start()
        assert store.count() == 4
        store.close()
        server.kill()


def test_a_server_that_hangs_holds_the_start_up_for_few_seconds(backend):
    with Relay(*backend.address) as relay:
        relay.stall()
        store = backend.new(**backend.at(*relay.address))
        started = time.monotonic()
        with pytest.raises(ExporterUnavailable, match=rf"{relay.address[1]}/\w+: .*timed out"):
            store.check()
        assert time.monotonic() - started < 5.0


def test_the_end_does_not_wait_for_a_server_that_hangs(backend):
    with Relay(*backend.address) as relay:
        store = backend.new(**backend.at(*relay.address))
        store.open()
        relay.stall()
        started = time.monotonic()
        store.close()
        assert time.monotonic() - started < 2.5


@contextmanager
def claiming(wire_version, address):
    """Give the port of a relay through which a server says that it is of another version."""
    claim = b"\\1" + wire_version.to_bytes(4, "little")

    class Handler(socketserver.BaseRequestHandler):
        def handle(self):
            with socket.create_connection(address) as server:
                other = {self.request: server, server: self.request}
                while True:
                    for readable in select.select(list(other), (), ())[0]:
                        try:
                            data = readable.recv(65_536)
                            data = re.sub(rb"(?s)(\x10maxWireVersion\0).{4}", claim, data)
                            other[readable].sendall(data)
                        except OSError:
                            data = b""
                        if not data:
                            return

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler) as relay:
        relay.daemon_threads = True
        thread = threading.Thread(target=relay.serve_forever, args=(0.01,))
        thread.start()
        yield relay.server_address[1]
        relay.shutdown()
        thread.join()


@pytest.mark.parametrize("wire_version", [6, 9, 12])
def test_a_server_before_mongodb_5_is_too_old(backend, wire_version):
    with claiming(wire_version, backend.address) as port:
        store = backend.new(**backend.at("127.0.0.1", port))
        with pytest.raises(ConfigurationError, match=f"{port}/.*older than MongoDB 5.0. Upgrade"):
            store.open()
    assert backend.ask(lambda db: db.list_collection_names()) == []


def test_the_check_leaves_no_thread_to_a_fork_that_follows(backend):
    before = set(threading.enumerate())
    backend.new().check()
    assert new_threads(before) == []
    with pytest.raises(ExporterUnavailable):
        backend.new(port=free_port(), connect_timeout_seconds=0.5).check()
    assert new_threads(before) == []


def test_tls_is_spoken_and_certificates_are_looked_at(tmp_path):
    authority = make_authority(tmp_path, "authority")
    certificate, key = make_certificate(tmp_path, authority, "localhost")
    (tmp_path / "client").mkdir()
    ours = make_certificate(tmp_path / "client", authority, "client")
    both = tmp_path / "both"
    both.write_bytes(b"".join(file.read_bytes() for file in ours))

    class SecureServer(MongoServer):
        def url(self, database=""):
            return (
                f"mongodb://localhost:{self.port}/{database}?directConnection=true&tls=true"
                f"&tlsCAFile={authority}&tlsCertificateKeyFile={both}"
            )

    options = [
        f"--tls-cert-file={certificate}",
        f"--tls-key-file={key}",
        f"--tls-ca-file={authority}",
        "--tls-require-client-cert",
    ]
    with SecureServer(options=options) as server:
        store = MongoStore(MongoConfig(url=server.url("shop")))
        store.open()
        store.export(make_batch(make_record()))
        assert store.count() == 1
        store.close()
        for changes, error, message in (
            ({"tls_ca_file": None}, ConfigurationError, "`tls_ca_file` names the authority"),
            (
                {"host": "127.0.0.1"},
                ConfigurationError,
                "certificate is not valid for '127.0.0.1'.*`host` the name in it",
            ),
            (
                {"tls_certificate_key_file": None},
                # With TLS 1.3 it may be refused only after the handshake.
                (ConfigurationError, ExporterUnavailable),
                "want a certificate of yours",
            ),
            (
                {"tls": None, "tls_ca_file": None, "tls_certificate_key_file": None},
                ExporterUnavailable,
                "may demand TLS",
            ),
        ):
            fields = {"connect_timeout_seconds": 1.0, **changes}
            refused = MongoStore(store.config.model_copy(update=fields))
            with pytest.raises(error, match=message):
                refused.open()
        server.kill()


# -- Configuration -----------------------------------------------------------------------------


def test_a_url_stands_for_the_fields():
    config = MongoConfig(
        url="mongodb://us%40er:p%2Fw%3A@a.example:1,b.example/shop?replicaSet=rs&authSource=admin"
        "&retryWrites=true&w=majority&appName=Shop&connectTimeoutMS=1500&socketTimeoutMS=2500"
        "&maxPoolSize=7&readPreference=secondary&collection_prefix=c_&retention_days=1.5&tls=true",
        timeout_seconds=9,
    )
    assert config.location == "MongoDB at a.example:1,b.example:27017/shop"
    assert (config.user, config.password.get_secret_value()) == ("us@er", "p/w:")
    assert (config.auth_source, config.replica_set, config.tls) == ("admin", "rs", True)
    assert (config.connect_timeout_seconds, config.timeout_seconds) == (1.5, 9.0)
    assert (config.pool_size, config.collection_prefix) == (7, "c_")
    assert config.retention_seconds == 129_600
    with make_client(*config.arguments()) as client:
        assert client.read_preference.name == "Secondary"
        assert client.options.pool_options.appname == "Shop"
        assert client.options.pool_options.max_pool_size == 7
        assert client.options.replica_set_name == "rs"


@pytest.mark.parametrize(
    ("fields", "location"),
    [
        ({"host": "::1", "database": "d"}, "MongoDB at ::1:27017/d"),
        ({"host": "h", "port": 5, "database": "d"}, "MongoDB at h:5/d"),
        ({"host": "a,b:2", "port": 5, "database": "d"}, "MongoDB at a:5,b:2/d"),
        ({"url": "mongodb://h:1/d", "port": 5}, "MongoDB at h:5/d"),
        ({"url": "mongodb://h:1/d", "host": "other"}, "MongoDB at other:1/d"),
        ({"url": "mongodb://[::1]:2/d"}, "MongoDB at ::1:2/d"),
        ({"url": "mongodb://h/d", "database": "e"}, "MongoDB at h:27017/e"),
        ({"url": "mongodb://%2Ftmp%2Fmongo.sock/d"}, "MongoDB at /tmp/mongo.sock/d"),
        ({"url": "mongodb+srv://u:p@c.example/d?srvMaxHosts=3"}, "MongoDB at c.example/d"),
        ({"database": "é@%"}, "MongoDB at localhost:27017/é@%"),
    ],
    ids=str,
)
def test_the_location_names_hosts_ports_and_database(fields, location):
    assert MongoConfig(**fields).location == location


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ("mongodb://h", "the field 'database' is missing"),
        ("mongodb://h/a.b", "cannot be read"),
        ("mongodb://us:S3CR/ET@h/d", "percent-encoded"),
        ("mongodb://us:S3CR@ET@h/d", "percent-encoded"),
        ("mongodb://us:1/S3CRET@h/d", "percent-encoded"),
        ("mongodb://us:1/S3CRET?x@h/d", "percent-encoded"),
        ("mongodb://us:1/d?S3CRET=x@h/d", "percent-encoded"),
        ("mongodb://us:%S3CRET@h/d", "percent-encoded"),
        ("mongodb://h:S3CRET/d", "percent-encoded"),
        ("mongodb://h/d?conectTimeoutMS=1", "conectTimeoutMS: Unknown option"),
        ("mongodb://h/d?connectTimeoutMS=soon", "connectTimeoutMS is no number"),
        ("mongodb://h/d?readPreference=nearby", "readPreference: .*(nearby is not|Not a valid)"),
        ("mongodb://h/d?w=1", "w: a batch is always written with w=majority"),
        ("mongodb://h/d?journal=false", "journal: a batch is always"),
        ("mongodb://h/d?appName=a&appName=b", "Duplicate URI option"),
        ("mongodb://h/d?tlsCAFile=/not/there.pem", "the file /not/there.pem is not there"),
        ("mongodb://h/d?authMechanismProperties=S3CRET", "authMechanismProperties: "),
        ("mongodb://a,b/d?directConnection=true", "directConnection"),
        ("mongodb://us@h/d", "A password is required"),
        ("mongodb+srv://c.example:5/d", "one name without a port"),
        ("mongodb+srv://a,b/d", "one name without a port"),
        ("mongodb://h/d?srvMaxHosts=3", "srvMaxHosts"),
        ({"type": "mongo", "database": "a b"}, "is no name of a database"),
        ({"type": "mongo", "database": "d", "password": "S3CRET"}, "a password needs a `user`"),
        ({"type": "mongo", "database": "d", "retention_days": 0}, "greater than or equal to 0.01"),
        ({"type": "mongo", "database": "d", "collection_prefix": "x" * 31}, "longer than 30 bytes"),
        ({"type": "mongo", "database": "d", "collection_prefix": "$x"}, "cannot begin a name"),
        ({"type": "mongo", "database": "d", "timeout_seconds": 0}, "greater than or equal to 0.1"),
        ({"type": "mongo", "database": "d", "hots": "h"}, "Did you mean 'host'"),
        (
            {"type": "mongo", "database": "d", "user": "u", "auth_mechanism": "NONE"},
            "auth_?[mM]echanism",
        ),
    ],
    ids=str,
)
def test_a_wrong_entry_is_named_without_its_secret(entry, message):
    with pytest.raises(ConfigurationError, match=message) as caught:
        make_exporters({"main": entry}, {"mongo": MongoStore}, "")
    assert "S3CR" not in format_all(caught.value)


def test_two_entries_are_two_stores(backend):
    entries = {
        "one": backend.url,
        "two": {"type": "mongo", "url": backend.url, "collection_prefix": "two_"},
    }
    made = make_exporters(entries, {"mongo": MongoStore}, "")
    for exporter in made.values():
        exporter.check()
    names = backend.ask(lambda db: db.list_collection_names())
    assert {"chest_records", "two_records"} <= set(names)
