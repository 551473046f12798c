"""A store on any SQL database. A backend defines how it connects, inserts and unpacks JSON."""

from __future__ import annotations

import time
from abc import abstractmethod
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar, Final

from sqlalchemy import Connection, Select, and_, delete, select, tuple_
from sqlalchemy.exc import SQLAlchemyError

from flask_chest.errors import BatchRejected, QueryTimeout, SchemaMismatch
from flask_chest.exporter import Finding
from flask_chest.record import Record
from flask_chest.store import aware
from flask_chest_sql import decode, findings
from flask_chest_sql.indexed_store import IndexedStore
from flask_chest_sql.rollup_store import RollupStore
from flask_chest_sql.selecting import selecting
from flask_chest_sql.steps import MAX_STEP, Step, in_steps, within_a_step
from flask_chest_sql.tallying import TallyQuery

if TYPE_CHECKING:
    from pydantic import BaseModel
    from sqlalchemy import ColumnElement

    from flask_chest.exporter import Batch
    from flask_chest.query import Selection, Tally, TallyRow
    from flask_chest_sql.expressions import Expressions


_DELETED_AT_ONCE: Final = 1_000
_ROWS_AT_ONCE: Final = 1_000


class SqlStore(IndexedStore, RollupStore):
    """What all SQL backends have in common."""

    _connection: Connection | None = None

    deleted_at_once: ClassVar[int] = MAX_STEP
    """Most records that one statement of a step deletes; few where a writer waits for it."""

    def __init__(self, config: BaseModel) -> None:
        super().__init__(config)
        self._rows = decode.Rows(lambda: self.location, self.moment)

    # -- What a backend defines ----------------------------------------------------------------

    @abstractmethod
    def insert(self, connection: Connection, batch: Batch) -> None:
        """Insert the records of a batch, except those whose ID is there already.

        Raises:
            ValueError: A record is malformed.
        """

    def moment(self, value: object) -> datetime:
        """Return a `started_at` of the driver's as an aware datetime in UTC.

        Raises:
            TypeError: It is no time.
            ValueError: It is a malformed one.
        """
        return decode.moment(value)

    def readable(self, *, for_summaries: bool) -> list[ColumnElement[bool]]:
        """Return conditions that leave out rows which are no records, for counts and summaries.

        There are none unless overridden: most databases have types.

        Args:
            for_summaries: Whether the question reads the table anyway; if not, an index has to
                have the answer.
        """
        del for_summaries
        return []

    @abstractmethod
    def expressions(self) -> Expressions:
        """Return what the database makes of a record's values. After `prepare`."""

    @contextmanager
    def asking(self) -> Iterator[Connection]:
        """Give a connection for a question, to any thread.

        A backend lets it only read, and cancels what takes longer than `query_timeout_seconds`, on
        the server too.
        """
        with self.reading() as connection:
            yield connection

    @property
    @abstractmethod
    def query_timeout_seconds(self) -> float:
        """How long a question may take."""

    def is_timeout(self, error: SQLAlchemyError) -> bool:
        """Return whether an error says that a question took longer than it may."""
        del error
        return False

    @abstractmethod
    def writing(self) -> AbstractContextManager[Connection]:
        """Give the connection for a batch."""

    # -- Exporter ------------------------------------------------------------------------------

    def export(self, batch: Batch) -> None:
        """Insert a batch in one transaction.

        Raises:
            ExporterUnavailable: The database cannot take it now.
            BatchRejected: It cannot take these records.
        """
        if len(batch):  # `check` sends an empty one
            self.decide_marking()
        try:
            with self._explained(), self.writing() as connection, self.transaction(connection):
                try:
                    self.insert(connection, batch)
                except ValueError as error:
                    raise BatchRejected(f"a record cannot be read: {error}") from error
        except BatchRejected as error:
            if not isinstance(error.__cause__, ValueError):
                self._blame_the_table(error)
            raise

    def _blame_the_table(self, error: BatchRejected) -> None:
        """Refuse a table that was changed since `open`: its records are not at fault.

        Raises:
            SchemaMismatch: It was, so that good records do not fit.
        """
        with self._explained(), self.reading() as connection:
            try:
                self.survey(connection).refuse_faults(self.location, self.tables.records.name)
            except SchemaMismatch as mismatch:
                raise mismatch from error

    def findings(self) -> list[Finding]:
        """Return what is worth knowing of the database."""
        try:
            with self._explained():
                self._engine = self.create_engine()
                with self.reading() as connection:
                    self.prepare(connection)
                    return [*self.look(connection), *findings.look(self, connection)]
        finally:
            self.close()

    def look(self, connection: Connection) -> Iterator[Finding]:
        """Yield what is worth knowing of the server or the file: version, size, settings."""
        del connection
        yield from ()

    def close(self) -> None:
        """Close all connections."""
        connection, self._connection = self._connection, None
        try:
            if connection is not None:
                connection.close()
        finally:
            super().close()

    # -- Read side -----------------------------------------------------------------------------

    def select(self, selection: Selection) -> list[Record]:
        """Return the records of a selection, in its order."""
        return self._read(selecting(self.expressions(), selection), selection.limit)

    def tally(self, asked: Tally) -> Iterator[TallyRow]:
        """Yield the groups of a tally, as the database gives them: in bounded memory."""
        query = TallyQuery(
            self.expressions(), asked, self.readable(for_summaries=True), self.moment
        )
        with self._answered(), self.asking() as connection:
            yield from query.groups(self.stream(connection, query.statement()))

    def stream(self, connection: Connection, statement: Select[Any]) -> Iterable[Sequence[Any]]:
        """Return the rows of a query, which are fetched as they are read."""
        return connection.execute(statement.execution_options(yield_per=_ROWS_AT_ONCE))

    @contextmanager
    def _answered(self) -> Iterator[None]:
        """Raise what an error of a question means.

        Raises:
            QueryTimeout: It took longer than it may.
        """
        try:
            yield
        except SQLAlchemyError as error:
            if not self.is_timeout(error):
                raise self.explain(error) from error
            raise QueryTimeout(
                f"{self.location}: the query took longer than {self.query_timeout_seconds:g} s, "
                "and was cancelled. Ask about a shorter time (`since`, `until`), name a variable "
                "that it compares in CHEST_INDEXED_VARIABLES, or raise query_timeout_seconds of "
                "the exporter"
            ) from error

    def _read(self, statement: Select[Any], limit: int) -> list[Record]:
        """Return as many records as wanted; what is passed over is made up for."""
        found: dict[str, Record] = {}
        seen = 0
        with self._answered(), self.asking() as connection:
            while True:
                wanted = limit - len(found)
                rows = connection.execute(statement.limit(wanted).offset(seen)).mappings().all()
                # By their IDs: a record that arrives meanwhile moves the others on.
                found.update((record.id, record) for record in self._rows.records(rows))
                seen += len(rows)
                if len(rows) < wanted or len(found) >= limit:
                    return list(found.values())

    @property
    def unreadable(self) -> int:
        """Number of rows that were passed over because they are no records."""
        return self._rows.unreadable

    def purge(self, *, before: datetime, progress: Callable[[int], None] | None = None) -> int:
        """Delete records that started before `before`, in short steps; return how many."""
        moment = aware("before", before)
        with self.purging(moment, progress):
            return self.purge_records(moment, progress)

    def purge_records(self, before: datetime, progress: Callable[[int], None] | None) -> int:
        """Delete records that started before `before`, within `purge`; return how many."""
        return self.in_steps(
            lambda connection, limit: self.delete_oldest(connection, before, limit), progress
        )

    def in_steps(
        self,
        delete: Callable[[Connection, int], int],
        progress: Callable[[int], None] | None = None,
    ) -> int:
        """Delete in short transactions until nothing is left; return how many.

        Args:
            delete: Deletes at most as many records as its second argument says.
            progress: Called after each step.
        """

        def step(limit: int) -> Step:
            # A connection for each step: between them, this process may fork.
            with self._explained(), self.reading() as connection, self.stepping(connection):
                with self.transaction(connection):
                    began = time.monotonic()
                    deleted, is_last = within_a_step(
                        partial(delete, connection), limit, self.deleted_at_once
                    )
                return Step(deleted, time.monotonic() - began, is_last)

        return in_steps(step, progress)

    def delete_oldest(self, connection: Connection, before: datetime, limit: int) -> int:
        """Delete at most `limit` records that started before `before`; return how many.

        Args:
            connection: In a transaction.
            before: An aware datetime.
            limit: Most records of this statement.
        """
        records = self.tables.records
        key = list(records.primary_key.columns)
        oldest = (
            select(*key)
            .where(records.c.started_at < before)
            .order_by(records.c.started_at)
            .limit(limit)
        )
        return connection.execute(delete(records).where(tuple_(*key).in_(oldest))).rowcount

    @contextmanager
    def stepping(self, connection: Connection) -> Iterator[None]:
        """Run the block, which is a step of a deletion."""
        del connection
        yield

    def delete(self, records: Sequence[Record]) -> int:
        """Delete these records by their primary key; return how many were there."""
        self.decide_marking()
        deleted = 0
        for first in range(0, len(records), _DELETED_AT_ONCE):
            with self._explained(), self.reading() as connection, self.transaction(connection):
                some = records[first : first + _DELETED_AT_ONCE]
                deleted += self.delete_these(connection, some)
        return deleted

    def delete_these(self, connection: Connection, records: Sequence[Record]) -> int:
        """Delete these records within a transaction; return how many were there."""
        self.mark_records(connection, records)
        statement = delete(self.tables.records).where(self._is_one_of(records))
        return connection.execute(statement).rowcount

    def _is_one_of(self, wanted: Sequence[Record]) -> ColumnElement[bool]:
        key = list(self.tables.records.primary_key.columns)
        if len(key) == 1:
            return key[0].in_([record.id for record in wanted])
        moments = [record.started_at for record in wanted]
        started_at = self.tables.records.c.started_at
        return and_(
            # For the partitions, which a list of rows does not choose.
            started_at.between(min(moments), max(moments)),
            tuple_(*key).in_([tuple(getattr(r, column.name) for column in key) for r in wanted]),
        )
