"""The tables of the rollups."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import (
    BigInteger,
    Column,
    Dialect,
    Float,
    Integer,
    LargeBinary,
    MetaData,
    SmallInteger,
    Table,
)
from sqlalchemy.schema import CreateTable
from sqlalchemy.types import TypeEngine


class RollupTables:
    """The tables of the rollups of one database.

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
            Column("key", text),
            Column("records", BigInteger, nullable=False),
            Column("weight", Float(53), nullable=False),
            Column("errors", Float(53), nullable=False),
            Column("payload", LargeBinary, nullable=False),
            **options,
        )

        self.all = (self.rows, self.marks, self.state)

    def creation(self, dialect: Dialect) -> list[str]:
        """Return the statements that create them where they are missing."""
        return [
            " ".join(str(CreateTable(table, if_not_exists=True).compile(dialect=dialect)).split())
            for table in self.all
        ]
