"""The PostgreSQL store: a batch is one JSON document, which the server unpacks."""

from __future__ import annotations

import builtins
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from typing import TYPE_CHECKING, Any, ClassVar, Final, TypeVar, cast

import psycopg
from flask_chest_sql import ServerStore, Tables
from flask_chest_sql.server import is_disconnect
from psycopg.types.json import Jsonb, set_json_loads
from sqlalchemy import (
    URL,
    ColumnElement,
    Connection,
    Index,
    delete,
    false,
    inspect,
)
from sqlalchemy.dialects import postgresql
from sqlalchemy.exc import DBAPIError, SQLAlchemyError
from typing_extensions import Unpack

from flask_chest.errors import (
    BatchRejected,
    ChestError,
    ExporterUnavailable,
    SchemaMismatch,
)
from flask_chest.store import aware
from flask_chest_postgres.conditions import can_be_asked, has_variable
from flask_chest_postgres.config import PostgresConfig
from flask_chest_postgres.connection import TimedConnection, in_one_go, session
from flask_chest_postgres.explain import explain, refuse_server
from flask_chest_postgres.partitions import (
    Partitions,
    days_of,
    lacks_partition,
    qualified,
    quoted,
)
from flask_chest_postgres.types import CHECKS, Timestamp, insertion, loads
from flask_chest_postgres.upkeep import Upkeep

if TYPE_CHECKING:
    from pydantic import BaseModel

    from flask_chest.exporter import Batch
    from flask_chest.record import JsonValue
    from flask_chest.store import ValueCount, Where

_GRACE_SECONDS: Final = 1.0

_Result = TypeVar("_Result")


