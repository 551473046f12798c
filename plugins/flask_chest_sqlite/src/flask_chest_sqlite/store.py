"""The SQLite store: one file, in WAL mode, written by one transaction a batch."""

from __future__ import annotations

import builtins
import sqlite3
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import fields
from datetime import datetime, timezone
from operator import itemgetter
from typing import TYPE_CHECKING, Any, ClassVar, Final, cast

from flask_chest_sql import SqlStore, Tables
from pydantic_core import to_json
from sqlalchemy import (
    JSON,
    URL,
    CheckConstraint,
    ColumnElement,
    Connection,
    Engine,
    Text,
    create_engine,
    func,
    literal,
    select,
)
from sqlalchemy.dialects import sqlite  # noqa: F401 - while forks are held off, not by the engine
from sqlalchemy.exc import DBAPIError, OperationalError, SQLAlchemyError
from sqlalchemy.pool import NullPool
from sqlalchemy.types import TypeDecorator

from flask_chest.errors import (
    BatchRejected,
    ChestError,
    ConfigurationError,
    ExporterUnavailable,
)
from flask_chest.record import Record
from flask_chest.runtime import fork
from flask_chest_sqlite.config import SqliteConfig
from flask_chest_sqlite.connecting import KeptConnection, connect, disconnect

if TYPE_CHECKING:
    from pydantic import BaseModel
    from sqlalchemy import Dialect

    from flask_chest.exporter import Batch
    from flask_chest.record import JsonValue, RecordData

_POLL_SECONDS: Final = 0.01


