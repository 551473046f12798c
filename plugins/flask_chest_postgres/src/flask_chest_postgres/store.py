"""The PostgreSQL store: a batch is one JSON document, which the server unpacks."""

from __future__ import annotations

import builtins
import json
import math
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import date, datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any, ClassVar, Final, cast

import psycopg
from flask_chest_sql import ServerStore, Tables, queries
from psycopg.types.json import Jsonb
from pydantic_core import to_json
from sqlalchemy import (
    URL,
    ColumnElement,
    Connection,
    DateTime,
    Index,
    Text,
    and_,
    delete,
    false,
    inspect,
    literal,
)
from sqlalchemy import cast as cast_to
from sqlalchemy.dialects import postgresql
from sqlalchemy.exc import DBAPIError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.types import TypeDecorator

from flask_chest.errors import (
    BatchRejected,
    ChestError,
    ConfigurationError,
    ExporterUnavailable,
    SchemaMismatch,
)
from flask_chest.log import logger
from flask_chest_postgres.config import PostgresConfig
from flask_chest_postgres.connection import TimedConnection
from flask_chest_postgres.explain import explain
from flask_chest_postgres.partitions import DAYS_AHEAD, Partitions, qualified, quoted

if TYPE_CHECKING:
    from pydantic import BaseModel
    from sqlalchemy import Dialect

    from flask_chest.exporter import Batch
    from flask_chest.record import JsonValue

MIN_VERSION: Final = 12

_TYPES: Final = {
    "id": "uuid",
    "status_code": "int2",
    "started_at": "timestamptz",
    "duration_ms": "float8",
    "weight": "float8",
    "variables": "jsonb",
}
"""Types of the fields that are no text."""

_MAX_INTEGER_DIGITS: Final = 19
_GRACE_SECONDS: Final = 1.0
_DROP_AGAIN_SECONDS: Final = 600.0


class Timestamp(TypeDecorator[datetime]):
    """An aware datetime, which comes back in UTC whatever the session's time zone is."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Give UTC."""
        del dialect
        return None if value is None else value.astimezone(timezone.utc)


def loads(document: str) -> Any:  # noqa: ANN401 - any JSON
    """Decode what `jsonb` has kept, in which a number has neither exponent nor type.

    A record has no integer beyond 64 bits, so what has more digits was a float.
    """
    return json.loads(document, parse_int=_number)


def _number(digits: str) -> int | float:
    return int(digits) if len(digits.lstrip("-")) <= _MAX_INTEGER_DIGITS else float(digits)


