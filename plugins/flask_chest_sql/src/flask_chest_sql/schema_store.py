"""A store that creates its tables, completes and repairs them."""

from __future__ import annotations

import logging
from abc import abstractmethod
from collections.abc import Container, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import Column, Connection, Engine
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from flask_chest.errors import ChestError, ExporterUnavailable, SchemaMismatch
from flask_chest.runtime.log import Throttle, logger
from flask_chest.store import Store
from flask_chest_sql.survey import Dialectal, Fault, Key, Lack, Survey, Surveyor, keys_of

if TYPE_CHECKING:
    from pydantic import BaseModel
    from sqlalchemy import Inspector

    from flask_chest_sql.definition import Definition
    from flask_chest_sql.schema import Tables

_throttle: Final = Throttle()


class SchemaStore(Store):
    """The part of a SQL store that is about its tables."""

    _engine: Engine | None = None

    def __init__(self, config: BaseModel) -> None:
        super().__init__(config)
        self.tables = self.define_tables()
        self.incomplete: list[str] = []
        """What is missing and could not be created, one sentence each."""

    # -- What a backend defines ----------------------------------------------------------------

    @abstractmethod
    def define_tables(self) -> Tables:
        """Return the tables, with the column types that suit the database."""

    @abstractmethod
    def definition(self) -> Definition:
        """Return the statements that create the tables. Before `prepare`, for any server."""

    @abstractmethod
    def create_engine(self) -> Engine:
        """Return an engine, which connects when it is first used."""

    @abstractmethod
    def explain(self, error: SQLAlchemyError) -> ChestError:
        """Return what a database error means: unavailable, rejected or misconfigured."""

    @property
    @abstractmethod
    def location(self) -> str:
        """Where the database is, for messages; without a password."""

    @abstractmethod
    def reading(self) -> AbstractContextManager[Connection]:
        """Give a connection to a call that may come from any thread."""

    def prepare(self, connection: Connection) -> None:
        """Check the server, or change settings of the database, before the tables are checked."""

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

    @contextmanager
    def attempting(self, connection: Connection) -> Iterator[None]:
        """Run the block within a transaction, which goes on when the block fails.

        A database in which a failed statement ends the transaction needs a savepoint.
        """
        del connection
        yield

    def is_harmful(self, column: Column[Any], found: Any) -> str | None:  # noqa: ANN401 - reflected
        """Return why a column of another type would lose data, such as "of 10 characters".

        Args:
            column: Ours.
            found: The type that the database has, as SQLAlchemy reflects it.
        """
        del column, found
        return None

    def alter(self, column: Column[Any]) -> tuple[str, ...]:
        """Return the statements that give a column our type; none where only a person can."""
        del column
        return ()

    def relax(self, column: str) -> str:
        """Return the remedy for a column of somebody else's that takes no null."""
        return f"Give {column} a default, or let it be null"

    def is_race(self, error: SQLAlchemyError) -> bool:
        """Return whether another process has created the same thing meanwhile."""
        del error
        return False

    def taken(self, connection: Connection) -> Container[str]:
        """Return the names that an index cannot have. None, where each table has its own."""
        del connection
        return ()

    def keys(self, inspector: Inspector) -> Sequence[Key]:
        """Return the indexes and the unique constraints that the records have."""
        return keys_of(inspector, self.tables.records)

    def is_own(self, column: str) -> bool:
        """Return whether a computed column is one that this store has added to the records."""
        del column
        return False

    def oddities(self, connection: Connection) -> Iterator[Fault | str]:
        """Yield what else differs: faults, and clauses about what is tolerated."""
        del connection
        yield from ()

    def survey(self, connection: Connection) -> Survey:
        """Return what the database has of our tables.

        Raises:
            SchemaMismatch: There is something of our names that is not ours, or it is newer.
        """
        dialectal = Dialectal(
            definition=self.definition(),
            is_harmful=self.is_harmful,
            alter=self.alter,
            relax=self.relax,
            attempting=self.attempting,
            taken=self.taken,
            differences=self.oddities,
            is_own=self.is_own,
            keys=self.keys,
        )
        return Surveyor(connection, self.tables, self.location, dialectal).look()

    def create_schema(self, connection: Connection) -> None:
        """Create the tables that are missing, and the view, and write the version last."""
        for statement in self.definition().creation:
            self.run(connection, statement)

    def run(self, connection: Connection, statement: str) -> None:
        """Run a statement of the definition."""
        connection.exec_driver_sql(statement)

    # -- Exporter ------------------------------------------------------------------------------

    def open(self) -> None:
        """Connect, and create what is missing.

        Only what would lose or mix records is an error. A view or an index that cannot be created
        is logged.

        Raises:
            ExporterUnavailable: The database cannot be reached.
            SchemaMismatch: Its tables are newer than this version, or somebody else's.
        """
        with self._explained():
            self._engine = self.create_engine()
            with self.reading() as connection:
                self.prepare(connection)
                with suppress(SchemaMismatch):  # another process may be creating it just now
                    if self.survey(connection).is_complete:
                        return
            self._complete()

    def _complete(self) -> list[str]:
        """Create what is missing, in one process at a time; return what was created."""
        self.incomplete = []
        with self._explained(), self.reading() as connection, self.creating(connection):
            found = self.survey(connection)
            found.refuse_faults(self.location, self.tables.records.name)
            done = []
            if found.is_empty:
                if found.view != "missing":  # of records that were renamed, to which it still leads
                    self._drop_view(connection)
                self.create_schema(connection)
                done = [f"Created the table {self.tables.records.name} and what belongs to it"]
                found = self.survey(connection)  # they may have the names of its indexes, too
            for lack in found.lacks:
                try:
                    with self.attempting(connection):
                        self.run(connection, lack.statement)
                except SQLAlchemyError as error:
                    if not self.is_race(error) and not self._is_made(connection, lack, error):
                        self._miss(lack.what, lack.statement, error, is_needed=lack.is_needed)
                else:
                    done.append(f"Created {lack.what} again")
                    logger.info("%s: created %s again", self.location, lack.what)
            return done

    def _is_made(self, connection: Connection, lack: Lack, error: SQLAlchemyError) -> bool:
        """Return whether another process has made it meanwhile, for which this one waited."""
        if isinstance(error, DBAPIError) and error.connection_invalidated:
            return False
        return lack.what not in {each.what for each in self.survey(connection).lacks}

    def _miss(self, what: str, statement: str, error: SQLAlchemyError, *, is_needed: bool) -> None:
        """Note that a piece cannot be created.

        Raises:
            ChestError: It is needed, or the connection is lost.
        """
        reason = self.explain(error)
        if isinstance(error, DBAPIError) and error.connection_invalidated:
            raise reason from error
        text = f"{reason}. {what.capitalize()} is missing. Let somebody who may run: {statement}"
        if is_needed:
            raise SchemaMismatch(text) from error
        self.incomplete.append(text)
        _throttle.log(
            logging.WARNING, f"{self.location} {what}", f"{text}. Records are stored without it"
        )

    def ddl(self) -> list[str]:
        """Return the statements that `open` runs on an empty database."""
        return list(self.definition().creation)

    def repair(self) -> list[str]:
        """Create what is missing, and put right what `open` refuses or tolerates.

        Raises:
            ChestError: It cannot be repaired, and why.
        """
        try:
            with self._explained():
                self._engine = self.create_engine()
                with self.reading() as connection:
                    self.prepare(connection)
                with self.reading() as connection, self.creating(connection):
                    done = self._mend(connection, self.survey(connection))
            done += self._complete()
            if self.incomplete:
                raise ExporterUnavailable("; ".join([*done, *self.incomplete]))
            return done
        finally:
            self.close()

    def _mend(self, connection: Connection, found: Survey) -> list[str]:
        done = []
        for fault in found.faults:
            for statement in fault.statements:
                self.run(connection, statement)
            if fault.statements:
                done.append(f"{self.tables.records.name} {fault.text}: put right")
        if found.view == "changed" or (found.view == "ours" and self.is_outdated(connection)):
            self.replace_view(connection)
            done.append(f"Created the view {self.tables.variables.name} again")
        return done

    def is_outdated(self, connection: Connection) -> bool:
        """Return whether the view is one that another version of Flask-Chest has created."""
        del connection
        return False

    def replace_view(self, connection: Connection) -> None:
        """Create the view in place of the one that is there."""
        self._drop_view(connection)
        self.run(connection, self.definition().view)

    def _drop_view(self, connection: Connection) -> None:
        name = connection.dialect.identifier_preparer.format_table(self.tables.variables)
        connection.exec_driver_sql(f"DROP VIEW {name}")

    def close(self) -> None:
        """Close all connections."""
        engine, self._engine = self._engine, None
        if engine is not None:
            engine.dispose()

    # -- Helpers -------------------------------------------------------------------------------

    @property
    def _open_engine(self) -> Engine:
        engine = self._engine
        if engine is None:
            raise ExporterUnavailable(f"{self.location} is not open")
        return engine

    @contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except SQLAlchemyError as error:
            raise self.explain(error) from error
