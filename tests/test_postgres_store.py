"""The PostgreSQL store: the contract of all stores, and what PostgreSQL alone has."""

from __future__ import annotations

from urllib.parse import urlsplit

import psycopg
import pytest
from flask_chest_postgres import PostgresStore

from flask_chest.testing import (
    ExporterContract,
    SchemaContract,
    ServerContract,
    StoreBackend,
    StoreContract,
)


class Postgres(StoreBackend):
    exporter = PostgresStore

    def __init__(self, url, **fields):
        self.url = url
        parts = urlsplit(url)
        self.config = {
            "host": parts.hostname,
            "port": parts.port or 5432,
            "user": parts.username,
            "database": parts.path[1:],
            **({"password": parts.password} if parts.password else {}),
            **fields,
        }
        self.prefix = fields.get("table_prefix", "chest_")
        self.schema = fields.get("table_schema", "public")

    def execute(self, statement, *values):
        with psycopg.connect(self.url, autocommit=True) as connection:
            cursor = connection.execute(statement, values or None)
            return cursor.fetchall() if cursor.description else None

    def table(self, name):
        names = (self.schema, f"{self.prefix}{name}")
        return ".".join('"{}"'.format(name.replace('"', '""')) for name in names)

    def ids(self):
        return [str(i) for (i,) in self.execute(f"SELECT id FROM {self.table('records')}")]

    def variables(self):
        rows = self.execute(f"SELECT record_id, name, value FROM {self.table('variables')}")
        return [(str(record_id), name, value) for record_id, name, value in rows]

    def set_version(self, version):
        self.execute(f"UPDATE {self.table('schema')} SET version = {version}")

    def take_names(self):
        self.execute("CREATE TABLE chest_records (id int); INSERT INTO chest_records VALUES (7)")

    def is_untouched(self):
        tables = self.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
        return tables == [("chest_records",)] and self.execute("TABLE chest_records") == [(7,)]


class TestPostgres(ExporterContract, ServerContract, StoreContract, SchemaContract):
    @pytest.fixture
    def backend(self, postgres):
        return Postgres(postgres)


class TestPostgresWithEveryOption(ExporterContract, StoreContract):
    @pytest.fixture
    def backend(self, postgres):
        return Postgres(
            postgres,
            table_schema='the "chest" of %s',
            table_prefix="über % ",
            time_index="brin",
            variables_index=True,
            partition_by_day=True,
        )
