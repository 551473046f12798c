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
from flask_chest_sqlite.file import secure_file

if TYPE_CHECKING:
    from flask_chest_sqlite.config import SqliteConfig

CREATION: Final = (
    f"CREATE TABLE IF NOT EXISTS {PREFIX}schema (\n\tversion INTEGER NOT NULL\n)",
    f"CREATE TABLE IF NOT EXISTS {PREFIX}records (\n\t"
    + ", \n\t".join((
        "id TEXT NOT NULL",
        "request_id VARCHAR(255) NOT NULL",
        "trace_id VARCHAR(32)",
        "service VARCHAR(255) NOT NULL",
        "instance VARCHAR(255) NOT NULL",
        "endpoint TEXT",
        "route TEXT",
        "method VARCHAR(32) NOT NULL",
        "path TEXT NOT NULL",
        "status_code SMALLINT",
        "error VARCHAR(255)",
        "started_at TEXT NOT NULL",
        "duration_ms FLOAT NOT NULL",
        "weight FLOAT NOT NULL",
        "variables JSON NOT NULL",
        "PRIMARY KEY (id)",
        # SQLite stores any value in any column unless a constraint forbids it.
        "CHECK (typeof(duration_ms) IN ('real', 'integer'))",
        "CHECK (typeof(weight) IN ('real', 'integer'))",
        "CHECK (started_at GLOB '????-??-??T??:??:??.??????Z')",
    ))
    + "\n)",
    f"CREATE INDEX IF NOT EXISTS {PREFIX}records_request_id ON {PREFIX}records (request_id)",
    f"CREATE INDEX IF NOT EXISTS {PREFIX}records_started_at ON {PREFIX}records (started_at)",
    # Booleans are text, as JSON writes them.
    f"CREATE VIEW IF NOT EXISTS {PREFIX}variables AS"  # noqa: ISC004 - one statement
    " SELECT r.id AS record_id, r.request_id, r.started_at, r.endpoint, j.key AS name,"
    " CASE j.type WHEN 'true' THEN 'true' WHEN 'false' THEN 'false' ELSE j.value END"
    f" AS value FROM {PREFIX}records AS r, json_each(r.variables) AS j",
    f"INSERT INTO {PREFIX}schema (version) VALUES ({SCHEMA_VERSION})",
)  # fmt: skip
"""The statements that create the tables, the indexes and the view, in one transaction."""

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
    secure_file(config)
    try:
        with (
            fork.held_off(),  # a child must not inherit the connection
            closing(
                sqlite3.connect(
                    config.path, timeout=config.busy_timeout_seconds, isolation_level=None
                )
            ) as connection,
        ):
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
