"""The SQLite store: one file, in WAL mode, written by one transaction a batch."""

from __future__ import annotations

import builtins
import time
from collections.abc import Container, Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import datetime
from itertools import islice
from typing import TYPE_CHECKING, Any, ClassVar, Final, cast

from flask_chest_sql import SqlStore, Tables
from flask_chest_sql.definition import Definition
from flask_chest_sql.rollup_store import minutes_of
from flask_chest_sql.survey import Fault, Key
from sqlalchemy import (
    JSON,
    URL,
    Column,
    ColumnElement,
    Connection,
    Engine,
    Integer,
    String,
    Text,
    create_engine,
    delete,
    literal_column,
    select,
    text,
)
from sqlalchemy.dialects import sqlite  # noqa: F401 - while forks are held off, not by the engine
from sqlalchemy.exc import OperationalError, SQLAlchemyError
from sqlalchemy.pool import NullPool

from flask_chest.errors import ChestError, ConfigurationError, ExporterUnavailable
from flask_chest.runtime import fork
from flask_chest_sqlite import indexes, readable, schema
from flask_chest_sqlite.config import SqliteConfig
from flask_chest_sqlite.connection import KeptConnection, connect, disconnect
from flask_chest_sqlite.disk import reason
from flask_chest_sqlite.encode import INSERTION, STARTED_AT, Timestamp, moment
from flask_chest_sqlite.errors import explain, is_interrupted, is_locked
from flask_chest_sqlite.expressions import SqliteExpressions
from flask_chest_sqlite.file import secure_file, set_mode
from flask_chest_sqlite.findings import look
from flask_chest_sqlite.reading import prepare_for_questions

if TYPE_CHECKING:
    from flask_chest_sql.expressions import Path
    from pydantic import BaseModel
    from sqlalchemy import Inspector

    from flask_chest.exporter import Batch, Finding
    from flask_chest.record import Record

_FIRST_POLL_SECONDS: Final = 0.001
_POLL_SECONDS: Final = 0.01
"""Longest time between two attempts to get the write lock."""


