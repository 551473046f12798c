"""The statements that create our tables, whole or piece by piece."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from sqlalchemy import Column, Dialect, Table
from sqlalchemy.schema import CreateColumn, CreateIndex, CreateTable

from flask_chest.schema import SCHEMA_VERSION

if TYPE_CHECKING:
    from flask_chest_sql.schema import Tables


@dataclass(frozen=True)
class Definition:
    """Statements for one database.

    Attributes:
        creation: What an empty database needs, in order; the version comes last.
        schema: Creates the table of the version.
        version: Writes the version.
        view: Creates the view, or replaces it.
        indexes: Creates an index, by its name.
        columns: Adds a column to the records, by its name. One that takes no null gets a default,
            for the records that are there.
    """

    creation: tuple[str, ...]
    schema: str
    version: str
    view: str
    indexes: Mapping[str, str] = field(default_factory=dict)
    columns: Mapping[str, str] = field(default_factory=dict)


def define(tables: Tables, dialect: Dialect, view: str) -> Definition:
    """Return the definition, as SQLAlchemy writes it.

    Args:
        tables: The tables.
        dialect: Of the database.
        view: The statement that creates the view.
    """
    schema, records = tables.schema, tables.records
    indexes = {
        str(index.name): _text(CreateIndex(index).compile(dialect=dialect))
        for index in sorted(records.indexes, key=lambda index: str(index.name))
    }
    table = dialect.identifier_preparer.format_table
    made = _text(CreateTable(schema).compile(dialect=dialect))
    version = (
        f"INSERT INTO {table(schema)} (version) SELECT {SCHEMA_VERSION}"
        f" WHERE NOT EXISTS (SELECT 1 FROM {table(schema)} WHERE version IS NOT NULL)"
    )
    return Definition(
        creation=(
            made,
            _text(CreateTable(records).compile(dialect=dialect)),
            *indexes.values(),
            view,
            version,
        ),
        schema=made,
        version=version,
        view=view,
        indexes=indexes,
        columns={column.name: add_column(records, column, dialect) for column in records.columns},
    )


_DEFAULTS: Mapping[str, str] = {"variables": "'{}'", "duration_ms": "0", "weight": "1"}


def add_column(records: Table, column: Column[object], dialect: Dialect) -> str:
    """Return the statement that adds a column to the records that are there."""
    made = _text(CreateColumn(column).compile(dialect=dialect))
    if not column.nullable:
        made += f" DEFAULT {_DEFAULTS.get(column.name, _EMPTY)}"
    return f"ALTER TABLE {dialect.identifier_preparer.format_table(records)} ADD COLUMN {made}"


_EMPTY = "''"


def _text(compiled: object) -> str:
    return " ".join(str(compiled).split())
