"""The PostgreSQL store: a batch is one JSON document, which the server unpacks."""

from __future__ import annotations

import builtins
from collections.abc import Callable, Container, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import datetime, timezone
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar, Final, TypeVar, cast

import psycopg
from flask_chest_sql import Tables
from flask_chest_sql.definition import Definition
from flask_chest_sql.server_store import is_disconnect
from flask_chest_sql.survey import Fault, Survey
from psycopg.types.json import Jsonb
from sqlalchemy import URL, Column, Connection, Dialect
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from flask_chest.errors import (
    BatchRejected,
    ChestError,
    ConfigurationError,
    ExporterUnavailable,
    SchemaMismatch,
)
from flask_chest.store import aware
from flask_chest_postgres import indexes, removal, repair, schema
from flask_chest_postgres.config import PostgresConfig
from flask_chest_postgres.connection import TimedConnection, connect, in_one_go
from flask_chest_postgres.encode import insertion, loads, marking
from flask_chest_postgres.errors import InsertionError, explain, refuse_server
from flask_chest_postgres.findings import Inspection
from flask_chest_postgres.indexes import VariableIndexes
from flask_chest_postgres.partitions import Maintenance, Partitions, days_of, lacks_partition
from flask_chest_postgres.reading import ReadingStore

if TYPE_CHECKING:
    from flask_chest_sql.expressions import Path
    from pydantic import BaseModel

    from flask_chest.exporter import Batch, Finding

_SHORTLY: Final = "SELECT set_config('statement_timeout', '1000', true)"

_Result = TypeVar("_Result")


