"""The tables, their constraints and the view, as PostgreSQL has them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from flask_chest_sql import Tables
from sqlalchemy import Connection, Index, Table, insert, inspect
from sqlalchemy.dialects import postgresql

from flask_chest.schema import SCHEMA_VERSION
from flask_chest_postgres.encode import Timestamp

if TYPE_CHECKING:
    from flask_chest_postgres.config import PostgresConfig

_CHECKS: Final = (
    # A record whose variables are no object would not show in the view.
    "jsonb_typeof(variables) = 'object'",
    # `infinity`, and the years that Python lacks, could be stored but not read.
    "started_at >= '0001-01-01 00:00:00+00' AND started_at < '10000-01-01 00:00:00+00'",
    # PostgreSQL takes the texts "NaN" and "Infinity" for numbers, and NaN for the greatest.
    "duration_ms > '-Infinity' AND duration_ms < 'Infinity'",
    "weight > '-Infinity' AND weight < 'Infinity'",
)
"""Constraints on what the column types alone would accept."""


def define_tables(config: PostgresConfig) -> Tables:
    """Return the tables with PostgreSQL's own types."""
    tables = Tables(
        uuid=postgresql.UUID(as_uuid=False),
        timestamp=Timestamp(),
        json=postgresql.JSONB(),
        prefix=config.table_prefix,
        schema=config.table_schema,
        primary_key=("id", "started_at") if config.partition_by_day else ("id",),
        options=(
            {"postgresql_partition_by": "RANGE (started_at)"} if config.partition_by_day else {}
        ),
        time_index={"postgresql_using": config.time_index},
    )
    if config.variables_index:
        Index(
            f"{config.table_prefix}records_variables",
            tables.records.c.variables,
            postgresql_using="gin",
            postgresql_ops={"variables": "jsonb_path_ops"},
        )
    return tables


def create(connection: Connection, tables: Tables) -> None:
    """Create the namespace unless it is there, the tables, the indexes and the view.

    Args:
        connection: In a transaction, which creates all or nothing.
        tables: From `define_tables`.
    """
    namespace = namespace_of(tables.records)
    if namespace not in inspect(connection).get_schema_names():
        connection.exec_driver_sql(f"CREATE SCHEMA {quoted(namespace)}")
    tables.metadata.create_all(connection)
    connection.exec_driver_sql(create_view(tables))
    connection.execute(insert(tables.schema).values(version=SCHEMA_VERSION))
    checks = ", ".join(f"ADD CHECK ({condition})" for condition in _CHECKS)
    connection.exec_driver_sql(f"ALTER TABLE {qualified(tables.records)} {checks}")


def create_view(tables: Tables) -> str:
    """Return the statement that creates the view; lists and objects are JSON as text."""
    return (
        f"CREATE VIEW {qualified(tables.variables)} AS SELECT r.id AS record_id, r.request_id,"
        " r.started_at, r.endpoint, j.name, j.value"
        f" FROM {qualified(tables.records)} AS r"
        " CROSS JOIN LATERAL jsonb_each_text(r.variables) AS j (name, value)"
    )


def namespace_of(table: Table) -> str:
    """Return the schema, in PostgreSQL's sense of the word, of a table."""
    return table.schema or "public"


def qualified(table: Table, name: str | None = None) -> str:
    """Return a name within the schema of a table, quoted as `quoted` does.

    Args:
        table: The table.
        name: Of another table in that schema; None for the table itself.
    """
    return f"{quoted(namespace_of(table))}.{quoted(table.name if name is None else name)}"


def quoted(name: str) -> str:
    """Return a name quoted, for a statement with parameters, in which psycopg reads ``%``."""
    return '"' + name.replace('"', '""').replace("%", "%%") + '"'
