"""The tables of a database file, as DDL. Needs the standard library alone.

`init_app` creates the tables with it, without SQLAlchemy, which takes 300 ms of CPU to import.
"""

from __future__ import annotations

import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING, Final

from flask_chest.errors import ExporterUnavailable
from flask_chest.runtime import fork
from flask_chest.schema import FIELDS, PREFIX, SCHEMA_VERSION
from flask_chest_sqlite.file import secure_file, set_mode

if TYPE_CHECKING:
    from flask_chest_sqlite.config import SqliteConfig

_COLUMNS: Final = {
    "id": "TEXT NOT NULL",
    "request_id": "VARCHAR(255) NOT NULL",
    "trace_id": "VARCHAR(32)",
    "service": "VARCHAR(255) NOT NULL",
    "instance": "VARCHAR(255) NOT NULL",
    "endpoint": "TEXT",
    "route": "TEXT",
    "method": "VARCHAR(32) NOT NULL",
    "path": "TEXT NOT NULL",
    "status_code": "SMALLINT",
    "error": "VARCHAR(255)",
    "started_at": "TEXT NOT NULL",
    "duration_ms": "FLOAT NOT NULL",
    "weight": "FLOAT NOT NULL",
    "variables": "JSON NOT NULL",
}
_CONSTRAINTS: Final = (
    "PRIMARY KEY (id)",
    # SQLite stores any value in any column unless a constraint forbids it.
    "CHECK (typeof(duration_ms) IN ('real', 'integer'))",
    "CHECK (typeof(weight) IN ('real', 'integer'))",
    "CHECK (started_at GLOB '????-??-??T??:??:??.??????Z')",
)

_EMPTY: Final = "''"
_DEFAULTS: Final = {"variables": "'{}'", "duration_ms": "0", "weight": "1"}

SCHEMA: Final = f"CREATE TABLE IF NOT EXISTS {PREFIX}schema (\n\tversion INTEGER NOT NULL\n)"
VERSION: Final = (
    f"INSERT INTO {PREFIX}schema (version) SELECT {SCHEMA_VERSION}"
    f" WHERE NOT EXISTS (SELECT 1 FROM {PREFIX}schema WHERE version IS NOT NULL)"
)
RECORDS: Final = (
    f"CREATE TABLE IF NOT EXISTS {PREFIX}records (\n\t"
    + ", \n\t".join((*(f"{name} {kind}" for name, kind in _COLUMNS.items()), *_CONSTRAINTS))
    + "\n)"
)
INDEXES: Final = {
    f"{PREFIX}records_{name}": f"CREATE INDEX IF NOT EXISTS {PREFIX}records_{name}"
    f" ON {PREFIX}records ({name})"
    for name in ("request_id", "started_at")
}
# Booleans are text, as JSON writes them. A malformed document, which SQLite does not prevent, would
# end every query.
VIEW: Final = (
    f"CREATE VIEW IF NOT EXISTS {PREFIX}variables AS"
    " SELECT r.id AS record_id, r.request_id, r.started_at, r.endpoint, j.key AS name,"
    " CASE j.type WHEN 'true' THEN 'true' WHEN 'false' THEN 'false' ELSE j.value END"
    f" AS value FROM {PREFIX}records AS r,"
    " json_each(CASE WHEN json_valid(r.variables) THEN r.variables ELSE '{}' END) AS j"
)

CREATION: Final = (SCHEMA, RECORDS, *INDEXES.values(), VIEW, VERSION)
"""The statements that create the tables, the indexes and the view, in one transaction."""

ADDITIONS: Final = {
    name: f"ALTER TABLE {PREFIX}records ADD COLUMN {name} {kind}"
    + ("" if "NOT NULL" not in kind else f" DEFAULT {_DEFAULTS.get(name, _EMPTY)}")
    for name, kind in _COLUMNS.items()
}
"""The statement that adds a column, with a default for the records that are there."""

REBUILDING: Final = (
    f"CREATE TABLE {PREFIX}records_new ({RECORDS.partition('(')[2]}",
    "INSERT INTO {0}records_new ({1}) SELECT {1} FROM {0}records".format(
        PREFIX, ", ".join(_COLUMNS)
    ),
    f"DROP VIEW IF EXISTS {PREFIX}variables",
    f"DROP TABLE {PREFIX}records",
    f"ALTER TABLE {PREFIX}records_new RENAME TO {PREFIX}records",
    *INDEXES.values(),
    VIEW,
)
"""The statements that put the records into a table with our types, in one transaction."""


def affinity(kind: str) -> str:
    """Return to which type SQLite converts what is stored in a column of a declared type.

    https://sqlite.org/datatype3.html, section 3.1
    """
    kind = kind.upper()
    if "INT" in kind:
        return "INTEGER"
    if any(part in kind for part in ("CHAR", "CLOB", "TEXT")):
        return "TEXT"
    if "BLOB" in kind or kind in ("", "NULL"):
        return "BLOB"
    return "REAL" if any(part in kind for part in ("REAL", "FLOA", "DOUB")) else "NUMERIC"


_NAMES: Final = {f"{PREFIX}{name}" for name in ("schema", "records", "variables")}


def prepare_file(config: SqliteConfig) -> bool:
    """Create our tables in a file that has none of these names, and check the others.

    Returns:
        True when the file can be written and its tables are ours. False when the store has to find
        out what is wrong.

    Raises:
        ConfigurationError: Root may not trust the file.
        ExporterUnavailable: Another process has the file locked.
    """
    has_other_mode = secure_file(config)
    try:
        with (
            fork.held_off(),  # a child must not inherit the connection
            closing(
                sqlite3.connect(
                    config.path, timeout=config.busy_timeout_seconds, isolation_level=None
                )
            ) as connection,
        ):
            if has_other_mode:
                connection.execute("PRAGMA schema_version")  # fails for what is no database
                set_mode(config)
            connection.execute("BEGIN IMMEDIATE")  # fails when the file cannot be written
            names = {name for (name,) in connection.execute("SELECT name FROM sqlite_master")}
            if not names & _NAMES:
                for statement in CREATION:
                    connection.execute(statement)
                connection.execute("COMMIT")
                return True
            [(version,)] = connection.execute(f"SELECT max(version) FROM {PREFIX}schema")
            columns = connection.execute(f"SELECT name FROM pragma_table_info('{PREFIX}records')")
            return version == SCHEMA_VERSION and {name for (name,) in columns} == set(FIELDS)
    except sqlite3.Error as error:
        if "locked" in str(error):
            raise ExporterUnavailable(f"SQLite {config.path}: {error}") from error
        return False
