"""The tables of the SQLite store: journal mode, indexes, the view, creation."""

from __future__ import annotations

import pytest
from flask_chest_sqlite import SqliteConfig, SqliteStore

from flask_chest.errors import (
    SchemaMismatch,
)
from flask_chest.testing import make_batch, make_record


def test_open_creates_tables_indexes_and_a_view_in_wal_mode(backend, store):
    store.export(make_batch(make_record()))
    assert backend.execute("PRAGMA journal_mode") == [("wal",)]
    assert backend.execute("SELECT version FROM chest_schema") == [(1,)]
    indexed = {
        backend.execute(f"PRAGMA index_info({name})")[0][2]
        for _, name, *_ in backend.execute("PRAGMA index_list(chest_records)")
    }
    assert indexed == {"id", "request_id", "started_at"}
    assert [column[1] for column in backend.execute("PRAGMA table_info(chest_records)")] == list(
        make_record()
    )
    assert [column[1] for column in backend.execute("PRAGMA table_info(chest_variables)")] == [
        "record_id",
        "request_id",
        "started_at",
        "endpoint",
        "name",
        "value",
    ]


def test_filters_on_time_and_request_id_use_their_index(backend, store):
    for condition, index in {
        "started_at >= '2024' AND started_at < '2025'": "chest_records_started_at",
        "request_id = 'r'": "chest_records_request_id",
    }.items():
        plan = backend.execute(f"EXPLAIN QUERY PLAN SELECT * FROM chest_records WHERE {condition}")
        assert index in str(plan)


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


def test_the_view_shows_each_kind_of_value_as_sqlite_has_it(backend, store):
    record = make_record(
        request_id="r-9", variables={name: value for name, (value, _) in VALUES.items()}
    )
    store.export(make_batch(record, make_record(variables={})))
    found = backend.execute("SELECT * FROM chest_variables")
    assert {row[:4] for row in found} == {(record["id"], "r-9", record["started_at"], "cart")}
    assert {row[4]: row[5] for row in found} == {n: shown for n, (_, shown) in VALUES.items()}
    assert {type(row[5]) for row in found} == {str, int, float, type(None)}


def test_a_schema_that_another_process_creates_meanwhile_is_checked_again_under_the_lock(path):
    class Racing(SqliteStore):
        looks = 0

        def survey(self, connection):
            self.looks += 1
            if self.looks == 1:
                raise SchemaMismatch("has the view already, and not yet the table")
            assert connection.connection.in_transaction
            return super().survey(connection)

    store = Racing(SqliteConfig(path=path))
    store.open()
    store.export(make_batch(make_record()))
    assert store.looks == 3, "once more under the lock, and once after the creation"
    store.close()


def test_a_version_that_is_no_number_is_refused(backend, store):
    store.close()
    backend.execute("UPDATE chest_schema SET version = 'x'")
    other = backend.new()
    with pytest.raises(SchemaMismatch, match="schema version x"):
        other.open()
    other.close()


@pytest.mark.parametrize(
    "statement",
    [
        "CREATE TABLE chest_records (id TEXT)",
        "CREATE TABLE chest_variables (request_id TEXT, name TEXT, value TEXT)",
        "CREATE TABLE chest_schema (something TEXT)",
        "CREATE VIEW chest_records AS SELECT 1 AS id",
    ],
)
def test_a_table_of_another_application_is_refused_and_kept(backend, statement):
    backend.execute(statement)
    store = backend.new()
    with pytest.raises(SchemaMismatch, match="give Flask-Chest another database"):
        store.open()
    store.close()
    assert backend.execute("SELECT sql FROM sqlite_master") == [(statement,)]


def test_tables_of_other_names_do_not_matter(backend, opened):
    backend.execute("CREATE TABLE orders (id)")
    opened(backend).export(make_batch(make_record()))
    assert len(backend.ids()) == 1
