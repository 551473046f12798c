"""The indexes of the records, and those of variables, which are indexes on expressions."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flask_chest_sql.survey import Key
from sqlalchemy import text

from flask_chest.errors import ConfigurationError
from flask_chest_sqlite.expressions import document, json_path

if TYPE_CHECKING:
    from flask_chest_sql.expressions import Path
    from sqlalchemy import Connection

_KEYS = text(
    'SELECT list.name, list."unique" AS is_unique, list.partial AS is_partial, info.name AS part'
    " FROM pragma_index_list(:table) AS list JOIN pragma_index_info(list.name) AS info"
    " WHERE list.origin != 'pk' ORDER BY list.name, info.seqno"
)


def keys(connection: Connection, table: str) -> list[Key]:
    """Return the indexes and the unique constraints of a table.

    SQLAlchemy warns of an index on an expression.
    """
    found: dict[str, Key] = {}
    for name, is_unique, is_partial, part in connection.execute(_KEYS, {"table": table}):
        key = Key(name, [], bool(is_unique), is_of_all=not is_partial)
        found.setdefault(name, key).columns.append(part or "an expression")
    return list(found.values())


def creation(table: str, name: str, path: Path) -> str:
    """Return the statement that creates the index of a variable.

    Raises:
        ConfigurationError: SQLite has no path of JSON that leads there.
    """
    plain = json_path(path)
    if plain is None:
        raise ConfigurationError(
            f"SQLite cannot index the variable {path!r}, because of a character in its name. "
            "Rename it"
        )
    # The expression of `SqliteExpressions.value`: SQLite uses the index for no other.
    value = f"json_extract({document()}, {plain})"
    return f'CREATE INDEX IF NOT EXISTS "{name}" ON {table} ({value}, started_at)'
