"""The tables, their constraints and the view, as PostgreSQL has them."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from flask_chest_sql import Tables
from flask_chest_sql.definition import Definition, define
from flask_chest_sql.survey import Fault
from sqlalchemy import (
    REAL,
    CheckConstraint,
    Column,
    Connection,
    Date,
    Dialect,
    Float,
    Index,
    Numeric,
    String,
    Table,
    inspect,
    text,
)
from sqlalchemy.dialects import postgresql

from flask_chest_postgres.encode import Timestamp

if TYPE_CHECKING:
    from collections.abc import Iterator

    from flask_chest_postgres.config import PostgresConfig

_MICROSECONDS: Final = 6
_OF_REAL: Final = 24
"""Bits of precision."""

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
    for condition in _CHECKS:
        tables.records.append_constraint(CheckConstraint(condition))
    if config.variables_index:
        Index(
            f"{config.table_prefix}records_variables",
            tables.records.c.variables,
            postgresql_using="gin",
            postgresql_ops={"variables": "jsonb_path_ops"},
        )
    return tables


def definition(tables: Tables, dialect: Dialect) -> Definition:
    """Return the statements that create the tables, the indexes and the view.

    They stand for a driver that reads ``%``. `printed` has them for people.

    Args:
        tables: From `define_tables`.
        dialect: SQLAlchemy's, for psycopg.
    """
    made = define(tables, dialect, create_view(tables))
    creation = tuple(_unless_there(statement) for statement in made.creation)
    if (namespace := namespace_of(tables.records)) != "public":
        creation = (f"CREATE SCHEMA IF NOT EXISTS {quoted(namespace)}", *creation)
    return replace(made, creation=creation, schema=_unless_there(made.schema))


def _unless_there(statement: str) -> str:
    return re.sub(r"^CREATE (TABLE|INDEX) ", r"CREATE \1 IF NOT EXISTS ", statement)


def printed(statement: str) -> str:
    """Return a statement as psql takes it."""
    return statement.replace("%%", "%")


def repeatable(statement: str, tables: Tables) -> str:
    """Return a statement of `definition` that does nothing where its work is done.

    PostgreSQL demands CREATE on the database for CREATE SCHEMA IF NOT EXISTS, even where the schema
    is there.
    """
    if not is_namespace(statement):
        return re.sub(r"^CREATE VIEW ", "CREATE OR REPLACE VIEW ", statement)
    name = namespace_of(tables.records)
    literal = name.replace("'", "''").replace("%", "%%")
    tag = "$chest$"
    while tag in name:
        tag = f"{tag[:-1]}_$"
    return (
        f"DO {tag} BEGIN IF NOT EXISTS (SELECT FROM pg_catalog.pg_namespace"
        f" WHERE nspname = '{literal}') THEN {statement}; END IF; END {tag}"
    )


def is_namespace(statement: str) -> bool:
    """Return whether a statement creates the schema, in PostgreSQL's sense of the word."""
    return statement.startswith("CREATE SCHEMA ")


def has_namespace(connection: Connection, tables: Tables) -> bool:
    """Return whether the schema, in PostgreSQL's sense of the word, is there."""
    return namespace_of(tables.records) in inspect(connection).get_schema_names()


_NAMES: Final = text(
    "SELECT c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace"
    " WHERE n.nspname = :schema"
)
_HOOKS: Final = text(
    "SELECT 'rule', rulename FROM pg_rewrite WHERE ev_class = to_regclass(:name)"
    " AND ev_type = '3' AND is_instead AND ev_enabled <> 'D'"
    " UNION ALL SELECT 'trigger', tgname FROM pg_trigger WHERE tgrelid = to_regclass(:name)"
    " AND NOT tgisinternal AND tgenabled <> 'D'"
)


def names(connection: Connection, tables: Tables) -> set[str]:
    """Return the names that an index of ours cannot have."""
    return set(connection.scalars(_NAMES, {"schema": namespace_of(tables.records)}))


def differences(connection: Connection, records: Table) -> Iterator[Fault | str]:
    """Yield what may keep a record from being stored without an error."""
    place = printed(qualified(records))
    for kind, name in connection.execute(_HOOKS, {"name": place}).all():
        if kind == "rule":
            remedy = f"Run: DROP RULE {printed(quoted(name))} ON {place}"
            yield Fault(f"has a rule {name} instead of insertions: records would be lost", remedy)
        else:
            yield f"{records.name} has a trigger {name}: what it withholds is not stored"


def is_harmful(column: Column[Any], found: Any) -> str | None:  # noqa: ANN401 - reflected
    """Return why a column of another type loses data without an error, or refuses records."""
    wanted = column.type
    if isinstance(wanted, String):
        length = getattr(found, "length", None)
        if length is not None and (wanted.length is None or length < wanted.length):
            return f"of {length} characters, which is too short"
    elif isinstance(wanted, Timestamp):
        precision = getattr(found, "precision", None)
        if isinstance(found, Date) or (precision is not None and precision < _MICROSECONDS):
            return f"of the type {found}, which rounds times"
    elif isinstance(wanted, Float):
        scale = getattr(found, "scale", None)
        is_float = isinstance(found, Float) and not isinstance(found, REAL)
        is_exact = isinstance(found, Numeric) and not isinstance(found, Float) and scale is None
        if not (is_float or is_exact) or getattr(found, "precision", None) == _OF_REAL:
            return f"of the type {found}, which rounds numbers"
    return None


def alter(records: Table, column: Column[Any], dialect: Dialect) -> str:
    """Return the statement that gives a column our type. It rewrites the table if that differs."""
    kind = column.type.compile(dialect=dialect)
    name = dialect.identifier_preparer.quote(column.name)
    typed = f"ALTER COLUMN {name} TYPE {kind} USING {name}::{kind}"
    null = f", ALTER COLUMN {name} DROP NOT NULL" if column.nullable else ""
    return f"ALTER TABLE {qualified(records)} {typed}{null}"


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
