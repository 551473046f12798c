"""What is particular to the SQLite store; test_contracts.py has what all stores keep."""

from __future__ import annotations

import os
import sqlite3
import sys
import threading
import time
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
from flask_chest_sqlite import SqliteConfig, SqliteStore

from flask_chest.errors import (
    BatchRejected,
    ConfigurationError,
    ExporterUnavailable,
    SchemaMismatch,
)
from flask_chest.exporter import Batch
from flask_chest.record import encode
from flask_chest.testing import make_batch, make_record
from flask_chest.testing.records import START


def a_store(path, **options):
    return SqliteStore(SqliteConfig(path=path, **options))


@pytest.fixture
def path(tmp_path):
    return tmp_path / "chest.sqlite3"


@pytest.fixture
def store(path):
    store = a_store(path)
    store.open()
    yield store
    store.close()


def rows(path, statement="SELECT id FROM chest_records ORDER BY id"):
    with closing(sqlite3.connect(path)) as connection:
        return connection.execute(statement).fetchall()


def execute(path, *statements):
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        for statement in statements:
            connection.execute(statement)


@contextmanager
def held_for(seconds, path):
    """Hold the file's write lock from another thread, for so long or until it is let go."""
    holding, let_go = threading.Event(), threading.Event()

    def hold():
        with closing(sqlite3.connect(path, isolation_level=None)) as connection:
            connection.execute("BEGIN IMMEDIATE")
            holding.set()
            let_go.wait(seconds)
            connection.execute("COMMIT")

    thread = threading.Thread(target=hold)
    thread.start()
    assert holding.wait(10)
    yield let_go
    thread.join()


# -- Schema --------------------------------------------------------------------------------------


def test_the_file_is_in_wal_mode_with_indexes_and_a_view(store, path):
    store.export(make_batch(make_record()))
    assert rows(path, "PRAGMA journal_mode") == [("wal",)]
    assert rows(path, "SELECT version FROM chest_schema") == [(1,)]
    indexed = {
        rows(path, f"PRAGMA index_info({name})")[0][2]
        for _, name, *_ in rows(path, "PRAGMA index_list(chest_records)")
    }
    assert indexed == {"id", "request_id", "started_at"}
    assert [column[1] for column in rows(path, "PRAGMA table_info(chest_records)")] == list(
        make_record()
    )
    assert [column[1] for column in rows(path, "PRAGMA table_info(chest_variables)")] == [
        "record_id",
        "request_id",
        "started_at",
        "endpoint",
        "name",
        "value",
    ]


def test_questions_of_time_and_of_a_request_use_an_index(store, path):
    for condition, index in {
        "started_at >= '2024' AND started_at < '2025'": "chest_records_started_at",
        "request_id = 'r'": "chest_records_request_id",
    }.items():
        plan = rows(path, f"EXPLAIN QUERY PLAN SELECT * FROM chest_records WHERE {condition}")
        assert index in str(plan)


def test_a_file_that_another_process_writes_first_is_waited_for(path):
    # SQLite itself does not wait when WAL mode is to be turned on and somebody begins to write.
    store = a_store(path, busy_timeout_seconds=20.0)
    with held_for(0.3, path):
        store.open()
    store.close()
    assert rows(path, "PRAGMA journal_mode") == [("wal",)]
    impatient = a_store(path.with_name("other.sqlite3"), busy_timeout_seconds=0.0)
    with (
        held_for(5.0, path.with_name("other.sqlite3")) as let_go,
        pytest.raises(ExporterUnavailable, match="locked"),
    ):
        try:
            impatient.open()
        finally:
            let_go.set()
    impatient.close()


def test_half_a_schema_that_another_process_creates_now_is_looked_at_again_under_the_lock(path):
    class Racing(SqliteStore):
        looks = 0

        def is_prepared(self, connection):
            self.looks += 1
            if self.looks == 1:
                raise SchemaMismatch("has the view already, and not yet the table")
            assert connection.connection.in_transaction
            return super().is_prepared(connection)

    store = Racing(SqliteConfig(path=path))
    store.open()
    store.export(make_batch(make_record()))
    assert store.looks == 2
    store.close()


