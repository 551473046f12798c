"""Every backend has a column, or a field of its documents, for each field of a record."""

from __future__ import annotations

import sqlite3
from contextlib import closing

import pytest
from flask_chest_mongo.encode import documents
from flask_chest_mysql import MysqlConfig, MysqlStore
from flask_chest_mysql.encode import COLUMNS
from flask_chest_postgres import PostgresConfig, PostgresStore
from flask_chest_sqlite import SqliteConfig, SqliteStore
from flask_chest_sqlite.schema import prepare_file

from flask_chest.schema import FIELDS
from flask_chest.testing import make_batch, make_record


@pytest.fixture
def config(tmp_path):
    return SqliteConfig(path=tmp_path / "chest.sqlite3")


def test_the_tables_of_sql_backends_have_a_column_for_each_field(config):
    for store in (
        SqliteStore(config),
        PostgresStore(PostgresConfig()),
        MysqlStore(MysqlConfig(user="u", database="d")),
    ):
        assert tuple(column.name for column in store.tables.records.columns) == FIELDS


def test_the_ddl_of_sqlite_has_the_columns_of_the_tables_that_queries_use(config):
    assert prepare_file(config)
    tables = SqliteStore(config).tables
    with closing(sqlite3.connect(config.path)) as connection:
        for table in (tables.schema, tables.records, tables.variables):
            columns = connection.execute(f"SELECT name FROM pragma_table_info('{table.name}')")
            assert [name for (name,) in columns] == [column.name for column in table.columns]


def test_a_row_of_mysql_has_a_value_for_each_field():
    assert sorted(COLUMNS) == sorted(FIELDS)


def test_a_document_has_each_field_and_the_microseconds_that_a_date_lacks():
    [document] = documents(make_batch(make_record()))
    assert document.keys() == {*FIELDS, "_id", "started_at_us"} - {"id"}
