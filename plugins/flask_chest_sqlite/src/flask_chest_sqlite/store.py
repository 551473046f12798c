"""The SQLite store: one file, in WAL mode, written by one transaction a batch."""

from __future__ import annotations

import builtins
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any, ClassVar, Final, cast

from flask_chest_sql import SqlStore, Tables
from pydantic_core import to_json
from sqlalchemy import JSON, URL, Connection, Engine, Text, create_engine, event
from sqlalchemy.exc import DBAPIError, SQLAlchemyError
from sqlalchemy.pool import NullPool
from sqlalchemy.types import TypeDecorator

from flask_chest.errors import (
    BatchRejected,
    ChestError,
    ConfigurationError,
    ExporterUnavailable,
)
from flask_chest_sqlite.config import SqliteConfig

if TYPE_CHECKING:
    from pydantic import BaseModel
    from sqlalchemy import Dialect

    from flask_chest.exporter import Batch

_TIMESTAMP: Final = "%Y-%m-%dT%H:%M:%S.%fZ"


class Timestamp(TypeDecorator[datetime]):
    """RFC 3339 text in UTC of a fixed width, which sorts by time; SQLite's functions read it."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> str | None:
        """Write an aware datetime."""
        del dialect
        return value.astimezone(timezone.utc).strftime(_TIMESTAMP) if value is not None else None

    def process_result_value(self, value: str | None, dialect: Dialect) -> datetime | None:
        """Read an aware datetime in UTC."""
        del dialect
        if value is None:
            return None
        return datetime.strptime(value, _TIMESTAMP).replace(tzinfo=timezone.utc)


class SqliteStore(SqlStore):
    """Stores records in a SQLite file. Several processes may write it and read it."""

    type: ClassVar[str] = "sqlite"
    config_model: ClassVar[builtins.type[BaseModel]] = SqliteConfig
    tables = Tables(uuid=Text(), timestamp=Timestamp(), json=JSON())

    _INSERT: Final = (
        f"INSERT INTO {tables.records.name} ({', '.join(c.name for c in tables.records.columns)})"
        f" VALUES ({', '.join('?' for _ in tables.records.columns)})"
        " ON CONFLICT (id) DO NOTHING"
    )

    @property
    def _config(self) -> SqliteConfig:
        return cast("SqliteConfig", self.config)

    @property
    def location(self) -> str:
        """The database file."""
        return f"SQLite {self._config.path}"

    def check(self) -> None:
        """Open the file once, which finds out all that can be wrong with it."""
        try:
            self.open()
        finally:
            self.close()

    def create_engine(self) -> Engine:
        """Return an engine whose connections wait for locks and use WAL."""
        engine = create_engine(
            URL.create("sqlite", database=str(self._config.path)),
            connect_args={
                "timeout": self._config.busy_timeout_seconds,
                # The exporter's connection is used by one thread at a time, but not always by
                # the one that opened it.
                "check_same_thread": False,
            },
            poolclass=NullPool,
            isolation_level="AUTOCOMMIT",
        )
        event.listen(engine, "connect", _use_wal)
        return engine

    @contextmanager
    def transaction(self, connection: Connection) -> Iterator[None]:
        """Run the block in a transaction that holds the write lock from its beginning.

        A transaction that reads first and asks for the lock later fails at once when another has
        written in between, however long the busy timeout is: https://sqlite.org/lang_transaction.html
        """
        connection.exec_driver_sql("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            connection.exec_driver_sql("ROLLBACK")
            raise
        connection.exec_driver_sql("COMMIT")

    def insert(self, connection: Connection, batch: Batch) -> None:
        """Insert a batch; only a record ID that is there already is passed over."""
        rows = [
            (*list(record.values())[:-1], to_json(record["variables"]).decode())
            for record in batch.records()
        ]
        connection.exec_driver_sql(self._INSERT, cast("Any", rows))

    def variables_view(self) -> str:
        """Return the view, unpacked by `json_each`; booleans are text, as JSON writes them."""
        return (
            f"CREATE VIEW IF NOT EXISTS {self.tables.variables.name} AS"
            " SELECT r.id AS record_id, r.request_id, r.started_at, r.endpoint, j.key AS name,"
            " CASE j.type WHEN 'true' THEN 'true' WHEN 'false' THEN 'false' ELSE j.value END"
            f" AS value FROM {self.tables.records.name} AS r, json_each(r.variables) AS j"
        )

    def explain(self, error: SQLAlchemyError) -> ChestError:
        """Tell a file that cannot be used from one that is busy and from data that it refuses."""
        original = error.orig if isinstance(error, DBAPIError) else None
        message = f"{self.location}: {original or error}"
        if isinstance(
            original, (sqlite3.IntegrityError, sqlite3.DataError, sqlite3.InterfaceError)
        ):
            return BatchRejected(message)
        reason = str(original)
        if "not a database" in reason:
            return ConfigurationError(f"{message}. Name another file")
        if "unable to open" in reason or "readonly" in reason:
            return ConfigurationError(
                f"{message}. Give this user the right to write the file and its folder"
            )
        return ExporterUnavailable(message)


def _use_wal(connection: sqlite3.Connection, _record: object) -> None:
    # Kept in the file; asking again costs a read.
    connection.execute("PRAGMA journal_mode = WAL")
