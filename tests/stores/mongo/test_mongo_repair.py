"""Collections that were changed: what is missing is created again, and delivery goes on."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

import pymongo
import pytest
from flask_chest_mongo import MongoConfig, MongoStore, removal
from freezegun import freeze_time
from support.mongo import PASSWORD, indexes, run_as_mongosh

from flask_chest.errors import ExporterUnavailable, SchemaMismatch
from flask_chest.testing import make_batch, make_record

FAULTS = {
    "the view dropped": lambda db: db.drop_collection("chest_variables"),
    "the view replaced by a collection": lambda db: (
        db.drop_collection("chest_variables"),
        db.chest_variables.insert_one({"_id": 7}),
    ),
    "the view of something else": lambda db: (
        db.drop_collection("chest_variables"),
        db.create_collection("chest_variables", viewOn="orders"),
    ),
    "the view changed": lambda db: (
        db.drop_collection("chest_variables"),
        db.create_collection("chest_variables", viewOn="chest_records", pipeline=[]),
    ),
    "the version gone": lambda db: db.drop_collection("chest_schema"),
    "the version and the view gone": lambda db: (
        db.drop_collection("chest_schema"),
        db.drop_collection("chest_variables"),
    ),
    "only the records left, without indexes": lambda db: (
        db.drop_collection("chest_schema"),
        db.drop_collection("chest_variables"),
        db.chest_records.drop_indexes(),
    ),
    "the version gone, and a record changed": lambda db: (
        db.drop_collection("chest_schema"),
        db.chest_records.update_many({}, {"$unset": {"started_at": 1}}),
    ),
    "an index dropped": lambda db: db.chest_records.drop_index("chest_started_at"),
    "an index changed": lambda db: (
        db.chest_records.drop_index("chest_started_at"),
        db.chest_records.create_index([("started_at", -1)], name="chest_started_at"),
    ),
    "an index under another name": lambda db: (
        db.chest_records.drop_index("chest_request_id"),
        db.chest_records.create_index([("request_id", 1)], name="mine"),
    ),
    "more indexes": lambda db: db.chest_records.create_index([("variables.a", 1)], name="mine"),
    "a validator": lambda db: db.command(
        "collMod", "chest_records", validator={"method": {"$ne": "PUT"}}
    ),
}

REPAIRED = {
    "the view dropped": ["created the view chest_variables"],
    "the view changed": [
        "dropped the view chest_variables, which had been changed",
        "created the view chest_variables",
    ],
    "the version gone": [
        "created the collection chest_schema",
        "wrote the schema version into chest_schema",
    ],
    "an index changed": [
        "dropped the index chest_started_at, which had been changed",
        "created the index chest_started_at",
    ],
}


@pytest.mark.parametrize("change", FAULTS.values(), ids=FAULTS)
def test_delivery_goes_on_after_a_change_of_the_schema(backend, store, opened, change):
    first, second = make_record(variables={"a": 1}), make_record()
    store.export(make_batch(first))
    backend.ask(change)
    store.export(make_batch(second))
    store.close()
    again = opened(backend)
    third = make_record()
    again.export(make_batch(third))
    assert sorted(backend.ids()) == sorted(r["id"] for r in (first, second, third))
    assert len(again.query()) + again.unreadable == 3
    assert backend.ask(lambda db: db.chest_schema.count_documents({})) == 1


@pytest.mark.parametrize("fault", FAULTS)
def test_repair_says_what_it_did_and_loses_nothing(backend, store, fault):
    store.export(make_batch(make_record()))
    store.close()
    before = backend.ask(lambda db: list(db.chest_records.find()))
    backend.ask(FAULTS[fault])
    is_foreign = fault in ("the view replaced by a collection", "the view of something else")
    if is_foreign:
        with pytest.raises(SchemaMismatch, match="chest_variables that is no view"):
            store.repair()
        assert any("is no view of" in finding.text for finding in store.findings())
        return
    done = store.repair()
    assert done == REPAIRED.get(fault, done)
    assert bool(done) is (
        fault not in ("more indexes", "a validator", "an index under another name")
    )
    assert store.repair() == []
    left = [f.text for f in store.findings() if f.level != "ok" and f.subject != "records"]
    assert left == (
        ["chest_records has a validator. What it refuses is dead-lettered"]
        * (fault == "a validator")
    )
    if "changed" not in fault or "index" in fault or "view" in fault:
        assert backend.ask(lambda db: list(db.chest_records.find())) == before


def test_a_missing_view_is_created_again_while_delivery_runs(backend, store, opened):
    backend.ask(FAULTS["the version and the view gone"])
    opened(backend)
    assert backend.ask(lambda db: sorted(db.list_collection_names())) == [
        "chest_records",
        "chest_schema",
        "chest_variables",
    ]


def test_the_ddl_creates_what_open_creates(backend, opened):
    opened(backend, retention_days=2)
    made = backend.ask(_shape)
    backend.ask(lambda db: [db.drop_collection(name) for name in db.list_collection_names()])
    store = backend.new(retention_days=2)
    script = "".join(f"{statement};\n" for statement in store.ddl())
    for _ in range(2):  # a second time, it changes nothing
        backend.ask(lambda db: run_as_mongosh(db.client, script))
    assert backend.ask(_shape) == made
    assert [finding for finding in store.findings() if finding.level != "ok"] == []
    assert store.repair() == []


def _shape(db):
    listed = db.list_collections()
    return (
        sorted((each["name"], each["type"], str(each["options"])) for each in listed),
        db.chest_records.index_information(),
        list(db.chest_schema.find()),
    )


@pytest.fixture
def make_user(guarded):
    """Return a function that gives a store for a user who may do some actions on collections."""
    with pymongo.MongoClient(guarded.url()) as client:
        made = []

        def make(**actions):
            name = f"user{len(made)}"
            privileges = [
                {"resource": {"db": "shop", "collection": f"ddl_{collection}"}, "actions": allowed}
                for collection, allowed in actions.items()
            ]
            client.shop.command("createRole", name, privileges=privileges, roles=[])
            client.shop.command("createUser", name, pwd=PASSWORD, roles=[name])
            made.append(name)
            return guarded.store(user=name, collection_prefix="ddl_")

        with_all = guarded.store(collection_prefix="ddl_")
        with_all.open()
        with_all.close()
        yield make
        for name in made:
            client.shop.command("dropUser", name)
            client.shop.command("dropRole", name)
        for name in ("ddl_records", "ddl_schema", "ddl_variables"):
            client.shop.drop_collection(name)


def test_a_user_who_may_create_nothing_delivers_into_what_is_there(make_user):
    for grants in (
        {"records": ["find", "insert"]},
        {"records": ["find", "insert"], "schema": ["find"]},
        {"records": ["insert"]},
    ):
        store = make_user(**grants)
        store.check()
        store.open()
        store.export(make_batch(make_record()))
        store.close()
        found = {finding.subject: finding for finding in store.findings()}
        assert "not purge" in found["privileges"].text or "nor purge" in found["privileges"].text


def test_a_user_who_may_not_insert_is_told_before_the_first_batch(make_user):
    store = make_user(records=["find"], schema=["find"])
    with pytest.raises(ExporterUnavailable, match=r"not authorized.*readWrite"):
        store.check()
    found = {finding.subject: finding for finding in store.findings()}
    assert found["privileges"].level == "warning"
    assert "this user may not deliver" in found["privileges"].text


def test_an_index_that_cannot_be_created_does_not_stop_delivery(guarded, fail, said):
    for code in (13, 67, 85, 86):
        store = guarded.store(collection_prefix=f"odd{code}_")
        fail(4, failCommands=["createIndexes"], errorCode=code)
        store.open()
        store.export(make_batch(make_record()))
        store.close()
        fail(0)
        assert "records are stored without it" in "".join(said())
        assert sum("no index" in finding.text for finding in store.findings()) == 2
        assert len(store.repair()) == 2


def test_findings_of_a_sound_database(backend, store):
    store.export(make_batch(make_record()))
    found = {finding.subject: finding for finding in backend.new().findings()}
    assert {finding.level for finding in found.values()} == {"ok"}
    assert found["version"].text.startswith("MongoDB ")
    assert found["privileges"].text == "this user may deliver, read, purge and erase"
    assert found["retention"].text == "the server itself deletes nothing"
    assert found["size"].text.startswith("1 records, ")


def test_findings_name_what_loses_records(backend, store):
    store.export(make_batch(make_record()))
    backend.ask(lambda db: db.chest_records.create_index("path", unique=True))
    backend.ask(
        lambda db: db.chest_records.create_index("started_at", name="m", expireAfterSeconds=60)
    )
    backend.ask(lambda db: db.chest_records.insert_one({"_id": 7}))
    texts = [finding.text for finding in store.findings() if finding.level == "warning"]
    assert any("the index path_1 is unique" in text for text in texts)
    assert any(
        "the index m, which is not ours, is one by which the server deletes records after 1 minute"
        in text
        for text in texts
    )
    assert any("1 documents are no records" in text for text in texts)


def of_age(backend, age):
    store = MongoStore(MongoConfig.model_validate(backend.config))
    store.retention = age
    return store


def test_retention_has_a_ttl_index_that_deletes_two_days_after_the_leader(backend, opened):
    for age, seconds in (
        (timedelta(days=90), 92 * 86_400),
        (timedelta(hours=1), 176_400),
        (timedelta(days=400_000), 2**31 - 1),
        (timedelta(days=30), 32 * 86_400),
    ):
        store = of_age(backend, age)
        store.open()
        index = indexes(backend)["chest_retention"]
        assert (index["key"], index["expireAfterSeconds"]) == ([("started_at", 1)], seconds)
        assert [f for f in store.findings() if f.level != "ok"] == []


@pytest.mark.parametrize("jump", [timedelta(0), timedelta(days=3_650)])
def test_what_the_server_is_about_to_delete_is_known_by_its_own_clock(backend, jump):
    store = of_age(backend, timedelta(days=90))
    store.open()
    now = datetime.now(timezone.utc)
    with freeze_time(now + jump):
        found = store.expired_before()
    assert abs(found - (now - timedelta(days=92) + timedelta(hours=1))) < timedelta(minutes=5)
    store.retention = None
    assert store.expired_before() is None
    store.close()


def test_without_retention_the_server_stops_deleting_with_the_next_batch(backend, opened):
    store = of_age(backend, timedelta(days=1))
    store.open()
    store.close()
    reader = opened(backend)
    assert reader.query() == []
    assert "chest_retention" in indexes(backend), "a command that reads does not know the retention"
    [finding] = [f for f in backend.new().findings() if f.level != "ok"]
    assert (
        finding.text
        == "the server deletes records after 3 days, and by the configuration it deletes nothing"
    )
    reader.export(make_batch(make_record()))
    assert "chest_retention" not in indexes(backend)


def test_retain_counts_what_it_deletes(backend, monkeypatch):
    monkeypatch.setattr(removal, "AT_ONCE", 100)
    store = of_age(backend, timedelta(days=1))
    store.open()
    store.export(
        make_batch(
            *(make_record() for _ in range(150)),
            make_record(started_at="2030-01-01T00:00:00.000000Z"),
        )
    )
    steps = []
    kept_from = store.query()[0].started_at
    assert store.retain(before=kept_from, progress=steps.append) == 150
    assert steps == [100, 50]
    assert store.count() == 1
    store.close()


def test_another_index_in_the_place_of_the_ttl_index_is_found(guarded, fail):
    store = guarded.store(collection_prefix="ttl_")
    store.open()
    store.close()
    store = guarded.store(collection_prefix="ttl_", retention_days=1)
    fail(failCommands=["createIndexes"], errorCode=85)  # SecantusDB accepts a second one
    store.open()
    store.export(make_batch(make_record()))
    store.close()
    [finding] = [f for f in store.findings() if f.level != "ok"]
    assert finding.text.startswith(
        "the server deletes nothing, and by the configuration it deletes"
    )
