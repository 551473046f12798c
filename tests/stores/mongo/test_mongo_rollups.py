"""Rollups on MongoDB: where there are any, and their marks. `test_rollups.py` has the rest."""

from __future__ import annotations

from flask_chest_mongo import MongoConfig, MongoStore

from flask_chest.rollup import Declaration
from flask_chest.testing import make_batch, make_record
from flask_chest.testing.records import START
from tools.servers import MongoServer

MINUTE = int(START.timestamp()) // 60 * 60


def collections(backend):
    return {name for name in backend.ask(lambda db: db.list_collection_names()) if "roll" in name}


def test_batches_and_deletions_mark_their_minutes(backend, opened):
    plain = opened(backend)
    assert plain.rollup_storage() is None
    assert collections(backend) == set()
    plain.rollups = Declaration()
    plain.open()
    rollups = plain.rollup_storage()
    batch = make_batch(*(make_record(started_at=START) for _ in range(3)))
    for _ in range(2):
        plain.export(batch)
    assert [mark.minute for mark in rollups.marks(MINUTE, MINUTE + 60)] == [MINUTE, MINUTE]
    with rollups.changing() as change:
        change.forget(rollups.marks(MINUTE, MINUTE + 60))
    assert plain.delete(plain.query()) == 3
    assert rollups.marked() == {MINUTE}
    assert plain.count() == 0
    plain.rollups = True
    plain.open()
    assert plain.rollup_storage() is not None
    assert collections(backend) == {
        "chest_rollups",
        "chest_rollup_marks",
        "chest_rollup_state",
    }


def test_there_are_none_where_the_server_deletes_by_itself(backend, opened):
    store = opened(backend, retention_days=30)
    store.rollups = Declaration()
    store.open()
    assert store.rollup_storage() is None
    assert collections(backend) == set()


def test_a_store_whose_server_deletes_by_itself_marks_what_others_read(backend, opened):
    other = opened(backend)
    other.rollups = Declaration()
    other.open()
    store = opened(backend, retention_days=30)
    store.rollups = Declaration()
    store.open()
    store.export(make_batch(make_record(started_at=START)))
    assert store.rollup_storage() is None
    assert other.rollup_storage().marked() == {MINUTE}


def test_a_single_server_stores_records_without_rollups():
    with MongoServer(options=["--standalone"]) as server:
        store = MongoStore(MongoConfig(url=server.url("shop")))
        store.rollups = Declaration()
        store.open()
        store.export(make_batch(make_record()))
        assert store.rollup_storage() is None
        assert store.count() == 1
        store.close()
        server.kill()


def test_the_commands_that_create_them_are_shown(backend):
    store = backend.new()
    assert "rollup" not in "".join(store.ddl())
    store.rollups = Declaration()
    shown = store.ddl()
    for name in ("chest_rollups", "chest_rollup_marks", "chest_rollup_state", "place"):
        assert any(name in line for line in shown)
