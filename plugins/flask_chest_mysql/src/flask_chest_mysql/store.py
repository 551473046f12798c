"""The store for MySQL and MariaDB: a batch is one INSERT, or as many as its size needs."""

from __future__ import annotations

import builtins
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any, ClassVar, Final, cast

from flask_chest_sql import Tables
from flask_chest_sql.definition import Definition
from flask_chest_sql.rollup_store import minutes_of
from flask_chest_sql.selecting import selecting
from flask_chest_sql.survey import Fault, Survey
from pydantic_core import from_json
from pymysql.constants import SERVER_STATUS
from sqlalchemy import URL, Column, ColumnElement, Connection, Engine, Select, event, func, text
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from flask_chest.errors import (
    BatchRejected,
    ChestError,
    ConfigurationError,
    SchemaMismatch,
)
from flask_chest_mysql import connection as connections
from flask_chest_mysql import encode, expressions, findings, schema, sorting
from flask_chest_mysql.config import MysqlConfig
from flask_chest_mysql.connection import identify
from flask_chest_mysql.errors import DEADLOCKS, PACKET_HINT, TIMEOUTS, TRUNCATIONS, code_of, explain
from flask_chest_mysql.indexed_store import IndexedMysqlStore, driver_of

if TYPE_CHECKING:
    from flask_chest_sql.expressions import Expressions
    from pydantic import BaseModel

    from flask_chest.exporter import Batch, Finding
    from flask_chest.query import Selection
    from flask_chest.record import Record

_ALREADY_THERE: Final = (1050, 1060, 1061)  # a table or view, a column, an index
_LOCK_WAIT: Final = 1205
_LOCK: Final = text("SELECT GET_LOCK(SHA1(CONCAT(DATABASE(), :name)), :patience)")
_UNLOCK: Final = text("SELECT RELEASE_LOCK(SHA1(CONCAT(DATABASE(), :name)))")
_GRACE_SECONDS: Final = 5.0
"""How much longer than the server the driver waits, as the server's error says more."""

_NO_SUCH_INDEX: Final = 1176
_ROWS_AT_ONCE: Final = 1_000
_YEAR_ONE: Final = datetime(1, 1, 1, tzinfo=timezone.utc)
_OLDEST: Final = "MySQL 8.0.19 or MariaDB 10.6"