@pytest.mark.parametrize(
    ("statements", "message"),
    [
        (["UPDATE chest_schema SET version = 2"], r"version 2; .* writes 1\. Upgrade it: pip"),
        (["UPDATE chest_schema SET version = 'x'"], r"schema version x"),
        (["ALTER TABLE chest_records DROP COLUMN trace_id"], r"chest_records without trace_id"),
        (["DROP VIEW chest_variables"], r"chest_variables without record_id"),
        (["DROP VIEW chest_variables", "DROP TABLE chest_records"], r"chest_records without id"),
    ],
)
def test_a_schema_that_is_not_ours_any_more_is_refused(store, path, statements, message):
    store.close()
    [(view,)] = rows(path, "SELECT sql FROM sqlite_master WHERE name = 'chest_variables'")
    execute(path, "DROP VIEW chest_variables", view, *statements)
    before = rows(path, "SELECT sql FROM sqlite_master ORDER BY name")
    other = a_store(path)
    with pytest.raises(SchemaMismatch, match=message) as caught:
        other.open()
    other.close()
    assert str(path) in str(caught.value)
    assert rows(path, "SELECT sql FROM sqlite_master ORDER BY name") == before


@pytest.mark.parametrize(
    "statement",
    [
        "CREATE TABLE chest_records (id TEXT)",
        "CREATE TABLE chest_variables (request_id TEXT, name TEXT, value TEXT)",
        "CREATE TABLE chest_schema (something TEXT)",
        "CREATE VIEW chest_records AS SELECT 1 AS id",
    ],
)
def test_a_table_of_somebody_else_is_refused_and_left_alone(path, statement):
    execute(path, statement)
    store = a_store(path)
    with pytest.raises(SchemaMismatch, match="give Flask-Chest another database"):
        store.open()
    store.close()
    assert rows(path, "SELECT sql FROM sqlite_master") == [(statement,)]


def test_tables_of_other_names_do_not_matter(path):
    execute(path, "CREATE TABLE orders (id)")
    store = a_store(path)
    store.open()
    store.export(make_batch(make_record()))
    store.close()
    assert len(rows(path)) == 1


def test_a_creation_that_was_cut_short_is_completed(path):
    # SQLite does it in one transaction; a database without transactions for tables cannot.
    execute(path, "CREATE TABLE chest_schema (version INTEGER NOT NULL)")
    store = a_store(path)
    store.open()
    store.export(make_batch(make_record()))
    store.close()
    assert rows(path, "SELECT version FROM chest_schema") == [(1,)]


def test_what_is_known_to_be_wrong_shows_at_the_check(tmp_path):
    good = a_store(tmp_path / "good.sqlite3")
    good.check()
    with pytest.raises(ExporterUnavailable, match="is not open"):
        good.count()
    (tmp_path / "text.sqlite3").write_text("not a database at all, but long enough to be one" * 9)
    with pytest.raises(ConfigurationError, match=r"text\.sqlite3.*Name another file"):
        a_store(tmp_path / "text.sqlite3").check()
    gone = a_store(tmp_path / "gone.sqlite3")
    (tmp_path / "gone.sqlite3").mkdir()
    with pytest.raises(ConfigurationError, match="right to write"):
        gone.check()


# -- Batches -------------------------------------------------------------------------------------


# What no other database would take, or what only SQLite can tell.
BAD = {
    "a list for text": encode(make_record(path=["/"])),
    "two in a line": encode(make_record())[:-1] + b"," + encode(make_record()),
    "a nullable field is missing": encode(make_record()).replace(b'"endpoint":"cart",', b""),
    "a time of another form": encode(make_record(started_at="2024-05-01 12:00:00")),
    "nested too deep": encode(make_record(path="X")).replace(b'"X"', b"[" * 5_000 + b"]" * 5_000),
}


@pytest.mark.parametrize("line", BAD.values(), ids=BAD)
def test_a_batch_with_a_record_at_fault_is_rejected_as_a_whole(store, path, line):
    with pytest.raises(BatchRejected):
        store.export(Batch(encode(make_record()) + line + encode(make_record()), 3))
    assert rows(path) == []


def test_a_not_a_number_inside_a_variable_does_not_spoil_the_view(store, path):
    line = encode(make_record(variables={"x": 1.5})).replace(b"1.5}", b"NaN}")
    store.export(Batch(line, 1))
    assert rows(path, "SELECT name, value FROM chest_variables") == [("x", None)]


def test_a_locked_database_is_unavailable_after_the_busy_timeout(path):
    store = a_store(path, busy_timeout_seconds=0.3)
    store.open()
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        started = time.monotonic()
        with pytest.raises(ExporterUnavailable, match="database is locked"):
            store.export(make_batch(make_record()))
        assert 0.25 <= time.monotonic() - started < 3.0
        assert store.count() == 0, "readers do not wait for a writer"
        other.execute("ROLLBACK")
    store.export(make_batch(make_record()))
    assert store.count() == 1
    store.close()


