"""Another instance of an exporter has the same configuration and the same retention."""

from __future__ import annotations

from datetime import timedelta

from flask_chest_sqlite.hooks import Sqlite

from flask_chest.deferred import DeferredStore
from flask_chest.exporter import Exporter
from flask_chest.store import Store, another
from flask_chest.testing import RecordingExporter, make_batch, make_record
from flask_chest.testing.records import START


def deferred(path):
    return Sqlite(Sqlite.config_model.model_validate({"path": path}))


def test_another_store_keeps_records_as_long(tmp_path):
    store = deferred(tmp_path / "chest.sqlite3")
    store.retention = timedelta(days=90)
    store.indexed_variables = ("user_id",)
    made = another(store)
    assert made is not store
    assert (made.config, made.retention) == (store.config, timedelta(days=90))
    assert made.load().indexed_variables == ("user_id",)


def test_a_deferred_store_passes_on_all_that_a_store_does():
    own = {
        "config",
        "batching",
        "config_model",
        "schemes",
        "type",
        "retention",
        "indexed_variables",
        "rollups",
        "knows_retention",
        "for_tests",
    }  # set, and not called
    public = {name for kind in (Exporter, Store) for name in vars(kind) if name[0] != "_"}
    assert public - own <= set(vars(DeferredStore))


def test_another_exporter_that_is_no_store_has_no_retention():
    assert not hasattr(another(RecordingExporter()), "retention")


def test_the_store_behind_a_deferred_one_knows_the_retention_before_it_opens(tmp_path):
    store = deferred(tmp_path / "chest.sqlite3")
    store.load()
    store.retention = timedelta(hours=1)
    assert store.load().retention == timedelta(hours=1)


def test_a_store_that_deletes_in_no_way_of_its_own_purges(tmp_path):
    store = deferred(tmp_path / "chest.sqlite3")
    store.open()
    try:
        store.export(make_batch(*(make_record() for _ in range(3))))
        steps: list[int] = []
        assert store.retain(before=START + timedelta(days=1), progress=steps.append) == 3
        assert sum(steps) == 3
        assert store.count() == 0
    finally:
        store.close()
