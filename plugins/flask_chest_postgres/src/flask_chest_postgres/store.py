"""The PostgreSQL store: a batch is one JSON document, which the server unpacks."""

from __future__ import annotations

import builtins
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar, cast

import psycopg
from flask_chest_sql import ServerStore, Tables
from flask_chest_sql.definition import Definition, define
from flask_chest_sql.server_store import is_disconnect
from flask_chest_sql.survey import Survey
from psycopg.types.json import Jsonb
from sqlalchemy import URL, ColumnElement, Connection, delete, false
from sqlalchemy.exc import DBAPIError, SQLAlchemyError
from typing_extensions import Unpack

from flask_chest.errors import BatchRejected, ChestError, ExporterUnavailable, SchemaMismatch
from flask_chest.store import aware
from flask_chest_postgres import queries, schema
from flask_chest_postgres.config import PostgresConfig
from flask_chest_postgres.connection import connect, in_one_go, session
from flask_chest_postgres.encode import insertion, loads
from flask_chest_postgres.errors import explain, refuse_server
from flask_chest_postgres.partitions import Maintenance, Partitions, days_of, lacks_partition

if TYPE_CHECKING:
    from pydantic import BaseModel

    from flask_chest.exporter import Batch
    from flask_chest.record import JsonValue
    from flask_chest.store import ValueCount, Where

_Result = TypeVar("_Result")


class InsertionError(DBAPIError):
    """The server has not inserted a batch."""