class SqliteStore(SqlStore):
    """Stores records in a SQLite file. Several processes may write it and read it."""

    type: ClassVar[str] = "sqlite"
    config_model: ClassVar[builtins.type[BaseModel]] = SqliteConfig
    deleted_at_once: ClassVar[int] = 50

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

    @property
    def query_timeout_seconds(self) -> float:
        """How long a question may take."""
        return self._config.query_timeout_seconds

    def refuse_missing(self) -> None:
        """Refuse a file that is not there.

        Raises:
            ConfigurationError: It is not there.
            ExporterUnavailable: Nor can it be created.
        """
        path = self._config.path
        if path.exists():
            return
        if fault := reason(path):
            raise ExporterUnavailable(f"{self.location}: there is no such file. {fault}")
        raise ConfigurationError(
            f"there is no database {path} yet, so there is nothing to read. Check the path. The "
            "application creates the file when it delivers for the first time"
        )

    def define_tables(self) -> Tables:
        """Return the tables, for queries. SQLite has no types for UUIDs and times."""
        return Tables(
            uuid=Text(),
            timestamp=Timestamp(),
            json=JSON(),
            mark_id=Integer(),
            rollup_options={"sqlite_with_rowid": False},
        )

    def definition(self) -> Definition:
        """Return the statements that create the tables, the indexes and the view."""
        return Definition(
            creation=schema.CREATION,
            schema=schema.SCHEMA,
            version=schema.VERSION,
            view=schema.VIEW,
            indexes=schema.INDEXES,
            columns=schema.ADDITIONS,
        )

    def is_harmful(self, column: Column[Any], found: Any) -> str | None:  # noqa: ANN401 - reflected
        """Return why a column would change values: SQLite converts what looks like a number."""
        is_text = isinstance(column.type, (Text, String, Timestamp))
        affinity = schema.affinity(str(found))
        if is_text and affinity not in ("TEXT", "BLOB"):
            return f"of the type {found}, which makes a number of a text such as '007'"
        if not is_text and affinity == "TEXT" and column.name != "variables":
            return f"of the type {found}, which makes a text of a number"
        return None

    def alter(self, column: Column[Any]) -> tuple[str, ...]:
        """Return the statements that make the table anew: SQLite changes no column."""
        del column
        return schema.REBUILDING

    def relax(self, column: str) -> str:
        """Return the remedy for a column of somebody else's that takes no null."""
        return f"Drop it: ALTER TABLE {self.tables.records.name} DROP COLUMN {column}"

    def taken(self, connection: Connection) -> Container[str]:
        """Return the names that an index cannot have."""
        return set(connection.scalars(text("SELECT name FROM sqlite_master")))

    def keys(self, inspector: Inspector) -> list[Key]:
        """Return the indexes and the unique constraints that the records have."""
        return indexes.keys(cast("Connection", inspector.bind), self.tables.records.name)

    def variable_indexes(self, connection: Connection) -> set[str]:
        """Return the names of the indexes of variables."""
        found = indexes.keys(connection, self.tables.records.name)
        return {key.name for key in found if key.name.startswith(self.variable_prefix)}

    def create_variable_index(self, connection: Connection, name: str, path: Path) -> None:
        """Create an index in one transaction: SQLite has no other way.

        Nobody else writes meanwhile, and records wait in the journal.
        """
        statement = indexes.creation(self.tables.records.name, name, path)
        with self.stepping(connection), self.transaction(connection):
            connection.exec_driver_sql(statement)

    def drop_variable_index(self, connection: Connection, name: str) -> None:
        """Drop an index."""
        with self.stepping(connection), self.transaction(connection):
            connection.exec_driver_sql(f'DROP INDEX IF EXISTS "{name}"')

    def oddities(self, connection: Connection) -> Iterator[Fault | str]:
        """Yield the triggers of the records."""
        statement = text(
            "SELECT name FROM sqlite_master WHERE type = 'trigger' AND tbl_name = :name"
        )
        name = self.tables.records.name
        for trigger in connection.scalars(statement, {"name": name}):
            yield f"{name} has a trigger {trigger}: what it ignores is not stored"

    def is_outdated(self, connection: Connection) -> bool:
        """Return whether the view is one that another version of Flask-Chest has created."""
        name = self.tables.variables.name
        statement = text("SELECT sql FROM sqlite_master WHERE name = :name")
        found = connection.execute(statement, {"name": name}).scalar()
        return found != schema.VIEW.replace(" IF NOT EXISTS", "")

    def create_engine(self) -> Engine:
        """Return an engine without a pool, whose connections wait for locks."""
        return create_engine(
            URL.create("sqlite", database=str(self._config.path)),
            connect_args={"timeout": self._config.busy_timeout_seconds},
            poolclass=NullPool,
            isolation_level="AUTOCOMMIT",
        )

    def prepare(self, connection: Connection) -> None:
        """Turn WAL on, which the file keeps, so that readers and the writer do not wait.

        SQLite itself does not wait for the lock when another process turns WAL on at the same time.
        """
        self._wait_for_lock(connection, "PRAGMA journal_mode = WAL")

    def _wait_for_lock(self, connection: Connection, statement: str) -> None:
        pauses = self._pauses()
        while True:
            try:
                connection.exec_driver_sql(statement)
                return
            except OperationalError as error:
                pause = next(pauses, None)
                if not is_locked(error) or pause is None:
                    raise
            time.sleep(pause)

    def _pauses(self) -> Iterator[float]:
        """Yield pauses between attempts to get the write lock, short ones first."""
        deadline = time.monotonic() + self._config.busy_timeout_seconds
        pause = _FIRST_POLL_SECONDS
        while time.monotonic() < deadline:
            yield pause
            pause = min(pause * 2, _POLL_SECONDS)

    def _connect(self) -> Connection:
        has_other_mode = secure_file(self._config)
        connection = connect(self._open_engine, self._config.path)
        if has_other_mode:
            try:
                connection.exec_driver_sql("PRAGMA schema_version").close()  # as in `prepare_file`
            except BaseException:
                disconnect(connection)
                raise
            set_mode(self._config)
        return connection

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """Give a new connection, in a block during which this process does not fork."""
        with fork.held_off():
            connection = self._connect()
            try:
                yield connection
            finally:
                disconnect(connection)

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """Give the connection for batches, which stays open until `idle` or a fork."""
        with self._kept.use() as connection:
            yield connection

    def expressions(self) -> SqliteExpressions:
        """Return a record's values as expressions of SQLite."""
        return SqliteExpressions(self.tables)

    @contextmanager
    def asking(self) -> Iterator[Connection]:
        """Give a new connection that only reads, and for `query_timeout_seconds`."""
        with self.reading() as connection:
            prepare_for_questions(connection, self.query_timeout_seconds)
            yield connection

    def is_timeout(self, error: SQLAlchemyError) -> bool:
        """Return whether the time of a question was over."""
        return is_interrupted(error)

    def look(self, connection: Connection) -> Iterator[Finding]:
        """Yield what is worth knowing of the file."""
        yield from look(connection, self._config.path)

    def is_passing(self, error: SQLAlchemyError) -> bool:
        """Return whether an error passes by itself: another process has the write lock."""
        return is_locked(error)

    def idle(self) -> None:
        """Close the file, so that SQLite writes the write-ahead log into it."""
        self._kept.close()

    def close(self) -> None:
        """Close all connections."""
        self._kept.close()
        super().close()

    def export(self, batch: Batch) -> None:
        """Insert a batch in one transaction; wait for the write lock.

        Raises:
            ExporterUnavailable: The database cannot take it now.
            BatchRejected: It cannot take these records.
        """
        pauses = self._pauses()
        while True:
            try:
                super().export(batch)
                return
            except ExporterUnavailable as error:
                pause = next(pauses, None)
                if not is_locked(error.__cause__) or pause is None:
                    raise
            time.sleep(pause)  # outside `held_off`, so that this process may fork

    @contextmanager
    def transaction(self, connection: Connection) -> Iterator[None]:
        """Run the block in a transaction that holds the write lock from its beginning.

        A transaction that takes the lock after its first read fails at once when another one has
        written in between, whatever the busy timeout is: https://sqlite.org/lang_transaction.html
        """
        # SQLite would sleep in C, which blocks all greenlets of gevent.
        connection.exec_driver_sql("PRAGMA busy_timeout = 0")
        if connection is self._kept.connection:
            connection.exec_driver_sql("BEGIN IMMEDIATE")  # `export` waits
        else:
            self._wait_for_lock(connection, "BEGIN IMMEDIATE")
        try:
            yield
            connection.exec_driver_sql("COMMIT")
        except BaseException:
            with suppress(SQLAlchemyError):  # on a full disk, SQLite has rolled back already
                connection.exec_driver_sql("ROLLBACK")
            raise

    def insert(self, connection: Connection, batch: Batch) -> None:
        """Insert a batch, except the records whose ID is there already."""
        if not len(batch):
            return  # the transaction alone has to take the lock
        rows = batch.rows()
        try:
            connection.exec_driver_sql(INSERTION, cast("Any", rows))
        except (TypeError, OverflowError) as error:  # a value that SQLite cannot hold
            raise ValueError(f"{type(error).__name__}: {error}") from error
        # The table has a constraint on the form of times, so all of these have it.
        self.mark(connection, minutes_of({row[STARTED_AT][:16] for row in rows}))

    def moment(self, value: object) -> datetime:
        """Return a `started_at` as an aware datetime in UTC."""
        return moment(value)

    def readable(self, *, for_summaries: bool) -> list[ColumnElement[bool]]:
        """Return conditions that leave out rows which are no records."""
        conditions = [readable.has_time(self.tables)]
        return [*conditions, readable.has_values(self.tables)] if for_summaries else conditions

    def delete_oldest(self, connection: Connection, before: datetime, limit: int) -> int:
        """Delete at most `limit` records that started before `before`; return how many."""
        records = self.tables.records
        rowid: ColumnElement[int] = literal_column("rowid")
        oldest = (
            select(rowid)
            .select_from(records)
            .where(records.c.started_at < before)
            .order_by(records.c.started_at)
            .limit(limit)
        )
        return connection.execute(delete(records).where(rowid.in_(oldest))).rowcount

    @contextmanager
    def stepping(self, connection: Connection) -> Iterator[None]:
        """Write the write-ahead log into the file after a step, while nobody waits for it.

        The commit of the step may not do it, nor may the next writer have to. Nor does the commit
        wait for the disk, which it would with the lock: the checkpoint does, without one.
        """
        connection.exec_driver_sql("PRAGMA wal_autocheckpoint = 0")
        if connection.exec_driver_sql("PRAGMA journal_mode").scalar() == "wal":
            connection.exec_driver_sql("PRAGMA synchronous = NORMAL")
        yield
        connection.exec_driver_sql("PRAGMA wal_checkpoint(PASSIVE)").close()

    def delete(self, records: Sequence[Record]) -> int:
        """Delete these records, in steps as short as those of a purge; return how many."""
        left, deleted = iter(records), 0

        def delete_next(connection: Connection, limit: int) -> int:
            nonlocal deleted
            some = list(islice(left, limit))
            if some:
                deleted += self.delete_these(connection, some)
            return len(some)

        self.in_steps(delete_next)
        return deleted

    def explain(self, error: SQLAlchemyError) -> ChestError:
        """Return what a database error means: unavailable, rejected or misconfigured."""
        return explain(self.location, self._config.path, error)
