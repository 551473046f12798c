"""A look at a database file with the standard library alone."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from dataclasses import fields
from typing import TYPE_CHECKING, Final

from flask_chest_sql.names import PREFIX, SCHEMA_VERSION

from flask_chest import fork
from flask_chest.errors import ExporterUnavailable
from flask_chest.record import Record

if TYPE_CHECKING:
    from flask_chest_sqlite.config import SqliteConfig

_NAMES: Final = {f"{PREFIX}{name}" for name in ("schema", "records", "variables")}


def is_well(config: SqliteConfig) -> bool:
    """Tell whether a file may be written, and has our tables or none of their names.

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
                return True  # whoever opens it first makes them
            [(version,)] = connection.execute(f"SELECT max(version) FROM {PREFIX}schema")
            columns = connection.execute(f"SELECT name FROM pragma_table_info('{PREFIX}records')")
            return version == SCHEMA_VERSION and {name for (name,) in columns} == {
                field.name for field in fields(Record)
            }
    except sqlite3.Error as error:
        if "locked" in str(error):
            raise ExporterUnavailable(f"SQLite {config.path}: {error}") from error
        return False