class PostgresStore(ServerStore):
    """Stores records in PostgreSQL."""

    type: ClassVar[str] = "postgres"
    schemes: ClassVar[tuple[str, ...]] = ("postgresql",)
    config_model: ClassVar[builtins.type[BaseModel]] = PostgresConfig

    def __init__(self, config: BaseModel) -> None:
        super().__init__(config)
        self._partitions = Partitions(self.tables.records)
        self._maintenance = Maintenance(self._partitions, self._config.retention_days)
        self._session = session(self._config.timeout_seconds)
        records = self.tables.records
        self._insertion = insertion(schema.qualified(records), records.primary_key.columns.keys())

    @property
    def _config(self) -> PostgresConfig:
        return cast("PostgresConfig", self.config)

    @property
    def location(self) -> str:
        """Host, port and database, or the service that names them."""
        return self._config.location

    # -- Connecting ------------------------------------------------------------------------------

    def define_tables(self) -> Tables:
        """Return the tables with PostgreSQL's own types."""
        return schema.define_tables(self._config)

    def url(self) -> URL:
        """Return the driver's name; `arguments` has all else."""
        return URL.create("postgresql+psycopg")

    def arguments(self) -> dict[str, Any]:
        """Return the arguments of `psycopg.connect`."""
        return self._config.arguments()

    def engine_options(self) -> dict[str, Any]:
        """Return options of the dialect, and what connects."""
        return {
            "creator": self._connect_driver,
            "use_native_hstore": False,
        }

    def _connect_driver(self) -> psycopg.Connection[Any]:
        return connect(self.arguments(), self._config.timeout_seconds, loads)

    def prepare(self, connection: Connection) -> None:
        """Refuse a server that is too old, and a database that cannot store every text."""
        info = _driver(connection).info
        refuse_server(self.location, info.server_version, info.parameter_status("server_encoding"))

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """Give a connection of the pool, in a transaction, to any thread."""
        with super().reading() as connection:
            connection.exec_driver_sql(self._session)
            yield connection

    @contextmanager
    def transaction(self, connection: Connection) -> Iterator[None]:
        """Run the block in the transaction that `reading` began, or in a new one."""
        with connection.get_transaction() or connection.begin():
            yield

    @contextmanager
    def _another(self, connection: Connection) -> Iterator[Connection]:
        """Run the block in a transaction of its own."""
        with connection.begin():
            connection.exec_driver_sql(self._session)
            yield connection

    # -- Schema ----------------------------------------------------------------------------------

    @contextmanager
    def creating(self, connection: Connection) -> Iterator[None]:
        """Run the block in a transaction, one process at a time."""
        with self.transaction(connection):
            self._partitions.lock(connection)
            yield

    def survey(self, connection: Connection) -> Survey:
        """Return what the database has of our tables.

        Raises:
            SchemaMismatch: They are somebody else's, or partitioned in another way.
        """
        found = super().survey(connection)
        if found.is_empty:
            return found
        is_partitioned = self._partitions.is_partitioned(connection)
        if is_partitioned != self._config.partition_by_day:
            raise SchemaMismatch(
                f"{self.location}: the table {self.tables.records.name} is "
                f"{'' if is_partitioned else 'not '}partitioned. Set partition_by_day="
                f"{is_partitioned}, or another table_prefix for a table of the other kind"
            )
        return found

    def definition(self) -> Definition:
        """Return the statements that create the tables."""
        return define(self.tables, self.url().get_dialect()(), schema.create_view(self.tables))

    @contextmanager
    def attempting(self, connection: Connection) -> Iterator[None]:
        """Run the block after a savepoint: a failed statement ends the transaction."""
        with connection.begin_nested():
            yield

    def create_schema(self, connection: Connection) -> None:
        """Create the tables, the indexes and the view."""
        schema.create(connection, self.tables)

    # -- Batches ---------------------------------------------------------------------------------

    def export(self, batch: Batch) -> None:
        """Insert a batch in one transaction; retry it after a conflict or a lost connection.

        Raises:
            ExporterUnavailable: The database cannot take it now.
            BatchRejected: It cannot take these records.
        """
        if not self._config.partition_by_day:
            super().export(batch)
            return
        self._maintenance.run_due(self._in_transaction)
        try:
            super().export(batch)
        except BatchRejected as error:
            if not lacks_partition(error.__cause__):
                raise
            days = days_of(batch)
            self._in_transaction(lambda connection: self._partitions.create(connection, days))
            self._export_again(batch)

    def _export_again(self, batch: Batch) -> None:
        try:
            super().export(batch)
        except BatchRejected as error:
            if not lacks_partition(error.__cause__):
                raise
            raise SchemaMismatch(
                f"{self.location}: {error}. A partition that Flask-Chest did not make is in the "
                "way of the day's own: let it begin and end at midnight UTC, or detach it"
            ) from error

    def _in_transaction(self, work: Callable[[Connection], _Result]) -> _Result:
        """Run a function in a transaction of the exporter's connection; retry if that was lost."""
        is_new = self._connection is None
        try:
            with self._explained(), self.writing() as connection, self._another(connection):
                return work(connection)
        except ExporterUnavailable as error:
            if is_new or not is_disconnect(error.__cause__):
                raise
        self._disconnect()
        return self._in_transaction(work)

    def purge(self, *, before: datetime, progress: Callable[[int], None] | None = None) -> int:
        """Delete records that started before `before`; return how many."""
        if not self._config.partition_by_day:
            return super().purge(before=before, progress=progress)
        moment = aware("before", before)
        records = self.tables.records
        purged = 0
        with self._explained(), self._connect() as connection:
            with self._another(connection):
                old = self._partitions.ending_before(connection, moment)
            for day in old:
                with self._another(connection):
                    purged += self._partitions.drop(connection, day, count=True)
            with self._another(connection):
                statement = delete(records).where(records.c.started_at < moment)
                purged += connection.execute(statement).rowcount
        if progress is not None:
            progress(purged)
        return purged

    def insert(self, connection: Connection, batch: Batch) -> None:
        """Insert a batch, except the records whose ID is there already, and commit.

        The statements travel together: one round trip for a batch.
        """
        driver = _driver(connection)
        driver.autocommit = True  # otherwise psycopg waits for the answer to a BEGIN of its own
        try:
            error = in_one_go(
                driver,
                ("BEGIN", None),
                (self._session, None),
                (self._insertion, (Jsonb(batch.to_json(), dumps=_unchanged),)),
                ("COMMIT", None),
            )
        finally:
            with suppress(psycopg.Error):  # the connection may be lost
                driver.rollback()
                driver.autocommit = False
        if error is not None:
            if driver.closed:
                connection.invalidate()
            raise InsertionError(
                None, None, error, hide_parameters=True, connection_invalidated=driver.closed
            ) from error

    def _restriction(self, where: Where) -> list[ColumnElement[bool]]:
        conditions = super()._restriction(where)
        return conditions if all(map(queries.is_comparable, where.values())) else [false()]

    def top_values(self, name: str, *, limit: int = 10, **where: Unpack[Where]) -> list[ValueCount]:
        """Return the most frequent values of the variable `name`."""
        found = name if queries.is_comparable(name) else ""
        values = super().top_values(found, limit=limit, **where)
        return values if found == name else []

    def has_variable(self, name: str, value: JsonValue) -> ColumnElement[bool]:
        """Return the condition that a record has a variable with this name and value."""
        variables = self.tables.records.c.variables
        return queries.has_variable(variables, name, value, is_indexed=self._config.variables_index)

    def explain(self, error: SQLAlchemyError) -> ChestError:
        """Return what a database error means: only an insertion can be rejected."""
        if isinstance(error, InsertionError) and isinstance(error.orig, Exception):
            return explain(self.location, error.orig, is_insertion=True)
        return super().explain(error)

    def explain_driver_error(self, error: Exception) -> ChestError:
        """Return what an error of the driver means."""
        return explain(self.location, error)

    def is_conflict(self, error: SQLAlchemyError) -> bool:
        """Return whether the error is a deadlock or a serialization failure."""
        original = error.orig if isinstance(error, DBAPIError) else None
        return getattr(original, "sqlstate", None) in ("40001", "40P01")


def _unchanged(document: bytes) -> bytes:
    return document


def _driver(connection: Connection) -> psycopg.Connection[Any]:
    return cast("psycopg.Connection[Any]", connection.connection.driver_connection)
