"""The collections of the MongoDB store: indexes, retention, the view, creation."""

from __future__ import annotations

from contextlib import closing

import pytest
from support.backends import Mongo
from support.mongo import indexes

from flask_chest import open_store
from flask_chest.errors import SchemaMismatch
from flask_chest.testing import make_batch, make_record
from flask_chest.testing.records import START


def test_open_creates_two_indexes_and_one_version(backend, store):
    assert {name: index["key"] for name, index in indexes(backend).items()} == {
        "_id_": [("_id", 1)],
        "chest_started_at": [("started_at", 1), ("started_at_us", 1), ("_id", 1)],
        "chest_request_id": [("request_id", 1)],
    }
    versions = backend.ask(lambda db: list(db.chest_schema.find()))
    assert versions == [{"_id": "flask-chest", "version": 1}]


def test_the_ttl_index_follows_retention_days(backend, opened):
    for days, seconds in ((30, 2_592_000), (0.5, 43_200), (None, None), (7, 604_800)):
        for _ in range(2):
            opened(backend, retention_days=days).export(make_batch(make_record()))
        index = indexes(backend).get("chest_retention", {})
        assert index.get("expireAfterSeconds") == seconds
        assert seconds is None or index["key"] == [("started_at", 1)]


def test_a_retention_that_is_not_known_leaves_the_ttl_index_as_it_is(backend, opened):
    opened(backend, retention_days=30).close()
    with closing(open_store(backend.url)) as unknowing:
        unknowing.export(make_batch(make_record()))
        assert unknowing.repair() == []
        found = [(f.level, f.text) for f in unknowing.findings() if f.subject == "retention"]
    assert found == [("ok", "the server itself deletes records after 30 days")]
    assert indexes(backend)["chest_retention"]["expireAfterSeconds"] == 2_592_000
    assert len(backend.ids()) == 1
    with closing(open_store({"url": backend.url, "retention": "10d"})) as knowing:
        assert knowing.knows_retention
    assert indexes(backend)["chest_retention"]["expireAfterSeconds"] == 12 * 86_400


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
def test_a_half_created_schema_is_completed(backend, store, last):
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


def test_a_dropped_collection_gets_its_indexes_with_the_next_open(backend, store):
    backend.ask(lambda db: db.drop_collection("chest_records"))
    store.export(make_batch(make_record()))  # the server creates the collection
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
def test_collections_of_others_are_refused_and_kept(backend, make, message):
    backend.ask(make)
    before = backend.ask(lambda db: sorted(map(str, db.list_collections())))
    store = backend.new()
    with pytest.raises(SchemaMismatch, match=message) as caught:
        store.open()
    assert backend.name in str(caught.value)
    assert backend.ask(lambda db: sorted(map(str, db.list_collections()))) == before


def test_stores_with_two_prefixes_share_a_database(backend, store, opened):
    other = Mongo(backend.url, collection_prefix="über. %s'_")
    second = opened(other)
    store.export(make_batch(make_record()))
    second.export(make_batch(make_record(variables={"n": 1}), make_record()))
    assert (store.count(), second.count()) == (1, 2)
    assert (len(backend.ids()), len(other.ids()), len(other.variables())) == (1, 2, 1)