class MysqlStore(IndexedMysqlStore):
    """Stores records in MySQL or MariaDB."""

    type: ClassVar[str] = "mysql"
    schemes: ClassVar[tuple[str, ...]] = ("mariadb",)
    config_model: ClassVar[builtins.type[BaseModel]] = MysqlConfig

    @property
    def _config(self) -> MysqlConfig:
        return cast("MysqlConfig", self.config)

    @property
    def location(self) -> str:
        """Product, and its version once it is known, with host, port and database."""
        return f"{self._flavor or 'MySQL'} at {self._config.address}"

    # -- Connecting ------------------------------------------------------------------------------

    def define_tables(self) -> Tables:
        """Return the tables with MySQL's own types."""
        return schema.define_tables(self._config.table_prefix)

    def url(self) -> URL:
        """Return the driver's name; `arguments` has all else."""
        return URL.create("mysql+pymysql")

    def arguments(self) -> dict[str, Any]:
        """Return the arguments of `pymysql.connect`."""
        return connections.arguments(self._config)

    def engine_options(self) -> dict[str, Any]:
        """Return options of the dialect."""
        return {"json_deserializer": from_json}

    def create_engine(self) -> Engine:
        """Return an engine whose connections have another time-out once they have signed in."""
        engine = super().create_engine()
        event.listen(engine, "connect", self._wait_for_answers)
        event.listen(engine, "before_cursor_execute", sorting.prefixed, retval=True)
        return engine

    def _wait_for_answers(self, driver: object, record: object) -> None:
        del record
        connections.wait_for_answers(driver, self._config.timeout_seconds)

    def _connect(self) -> Connection:
        connection = self._connected()
        if connection.info.pop("chest_asks", False):
            self.send(connection, connections.NO_QUESTION)
            connections.wait_for_answers(driver_of(connection), self._config.timeout_seconds)
        return connection

    def _connected(self) -> Connection:
        """Return a connection of the pool; it may be one that only asks."""
        try:
            return super()._connect()
        except RuntimeError as error:  # an authentication plugin that needs one more package
            raise ConfigurationError(f"{self.location}: {error}") from error

    def prepare(self, connection: Connection) -> None:
        """Find out which server it is, and refuse one that is too old."""
        version = str(connection.exec_driver_sql("SELECT VERSION()").scalar())
        self._flavor = identify(version)
        if not self._flavor.is_supported:
            raise ConfigurationError(
                f"{self.location} is version {version}. Flask-Chest needs {_OLDEST} or newer: "
                "upgrade the server"
            )

    # -- Schema ----------------------------------------------------------------------------------

    @contextmanager
    def creating(self, connection: Connection) -> Iterator[None]:
        """Run the block, in one process at a time where the server has locks by name.

        Processes that create the tables at the same time wait for each other's metadata locks,
        until one of them gives up. Galera clusters have no locks by name: there, each step may run
        in several processes at once, as `run` says.
        """
        named = {
            "name": f".{self.tables.records.name}",
            "patience": connections.patience(self._config.timeout_seconds),
        }
        with self.transaction(connection):
            try:
                connection.execute(_LOCK, named)
            except DBAPIError as error:
                if error.connection_invalidated:
                    raise
            try:
                yield
            finally:
                with suppress(SQLAlchemyError):  # a lock ends with its connection
                    connection.execute(_UNLOCK, named)

    def survey(self, connection: Connection) -> Survey:
        """Return what the database has of our tables.

        Raises:
            SchemaMismatch: There is something of our names that is not ours, or it is newer.
        """
        try:
            return super().survey(connection)
        except SchemaMismatch:
            # Another process may create the schema now, one table after the other. The first is
            # the table that makes the others ours, so it is there by now.
            return super().survey(connection)

    def definition(self) -> Definition:
        """Return the statements that create the tables; for both products until one is known."""
        made = schema.definition(self.tables, self._flavor)
        *creation, version = made.creation
        return replace(made, creation=(*creation, *self.creation_of_indexes(), version))

    def ddl(self) -> list[str]:
        """Return the statements that create all. Those of the view may run twice, too."""
        return [each.replace("CREATE SQL ", "CREATE OR REPLACE SQL ", 1) for each in super().ddl()]

    def run(self, connection: Connection, statement: str) -> None:
        """Run a statement of the definition.

        Each ends the transaction, so a creation may stop anywhere, and several processes may run
        it at once. Each step is idempotent.
        """
        try:
            self.send(connection, statement)
        except DBAPIError as error:
            # Nobody but another process that opens the store writes the row of the version.
            is_being_written = (
                code_of(error.orig) in (*DEADLOCKS, _LOCK_WAIT)
                and statement == self.definition().version
            )
            if not is_being_written and not self.is_race(error):
                raise

    def is_race(self, error: SQLAlchemyError) -> bool:
        """Return whether another process has created the same thing meanwhile."""
        return isinstance(error, DBAPIError) and code_of(error.orig) in _ALREADY_THERE

    def is_harmful(self, column: Column[Any], found: Any) -> str | None:  # noqa: ANN401 - reflected
        """Return why a column of another type would lose data."""
        return schema.is_harmful(column, found)

    def alter(self, column: Column[Any]) -> tuple[str, ...]:
        """Return the statement that gives a column our type."""
        return (schema.modify(self.tables.records, column, self._flavor),)

    def oddities(self, connection: Connection) -> Iterator[Fault | str]:
        """Yield the columns whose character set lacks some texts."""
        records = self.tables.records
        for name, charset in connection.execute(schema.CHARSETS, {"name": records.name}).all():
            if name in records.c and name != "id":
                text = f"has a column {name} of the character set {charset}, which lacks some texts"
                statements = self.alter(records.c[name])
                yield Fault(text, f"Run: {'; '.join(statements)}", statements)

    def is_own(self, column: str) -> bool:
        """Return whether a computed column is that of an indexed variable."""
        return column.startswith(self.variable_prefix)

    def relax(self, column: str) -> str:
        """Return the remedy for a column of somebody else's that takes no null."""
        table, name = schema.quoted(self.tables.records.name), schema.quoted(column)
        return f"Give it a default: ALTER TABLE {table} ALTER COLUMN {name} SET DEFAULT ..."

    def look(self, connection: Connection) -> Iterator[Finding]:
        """Yield what is worth knowing of the server."""
        yield from findings.look(connection, self.tables.records.name, self.known_flavor)

    # -- Batches ---------------------------------------------------------------------------------

    def insert(self, connection: Connection, batch: Batch) -> None:
        """Insert a batch, except the records whose ID is there already."""
        driver = driver_of(connection)
        if driver.server_status & SERVER_STATUS.SERVER_STATUS_NO_BACKSLASH_ESCAPES:
            raise ConfigurationError(
                f"{self.location}: a proxy has changed the session's sql_mode to "
                "NO_BACKSLASH_ESCAPES. Let it leave sessions alone"
            )
        table = schema.quoted(self.tables.records.name)
        head = f"INSERT INTO {table} ({', '.join(map(schema.quoted, encode.COLUMNS))})"
        tail = f" ON DUPLICATE KEY UPDATE id = {table}.id"
        if not len(batch):  # the server still checks our privileges
            nothing = ", ".join("NULL" for _ in encode.COLUMNS)
            self.send(connection, f"{head} SELECT {nothing} FROM DUAL WHERE FALSE{tail}")
        minutes: set[str] = set()
        for statement in encode.statements(
            f"{head} VALUES ".encode(),
            encode.rows(batch, minutes),
            tail.encode(),
            max_bytes=self._max_bytes(connection),
            hint=f"{self.location} takes fewer. {PACKET_HINT}",
        ):
            for warning in self.send(connection, statement):
                if warning[1] in TRUNCATIONS:
                    raise BatchRejected(f"{self.location}: {warning[2]}")
        self.mark(connection, minutes_of(minutes))

    def _max_bytes(self, connection: Connection) -> int:
        """Return the length of the longest statement that the server accepts."""
        known = connection.info.get("chest_max_bytes")
        if known is None:
            packet = connection.exec_driver_sql("SELECT @@max_allowed_packet").scalar_one()
            # A packet must be smaller than that, and has one byte more for the command.
            known = connection.info["chest_max_bytes"] = int(packet) - 16
        return int(known)

    def delete_oldest(self, connection: Connection, before: datetime, limit: int) -> int:
        """Delete at most `limit` records that started before `before`; return how many."""
        moment = before.astimezone(timezone.utc).replace(tzinfo=None)
        table = schema.quoted(self.tables.records.name).replace("%", "%%")
        statement = f"DELETE FROM {table} WHERE started_at < %s ORDER BY started_at LIMIT %s"
        return connection.exec_driver_sql(statement, (moment, limit)).rowcount

    # -- Reading, and errors ---------------------------------------------------------------------

    def readable(self, *, for_summaries: bool) -> list[ColumnElement[bool]]:
        """Return conditions that leave out '0000-00-00' and the like, which sessions may store."""
        started_at = self.tables.records.c.started_at
        conditions = [started_at >= _YEAR_ONE]
        if for_summaries:
            conditions.append(func.to_seconds(started_at).is_not(None))  # '2024-00-10'
        return conditions

    def expressions(self) -> Expressions:
        """Return a record's values as this server computes them."""
        self.look_for_indexes()
        return expressions.expressions(
            self.tables, self.known_flavor, indexed=self.index_of, others=self.other_indexes
        )

    @contextmanager
    def asking(self) -> Iterator[Connection]:
        """Give a connection of the pool that only reads, and for `query_timeout_seconds`.

        It stays like that in the pool: most that are taken from it ask.
        """
        with self._connected() as connection:
            if not connection.info.get("chest_asks"):
                seconds = self.query_timeout_seconds
                self.send(connection, connections.question(seconds))
                connections.wait_for_answers(driver_of(connection), seconds + _GRACE_SECONDS)
                connection.info["chest_asks"] = True
            yield connection

    def select(self, selection: Selection) -> list[Record]:
        """Return the records of a selection, in its order."""
        statement = selecting(self.expressions(), selection)
        if sorting.is_by_text(selection.order):
            statement = sorting.by_whole_texts(statement, self.known_flavor)
        return self._read(statement, selection.limit)

    def stream(self, connection: Connection, statement: Select[Any]) -> Iterator[Sequence[Any]]:
        """Yield the rows of a query as they arrive; read the rest of those that are left."""
        try:
            with connection.execute(statement.execution_options(yield_per=_ROWS_AT_ONCE)) as rows:
                yield from rows
        except DBAPIError as error:
            if code_of(error.orig) == _NO_SUCH_INDEX:  # it was dropped a moment ago
                self.forget_indexes()
            raise

    def is_timeout(self, error: SQLAlchemyError) -> bool:
        """Return whether the server has cancelled a query."""
        return isinstance(error, DBAPIError) and code_of(error.orig) in TIMEOUTS

    def explain_driver_error(self, error: Exception) -> ChestError:
        """Return what an error of the driver means."""
        return explain(self.location, error, is_mariadb=self.known_flavor.is_mariadb)

    def is_conflict(self, error: SQLAlchemyError) -> bool:
        """Return whether the error is a deadlock."""
        return isinstance(error, DBAPIError) and code_of(error.orig) in DEADLOCKS