class PostgresStore(ReadingStore):
    """Stores records in PostgreSQL."""

    type: ClassVar[str] = "postgres"
    schemes: ClassVar[tuple[str, ...]] = ("postgresql",)
    config_model: ClassVar[builtins.type[BaseModel]] = PostgresConfig

    def __init__(self, config: BaseModel) -> None:
        super().__init__(config)
        self._partitions = Partitions(self.tables.records)
        self._maintenance = Maintenance(self._partitions, self._config.retention_days)
        records = self.tables.records
        self._insertion = insertion(schema.qualified(records), records.primary_key.columns.keys())
        self._marking = marking(self._insertion, schema.qualified(self.tables.rollups.marks))

    @property
    def partitions(self) -> Partitions | None:
        """The partitions of the records; None when they have none by the configuration."""
        return self._partitions if self._config.partition_by_day else None

    @property
    def retention_days(self) -> int | None:
        """Number of whole days that deliveries keep."""
        return self._config.retention_days

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
        made = schema.definition(self.tables, self._dialect)
        *creation, version = made.creation
        wanted = self.wanted_indexes().items()
        of_variables = [
            indexes.creation(self.tables.records, name, path) for name, (_, path) in wanted
        ]
        return replace(made, creation=(*creation, *of_variables, version))

    @property
    def _dialect(self) -> Dialect:
        return self.url().get_dialect()()

    def ddl(self) -> list[str]:
        """Return the statements that create all, as psql takes them, also a second time."""
        made = (schema.repeatable(each, self.tables) for each in super().ddl())
        return [schema.printed(statement) for statement in made]

    def create_schema(self, connection: Connection) -> None:
        """Create the tables, the indexes and the view; the namespace only where it is missing."""
        has_namespace = schema.has_namespace(connection, self.tables)
        for statement in self.definition().creation:
            if not (has_namespace and schema.is_namespace(statement)):
                self.run(connection, statement)

    def is_harmful(self, column: Column[Any], found: Any) -> str | None:  # noqa: ANN401 - reflected
        """Return why a column of another type would lose data."""
        return schema.is_harmful(column, found)

    def alter(self, column: Column[Any]) -> tuple[str, ...]:
        """Return the statements that give a column our type; none for that of the partitions.

        No view may have the column meanwhile. `open` creates ours again.
        """
        if self._config.partition_by_day and column.name == "started_at":
            return ()
        dropped = f"DROP VIEW IF EXISTS {schema.qualified(self.tables.variables)}"
        return (dropped, schema.alter(self.tables.records, column, self._dialect))

    def taken(self, connection: Connection) -> Container[str]:
        """Return the names that an index cannot have."""
        return schema.names(connection, self.tables)

    def oddities(self, connection: Connection) -> Iterator[Fault | str]:
        """Yield the rules and the triggers of the records."""
        return schema.differences(connection, self.tables.records)

    @contextmanager
    def attempting(self, connection: Connection) -> Iterator[None]:
        """Run the block after a savepoint, as a failed statement ends the transaction.

        An index of many records is not built here: writers would wait for it. `repair` builds it.
        """
        with connection.begin_nested():
            connection.exec_driver_sql(_SHORTLY)
            yield
            connection.exec_driver_sql(self._session)

    def repair(self) -> list[str]:
        """Build missing indexes while others write, and put right what else is wrong."""
        try:
            with self._explained():
                self._engine = self.create_engine()
                with self.reading() as connection:
                    self.prepare(connection)
                with self._connect() as connection:
                    done = repair.build_indexes(self, connection)
                    connection.invalidate()  # its settings are others
        finally:
            self.close()
        return done + super().repair()

    def variable_indexes(self, connection: Connection) -> set[str]:
        """Return the names of the indexes of variables, without those that are to be completed."""
        found = indexes.found(connection, self.tables.records, self.variable_prefix)
        wanted = self.wanted_indexes()
        return {name for name, is_complete in found.items() if is_complete or name not in wanted}

    def create_variable_index(self, connection: Connection, name: str, path: Path) -> None:
        """Create an index while others write."""
        with VariableIndexes(self.tables.records, connection) as made:
            made.create(name, path)

    def drop_variable_index(self, connection: Connection, name: str) -> None:
        """Drop an index while others write."""
        with VariableIndexes(self.tables.records, connection) as made:
            made.drop(name)

    def look(self, connection: Connection) -> Iterator[Finding]:
        """Yield version, partitions, retention and size."""
        yield from Inspection(self, connection).findings()

    # -- Batches ---------------------------------------------------------------------------------

    def open(self) -> None:
        """Connect, and create what is missing."""
        super().open()
        self._open_engine.dispose()  # a backend that has read the catalog is a fifth slower

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

    def purge_records(self, before: datetime, progress: Callable[[int], None] | None) -> int:
        """Delete records that started before `before`, whole days with their partitions."""
        purged = 0
        if self._config.partition_by_day:
            with suppress(ConfigurationError):  # only the owner of a table may drop partitions
                for dropped in self._drop_days(before):
                    purged += dropped
                    if progress is not None:
                        progress(dropped)
        has_no_order = self._config.time_index == "brin" and not self._config.partition_by_day
        if has_no_order and self._by_itself(removal.can_read_blocks):
            return purged + self._purge_blocks(before, progress)
        return purged + super().purge_records(before, progress)

    def retain(self, *, before: datetime, progress: Callable[[int], None] | None = None) -> int:
        """Delete what has exceeded the retention: with partitions, whole days alone."""
        moment = aware("before", before)
        if self._config.partition_by_day:
            moment = moment.astimezone(timezone.utc).replace(
                hour=0, minute=0, second=0, microsecond=0
            )
        return self.purge(before=moment, progress=progress)

    def expired_before(self) -> datetime | None:
        """Return before which day deliveries drop partitions in the next hour."""
        if self.retention_days is None or self.partitions is None:
            return None
        return self._by_itself(self._maintenance.expired_before)

    def _drop_days(self, before: datetime) -> Iterator[int]:
        """Drop the partitions that end before `before`; yield the number of records of each."""
        for day in self._by_itself(lambda each: self._partitions.ending_before(each, before)):
            yield self._partitions.drop(self._by_itself, day, count=True)

    def _by_itself(self, work: Callable[[Connection], _Result]) -> _Result:
        """Run a function in a transaction of a connection of the read side."""
        with self._explained(), self.reading() as connection, self.transaction(connection):
            return work(connection)

    def delete_oldest(self, connection: Connection, before: datetime, limit: int) -> int:
        """Delete at most `limit` records that started before `before`; return how many."""
        found = removal.oldest(self.tables.records, before, limit)
        return connection.execute(found).rowcount

    def _purge_blocks(self, before: datetime, progress: Callable[[int], None] | None) -> int:
        """Delete block by block, as a BRIN index has no order."""
        records, total = self.tables.records, 0
        for statement in removal.by_blocks(records, before, self._by_itself):
            deleted = self._by_itself(partial(removal.execute, statement=statement))
            total += deleted
            if deleted and progress is not None:
                progress(deleted)
        return total

    def insert(self, connection: Connection, batch: Batch) -> None:
        """Insert a batch, except the records whose ID is there already, and commit.

        The statements travel together: one round trip for a batch.
        """
        statement = self._marking if self.is_marking else self._insertion
        driver = _driver(connection)
        driver.autocommit = True  # otherwise psycopg waits for the answer to a BEGIN of its own
        try:
            error = in_one_go(
                driver,
                ("BEGIN", None),
                (self._session, None),
                (statement, (Jsonb(batch.to_json(), dumps=_unchanged),)),
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


def _driver(connection: Connection) -> TimedConnection:
    return cast("TimedConnection", connection.connection.driver_connection)