def test_a_lock_that_ends_in_time_is_waited_for(path):
    store = a_store(path, busy_timeout_seconds=20.0)
    store.open()
    with held_for(0.3, path):
        store.export(make_batch(make_record()))
    assert store.count() == 1
    store.close()


def test_a_file_that_was_deleted_is_noticed_and_made_anew(store, path):
    store.export(make_batch(make_record()))
    for file in path.parent.glob("chest.sqlite3*"):
        file.unlink()
    batch = make_batch(make_record())
    with pytest.raises(ExporterUnavailable, match="no such table"):
        store.export(batch)
    store.close()
    store.open()
    store.export(batch)
    assert len(rows(path)) == 1


def test_a_full_database_is_unavailable_and_says_why(path):
    store = a_store(path)
    store.open()
    execute(path, "PRAGMA journal_mode = WAL")
    with store.writing() as connection:
        connection.exec_driver_sql("PRAGMA max_page_count = 20")
        with (
            pytest.raises(ExporterUnavailable, match="is full"),
            store._explained(),
            store.transaction(connection),
        ):
            store.insert(
                connection, make_batch(*(make_record(path="x" * 9_000) for _ in range(50)))
            )
    assert store.count() == 0
    store.export(make_batch(make_record()))
    store.close()


# -- The view --------------------------------------------------------------------------------------

VALUES = {
    "text": ("A", "A"),
    "empty": ("", ""),
    "number in text": ("1", "1"),
    "int": (-7, -7),
    "large": (2**62, 2**62),
    "float": (0.1, 0.1),
    "yes": (True, "true"),
    "no": (False, "false"),
    "nothing": (None, None),
    "list": ([1, "a", None, [True]], '[1,"a",null,[true]]'),
    "dict": ({"b": 1, "a": {"c": "é"}}, '{"b":1,"a":{"c":"é"}}'),
    "a 'quoted' \"name\".x[0]": ("B", "B"),
}


def test_the_view_has_a_row_for_each_variable_with_its_value(store, path):
    record = make_record(
        request_id="r-9", variables={name: value for name, (value, _) in VALUES.items()}
    )
    store.export(make_batch(record, make_record(variables={})))
    found = rows(path, "SELECT * FROM chest_variables")
    assert {row[:4] for row in found} == {(record["id"], "r-9", record["started_at"], "cart")}
    assert {row[4]: row[5] for row in found} == {n: shown for n, (_, shown) in VALUES.items()}
    assert {type(row[5]) for row in found} == {str, int, float, type(None)}


def files_open_on(path):
    links = Path("/proc/self/fd").iterdir()
    return [link for link in links if link.is_symlink() and path.name in str(link.readlink())]


def test_no_connection_is_left_open(path):
    store = a_store(path)
    store.open()
    for _ in range(3):
        store.export(make_batch(make_record()))
        store.query()
        store.purge(before=START)
        with pytest.raises(BatchRejected):
            store.export(make_batch(make_record(path=None)))
        with pytest.raises(BatchRejected):
            store.export(Batch(b"x\n", 1))
        store.idle()
        assert files_open_on(path) == [], "it has to be whole when nothing is delivered"
        assert [file.name for file in path.parent.iterdir()] == [path.name]
    store.export(make_batch(make_record()))
    store.close()
    assert files_open_on(path) == []


def test_one_connection_serves_all_batches_until_the_exporter_rests(store, path, connects):
    for _ in range(10):
        store.export(make_batch(make_record()))
    assert connects.count(str(path)) == 1
    store.idle()
    store.idle()
    store.export(make_batch(make_record()))
    assert connects.count(str(path)) == 2
    assert len(rows(path)) == 11


@pytest.fixture
def connects(store):
    """Return the files that `sqlite3` opens from now on."""
    opened = []

    def hear(name, arguments):
        if name == "sqlite3.connect":
            opened.append(os.fsdecode(arguments[0]))  # Python 3.10 has bytes

    sys.addaudithook(hear)
    return opened


def test_a_file_that_takes_the_place_of_one_in_use_gets_the_next_batch(store, path):
    other = a_store(path.with_name("other.sqlite3"))
    other.open()
    other.close()
    first, second = make_record(), make_record()
    store.export(make_batch(first))
    for file in sorted(path.parent.glob("chest.sqlite3*")):
        file.rename(file.with_name(file.name.replace("chest", "moved")))
    other._config.path.rename(path)
    store.export(make_batch(second))
    store.idle()
    assert rows(path) == [(second["id"],)]
    assert rows(path.with_name("moved.sqlite3")) == [(first["id"],)]
