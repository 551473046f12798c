"""The tables, for SQLAlchemy Core, and the check of those that a database has.

Each backend gives the column types that suit its database.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import (
    BigInteger,
    Column,
    Float,
    Index,
    Integer,
    MetaData,
    PrimaryKeyConstraint,
    SmallInteger,
    String,
    Table,
    Text,
)
from sqlalchemy.types import TypeEngine

from flask_chest.schema import PREFIX
from flask_chest_sql.rollup_tables import RollupTables


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
        mark_id: Type of the numbers of marks, which the database gives them.
        rollup_options: As `options`, for the rows of the rollups. Not those of another dialect,
            which SQLAlchemy would import.
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
        mark_id: TypeEngine[Any] | None = None,
        rollup_options: Mapping[str, Any] | None = None,
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
        self.rollups = RollupTables(
            text=text,
            mark_id=mark_id or BigInteger(),
            prefix=prefix,
            schema=schema,
            options=rollup_options or {},
        )
