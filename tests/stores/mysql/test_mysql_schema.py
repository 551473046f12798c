"""The tables of the MySQL store: types, creation, names."""

from __future__ import annotations

from datetime import datetime, timezone
from pathlib import Path

import pymysql
import pytest
from flask_chest_mysql import MysqlStore
from flask_chest_mysql import store as mysql_store
from sqlalchemy import event, text
from sqlalchemy.exc import OperationalError
from support.programs import run_together
from support.waiting import in_thread, until

from flask_chest.testing import make_batch, make_record
from flask_chest.testing.records import as_stored

PROGRAMS = Path(__file__).with_name("programs")
WAITING = (
    "SELECT id FROM information_schema.processlist"
    " WHERE db = DATABASE() AND id != CONNECTION_ID() AND info LIKE 'SELECT GET_LOCK%'"
)


def test_tables_have_the_documented_types(backend, store):
    columns = dict(
        backend.execute(
            "SELECT column_name, column_type FROM information_schema.columns"
            " WHERE table_schema = DATABASE() AND table_name = 'chest_records'"
        )
    )
    assert list(columns) == list(make_record())
    assert columns["id"] == "char(36)"
    assert columns["started_at"] == "datetime(6)"
    assert columns["variables"] in ("longtext", "json")
    assert columns["duration_ms"] == "double"
    engines = backend.execute(
        "SELECT engine, table_collation FROM information_schema.tables"
        " WHERE table_schema = DATABASE() AND table_type = 'BASE TABLE'"
    )
    assert {engine for engine, _ in engines} == {"InnoDB"}
    assert {collation for _, collation in engines} <= {"utf8mb4_nopad_bin", "utf8mb4_0900_bin"}


def test_several_processes_create_the_same_tables_at_once(backend, warm_python):
    run_together(warm_python, PROGRAMS / "create_ten_schemas.py", backend, processes=4)
    for number in range(10):
        assert backend.execute(f"SELECT * FROM p{number}_schema") == [(1,)]
        assert backend.execute(f"SELECT * FROM p{number}_variables") == []


def test_tables_that_another_process_creates_meanwhile_are_used(backend, opened, monkeypatch):
    # As on a Galera cluster, which has no locks by name.
    monkeypatch.setattr(mysql_store, "_LOCK", text("SELECT not_here(:name, :patience)"))

    class Racing(MysqlStore):
        looks = 0

        def create_engine(self):
            engine = super().create_engine()
            event.listen(engine, "after_cursor_execute", self.race)
            return engine

        def race(self, connection, cursor, statement, *others):
            if statement.startswith("SHOW FULL TABLES"):
                self.looks += 1
                if self.looks == 3:  # tables and views, then the tables again
                    opened(backend)

    store = Racing(backend.new().config)
    store.open()
    store.export(make_batch(make_record()))
    store.close()
    assert store.looks == 6  # it looks again
    assert len(backend.ids()) == 1


def test_a_process_waits_for_another_that_creates_the_tables_but_not_for_ever(backend):
    name = "SHA1(CONCAT(DATABASE(), '.chest_records'))"
    with backend.connection() as other:
        other.execute(f"SELECT GET_LOCK({name}, 0)")
        store = backend.new()
        has_opened = in_thread(store.open)
        until(lambda: backend.execute(WAITING))
        assert backend.execute("SHOW TABLES") == []
        other.execute(f"SELECT RELEASE_LOCK({name})")
        assert has_opened() is None
        assert backend.execute(f"SELECT IS_FREE_LOCK({name})") == [(1,)]
        assert backend.execute("SELECT version FROM chest_schema") == [(1,)]
        backend.execute("DROP VIEW chest_variables")
        other.execute(f"SELECT GET_LOCK({name}, 0)")
        patient = MysqlStore(store.config.model_copy(update={"timeout_seconds": 2.0}))
        patient.open()
    assert backend.execute("SELECT * FROM chest_variables") == []
    store.close()
    patient.close()


def test_a_view_that_another_process_has_created_is_not_said_to_be_missing(
    backend, opened, caplog, monkeypatch
):
    opened(backend)
    backend.execute("DROP VIEW chest_variables")

    def fail(store, connection, statement):
        if "VIEW" in statement:
            opened_by_another = MysqlStore(store.config)
            monkeypatch.undo()
            opened_by_another.open()
            opened_by_another.close()
            raise OperationalError(statement, None, pymysql.err.OperationalError(1205, "Lock wait"))
        return run(store, connection, statement)

    run = MysqlStore.run
    monkeypatch.setattr(mysql_store, "_LOCK", text("SELECT not_here(:name, :patience)"))
    monkeypatch.setattr(MysqlStore, "run", fail)
    store = opened(backend)
    assert (store.incomplete, caplog.text) == ([], "")
    assert backend.execute("SELECT * FROM chest_variables") == []


def test_a_version_that_another_process_is_writing_is_not_said_to_be_missing(backend, caplog):
    backend.new().check()  # creates the tables
    backend.execute("DELETE FROM chest_schema")
    config = backend.new().config.model_copy(update={"timeout_seconds": 2.0})
    store = MysqlStore(config)
    with backend.connection() as other:
        other.execute("INSERT INTO chest_schema (version) VALUES (1)")
        store.open()
        other.connection.commit()
    store.close()
    assert (store.incomplete, caplog.text) == ([], "")
    assert backend.execute("SELECT version FROM chest_schema") == [(1,)]


@pytest.mark.parametrize("prefix", ["x_", "Shop_", "odd `%:\"'\\ ü[]", "%s", "a b."])
def test_table_names_may_have_any_prefix(backend, opened, prefix):
    store, usual = opened(backend, table_prefix=prefix), opened(backend)
    record = make_record(variables={"a": 1})
    store.export(make_batch(record))
    assert usual.count() == 0
    assert store.query(variables={"a": 1}) == [as_stored(record)]
    assert [top.value for top in store.top_values("a")] == [1]
    assert store.routes()[0].count == 1
    store.close()
    store.open()
    assert store.purge(before=datetime.now(timezone.utc)) == 1
