"""The tables and the view, as MySQL and MariaDB have them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from flask_chest_sql import Tables
from flask_chest_sql.definition import Definition
from sqlalchemy import JSON, Float, Integer, SmallInteger, String, text
from sqlalchemy.dialects import mysql

from flask_chest.schema import SCHEMA_VERSION
from flask_chest_mysql.connection import MARIADB_COLLATION, MYSQL_COLLATION
from flask_chest_mysql.encode import Timestamp

if TYPE_CHECKING:
    from sqlalchemy import Column, Index, Table

    from flask_chest_mysql.connection import Flavor

MICROSECONDS: Final = 6
_DIALECT: Final = mysql.dialect()


CHARSETS: Final = text(
    "SELECT column_name, character_set_name FROM information_schema.columns"
    " WHERE table_schema = DATABASE() AND table_name = :name AND character_set_name NOT IN"
    " ('utf8mb4', 'utf16', 'utf16le', 'utf32', 'gb18030') ORDER BY ordinal_position"
)
"""Columns of a table whose character set lacks some of Unicode."""


def define_tables(prefix: str) -> Tables:
    """Return the tables with MySQL's own types.

    An ID is text, which people can read. It takes a sixth more space than bytes.
    """
    return Tables(
        uuid=mysql.CHAR(36, charset="ascii", collation="ascii_bin"),
        timestamp=Timestamp(),
        json=JSON(),
        text=mysql.MEDIUMTEXT(),
        prefix=prefix,
    )


def definition(tables: Tables, flavor: Flavor | None) -> Definition:
    """Return the statements that create the tables, each of which may run twice.

    Args:
        tables: From `define_tables`.
        flavor: Product and version of the server; None for statements that suit both.
    """
    records, schema = tables.records, tables.schema
    made, view = create_table(schema, flavor), create_view(tables, flavor)
    version = (
        f"INSERT INTO {quoted(schema.name)} (version) VALUES ({SCHEMA_VERSION})"
        f" ON DUPLICATE KEY UPDATE version = {SCHEMA_VERSION}"
    )
    table = quoted(records.name)
    return Definition(
        creation=(made, create_table(records, flavor), view, version),
        schema=made,
        version=version,
        view=view,
        indexes={
            str(index.name): f"CREATE {_index(index)}".replace(" (", f" ON {table} (", 1)
            for index in records.indexes
        },
        columns={
            column.name: f"ALTER TABLE {table} ADD COLUMN {_column(column)}{_default(column)}"
            for column in records.columns
        },
    )


def create_table(table: Table, flavor: Flavor | None) -> str:
    """Return the statement that creates a table with its indexes unless it is there.

    It is one statement, because a transaction cannot hold several of this kind together. Every
    table has a primary key: servers in a cluster demand one.
    """
    key = [column.name for column in table.primary_key.columns] or ["version"]
    parts = [_column(column) for column in table.columns]
    parts.append(f"PRIMARY KEY ({', '.join(map(quoted, key))})")
    parts += map(_index, sorted(table.indexes, key=lambda index: str(index.name)))
    return (
        f"CREATE TABLE IF NOT EXISTS {quoted(table.name)} ({', '.join(parts)}) ENGINE=InnoDB"
        f" DEFAULT CHARSET=utf8mb4 {collation(flavor)}"
    )


def modify(table: Table, column: Column[Any], flavor: Flavor | None) -> str:
    """Return the statement that gives a column our type."""
    collate = f" {collation(flavor)}" if isinstance(column.type, String) else ""
    if isinstance(column.type, mysql.CHAR):  # has its own
        collate = ""
    kind = f"{_type(column.type)}{collate}{'' if column.nullable else ' NOT NULL'}"
    return f"ALTER TABLE {quoted(table.name)} MODIFY COLUMN {quoted(column.name)} {kind}"


def is_harmful(column: Column[Any], found: Any) -> str | None:  # noqa: ANN401 - reflected
    """Return why a column of another type would lose data; None when it would not.

    Args:
        column: Ours.
        found: The type that the database has, as SQLAlchemy reflects it.
    """
    ours, shown = column.type, _type(found)
    if isinstance(ours, Timestamp):
        is_fine = getattr(found, "fsp", None) == MICROSECONDS
        reason = "which has no microseconds"
    elif isinstance(ours, SmallInteger):
        is_fine = isinstance(found, Integer) and not isinstance(found, mysql.TINYINT)
        reason = "which is narrower than SMALLINT"
    elif isinstance(ours, Float):
        is_fine = shown.upper().startswith("DOUBLE")
        reason = "which is not as exact as DOUBLE"
    else:
        is_text = isinstance(found, String) and _length(found) >= _length(ours)
        is_fine = is_text or isinstance(found, JSON)
        reason = f"which is shorter than {_type(ours)}"
    return None if is_fine else f"of the type {shown}, {reason}"


_LENGTHS: Final = {"TINYTEXT": 255, "TEXT": 2**16 - 1, "MEDIUMTEXT": 2**24 - 1, "LONGTEXT": 2**32}


def _length(kind: Any) -> int:  # noqa: ANN401 - SQLAlchemy's own
    name = type(kind).__name__.upper()
    return int(getattr(kind, "length", None) or _LENGTHS.get(name, 2**16 - 1))


def _index(index: Index) -> str:
    names = ", ".join(quoted(column.name) for column in index.columns)
    return f"INDEX {quoted(str(index.name))} ({names})"


def _column(column: Column[Any]) -> str:
    return f"{quoted(column.name)} {_type(column.type)}{'' if column.nullable else ' NOT NULL'}"


def _default(column: Column[Any]) -> str:
    """Return a default for the records that are there, in parentheses as JSON demands it."""
    if column.nullable:
        return ""
    if isinstance(column.type, Timestamp):
        return " DEFAULT '1970-01-01'"
    values = {"variables": "('{}')", "duration_ms": "0", "weight": "1"}
    return f" DEFAULT {values.get(column.name, _EMPTY)}"


_EMPTY: Final = "('')"


def collation(flavor: Flavor | None) -> str:
    """Return the collation in which only equal texts are equal.

    A comment with ``M!`` is for MariaDB alone, one with a version that MariaDB never had for MySQL.
    """
    if flavor is None:
        return f"/*M! COLLATE {MARIADB_COLLATION} */ /*!50720 COLLATE {MYSQL_COLLATION} */"
    return f"COLLATE {flavor.collation}"


def _type(kind: Any) -> str:  # noqa: ANN401 - SQLAlchemy's own
    text: str = kind.compile(_DIALECT)
    return text


def create_view(tables: Tables, flavor: Flavor | None) -> str:
    """Return the statement that creates the view `chest_variables`, or replaces it.

    The servers unpack lists, but not objects. So the list of an object's names is joined to the
    list of its values; both are in the order of the object. Values cannot be looked up by name: for
    some names, MariaDB has no path.
    """
    if flavor is None:
        function = "/*M! JSON_COMPACT */ /*!50720 JSON_UNQUOTE */"
    else:
        function = "JSON_COMPACT" if flavor.is_mariadb else "JSON_UNQUOTE"
    collate = collation(flavor)
    return (
        f"CREATE SQL SECURITY INVOKER VIEW {quoted(tables.variables.name)} AS"
        " SELECT r.id AS record_id, r.request_id, r.started_at, r.endpoint,"
        f" k.name {collate} AS name,"
        " CASE JSON_TYPE(v.value) WHEN 'NULL' THEN NULL"
        f" WHEN 'STRING' THEN JSON_UNQUOTE(v.value) ELSE {function}(v.value) END"
        f" {collate} AS value"
        f" FROM {quoted(tables.records.name)} AS r"
        " JOIN JSON_TABLE(JSON_KEYS(r.variables), '$[*]' COLUMNS (n FOR ORDINALITY,"
        " name LONGTEXT CHARACTER SET utf8mb4 PATH '$' ERROR ON ERROR)) AS k"
        " JOIN JSON_TABLE(JSON_EXTRACT(r.variables, '$.*'), '$[*]' COLUMNS (n FOR ORDINALITY,"
        " value JSON PATH '$' ERROR ON ERROR)) AS v ON v.n = k.n"
    )


def quoted(name: str) -> str:
    """Return a name quoted."""
    return f"`{name.replace('`', '``')}`"
