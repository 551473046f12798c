"""A store that keeps rollups beside its records."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, suppress
from datetime import datetime
from typing import TYPE_CHECKING, Final

from sqlalchemy import Connection, delete, insert, inspect, select
from sqlalchemy.exc import IntegrityError, SQLAlchemyError
from sqlalchemy.schema import DropTable

from flask_chest import rollup
from flask_chest.errors import ChestError
from flask_chest.rollup import Declaration
from flask_chest.rollup.tiers import MINUTE, floor, seconds_of
from flask_chest.runtime.log import Throttle
from flask_chest_sql.rollup_storage import SqlRollups, mark
from flask_chest_sql.schema_store import SchemaStore

if TYPE_CHECKING:
    from flask_chest.record import Record
    from flask_chest.rollup import RollupStorage

_throttle: Final = Throttle()


class RollupStore(SchemaStore):
    """The part of a SQL store that is about its rollups."""

    _rollups: SqlRollups | None = None

    is_marking: bool = False
    """Whether batches and deletions mark the minutes of their records."""

    def can_mark(self, connection: Connection) -> bool:
        """Return whether this user may write marks. Servers have users; override it there."""
        del connection
        return True

    def is_passing(self, error: SQLAlchemyError) -> bool:
        """Return whether an error passes by itself, such as a lost connection."""
        return bool(getattr(error, "connection_invalidated", False))

    def ddl(self) -> list[str]:
        """Return the statements that `open` runs on an empty database."""
        made = super().ddl()
        if isinstance(self.rollups, Declaration):
            made += self.tables.rollups.creation(self.create_engine().dialect)
        return made

    def open(self) -> None:
        """Connect, and create what is missing, the tables of the rollups too.

        Where these cannot be created, or not be written, records are stored without them.
        """
        super().open()
        self._rollups, self.is_marking = None, False
        if self.rollups is False:
            return
        try:
            self._find_rollups()
        except SQLAlchemyError as error:
            reason = self.explain(error)
            if self.is_passing(error):
                raise reason from error
            self._rollups = None
            self._say(reason)

    def _find_rollups(self) -> None:
        tables = self.tables.rollups
        if not self._has_rollups():
            if not isinstance(self.rollups, Declaration):
                return
            self._create_rollups()
        self._rollups = SqlRollups(self, tables)
        with self.reading() as connection:
            self.is_marking = self.can_mark(connection)

    def _has_rollups(self) -> bool:
        """Return whether all tables of the rollups are there, and their state."""
        tables = self.tables.rollups
        with self.reading() as connection:
            return (
                tables.are_there(inspect(connection))
                and connection.execute(select(tables.state.c.id)).first() is not None
            )

    def _create_rollups(self) -> None:
        """Create the tables. Where some were dropped, or are older, all is computed anew."""
        tables = self.tables.rollups
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
            f"{self.location}: the tables of the rollups cannot be created or read: {reason}. "
            "Records are stored without them, and questions are answered from the records. Let "
            "somebody who may create them run what `flask chest schema print` shows, or set "
            "CHEST_ROLLUPS=0",
        )

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

    def freeze(self, before: datetime, progress: Callable[[int], None] | None = None) -> None:
        """Bring the rollups of what is to be deleted up to date, and leave them as they are then.

        Args:
            before: Records that started earlier are going to be deleted.
            progress: Called after each step, with 0.
        """
        if self._rollups is not None and self.is_marking:
            go_on = (lambda: None) if progress is None else (lambda: progress(0))
            rollup.Maintainer(self, self._rollups, go_on=go_on).freeze(before)


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
