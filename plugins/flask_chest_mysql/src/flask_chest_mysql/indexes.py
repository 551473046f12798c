"""Indexes of variables: on a virtual column, which takes no space itself, and on the time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from sqlalchemy import String, TextClause, literal, literal_column, text
from sqlalchemy.dialects import mysql

from flask_chest_mysql.connection import MIN_MARIADB, Flavor
from flask_chest_mysql.expressions import KEY_LENGTH, expressions
from flask_chest_mysql.schema import collation, quoted

if TYPE_CHECKING:
    from flask_chest_sql import Tables
    from flask_chest_sql.expressions import Path
    from sqlalchemy import Connection


LOCK_WAIT_SECONDS: Final = 10
"""Longest wait for the table. Meanwhile everybody else waits behind."""

_MARIADB: Final = Flavor("MariaDB", MIN_MARIADB)
_OF_TABLE: Final = "WHERE table_schema = DATABASE() AND table_name = :table"
_INDEXES: Final = text(
    f"SELECT DISTINCT index_name FROM information_schema.statistics {_OF_TABLE}"
    " AND LEFT(index_name, :length) = :start"
)
_FIRST_COLUMNS: Final = text(
    f"SELECT index_name, column_name FROM information_schema.statistics {_OF_TABLE}"
    " AND seq_in_index = 1"
)
_COLUMNS: Final = text(
    f"SELECT column_name FROM information_schema.columns {_OF_TABLE}"
    " AND LEFT(column_name, :length) = :start AND generation_expression <> ''"
)


def indexes_of(connection: Connection, table: str, prefix: str) -> set[str]:
    """Return the names of a table's indexes that begin so."""
    return _names(connection, _INDEXES, table, prefix)


def first_columns(connection: Connection, table: str) -> dict[str, str]:
    """Return the first column of each index of a table, by the name of the index."""
    found = connection.execute(_FIRST_COLUMNS, {"table": table})
    return {str(name): str(column) for name, column in found}


def columns_of(connection: Connection, table: str, prefix: str) -> set[str]:
    """Return the names of a table's computed columns that begin so."""
    return _names(connection, _COLUMNS, table, prefix)


def _names(connection: Connection, query: TextClause, table: str, prefix: str) -> set[str]:
    given = {"table": table, "start": prefix, "length": len(prefix)}
    return set(connection.scalars(query, given))


def creation(tables: Tables, name: str, path: Path, flavor: Flavor | None) -> tuple[str, str]:
    """Return the statements that create the column and its index, both of the same name.

    Neither keeps writers waiting: the column is in no row, and the index is built beside them.

    Args:
        tables: Tables of the database.
        name: Of the column and the index.
        path: Of the value.
        flavor: Product and version of the server; None for statements that suit both.
    """
    table, column = quoted(tables.records.name), quoted(name)
    # MySQL takes what MariaDB does.
    dialect = expressions(tables, flavor or _MARIADB, document=literal_column("variables"))
    key = dialect.key(path).compile(
        dialect=mysql.dialect(paramstyle="named"), compile_kwargs={"literal_binds": True}
    )
    kind = String(KEY_LENGTH).compile(mysql.dialect())
    kind = f"{kind} CHARACTER SET utf8mb4 {collation(flavor)}"
    made = f"{column} {kind} GENERATED ALWAYS AS ({key}) VIRTUAL"
    index = f"{column} ({column}, started_at)"
    return (
        f"ALTER TABLE {table} ADD COLUMN {made}, ALGORITHM=INSTANT",
        f"ALTER TABLE {table} ADD INDEX {index}, ALGORITHM=INPLACE, LOCK=NONE",
    )


def repeatable(tables: Tables, name: str, statement: str, *, makes_index: bool) -> list[str]:
    """Return what does the same as one of `creation`, and nothing where it is done.

    MariaDB has IF NOT EXISTS for columns and indexes, and MySQL has not. What is there is found by
    its name. All of these statements have to run on one connection.

    Args:
        tables: Tables of the database.
        name: Of the column and the index.
        statement: That of the column or of the index.
        makes_index: Whether it is that of the index.
    """
    view, kind = ("statistics", "index") if makes_index else ("columns", "column")
    found = (
        f"SELECT 1 FROM information_schema.{view} WHERE table_schema = DATABASE()"
        f" AND table_name = {_literal(tables.records.name)} AND {kind}_name = {_literal(name)}"
    )
    return [
        f"SET @chest = IF(EXISTS ({found}), 'DO 0', {_literal(statement)})",
        "PREPARE chest FROM @chest",
        "EXECUTE chest",
        "DEALLOCATE PREPARE chest",
    ]


def _literal(value: str) -> str:
    return str(
        literal(value, String()).compile(
            dialect=mysql.dialect(paramstyle="named"), compile_kwargs={"literal_binds": True}
        )
    )


def removal_of_index(tables: Tables, name: str) -> str:
    """Return the statement that drops the index and keeps the column.

    Another process may have asked for it a moment ago, and compares the column.
    """
    return f"ALTER TABLE {quoted(tables.records.name)} DROP INDEX {quoted(name)}, LOCK=NONE"


def removal_of_column(tables: Tables, name: str) -> str:
    """Return the statement that drops a column without an index."""
    table = quoted(tables.records.name)
    return f"ALTER TABLE {table} DROP COLUMN {quoted(name)}, ALGORITHM=INSTANT"
