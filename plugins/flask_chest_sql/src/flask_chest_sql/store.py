"""A store on any SQL database. A backend says how it connects, inserts and unpacks JSON."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import TYPE_CHECKING

from sqlalchemy import Connection, Engine, delete, func, insert, inspect, select
from sqlalchemy.exc import SQLAlchemyError
from typing_extensions import Unpack

from flask_chest.errors import BatchRejected, ChestError, ExporterUnavailable, SchemaMismatch
from flask_chest.exporter import RouteSummary, Store, ValueCount, Where
from flask_chest.record import Record
from flask_chest_sql import queries
from flask_chest_sql.tables import SCHEMA_VERSION

if TYPE_CHECKING:
    from flask_chest.exporter import Batch
    from flask_chest_sql.tables import Tables


class SqlStore(Store):
    """What all SQL backends do alike."""

    tables: Tables

    _engine: Engine | None = None
    _connection: Connection | None = None

    # -- What a backend says -------------------------------------------------------------------

    @abstractmethod
    def create_engine(self) -> Engine:
        """Return an engine; connecting is left to its first use."""

    @abstractmethod
    def insert(self, connection: Connection, batch: Batch) -> None:
        """Insert the records of a batch, passing over those whose ID is there already.

        Raises:
            ValueError: The batch is not what it should be.
        """

    @abstractmethod
    def variables_view(self) -> str:
        """Return the statement that creates the view `chest_variables`."""

    @abstractmethod
    def explain(self, error: SQLAlchemyError) -> ChestError:
        """Return what a database error means: unavailable, rejected or misconfigured."""

    @property
    @abstractmethod
    def location(self) -> str:
        """Where the database is, for messages; without a password."""

    @contextmanager
    def transaction(self, connection: Connection) -> Iterator[None]:
        """Run the block in a transaction that may write."""
        with connection.begin():
            yield

    # -- Exporter ------------------------------------------------------------------------------

    def open(self) -> None:
        """Connect, and create the tables or check that they are ours.

        Raises:
            ExporterUnavailable: The database cannot be reached.
            SchemaMismatch: Its tables are newer than this version, or somebody else's.
        """
        with self._explained():
            self._engine = self.create_engine()
            self._connection = self._engine.connect()
            if not self._is_prepared(self._connection):
                with self.transaction(self._connection):
                    if not self._is_prepared(self._connection):  # another process was faster
                        self._create(self._connection)

    def export(self, batch: Batch) -> None:
        """Insert a batch in one transaction.

        Raises:
            ExporterUnavailable: The database cannot take it now.
            BatchRejected: It cannot take these records.
        """
        if self._connection is None:
            raise ExporterUnavailable(f"{self.location} is not open")
        try:
            with self._explained(), self.transaction(self._connection):
                self.insert(self._connection, batch)
        except ValueError as error:
            raise BatchRejected(f"a record cannot be read: {error}") from error

    def close(self) -> None:
        """Close all connections."""
        connection, self._connection = self._connection, None
        engine, self._engine = self._engine, None
        try:
            if connection is not None:
                connection.close()
        finally:
            if engine is not None:
                engine.dispose()

    # -- Schema --------------------------------------------------------------------------------

    def _is_prepared(self, connection: Connection) -> bool:
        """Tell whether our tables are there.

        Raises:
            SchemaMismatch: There are tables of these names that we must not write into.
        """
        names = inspect(connection).get_table_names()
        if self.tables.schema.name not in names:
            if self.tables.records.name in names:
                raise SchemaMismatch(
                    f"{self.location} has a table {self.tables.records.name!r} that Flask-Chest "
                    "did not create. Rename it, or give Flask-Chest another database"
                )
            return False
        version = connection.execute(select(func.max(self.tables.schema.c.version))).scalar()
        if version is None or version > SCHEMA_VERSION:
            raise SchemaMismatch(
                f"{self.location} has the schema version {version}; this Flask-Chest writes "
                f"{SCHEMA_VERSION}. Upgrade it: pip install --upgrade flask-chest"
            )
        self._refuse_foreign_columns(connection)
        return True

    def _refuse_foreign_columns(self, connection: Connection) -> None:
        table = self.tables.records
        columns: set[str] = set()
        if inspect(connection).has_table(table.name):
            columns = {column["name"] for column in inspect(connection).get_columns(table.name)}
        missing = [column.name for column in table.columns if column.name not in columns]
        if missing:
            raise SchemaMismatch(
                f"{self.location} has a table {table.name!r} without {', '.join(missing)}. "
                "Restore it, or give Flask-Chest another database"
            )

    def _create(self, connection: Connection) -> None:
        self.tables.metadata.create_all(connection)
        connection.exec_driver_sql(self.variables_view())
        connection.execute(insert(self.tables.schema).values(version=SCHEMA_VERSION))

    # -- Read side -----------------------------------------------------------------------------

    def query(
        self, *, limit: int = 100, newest_first: bool = True, **where: Unpack[Where]
    ) -> list[Record]:
        """Return records by `started_at`."""
        records = self.tables.records
        keys = (records.c.started_at, records.c.id)
        statement = (
            select(records)
            .where(*queries.restriction(self.tables, where))
            .order_by(*(key.desc() if newest_first else key for key in keys))
            .limit(limit)
        )
        with self._reading() as connection:
            return [Record(**row._mapping) for row in connection.execute(statement)]  # noqa: SLF001 - documented by SQLAlchemy

    def count(self, **where: Unpack[Where]) -> int:
        """Return the number of records."""
        statement = (
            select(func.count())
            .select_from(self.tables.records)
            .where(*queries.restriction(self.tables, where))
        )
        with self._reading() as connection:
            return int(connection.execute(statement).scalar_one())

    def purge(self, *, before: datetime) -> int:
        """Delete records that started before `before`; return how many."""
        records = self.tables.records
        statement = delete(records).where(records.c.started_at < queries.aware("before", before))
        with self._reading() as connection, self.transaction(connection):
            return connection.execute(statement).rowcount

    def routes(self, **where: Unpack[Where]) -> list[RouteSummary]:
        """Return one summary for each route and method, the busiest first."""
        with self._reading() as connection:
            rows = connection.execute(queries.routes(self.tables, where))
            return [RouteSummary(**row._mapping) for row in rows]  # noqa: SLF001

    def top_values(self, name: str, *, limit: int = 10, **where: Unpack[Where]) -> list[ValueCount]:
        """Return the most frequent values of the variable `name`."""
        with self._reading() as connection:
            rows = connection.execute(queries.top_values(self.tables, name, limit, where))
            return [ValueCount(None if value is None else str(value), n) for value, n in rows]

    # -- Helpers -------------------------------------------------------------------------------

    @contextmanager
    def _reading(self) -> Iterator[Connection]:
        """Give a connection of its own to a call that may come from any thread."""
        if self._engine is None:
            raise ExporterUnavailable(f"{self.location} is not open")
        with self._explained(), self._engine.connect() as connection:
            yield connection

    @contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except SQLAlchemyError as error:
            raise self.explain(error) from error
