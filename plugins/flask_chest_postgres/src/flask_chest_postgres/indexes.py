"""The indexes of variables, which are built and dropped while others write."""

from __future__ import annotations

import hashlib
import time
from functools import reduce
from typing import TYPE_CHECKING, Final, cast

from sqlalchemy import Connection, text
from sqlalchemy.exc import DBAPIError
from typing_extensions import Self

from flask_chest_postgres.partitions import ATTEMPTS, NO_LOCK, PATIENCE, PAUSE_SECONDS
from flask_chest_postgres.schema import namespace_of, printed, qualified, quoted

if TYPE_CHECKING:
    from flask_chest_sql.expressions import Path
    from sqlalchemy import Table
    from sqlalchemy.engine.interfaces import IsolationLevel

    from flask_chest_postgres.connection import TimedConnection

LONG_SECONDS: Final = 86_400.0
"""Longest time of building an index."""

_MAX_BYTES: Final = 63
"""Of a name."""

_FOUND: Final = text(
    "SELECT c.relname, i.indisvalid OR EXISTS (SELECT FROM pg_stat_progress_create_index p"
    "  WHERE p.index_relid = i.indexrelid)"
    " FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid"
    " WHERE i.indrelid = to_regclass(:table) AND starts_with(c.relname, :prefix)"
)
"""Each index of a table by its name, and whether it is complete or being built."""

_STATE: Final = text(
    "SELECT i.indisvalid OR EXISTS (SELECT FROM pg_stat_progress_create_index p"
    "  WHERE p.index_relid = i.indexrelid)"
    " FROM pg_index i WHERE i.indexrelid = to_regclass(:index)"
)

_LACKING: Final = text(
    "SELECT n.nspname, c.relname FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid"
    " JOIN pg_namespace n ON n.oid = c.relnamespace"
    " WHERE i.inhparent = to_regclass(:table) AND c.relkind = 'r' AND NOT EXISTS ("
    "  SELECT FROM pg_inherits own JOIN pg_index x ON x.indexrelid = own.inhrelid"
    "  WHERE own.inhparent = to_regclass(:index) AND x.indrelid = c.oid)"
    " ORDER BY c.relname DESC"
)
"""The partitions that have no part of an index, the newest first."""


def creation(records: Table, name: str, path: Path) -> str:
    """Return the statement that creates an index of a variable.

    Args:
        records: The table.
        name: Of the index.
        path: Of the value.
    """
    return _creation("", name, qualified(records), path)


def _creation(how: str, name: str, table: str, path: Path) -> str:
    """Return the statement for a table or a partition.

    The index has a hash: a text may be too large for an index, and would keep its record out.
    """
    value = reduce(lambda parent, key: f"{parent} -> {_literal(key)}", path, "variables")
    return (
        f"CREATE INDEX {how}IF NOT EXISTS {quoted(name)} ON {table}"
        f" (jsonb_hash_extended({value}, 0), started_at) WHERE ({value}) IS NOT NULL"
    )


def _literal(key: str) -> str:
    """Return a text of SQL, whatever `standard_conforming_strings` is."""
    escaped = key.replace("\\", "\\\\").replace("'", "''").replace("%", "%%")
    return f"E'{escaped}'"


def found(connection: Connection, records: Table, prefix: str) -> dict[str, bool]:
    """Return the indexes whose names begin so, and whether each is complete or being built.

    Args:
        connection: To the database.
        records: The table.
        prefix: Of the names.
    """
    rows = connection.execute(_FOUND, {"table": printed(qualified(records)), "prefix": prefix})
    return {row[0]: row[1] for row in rows}


class VariableIndexes:
    """Creates and drops indexes of variables. Writers wait for milliseconds at most.

    Args:
        records: The table.
        connection: Of its own. It is closed in the end, as its settings are others.
    """

    def __init__(self, records: Table, connection: Connection) -> None:
        self._records = records
        self._connection = connection
        self._is_partitioned = len(records.primary_key.columns) > 1

    def __enter__(self) -> Self:
        self._connection.rollback()  # what `reading` has begun
        driver = cast("TimedConnection", self._connection.connection.driver_connection)
        driver.limit_seconds = LONG_SECONDS
        return self

    def __exit__(self, *_: object) -> None:
        self._connection.invalidate()

    def create(self, name: str, path: Path) -> None:
        """Create an index, or what is missing of it."""
        namespace = namespace_of(self._records)
        if not self._is_partitioned:
            self._build(namespace, name, self._records.name, path)
            return
        whole = qualified(self._records)
        self._patiently(_creation("", name, f"ONLY {whole}", path))
        # A partition that is attached from now on gets its part by that.
        index = qualified(self._records, name)
        values = {"table": printed(whole), "index": printed(index)}
        for namespace, partition in self._connection.execute(_LACKING, values).all():
            part = _name_of_part(name, partition.removeprefix(f"{self._records.name}_"))
            self._build(namespace, part, partition, path)
            self._patiently(
                f"ALTER INDEX {index} ATTACH PARTITION {quoted(namespace)}.{quoted(part)}"
            )

    def drop(self, name: str) -> None:
        """Drop an index."""
        index = qualified(self._records, name)
        if self._is_partitioned:  # for which PostgreSQL has no other way
            self._patiently(f"DROP INDEX IF EXISTS {index}")
        else:
            self._run(f"DROP INDEX CONCURRENTLY IF EXISTS {index}")

    def _build(self, namespace: str, name: str, table: str, path: Path) -> None:
        """Build an index of a table without partitions; drop first what is left of it."""
        index, on = (f"{quoted(namespace)}.{quoted(each)}" for each in (name, table))
        self._set_isolation("READ COMMITTED")
        with self._connection.begin():
            state = self._connection.execute(_STATE, {"index": printed(index)}).scalar()
        if state is False:
            self._run(f"DROP INDEX CONCURRENTLY IF EXISTS {index}")
        self._run(_creation("CONCURRENTLY ", name, on, path))

    def _run(self, statement: str) -> None:
        """Run a statement that may not be in a transaction, for as long as it takes."""
        self._set_isolation("AUTOCOMMIT")
        for timeout in ("statement_timeout", "lock_timeout"):
            # Behind a pooler, another client may get this session: change it only where needed.
            self._connection.exec_driver_sql(
                f"SELECT set_config('{timeout}', '0', false)"
                f" WHERE current_setting('{timeout}') <> '0'"
            )
        self._connection.exec_driver_sql(statement)

    def _patiently(self, statement: str) -> None:
        """Run a statement that needs the lock of a table, for which all others would wait."""
        self._set_isolation("READ COMMITTED")
        for attempt in range(1, ATTEMPTS + 1):
            try:
                with self._connection.begin():
                    self._connection.exec_driver_sql(
                        f"SELECT set_config('lock_timeout', '{PATIENCE}', true)"
                    )
                    self._connection.exec_driver_sql(statement)
            except DBAPIError as error:
                if attempt == ATTEMPTS or getattr(error.orig, "sqlstate", None) != NO_LOCK:
                    raise
            else:
                return
            time.sleep(PAUSE_SECONDS)

    def _set_isolation(self, level: IsolationLevel) -> None:
        self._connection.rollback()
        self._connection.execution_options(isolation_level=level)


def _name_of_part(index: str, partition: str) -> str:
    """Return the name of the part that an index has in a partition."""
    name = f"{index}_{partition}"
    if len(name.encode()) <= _MAX_BYTES:
        return name
    digest = hashlib.blake2s(name.encode(), digest_size=8).hexdigest()
    return f"{index.encode()[: _MAX_BYTES - 20].decode(errors='ignore')}_{digest}"
