"""The tables of the rollups."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from sqlalchemy import (
    BigInteger,
    Column,
    Dialect,
    Inspector,
    Integer,
    LargeBinary,
    MetaData,
    SmallInteger,
    Table,
)
from sqlalchemy.schema import CreateTable
from sqlalchemy.types import TypeEngine

from flask_chest.rollup import State

_MOST_BYTES: Final = 2**24 - 1
"""Of a page; most have far less. MySQL chooses a type that has as many."""


class RollupTables:
    """The tables of the rollups of one database.

    A row of `rows` has a page with the groups of a bucket, which may have several.

    They are beside those of version 1, which processes of an older Flask-Chest go on writing. The
    version of the rollups is in their state.

    Args:
        text: Type of texts that have no upper bound.
        mark_id: Type of a number that the database gives each row.
        prefix: What all names begin with.
        schema: The database's namespace for them; None for the connection's own.
        options: SQLAlchemy's dialect options for the rows.
    """

    def __init__(
        self,
        *,
        text: TypeEngine[Any],
        mark_id: TypeEngine[Any],
        prefix: str,
        schema: str | None,
        options: Mapping[str, Any],
    ) -> None:
        metadata = MetaData(schema=schema)
        self.state = Table(
            f"{prefix}rollup_state",
            metadata,
            Column("id", Integer, primary_key=True, autoincrement=False),
            Column("value", text, nullable=False),
        )
        self.marks = Table(
            f"{prefix}rollup_marks",
            metadata,
            Column("id", mark_id, primary_key=True, autoincrement=True),
            Column("minute", BigInteger, nullable=False),
        )
        self.rows = Table(
            f"{prefix}rollups",
            metadata,
            Column("series", Integer, primary_key=True, autoincrement=False),
            Column("tier", Integer, primary_key=True, autoincrement=False),
            Column("bucket", BigInteger, primary_key=True, autoincrement=False),
            Column("place", SmallInteger, primary_key=True, autoincrement=False),
            Column("page", LargeBinary(_MOST_BYTES), nullable=False),
            **options,
        )

        self.all = (self.rows, self.marks, self.state)

    def are_there(self, inspector: Inspector) -> bool:
        """Return whether all tables are there."""
        return not self.is_older(inspector) and all(
            inspector.has_table(table.name, schema=table.schema) for table in self.all
        )

    def is_older(self, inspector: Inspector) -> bool:
        """Return whether the table of the rows is that of the first version, without pages."""
        table = self.rows
        if not inspector.has_table(table.name, schema=table.schema):
            return False
        columns = inspector.get_columns(table.name, schema=table.schema)
        return "page" not in {column["name"] for column in columns}

    def creation(self, dialect: Dialect) -> list[str]:
        """Return the statements that create them where they are missing."""
        return [
            " ".join(str(CreateTable(table, if_not_exists=True).compile(dialect=dialect)).split())
            for table in self.all
        ]

    def beginning(self, dialect: Dialect) -> str:
        """Return the statement that writes the first state where there is none."""
        state = dialect.identifier_preparer.format_table(self.state)
        return (
            f"INSERT INTO {state} (id, value) SELECT id, value"
            f" FROM (SELECT 1 AS id, '{State().dump()}' AS value) AS first"
            f" WHERE NOT EXISTS (SELECT 1 FROM {state})"
        )
