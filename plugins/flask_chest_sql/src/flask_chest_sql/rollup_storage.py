"""`SqlRollups`: the rollups of one SQL database."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import Connection, and_, delete, func, insert, select, update

from flask_chest.rollup import Change, Mark, RollupStorage, Row, State
from flask_chest.rollup.pages import pack_rows, unpack_rows

if TYPE_CHECKING:
    from flask_chest.rollup.tiers import Tier
    from flask_chest_sql.rollup_store import RollupStore
    from flask_chest_sql.rollup_tables import RollupTables

_AT_ONCE: Final = 500
"""Values of one statement."""


class SqlRollups(RollupStorage):
    """The rollups of one SQL database.

    Args:
        store: Connects; it is open.
        tables: Those of the rollups.
    """

    def __init__(self, store: RollupStore, tables: RollupTables) -> None:
        self._store = store
        self._tables = tables

    def state(self) -> State:
        """Return the state."""
        with self._store.explained(), self._store.reading() as connection:
            found = connection.execute(select(self._tables.state.c.value)).scalar_one()
        return State.load(str(found), self._store.location)

    def marks(self, since: int, until: int) -> list[Mark]:
        """Return all marks of the minutes from `since` to before `until`."""
        marks = self._tables.marks.c
        within = and_(marks.minute >= since, marks.minute < until)
        statement = select(marks.id, marks.minute).where(within)
        return [Mark(each, minute) for each, minute in self._all(statement)]

    def marked(self) -> set[int]:
        """Return the minutes of all marks."""
        return {minute for (minute,) in self._all(select(self._tables.marks.c.minute).distinct())}

    def mark(self, minutes: Iterable[int]) -> None:
        """Write a mark for each of these minutes."""
        store = self._store
        with store.explained(), store.reading() as connection, store.transaction(connection):
            mark(connection, self._tables, minutes)

    def rows(self, series: int, tier: Tier, since: int, until: int) -> Iterator[tuple[int, Row]]:
        """Yield the rows of the buckets from `since` to before `until`, in their order."""
        rows = self._tables.rows.c
        statement = (
            select(rows.bucket, rows.page)
            .where(rows.series == series, rows.tier == tier)
            .where(rows.bucket >= since, rows.bucket < until)
            .order_by(rows.bucket, rows.place)
        )
        for bucket, page in self._all(statement):
            for row in unpack_rows(page):
                yield bucket, row

    def oldest(self, series: int, tier: Tier) -> int | None:
        """Return the oldest bucket of a tier that has a row of a series."""
        rows = self._tables.rows.c
        statement = select(func.min(rows.bucket)).where(rows.series == series, rows.tier == tier)
        found: int | None = self._all(statement)[0][0]
        return found

    def _all(self, statement: Any) -> Sequence[Any]:  # noqa: ANN401 - any Select
        with self._store.explained(), self._store.reading() as connection:
            return connection.execute(statement).all()

    @contextmanager
    def changing(self) -> Iterator[Change]:
        """Give a transaction to the block. The row of the state is its lock."""
        store, state = self._store, self._tables.state
        with store.explained(), store.reading() as connection, store.transaction(connection):
            # The first read of the transaction, so that it sees what others have committed.
            locked = select(state.c.value).with_for_update()
            found = connection.execute(locked).scalar_one()
            change = SqlChange(connection, self._tables, State.load(str(found), store.location))
            yield change
            change.write()
            change.state.revision += 1
            connection.execute(update(state).values(value=change.state.dump()))


class SqlChange(Change):
    """A transaction that changes rollups.

    Args:
        connection: In the transaction.
        tables: Those of the rollups.
        state: Read within it.
    """

    def __init__(self, connection: Connection, tables: RollupTables, state: State) -> None:
        self._connection = connection
        self._tables = tables
        self._replaced: dict[tuple[Tier, range], list[int]] = {}
        self._inserted: list[dict[str, Any]] = []
        self.state = state

    def forget(self, marks: Sequence[Mark]) -> None:
        """Delete marks."""
        table = self._tables.marks
        for first in range(0, len(marks), _AT_ONCE):
            some = [mark.id for mark in marks[first : first + _AT_ONCE]]
            self._connection.execute(delete(table).where(table.c.id.in_(some)))

    def replace(
        self, series: int, tier: Tier, buckets: range, rows: Mapping[int, Sequence[Row]]
    ) -> None:
        """Put rows in place of those that are there, when `write` is called."""
        self._replaced.setdefault((tier, buckets), []).append(series)
        self._inserted += [
            {"series": series, "tier": tier, "bucket": bucket, "place": place, "page": page}
            for bucket, found in sorted(rows.items())
            for place, page in enumerate(pack_rows(found))
        ]

    def write(self) -> None:
        """Write what was replaced, with two statements for all series."""
        table = self._tables.rows
        for (tier, buckets), series in self._replaced.items():
            within = and_(table.c.bucket >= buckets.start, table.c.bucket < buckets.stop)
            of = and_(table.c.series.in_(series), table.c.tier == tier)
            self._connection.execute(delete(table).where(of, within))
        if self._inserted:
            self._connection.execute(insert(table), self._inserted)

    def delete(self, series: int, tier: Tier, until: int) -> None:
        """Delete the rows of the buckets that begin before a moment."""
        table = self._tables.rows
        self._connection.execute(
            delete(table).where(
                table.c.series == series, table.c.tier == tier, table.c.bucket < until
            )
        )


def mark(connection: Connection, tables: RollupTables, minutes: Iterable[int]) -> None:
    """Write a mark for each of these minutes, within a transaction."""
    new = [{"minute": minute} for minute in sorted(set(minutes))]
    if new:
        connection.execute(insert(tables.marks), new)
