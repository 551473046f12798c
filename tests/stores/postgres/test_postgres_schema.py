"""The tables of the PostgreSQL store: types, encodings, names."""

from __future__ import annotations

from uuid import uuid4

import psycopg
import pytest
from support.backends import Postgres
from support.moments import batch_of

from flask_chest.errors import (
    ConfigurationError,
    ExporterUnavailable,
)
from flask_chest.testing.records import START, make_batch, make_record


def test_the_columns_have_native_types(backend, store):
    rows = backend.execute(
        "SELECT column_name, udt_name, is_nullable FROM information_schema.columns"
        " WHERE table_name = 'chest_records'"
    )
    types = {name: kind for name, kind, _ in rows}
    assert {kind for name, kind in types.items() if name not in _NO_TEXT} == {"varchar", "text"}
    assert {name: types[name] for name in _NO_TEXT} == _NO_TEXT
    assert {name for name, _, nullable in rows if nullable == "YES"} == {
        *("trace_id", "endpoint", "route", "status_code", "error")
    }


_NO_TEXT = {
    "id": "uuid",
    "started_at": "timestamptz",
    "variables": "jsonb",
    "status_code": "int2",
    "duration_ms": "float8",
    "weight": "float8",
}


@pytest.mark.parametrize("encoding", ["SQL_ASCII", "LATIN1"])
def test_a_database_whose_encoding_is_not_utf8_is_refused(postgres_server, opened, encoding):
    name = f"chest_{encoding.lower()}_{uuid4().hex[:8]}"
    with psycopg.connect(postgres_server.url("postgres"), autocommit=True) as connection:
        connection.execute(
            f"CREATE DATABASE {name} ENCODING '{encoding}' LOCALE 'C' TEMPLATE template0"
        )
    try:
        backend = Postgres(postgres_server.url(name))
        with pytest.raises(ConfigurationError, match=f"/{name} has the encoding {encoding}.*UTF8"):
            opened(backend)
        with pytest.raises(ExporterUnavailable, match=f"/{name} has the encoding {encoding}"):
            backend.new().check()
        assert backend.execute("SELECT count(*) FROM pg_tables WHERE tablename ~ 'chest'") == [(0,)]
    finally:
        postgres_server.drop(name)


def test_dropped_tables_are_created_by_the_next_open(backend, store):
    backend.execute("DROP TABLE chest_records, chest_schema CASCADE")
    with pytest.raises(ExporterUnavailable, match=r"chest_records.* does not exist"):
        store.export(batch_of(START))
    store.close()
    store.open()
    store.export(batch_of(START))
    assert len(backend.ids()) == 1


NAMES = [
    ("public", "x"),
    ('a"b', 'c"d'),
    ("%s", "%(x)s%%"),
    ("a.b", "c.d."),
    ("Upper", "CASE_"),
    ("ÜBER ß", "ü" * 15),
    ("s" * 63, "p" * 30),
    ("select", "from"),
    (":x ?", "'; --"),
]


@pytest.mark.parametrize("partition_by_day", [False, True])
@pytest.mark.parametrize(("schema", "prefix"), NAMES)
def test_schema_and_tables_may_have_any_name(postgres, opened, schema, prefix, partition_by_day):
    backend = Postgres(
        postgres,
        table_schema=schema,
        table_prefix=prefix,
        variables_index=True,
        partition_by_day=partition_by_day,
    )
    for _ in range(2):
        store = opened(backend)
        store.export(make_batch(make_record(variables={"a": 1})))
    assert store.count(variables={"a": 1}) == 2
    assert [value.count for value in store.top_values("a")] == [2]
    record = store.query()[0]
    assert store.purge(before=record.started_at) == 0
    assert len(backend.ids()) == len(backend.variables()) == 2
    names = backend.execute(
        "SELECT schemaname, tablename FROM pg_tables WHERE tablename ~ 'schema'"
    )
    assert (schema, f"{prefix}schema") in names


def test_exporters_with_different_prefixes_share_a_database(postgres, opened):
    entries = [
        {"table_prefix": "chest_"},
        {"table_prefix": "Chest_"},
        {"table_prefix": "chest_records_", "partition_by_day": True, "retention_days": 1},
        {"table_prefix": "chest_", "table_schema": "other", "partition_by_day": True},
    ]
    backends = [Postgres(postgres, **entry) for entry in entries]
    stores = [opened(backend) for backend in backends]
    records = [make_record() for _ in stores]
    for store, record in zip(stores, records, strict=True):
        store.export(make_batch(record))
    for store, backend, record in zip(stores, backends, records, strict=True):
        assert [found.id for found in store.query()] == backend.ids() == [record["id"]]
    assert stores[0].purge(before=stores[0].query()[0].started_at.replace(year=2030)) == 1
    assert [store.count() for store in stores] == [0, 1, 1, 1]