class PostgresStore(ServerStore):
    """Stores records in PostgreSQL."""

    type: ClassVar[str] = "postgres"
    schemes: ClassVar[tuple[str, ...]] = ("postgresql",)
    config_model: ClassVar[builtins.type[BaseModel]] = PostgresConfig

    def __init__(self, config: BaseModel) -> None:
        super().__init__(config)
        self._partitions = Partitions(self.tables.records)
        self._made_on: date | None = None
        self._next_drop = 0.0

    @property
    def _config(self) -> PostgresConfig:
        return cast("PostgresConfig", self.config)

    @property
    def location(self) -> str:
        """Host, port and database, or the service that names them."""
        config = self._config
        host = config.host or config.parameters.get("hostaddr")
        if host is None and (service := config.parameters.get("service")):
            return f"PostgreSQL service {service!r}"
        port = config.port or config.parameters.get("port") or 5432
        return f"PostgreSQL at {host or 'localhost'}:{port}/{config.database or config.user or ''}"

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
            "creator": self._connection_of_its_own,
            "json_deserializer": loads,
            "use_native_hstore": False,
        }

    def _connection_of_its_own(self) -> TimedConnection:
        connection = TimedConnection.connect(**self.arguments())
        # The server's own limit comes first, and says more.
        connection.limit_seconds = self._config.timeout_seconds + _GRACE_SECONDS
        return connection

    def prepare(self, connection: Connection) -> None:
        """Refuse a server that is too old."""
        version = _driver(connection).info.server_version // 10_000
        if version < MIN_VERSION:
            raise ConfigurationError(
                f"{self.location} is version {version}. Flask-Chest needs {MIN_VERSION} or newer"
            )

    # -- Schema ----------------------------------------------------------------------------------

    @contextmanager
    def transaction(self, connection: Connection) -> Iterator[None]:
        """Run the block in a transaction whose statements end in time."""
        with connection.begin():
            connection.exec_driver_sql(self._time_limit)
            yield

    @property
    def _time_limit(self) -> str:
        # For this transaction alone: behind a pooler, the session belongs to others as well.
        return f"SET LOCAL statement_timeout = {math.ceil(self._config.timeout_seconds * 1000)}"

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
        # A record whose variables are no object would not show in the view.
        connection.exec_driver_sql(
            f"ALTER TABLE {self._name('records')} ADD CHECK (jsonb_typeof(variables) = 'object')"
        )

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
        self._make_ahead()
        try:
            super().export(batch)
        except BatchRejected as error:
            if not _lacks_partition(error.__cause__):
                raise
            self._make_partitions(_days(batch))
            super().export(batch)

    def _make_ahead(self) -> None:
        """Make the partitions of the days to come, and drop those that are not kept."""
        today = datetime.now(timezone.utc).date()
        if today != self._made_on:
            self._make_partitions(today + timedelta(days=n) for n in range(DAYS_AHEAD + 1))
            self._made_on = today
            self._next_drop = 0.0
        kept = self._config.retention_days
        if kept is not None and time.monotonic() >= self._next_drop:
            midnight = datetime.combine(today, datetime.min.time(), timezone.utc)
            try:
                with self._explained(), self.writing() as connection, self.transaction(connection):
                    # Whoever reads a partition now must not hold up delivery.
                    connection.exec_driver_sql("SET LOCAL lock_timeout = '1s'")
                    self._partitions.drop(connection, midnight - timedelta(days=kept))
                self._next_drop = float("inf")
            except ExporterUnavailable as error:
                self._next_drop = time.monotonic() + _DROP_AGAIN_SECONDS
                logger.warning("Old partitions cannot be dropped now: %s", error)

    def _make_partitions(self, days: Iterable[date]) -> None:
        with self._explained(), self.writing() as connection, self.transaction(connection):
            self._partitions.create(connection, days)

    def purge(self, *, before: datetime) -> int:
        """Delete records that started before `before`; return how many."""
        if not self._config.partition_by_day:
            return super().purge(before=before)
        moment = queries.aware("before", before)
        records = self.tables.records
        with self._explained(), self.reading() as connection, self.transaction(connection):
            dropped = self._partitions.drop(connection, moment, count=True)
            rest = connection.execute(delete(records).where(records.c.started_at < moment))
            return dropped + rest.rowcount

    def insert(self, connection: Connection, batch: Batch) -> None:
        """Insert a batch; only a record ID that is there already is passed over.

        The statements travel together, so that a batch waits for the network twice: for them and
        for the commit.
        """
        driver = _driver(connection)
        try:
            with driver.pipeline():
                driver.execute(self._time_limit.encode())
                driver.execute(self._insertion, (Jsonb(batch.json, dumps=_as_it_is),))
        except psycopg.Error as error:
            if driver.closed:
                connection.invalidate()
            raise DBAPIError(
                None, None, error, hide_parameters=True, connection_invalidated=driver.closed
            ) from error

    @property
    def _insertion(self) -> bytes:
        columns = [column.name for column in self.tables.records.columns]
        typed = ", ".join(f"{name} {_TYPES.get(name, 'text')}" for name in columns)
        conflict = ", ".join(c.name for c in self.tables.records.primary_key.columns)
        return (
            f"INSERT INTO {self._name('records')} ({', '.join(columns)})"
            f" SELECT {', '.join(columns)} FROM jsonb_to_recordset(%s) AS r ({typed})"
            f" ON CONFLICT ({conflict}) DO NOTHING"
        ).encode()

    def has_variable(self, name: str, value: JsonValue) -> ColumnElement[bool]:
        """Return the condition. Objects are equal whatever the order of their keys is."""
        whole = _json({name: value})
        if "\\u0000" in whole:  # which the server refuses even to compare
            return false()
        variables = self.tables.records.c.variables
        found = variables.op("->", return_type=postgresql.JSONB())(literal(name, Text))
        equal: ColumnElement[bool] = found == cast_to(literal(_json(value), Text), postgresql.JSONB)
        if not self._config.variables_index:
            return equal
        # What the index can answer; it takes parts of lists and objects for the whole.
        return and_(equal, variables.op("@>")(cast_to(literal(whole, Text), postgresql.JSONB)))

    def explain(self, error: SQLAlchemyError) -> ChestError:
        """Tell what is wrong, and what to do about it."""
        if isinstance(error, PoolTimeoutError):
            return ExporterUnavailable(
                f"{self.location}: all {self._config.pool_size} connections of the read side are "
                "in use. Raise pool_size"
            )
        original = error.orig if isinstance(error, DBAPIError) else None
        return explain(self.location, original or error)

    def is_conflict(self, error: SQLAlchemyError) -> bool:
        """Tell a deadlock or a serialization failure."""
        original = error.orig if isinstance(error, DBAPIError) else None
        return getattr(original, "sqlstate", None) in ("40001", "40P01")


def _lacks_partition(error: BaseException | None) -> bool:
    original = error.orig if isinstance(error, DBAPIError) else None
    return (
        isinstance(original, psycopg.errors.CheckViolation)
        and original.diag.constraint_name is None
    )


def _days(batch: Batch) -> set[date]:
    try:
        return {date.fromisoformat(record["started_at"][:10]) for record in batch.records()}
    except (KeyError, TypeError, ValueError) as error:
        raise BatchRejected(f"a record has no time: {error}") from error


def _as_it_is(document: bytes) -> bytes:
    return document


def _json(value: object) -> str:
    return to_json(value, inf_nan_mode="strings").decode()


def _driver(connection: Connection) -> psycopg.Connection[Any]:
    return cast("psycopg.Connection[Any]", connection.connection.driver_connection)
