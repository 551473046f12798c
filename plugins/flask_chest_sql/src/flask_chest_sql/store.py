"""A store on any SQL database. A backend says how it connects, inserts and unpacks JSON."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from datetime import datetime
from typing import TYPE_CHECKING

from sqlalchemy import Connection, Engine, delete, func, insert, inspect, select
from sqlalchemy.exc import SQLAlchemyError
from typing_extensions import Unpack

from flask_chest.errors import BatchRejected, ChestError, ExporterUnavailable, SchemaMismatch
from flask_chest.record import Record
from flask_chest.store import RouteSummary, Store, ValueCount, Where, aware, positive
from flask_chest_sql import queries
from flask_chest_sql.names import SCHEMA_VERSION

if TYPE_CHECKING:
    from pydantic import BaseModel
    from sqlalchemy import ColumnElement, Table

    from flask_chest.exporter import Batch
    from flask_chest.record import JsonValue
    from flask_chest_sql.tables import Tables


class SqlStore(Store):
    """What all SQL backends do alike."""

    _engine: Engine | None = None
    _connection: Connection | None = None

    def __init__(self, config: BaseModel) -> None:
        super().__init__(config)
        self.tables = self.define_tables()

    # -- What a backend says -------------------------------------------------------------------

    @abstractmethod
    def define_tables(self) -> Tables:
        """Return the tables, with the column types that suit the database."""

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
        """Return the statement that creates the view `chest_variables` unless it is there."""

    @abstractmethod
    def has_variable(self, name: str, value: JsonValue) -> ColumnElement[bool]:
        """Return the condition that a record has a variable of this name and value.

        A number equals a number, and nothing else: 1 and 1.0 are equal, 1 and "1" are not, and
        neither are 1 and true.
        """

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

    @contextmanager
    def creating(self, connection: Connection) -> Iterator[None]:
        """Run the block, which creates the tables, in one process at a time."""
        with self.transaction(connection):
            yield

    def prepare(self, connection: Connection) -> None:
        """Change settings of the database before the tables are looked for."""

    @abstractmethod
    def writing(self) -> AbstractContextManager[Connection]:
        """Give the connection for a batch."""

    @abstractmethod
    def reading(self) -> AbstractContextManager[Connection]:
        """Give a connection to a call that may come from any thread."""

    # -- Exporter ------------------------------------------------------------------------------

    def open(self) -> None:
        """Connect, and create the tables or check that they are ours.

        Raises:
            ExporterUnavailable: The database cannot be reached.
            SchemaMismatch: Its tables are newer than this version, or somebody else's.
        """
        with self._explained():
            self._engine = self.create_engine()
            with self.reading() as connection:
                self.prepare(connection)
                with suppress(SchemaMismatch):  # or half of what another process creates just now
                    if self._is_prepared(connection):
                        return
            with self.reading() as connection, self.creating(connection):
                if not self._is_prepared(connection):
                    self._create(connection)

    def export(self, batch: Batch) -> None:
        """Insert a batch in one transaction.

        Raises:
            ExporterUnavailable: The database cannot take it now.
            BatchRejected: It cannot take these records.
        """
        with self._explained(), self.writing() as connection, self.transaction(connection):
            try:
                self.insert(connection, batch)
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
        """Tell whether our tables and view are there.

        Raises:
            SchemaMismatch: There is something of these names that we must not write into.
        """
        inspector = inspect(connection)
        schema, records, view = self.tables.schema, self.tables.records, self.tables.variables
        place = schema.schema
        names = {*inspector.get_table_names(place), *inspector.get_view_names(place)}
        if schema.name not in names:
            if taken := sorted(names & {records.name, view.name}):
                raise SchemaMismatch(
                    f"{self.location} has a {' and a '.join(taken)} that Flask-Chest did not "
                    "create. Rename it, or give Flask-Chest another database"
                )
            return False
        self._refuse_foreign(connection, schema, {schema.name})
        version = connection.execute(select(func.max(schema.c.version))).scalar()
        if version is None:  # cut short while it was created, where that is no transaction
            return False
        if not isinstance(version, int) or version > SCHEMA_VERSION:
            raise SchemaMismatch(
                f"{self.location} has the schema version {version}; this Flask-Chest writes "
                f"{SCHEMA_VERSION}. Upgrade it: pip install --upgrade flask-chest"
            )
        self._refuse_foreign(connection, records, names)
        self._refuse_foreign(connection, view, names)
        return True

    def _refuse_foreign(self, connection: Connection, table: Table, names: set[str]) -> None:
        columns: set[str] = set()
        if table.name in names:
            found = inspect(connection).get_columns(table.name, table.schema)
            columns = {column["name"] for column in found}
        missing = [column.name for column in table.columns if column.name not in columns]
        if missing:
            raise SchemaMismatch(
                f"{self.location} has a {table.name} without {', '.join(missing)}. "
                "Restore it, or give Flask-Chest another database"
            )

    def _create(self, connection: Connection) -> None:
        # The schema's table first: from then on, the others are known to be ours.
        self.tables.schema.create(connection, checkfirst=True)
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
            .where(*self._restriction(where))
            .order_by(*(key.desc() if newest_first else key for key in keys))
            .limit(positive(limit))
        )
        with self._explained(), self.reading() as connection:
            return [Record(**row._mapping) for row in connection.execute(statement)]  # noqa: SLF001 - documented by SQLAlchemy

    def count(self, **where: Unpack[Where]) -> int:
        """Return the number of records."""
        statement = (
            select(func.count()).select_from(self.tables.records).where(*self._restriction(where))
        )
        with self._explained(), self.reading() as connection:
            return int(connection.execute(statement).scalar_one())

    def purge(self, *, before: datetime) -> int:
        """Delete records that started before `before`; return how many."""
        records = self.tables.records
        statement = delete(records).where(records.c.started_at < aware("before", before))
        with self._explained(), self.reading() as connection, self.transaction(connection):
            return connection.execute(statement).rowcount

    def routes(self, **where: Unpack[Where]) -> list[RouteSummary]:
        """Return one summary for each route and method, the busiest first."""
        with self._explained(), self.reading() as connection:
            rows = connection.execute(queries.routes(self.tables, self._restriction(where)))
            return [RouteSummary(**row._mapping) for row in rows]  # noqa: SLF001

    def top_values(self, name: str, *, limit: int = 10, **where: Unpack[Where]) -> list[ValueCount]:
        """Return the most frequent values of the variable `name`."""
        with self._explained(), self.reading() as connection:
            conditions = self._restriction(where)
            rows = connection.execute(queries.top_values(self.tables, name, limit, conditions))
            return [ValueCount(value, count) for value, count in rows]

    # -- Helpers -------------------------------------------------------------------------------

    @property
    def _open_engine(self) -> Engine:
        engine = self._engine
        if engine is None:
            raise ExporterUnavailable(f"{self.location} is not open")
        return engine

    def _restriction(self, where: Where) -> list[ColumnElement[bool]]:
        return queries.restriction(self.tables, where, self.has_variable)

    @contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except SQLAlchemyError as error:
            raise self.explain(error) from error
