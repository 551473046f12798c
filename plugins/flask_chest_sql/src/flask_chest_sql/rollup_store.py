"""A store that keeps rollups beside its records."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from datetime import datetime
from typing import TYPE_CHECKING, Final

from sqlalchemy import Connection, delete, insert, inspect, literal, select
from sqlalchemy.exc import IntegrityError, SQLAlchemyError
from sqlalchemy.schema import DropTable

from flask_chest import rollup
from flask_chest.errors import ChestError, ended
from flask_chest.rollup import Declaration
from flask_chest.rollup.tiers import MINUTE, floor, seconds_of
from flask_chest.runtime.log import Throttle
from flask_chest_sql.rollup_storage import SqlRollups, mark
from flask_chest_sql.schema_store import SchemaStore

if TYPE_CHECKING:
    from flask_chest.exporter import Finding
    from flask_chest.record import Record
    from flask_chest.rollup import RollupStorage

_throttle: Final = Throttle()


class RollupStore(SchemaStore):
    """The part of a SQL store that is about its rollups."""

    _rollups: SqlRollups | None = None
    _lookout: rollup.Lookout[bool] | None = None

    is_marking: bool = False
    """Whether batches and deletions mark the minutes of their records."""

    may_mark: bool | None = None
    """Whether this user may write marks; None until that is found out. Servers have users."""

    def decide_marking(self) -> None:
        """Find out whether to mark: what others keep, too, who may have created it since `open`.

        Called before each batch and deletion.

        Raises:
            ExporterUnavailable: It cannot be found out now.
        """
        lookout = self._lookout  # none yet where the store is not open, which is said later
        if self._rollups is None and not self.is_marking and self.may_mark is not False and lookout:
            with self._explained():
                self.is_marking = bool(lookout.found())

    def _has_marks(self) -> bool | None:
        marks = self.tables.rollups.marks
        try:
            with self.reading() as connection:
                return inspect(connection).has_table(marks.name, schema=marks.schema) or None
        except SQLAlchemyError as error:  # as for a user who may not look
            if self.is_passing(error):
                raise
            return None

    def is_passing(self, error: SQLAlchemyError) -> bool:
        """Return whether an error passes by itself, such as a lost connection."""
        return bool(getattr(error, "connection_invalidated", False))

    def look_at_rollups(self, connection: Connection) -> Iterator[Finding]:
        """Yield whether this user may keep the rollups up to date. Servers have users."""
        del connection
        yield from ()

    def ddl(self) -> list[str]:
        """Return the statements that `open` runs on an empty database."""
        made = super().ddl()
        if isinstance(self.rollups, Declaration):
            dialect = self.create_engine().dialect
            made += self.tables.rollups.creation(dialect)
            made.append(self.tables.rollups.beginning(dialect))
        return made

    def open(self) -> None:
        """Connect, and create what is missing, the tables of the rollups too.

        Where these cannot be created, or not be written, records are stored without them.
        """
        super().open()
        self._rollups, self.is_marking, self.may_mark = None, False, None
        self._lookout = rollup.Lookout(self._has_marks)
        try:
            if self.rollups is not False:
                self._find_rollups()
        except SQLAlchemyError as error:
            reason = self.explain(error)
            if self.is_passing(error):
                raise reason from error
            self._rollups = None
            self._say(reason)
        if self._rollups is None:
            with self._explained():
                self.is_marking = bool(self._lookout.found())

    def _find_rollups(self) -> None:
        tables = self.tables.rollups
        if not self._has_rollups():
            if not isinstance(self.rollups, Declaration):
                return
            self._create_rollups()
        self._rollups, self.is_marking = SqlRollups(self, tables), True

    def _has_rollups(self) -> bool:
        """Return whether all tables of the rollups are there, and their state.

        Reads each of them, as this user may read some alone.
        """
        tables = self.tables.rollups
        with self.reading() as connection:
            if not tables.are_there(inspect(connection)):
                return False
            others = (
                select(literal(1)).select_from(each).limit(1).scalar_subquery()
                for each in (tables.rows, tables.marks)
            )
            return connection.execute(select(tables.state.c.id, *others)).first() is not None

    def _create_rollups(self) -> None:
        """Create what is missing. Where tables were dropped, or are older, all is computed anew.

        Where the state alone is missing, this user need not be allowed to create tables.
        """
        tables = self.tables.rollups
        with self.reading() as connection:
            are_there = tables.are_there(inspect(connection))
        if not are_there:
            with self.reading() as connection, self.creating(connection):
                if tables.is_older(inspect(connection)):
                    connection.execute(DropTable(tables.rows))
                for statement in tables.creation(connection.dialect):
                    connection.exec_driver_sql(statement)
        try:
            with self.reading() as connection, self.transaction(connection):
                connection.execute(delete(tables.state))
                connection.execute(delete(tables.rows))
                connection.execute(insert(tables.state).values(id=1, value=rollup.State().dump()))
        except IntegrityError:
            pass  # another process was faster

    def _say(self, reason: ChestError) -> None:
        _throttle.log(
            logging.WARNING,
            f"{self.location} rollups",
            f"{self.location}: the tables of the rollups cannot be created or read: "
            f"{ended(reason)} Records are stored without them, and questions are answered from "
            "the records. Let somebody who may create them run what `flask chest schema print` "
            "shows, or set CHEST_ROLLUPS=0",
        )

    def repair(self) -> list[str]:
        """Create what is missing, the tables and the state of the rollups too."""
        done = super().repair()
        if self.rollups is False:
            return done
        try:
            with self._explained():
                self._engine = self.create_engine()
                with self.reading() as connection:
                    self.prepare(connection)
                    are_there = self.tables.rollups.are_there(inspect(connection))
                if are_there or isinstance(self.rollups, Declaration):
                    done += self._repair_rollups(are_there=are_there)
        finally:
            self.close()
        return done

    def _repair_rollups(self, *, are_there: bool) -> list[str]:
        if self._has_rollups():
            return []
        self._create_rollups()
        what = "state" if are_there else "tables"
        return [f"Created the {what} of the rollups, which are computed anew"]

    def rollup_storage(self) -> RollupStorage | None:
        """Return the rollups of the database; None when it has none, or they are not to be used."""
        return self._rollups

    def explained(self) -> AbstractContextManager[None]:
        """Run the block, and raise what an error of the database in it means."""
        return self._explained()

    def mark(self, connection: Connection, minutes: Iterable[int]) -> None:
        """Mark minutes whose records the transaction of a connection stores or deletes.

        Args:
            connection: In the transaction.
            minutes: The beginning of each, in Unix seconds.
        """
        if self.is_marking:
            mark(connection, self.tables.rollups, minutes)

    def mark_records(self, connection: Connection, records: Iterable[Record]) -> None:
        """Mark the minutes of records that the transaction of a connection deletes."""
        if self.is_marking:
            self.mark(connection, {minute_of(record.started_at) for record in records})

    @contextmanager
    def purging(
        self, before: datetime, progress: Callable[[int], None] | None = None
    ) -> Iterator[None]:
        """Run the block, which deletes records, after their rollups were brought up to date.

        Args:
            before: Records that started earlier are deleted.
            progress: Called after each step, with 0.
        """
        self.decide_marking()
        rollups, is_used = self._purged_rollups(), self._rollups is not None
        with rollup.deleting(self, rollups, before, progress, is_used=is_used):
            yield

    def _purged_rollups(self) -> SqlRollups | None:
        """Return the rollups of what is deleted, of which others may be the only users."""
        if self._rollups is None and self.is_marking:
            with suppress(SQLAlchemyError):
                return SqlRollups(self, self.tables.rollups) if self._has_rollups() else None
        return self._rollups if self.is_marking else None


def minute_of(moment: datetime) -> int:
    """Return the beginning of the minute of an aware datetime, in Unix seconds."""
    return floor(seconds_of(moment), MINUTE)


def minutes_of(texts: Iterable[str]) -> Iterator[int]:
    """Yield the minutes of `started_at`, each as the first 16 characters of its text.

    That of no time is left out: such a row is no record.
    """
    for text in texts:
        with suppress(ValueError):
            yield minute_of(datetime.fromisoformat(f"{text}+00:00"))
