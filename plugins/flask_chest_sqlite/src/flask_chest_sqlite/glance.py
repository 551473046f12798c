"""A look at a database file, and its first tables, with the standard library alone."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from dataclasses import fields
from typing import TYPE_CHECKING, Final

from flask_chest_sql.names import PREFIX, SCHEMA_VERSION

from flask_chest.errors import ExporterUnavailable
from flask_chest.record import Record
from flask_chest.runtime import fork

if TYPE_CHECKING:
    from flask_chest_sqlite.config import SqliteConfig

_NAMES: Final = {f"{PREFIX}{name}" for name in ("schema", "records", "variables")}

# What `SqliteStore` makes, to the letter: a test compares them.
_CREATION: Final = (
    f"CREATE TABLE {PREFIX}schema (\n\tversion INTEGER NOT NULL\n)",
    f"CREATE TABLE {PREFIX}records (\n\t"
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
        "CHECK (typeof(duration_ms) IN ('real', 'integer'))",
        "CHECK (typeof(weight) IN ('real', 'integer'))",
        "CHECK (started_at GLOB '????-??-??T??:??:??.??????Z')",
    ))
    + "\n)",
    f"CREATE INDEX {PREFIX}records_request_id ON {PREFIX}records (request_id)",
    f"CREATE INDEX {PREFIX}records_started_at ON {PREFIX}records (started_at)",
    f"CREATE VIEW {PREFIX}variables AS"  # noqa: ISC004 - one statement
    " SELECT r.id AS record_id, r.request_id, r.started_at, r.endpoint, j.key AS name,"
    " CASE j.type WHEN 'true' THEN 'true' WHEN 'false' THEN 'false' ELSE j.value END"
    f" AS value FROM {PREFIX}records AS r, json_each(r.variables) AS j",
    f"INSERT INTO {PREFIX}schema (version) VALUES ({SCHEMA_VERSION})",
)  # fmt: skip


def is_well(config: SqliteConfig) -> bool:
    """Tell whether a file may be written and has our tables; make them where there is none.

    False means no more than that a closer look is needed.

    Raises:
        ExporterUnavailable: Another process keeps it locked.
    """
    try:
        with (
            fork.held_off(),  # a child must not inherit the connection
            closing(
                sqlite3.connect(
                    config.path, timeout=config.busy_timeout_seconds, isolation_level=None
                )
            ) as connection,
        ):
            connection.execute("BEGIN IMMEDIATE")  # which asks whether the file may be written
            names = {name for (name,) in connection.execute("SELECT name FROM sqlite_master")}
            if not names & _NAMES:
                for statement in _CREATION:
                    connection.execute(statement)
                connection.execute("COMMIT")
                return True
            [(version,)] = connection.execute(f"SELECT max(version) FROM {PREFIX}schema")
            columns = connection.execute(f"SELECT name FROM pragma_table_info('{PREFIX}records')")
            return version == SCHEMA_VERSION and {name for (name,) in columns} == {
                field.name for field in fields(Record)
            }
    except sqlite3.Error as error:
        if "locked" in str(error):
            raise ExporterUnavailable(f"SQLite {config.path}: {error}") from error
        return False
