"""Every store fulfils every contract, on a real server."""

from __future__ import annotations

import pytest
from support.backends import Mongo, Mysql, Postgres, Sqlite

from flask_chest.testing import ExporterContract, SchemaContract, ServerContract, StoreContract


class TestSqlite(ExporterContract, StoreContract, SchemaContract):
    @pytest.fixture
    def backend(self, tmp_path):
        return Sqlite(tmp_path / "chest.sqlite3")


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


class TestMysql(ExporterContract, ServerContract, StoreContract, SchemaContract):
    @pytest.fixture
    def backend(self, mysql):
        return Mysql(mysql)


class TestMongo(ExporterContract, ServerContract, StoreContract, SchemaContract):
    @pytest.fixture
    def backend(self, mongo):
        return Mongo(mongo)