class PostgresStore(ServerStore):
    """Stores records in PostgreSQL."""

    type: ClassVar[str] = "postgres"
    schemes: ClassVar[tuple[str, ...]] = ("postgresql",)
    config_model: ClassVar[builtins.type[BaseModel]] = PostgresConfig

    def __init__(self, config: BaseModel) -> None:
        super().__init__(config)
        self._partitions = Partitions(self.tables.records)
        self._upkeep = Upkeep(self._partitions, self._config.retention_days)
        self._session = session(self._config.timeout_seconds)
        self._insertion = insertion(self.tables.records)

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
        config = self._config
        tables = Tables(
            uuid=postgresql.UUID(as_uuid=False),
            timestamp=Timestamp(),
            json=postgresql.JSONB(),
            prefix=config.table_prefix,
            schema=config.table_schema,
            primary_key=("id", "started_at") if config.partition_by_day else ("id",),
            options=(
                {"postgresql_partition_by": "RANGE (started_at)"} if config.partition_by_day else {}
            ),
            time_index={"postgresql_using": config.time_index},
        )
        if config.variables_index:
            Index(
                f"{config.table_prefix}records_variables",
                tables.records.c.variables,
                postgresql_using="gin",
                postgresql_ops={"variables": "jsonb_path_ops"},
            )
        return tables

    def url(self) -> URL:
        """Return the driver's name: all else is in `arguments`."""
        return URL.create("postgresql+psycopg")

    def arguments(self) -> dict[str, Any]:
        """Return what psycopg connects with.

        Nothing is prepared: behind a pooler in transaction mode the next transaction may run on
        another connection of the server.
        """
        return {**self._config.arguments(), "prepare_threshold": None}

    def engine_options(self) -> dict[str, Any]:
        """Return options of the dialect."""
        return {
            "creator": self._connect_driver,
            "use_native_hstore": False,
        }

    def _connect_driver(self) -> TimedConnection:
        connection = TimedConnection.connect(**self.arguments())
        set_json_loads(loads, connection)
        # The server's own limit comes first, and says more.
        connection.limit_seconds = self._config.timeout_seconds + _GRACE_SECONDS
        return connection

    def prepare(self, connection: Connection) -> None:
        """Refuse a server that is too old, and a database that cannot hold every text."""
        info = _driver(connection).info
        refuse_server(self.location, info.server_version, info.parameter_status("server_encoding"))

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """Give a connection of the pool, in a transaction, to a call from any thread."""
        with super().reading() as connection:
            connection.exec_driver_sql(self._session)
            yield connection

    @contextmanager
    def transaction(self, connection: Connection) -> Iterator[None]:
        """Run the block in the transaction that `reading` has begun, or in one for `insert`."""
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

    def _is_prepared(self, connection: Connection) -> bool:
        if not super()._is_prepared(connection):
            return False
        is_partitioned = self._partitions.is_partitioned(connection)
        if is_partitioned != self._config.partition_by_day:
            raise SchemaMismatch(
                f"{self.location}: the table {self.tables.records.name} is "
                f"{'' if is_partitioned else 'not '}partitioned. Set partition_by_day="
                f"{is_partitioned}, or another table_prefix for a table of the other kind"
            )
        return True

    def _create(self, connection: Connection) -> None:
        schema = self._config.table_schema
        if schema not in inspect(connection).get_schema_names():
            connection.exec_driver_sql(f"CREATE SCHEMA {quoted(schema)}")
        super()._create(connection)
        checks = ", ".join(f"ADD CHECK ({condition})" for condition in CHECKS)
        connection.exec_driver_sql(f"ALTER TABLE {self._name('records')} {checks}")

    def variables_view(self) -> str:
        """Return the view; lists and objects are text, as JSON writes them."""
        return (
            f"CREATE VIEW {self._name('variables')} AS SELECT r.id AS record_id, r.request_id,"
            " r.started_at, r.endpoint, j.name, j.value"
            f" FROM {self._name('records')} AS r"
            " CROSS JOIN LATERAL jsonb_each_text(r.variables) AS j (name, value)"
        )

    def _name(self, table: str) -> str:
        return qualified(self._config.table_schema, f"{self._config.table_prefix}{table}")

    # -- Batches ---------------------------------------------------------------------------------

    def export(self, batch: Batch) -> None:
        """Insert a batch in one transaction, again if need be.

        Raises:
            ExporterUnavailable: The database cannot take it now.
            BatchRejected: It cannot take these records.
        """
        if not self._config.partition_by_day:
            super().export(batch)
            return
        self._upkeep.make_ahead(self._change)
        try:
            super().export(batch)
        except BatchRejected as error:
            if not lacks_partition(error.__cause__):
                raise
            days = days_of(batch)
            self._change(lambda connection: self._partitions.create(connection, days))
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

    def _change(self, work: Callable[[Connection], _Result]) -> _Result:
        """Do something in a transaction of the exporter's connection, again if that was lost."""
        is_new = self._connection is None
        try:
            with self._explained(), self.writing() as connection, self._another(connection):
                return work(connection)
        except ExporterUnavailable as error:
            if is_new or not is_disconnect(error.__cause__):
                raise
        self._disconnect()
        return self._change(work)

    def purge(self, *, before: datetime) -> int:
        """Delete records that started before `before`; return how many."""
        if not self._config.partition_by_day:
            return super().purge(before=before)
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
                return purged + connection.execute(statement).rowcount

    def insert(self, connection: Connection, batch: Batch) -> None:
        """Insert a batch, and commit; only a record ID that is there already is passed over.

        The statements travel together, so that a batch waits for the network once.
        """
        driver = _driver(connection)
        driver.autocommit = True  # else psycopg waits for the answer to its own BEGIN
        try:
            error = in_one_go(
                driver,
                ("BEGIN", None),
                (self._session, None),
                (self._insertion, (Jsonb(batch.to_json(), dumps=_as_it_is),)),
                ("COMMIT", None),
            )
        finally:
            with suppress(psycopg.Error):  # as of a connection that is gone
                driver.rollback()
                driver.autocommit = False
        if error is not None:
            if driver.closed:
                connection.invalidate()
            raise DBAPIError(
                None, None, error, hide_parameters=True, connection_invalidated=driver.closed
            ) from error

    def _restriction(self, where: Where) -> list[ColumnElement[bool]]:
        conditions = super()._restriction(where)
        # The server refuses even to compare a text that it could not hold.
        return conditions if all(map(can_be_asked, where.values())) else [false()]

    def top_values(self, name: str, *, limit: int = 10, **where: Unpack[Where]) -> list[ValueCount]:
        """Return the most frequent values of the variable `name`."""
        found = name if can_be_asked(name) else ""
        values = super().top_values(found, limit=limit, **where)
        return values if found == name else []

    def has_variable(self, name: str, value: JsonValue) -> ColumnElement[bool]:
        """Return the condition that a record has a variable of this name and value."""
        variables = self.tables.records.c.variables
        return has_variable(variables, name, value, is_indexed=self._config.variables_index)

    def meaning(self, error: Exception) -> ChestError:
        """Return what an error of the driver means."""
        return explain(self.location, error)

    def is_conflict(self, error: SQLAlchemyError) -> bool:
        """Tell a deadlock or a serialization failure."""
        original = error.orig if isinstance(error, DBAPIError) else None
        return getattr(original, "sqlstate", None) in ("40001", "40P01")


def _as_it_is(document: bytes) -> bytes:
    return document


def _driver(connection: Connection) -> psycopg.Connection[Any]:
    return cast("psycopg.Connection[Any]", connection.connection.driver_connection)
