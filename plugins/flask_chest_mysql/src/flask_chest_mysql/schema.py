"""The tables and the view, as MySQL and MariaDB have them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from flask_chest_sql import Tables
from sqlalchemy import JSON
from sqlalchemy.dialects import mysql

from flask_chest_mysql.encode import Timestamp

if TYPE_CHECKING:
    from sqlalchemy import Dialect, Table

    from flask_chest_mysql.connection import Flavor


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


def create_table(table: Table, dialect: Dialect, flavor: Flavor) -> str:
    """Return the statement that creates a table with its indexes unless it is there.

    It is one statement, because a transaction cannot hold several of this kind together. Every
    table has a primary key: servers in a cluster demand one.
    """
    key = [column.name for column in table.primary_key.columns] or ["version"]
    parts = [
        f"{quoted(c.name)} {_type(c.type, dialect)}{'' if c.nullable else ' NOT NULL'}"
        for c in table.columns
    ]
    parts.append(f"PRIMARY KEY ({', '.join(map(quoted, key))})")
    parts += [
        f"INDEX {quoted(str(index.name))} ({', '.join(quoted(c.name) for c in index.columns)})"
        for index in sorted(table.indexes, key=lambda index: str(index.name))
    ]
    return (
        f"CREATE TABLE IF NOT EXISTS {quoted(table.name)} ({', '.join(parts)}) ENGINE=InnoDB"
        f" DEFAULT CHARSET=utf8mb4 COLLATE={flavor.collation}"
    )


def _type(kind: Any, dialect: Dialect) -> str:  # noqa: ANN401 - SQLAlchemy's own
    text: str = kind.compile(dialect)
    return text


def create_view(tables: Tables, flavor: Flavor) -> str:
    """Return the statement that creates the view `chest_variables`.

    The servers unpack lists, but not objects. So the list of an object's names is joined to the
    list of its values; both are in the order of the object. Values cannot be looked up by name: for
    some names, MariaDB has no path.
    """
    other = "JSON_COMPACT(v.value)" if flavor.is_mariadb else "JSON_UNQUOTE(v.value)"
    return (
        f"CREATE SQL SECURITY INVOKER VIEW {quoted(tables.variables.name)} AS"
        " SELECT r.id AS record_id, r.request_id, r.started_at, r.endpoint,"
        f" k.name COLLATE {flavor.collation} AS name,"
        " CASE JSON_TYPE(v.value) WHEN 'NULL' THEN NULL"
        f" WHEN 'STRING' THEN JSON_UNQUOTE(v.value) ELSE {other} END"
        f" COLLATE {flavor.collation} AS value"
        f" FROM {quoted(tables.records.name)} AS r"
        " JOIN JSON_TABLE(JSON_KEYS(r.variables), '$[*]' COLUMNS (n FOR ORDINALITY,"
        " name LONGTEXT CHARACTER SET utf8mb4 PATH '$' ERROR ON ERROR)) AS k"
        " JOIN JSON_TABLE(JSON_EXTRACT(r.variables, '$.*'), '$[*]' COLUMNS (n FOR ORDINALITY,"
        " value JSON PATH '$' ERROR ON ERROR)) AS v ON v.n = k.n"
    )


def quoted(name: str) -> str:
    """Return a name quoted."""
    return f"`{name.replace('`', '``')}`"