class Timestamp(TypeDecorator[datetime]):
    """RFC 3339 text in UTC of a fixed width, which sorts by time; SQLite's functions read it."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> str | None:
        """Write an aware datetime."""
        del dialect
        if value is None:
            return None
        # Not `strftime`, which writes the year 999 with three digits.
        naive = value.astimezone(timezone.utc).replace(tzinfo=None)
        return f"{naive.isoformat(timespec='microseconds')}Z"

    def process_result_value(self, value: str | None, dialect: Dialect) -> datetime | None:
        """Read an aware datetime in UTC."""
        del dialect
        if value is None:
            return None
        return datetime.fromisoformat(value.removesuffix("Z")).replace(tzinfo=timezone.utc)


class SqliteStore(SqlStore):
    """Stores records in a SQLite file. Several processes may write it and read it."""

    type: ClassVar[str] = "sqlite"
    config_model: ClassVar[builtins.type[BaseModel]] = SqliteConfig

    def __init__(self, config: BaseModel) -> None:
        super().__init__(config)
        self._kept = KeptConnection(self._config.path, self._connect)

    @property
    def _config(self) -> SqliteConfig:
        return cast("SqliteConfig", self.config)

    @property
    def location(self) -> str:
        """The database file."""
        return f"SQLite {self._config.path}"

    def define_tables(self) -> Tables:
        """Return tables of text: SQLite has neither UUIDs nor times.

        It would keep any value in any column, if it were not told.
        """
        tables = Tables(uuid=Text(), timestamp=Timestamp(), json=JSON())
        for column in (tables.records.c.duration_ms, tables.records.c.weight):
            tables.records.append_constraint(
                CheckConstraint(f"typeof({column.name}) IN ('real', 'integer')")
            )
        tables.records.append_constraint(
            CheckConstraint("started_at GLOB '????-??-??T??:??:??.??????Z'")
        )
        return tables

    def create_engine(self) -> Engine:
        """Return an engine whose connections wait for locks."""
        return create_engine(
            URL.create("sqlite", database=str(self._config.path)),
            connect_args={"timeout": self._config.busy_timeout_seconds},
            poolclass=NullPool,
            isolation_level="AUTOCOMMIT",
        )

    def prepare(self, connection: Connection) -> None:
        """Turn WAL on, which the file keeps, so that readers and the writer do not wait.

        SQLite does not wait for the lock here when another process turns it on at this moment.
        """
        self._wait_for_lock(connection, "PRAGMA journal_mode = WAL")

    def _wait_for_lock(self, connection: Connection, statement: str) -> None:
        deadline = time.monotonic() + self._config.busy_timeout_seconds
        while True:
            try:
                connection.exec_driver_sql(statement)
            except OperationalError as error:
                if not _is_locked(error) or time.monotonic() >= deadline:
                    raise
                time.sleep(_POLL_SECONDS)
            else:
                return

    def _connect(self) -> Connection:
        return connect(self._open_engine, self._config.path)

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """Give a connection that is closed again before this process forks."""
        with fork.held_off():
            connection = self._connect()
            try:
                yield connection
            finally:
                disconnect(connection)

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """Give the connection for batches, which stays open until `idle`, or until a fork."""
        with self._kept.use() as connection:
            yield connection

    def idle(self) -> None:
        """Close the file, which is whole then: SQLite writes its write-ahead log into it."""
        self._kept.close()

    def close(self) -> None:
        """Close all connections."""
        self._kept.close()
        super().close()

    def export(self, batch: Batch) -> None:
        """Insert a batch in one transaction, and wait for the write lock if need be.

        Raises:
            ExporterUnavailable: The database cannot take it now.
            BatchRejected: It cannot take these records.
        """
        deadline = time.monotonic() + self._config.busy_timeout_seconds
        while True:
            try:
                super().export(batch)
                return
            except ExporterUnavailable as error:
                if not _is_locked(error.__cause__) or time.monotonic() >= deadline:
                    raise
            time.sleep(_POLL_SECONDS)  # here, so that this process may fork meanwhile

    @contextmanager
    def transaction(self, connection: Connection) -> Iterator[None]:
        """Run the block in a transaction that holds the write lock from its beginning.

        A transaction that reads first and asks for the lock later fails at once when another has
        written in between, however long the busy timeout is: https://sqlite.org/lang_transaction.html
        """
        # SQLite itself would sleep in C, and with it all greenlets where gevent has made them of
        # threads.
        connection.exec_driver_sql("PRAGMA busy_timeout = 0")
        if connection is self._kept.connection:
            connection.exec_driver_sql("BEGIN IMMEDIATE")  # `export` waits
        else:
            self._wait_for_lock(connection, "BEGIN IMMEDIATE")
        try:
            yield
            connection.exec_driver_sql("COMMIT")
        except BaseException:
            with suppress(SQLAlchemyError):  # SQLite has rolled back by itself, on a full disk
                connection.exec_driver_sql("ROLLBACK")
            raise

    def insert(self, connection: Connection, batch: Batch) -> None:
        """Insert a batch; only a record ID that is there already is passed over."""
        try:
            rows = _rows(batch.records())
            if len(rows) != len(batch):
                raise ValueError(f"{len(rows)} records in {len(batch)} lines")
            columns = [column.name for column in self.tables.records.columns]
            connection.exec_driver_sql(
                f"INSERT INTO {self.tables.records.name} ({', '.join(columns)})"
                f" VALUES ({', '.join('?' for _ in columns)}) ON CONFLICT (id) DO NOTHING",
                cast("Any", rows),
            )
        except (KeyError, TypeError, OverflowError) as error:
            raise ValueError(f"{type(error).__name__}: {error}") from error

    def variables_view(self) -> str:
        """Return the view, unpacked by `json_each`; booleans are text, as JSON writes them."""
        return (
            f"CREATE VIEW IF NOT EXISTS {self.tables.variables.name} AS"
            " SELECT r.id AS record_id, r.request_id, r.started_at, r.endpoint, j.key AS name,"
            " CASE j.type WHEN 'true' THEN 'true' WHEN 'false' THEN 'false' ELSE j.value END"
            f" AS value FROM {self.tables.records.name} AS r, json_each(r.variables) AS j"
        )

    def has_variable(self, name: str, value: JsonValue) -> ColumnElement[bool]:
        """Return the condition, for which `json_each` unpacks the record's variables.

        SQLite reads both sides from JSON, so that both have its rounding of floats. Objects are
        equal when their keys are in the same order.
        """
        each = func.json_each(self.tables.records.c.variables).table_valued("key", "type", "value")
        wanted = func.json_extract(to_json(value, inf_nan_mode="null").decode(), "$")
        return (
            select(literal(1))
            .select_from(each)
            .where(
                each.c.key == name,
                each.c.type.in_(_json_types(value)),
                each.c.value.is_not_distinct_from(wanted),
            )
            .exists()
        )

    def explain(self, error: SQLAlchemyError) -> ChestError:
        """Tell a file that cannot be used from one that is busy and from data that it refuses."""
        original = error.orig if isinstance(error, DBAPIError) else None
        message = f"{self.location}: {original or error}"
        reason = str(original)
        if isinstance(original, (sqlite3.IntegrityError, sqlite3.DataError)) or (
            # An InterfaceError before Python 3.11, a ProgrammingError since.
            reason.startswith("Error binding parameter")
        ):
            return BatchRejected(message)
        if "not a database" in reason:
            return ConfigurationError(f"{message}. Name another file")
        if "unable to open" in reason or "readonly" in reason:
            return ConfigurationError(
                f"{message}. Give this user the right to write the file and its folder"
            )
        return ExporterUnavailable(message)


def _is_locked(error: BaseException | None) -> bool:
    return isinstance(error, OperationalError) and "locked" in str(error.orig)


_fields = itemgetter(*(field.name for field in fields(Record) if field.name != "variables"))


def _rows(records: list[RecordData]) -> list[tuple[object, ...]]:
    """Return the records' values in the order of the columns.

    Raises:
        KeyError: A field is missing.
        TypeError: It is not a record.
    """
    rows: list[tuple[object, ...]] = []
    for record in records:
        variables = record["variables"]
        if type(variables) is not dict:
            raise TypeError(f"variables is a {type(variables).__name__}")
        rows.append((*_fields(record), to_json(variables, inf_nan_mode="null").decode()))
    return rows


def _json_types(value: JsonValue) -> tuple[str, ...]:
    """Return the names that `json_each` has for the type of a value and what may equal it."""
    if value is None:
        return ("null",)
    if isinstance(value, bool):
        return ("true" if value else "false",)
    if isinstance(value, (int, float)):
        return ("integer", "real")
    if isinstance(value, str):
        return ("text",)
    return ("object",) if isinstance(value, Mapping) else ("array",)
