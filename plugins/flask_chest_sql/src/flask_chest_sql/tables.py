"""The tables, for SQLAlchemy Core. Each backend gives the column types that suit its database."""

from __future__ import annotations

from typing import Any, Final

from sqlalchemy import Column, Float, Index, Integer, MetaData, SmallInteger, String, Table, Text
from sqlalchemy.types import TypeEngine

SCHEMA_VERSION: Final = 1
"""Raised by every change to the tables that an older Flask-Chest could not write into."""

RECORDS: Final = "chest_records"
VARIABLES: Final = "chest_variables"
SCHEMA: Final = "chest_schema"


class Tables:
    """The tables and the view of one database.

    Args:
        uuid: Type of `id`; takes and gives the 36-character form.
        timestamp: Type of `started_at`; takes aware datetimes and gives them in UTC.
        json: Type of `variables`; gives a dict.
    """

    def __init__(
        self, *, uuid: TypeEngine[Any], timestamp: TypeEngine[Any], json: TypeEngine[Any]
    ) -> None:
        self.metadata = MetaData()
        self.schema = Table(
            SCHEMA,
            self.metadata,
            Column("version", Integer, nullable=False),
        )
        self.records = Table(
            RECORDS,
            self.metadata,
            Column("id", uuid, primary_key=True, nullable=False),
            Column("request_id", String(255), nullable=False),
            Column("trace_id", String(32)),
            Column("service", String(255), nullable=False),
            Column("instance", String(255), nullable=False),
            Column("endpoint", Text),
            Column("route", Text),
            Column("method", String(32), nullable=False),
            Column("path", Text, nullable=False),
            Column("status_code", SmallInteger),
            Column("error", String(255)),
            Column("started_at", timestamp, nullable=False),
            Column("duration_ms", Float(53), nullable=False),
            Column("weight", Float(53), nullable=False),
            Column("variables", json, nullable=False),
            Index("chest_records_started_at", "started_at"),
            Index("chest_records_request_id", "request_id"),
        )
        # A table of its own metadata: the view must not be created as a table.
        self.variables = Table(
            VARIABLES,
            MetaData(),
            Column("record_id", uuid),
            Column("request_id", String(255)),
            Column("started_at", timestamp),
            Column("endpoint", Text),
            Column("name", Text),
            Column("value", Text),
        )
