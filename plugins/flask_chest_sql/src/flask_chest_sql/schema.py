"""The tables, for SQLAlchemy Core, and the check of those that a database has.

Each backend gives the column types that suit its database.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import (
    Column,
    Connection,
    Float,
    Index,
    Integer,
    MetaData,
    PrimaryKeyConstraint,
    SmallInteger,
    String,
    Table,
    Text,
    func,
    inspect,
    select,
)
from sqlalchemy.types import TypeEngine

from flask_chest.errors import SchemaMismatch
from flask_chest.schema import PREFIX, names_taken, refuse_newer


class Tables:
    """The tables and the view of one database.

    Args:
        uuid: Type of `id`; takes and gives the 36-character form.
        timestamp: Type of `started_at`; takes aware datetimes and gives them in UTC.
        json: Type of `variables`; gives a dict.
        text: Type of texts that have no upper bound.
        prefix: What all names begin with.
        schema: The database's namespace for them; None for the connection's own.
        primary_key: Columns of the primary key of the records.
        options: SQLAlchemy's dialect options for the tables, such as `mysql_charset`.
        time_index: The same for the index on `started_at`.
    """

    def __init__(
        self,
        *,
        uuid: TypeEngine[Any],
        timestamp: TypeEngine[Any],
        json: TypeEngine[Any],
        text: TypeEngine[Any] | None = None,
        prefix: str = PREFIX,
        schema: str | None = None,
        primary_key: tuple[str, ...] = ("id",),
        options: Mapping[str, Any] | None = None,
        time_index: Mapping[str, Any] | None = None,
    ) -> None:
        text = text or Text()
        options = options or {}
        self.metadata = MetaData(schema=schema)
        self.schema = Table(
            f"{prefix}schema",
            self.metadata,
            Column("version", Integer, nullable=False),
        )
        self.records = Table(
            f"{prefix}records",
            self.metadata,
            Column("id", uuid, nullable=False),
            Column("request_id", String(255), nullable=False),
            Column("trace_id", String(32)),
            Column("service", String(255), nullable=False),
            Column("instance", String(255), nullable=False),
            Column("endpoint", text),
            Column("route", text),
            Column("method", String(32), nullable=False),
            Column("path", text, nullable=False),
            Column("status_code", SmallInteger),
            Column("error", String(255)),
            Column("started_at", timestamp, nullable=False),
            Column("duration_ms", Float(53), nullable=False),
            Column("weight", Float(53), nullable=False),
            Column("variables", json, nullable=False),
            PrimaryKeyConstraint(*primary_key),
            Index(f"{prefix}records_started_at", "started_at", **(time_index or {})),
            Index(f"{prefix}records_request_id", "request_id"),
            **options,
        )
        # A table of its own metadata: the view must not be created as a table.
        self.variables = Table(
            f"{prefix}variables",
            MetaData(schema=schema),
            Column("record_id", uuid),
            Column("request_id", String(255)),
            Column("started_at", timestamp),
            Column("endpoint", text),
            Column("name", text),
            Column("value", text),
        )


def is_prepared(connection: Connection, tables: Tables, location: str) -> bool:
    """Return whether our tables and our view are there.

    Args:
        connection: To the database.
        tables: Those that should be there.
        location: Where the database is, for the message.

    Raises:
        SchemaMismatch: There is something of these names that we must not write into.
    """
    inspector = inspect(connection)
    schema, records, view = tables.schema, tables.records, tables.variables
    place = schema.schema
    names = {*inspector.get_table_names(place), *inspector.get_view_names(place)}
    if schema.name not in names:
        if taken := names & {records.name, view.name}:
            raise names_taken(location, taken)
        return False
    _refuse_foreign(connection, schema, {schema.name}, location)
    version = connection.execute(select(func.max(schema.c.version))).scalar()
    if version is None:  # its creation was cut short, on a server without transactions for it
        return False
    refuse_newer(location, version)
    _refuse_foreign(connection, records, names, location)
    _refuse_foreign(connection, view, names, location)
    return True


def _refuse_foreign(connection: Connection, table: Table, names: set[str], location: str) -> None:
    columns: set[str] = set()
    if table.name in names:
        found = inspect(connection).get_columns(table.name, table.schema)
        columns = {column["name"] for column in found}
    missing = [column.name for column in table.columns if column.name not in columns]
    if missing:
        raise SchemaMismatch(
            f"{location} has a {table.name} without {', '.join(missing)}. Restore it, or give "
            "Flask-Chest another database"
        )
