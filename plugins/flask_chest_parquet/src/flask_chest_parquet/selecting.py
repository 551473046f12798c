"""`Selecting`: which records a selection has, by their keys alone."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from flask_chest_sql.ordering import Ordering
from flask_chest_sql.selecting import conditions
from sqlalchemy import Select, func, select

from flask_chest.query.questions import STARTED_AT
from flask_chest_parquet import windows
from flask_chest_parquet.expressions import LakeExpressions
from flask_chest_parquet.windows import DAY, Window

if TYPE_CHECKING:
    from flask_chest.query.questions import Selection
    from flask_chest_parquet.asking import Asking

_EXPECTED: Final = 4
"""The first range of time is so many times as long as it takes for as many records to come."""

_SEARCHED: Final = 100_000
"""But long enough for so many records where a filter is to find some: a search of fewer takes no
less time, as a statement takes milliseconds, and a row group is read as a whole."""

_ALL: Final = Window(windows.of_day(date.min).begin, windows.of_day(date.max).end)


class Key(NamedTuple):
    """What a record is found by.

    Attributes:
        id: Its ID.
        started_at: Microseconds of Unix time.
    """

    id: str
    started_at: int


class Selecting:
    """Finds the keys of a selection. So the other columns are read for these records alone.

    Args:
        asking: An attempt.
        selection: What is looked for.
    """

    def __init__(self, asking: Asking, selection: Selection) -> None:
        self._asking = asking
        self._selection = selection
        self._by_time = selection.order.operand == STARTED_AT
        self._range = self._whole_range()
        self._files = asking.look(*self._range.days) if self._range.begin < self._range.end else []

    def keys(self, offset: int, limit: int) -> list[Key]:
        """Return some of the keys, in the order of the selection.

        Args:
            offset: So many come before.
            limit: At most so many.
        """
        found: list[Key] = []
        for window in self._windows(offset + limit):
            left = offset + limit - len(found)
            found += self._of(window, left)
            if len(found) == offset + limit:
                break
        return found[offset:]

    # -- Ranges of time ----------------------------------------------------------------------------

    def _whole_range(self) -> Window:
        chosen = self._selection
        begin, end = _ALL
        if chosen.since is not None:
            begin = windows.microseconds(chosen.since)
        if chosen.until is not None:
            end = min(end, windows.microseconds(chosen.until))
        if self._by_time and (place := self._place) is not None:
            if chosen.order.descending:
                end = min(end, place + 1)
            else:
                begin = max(begin, place)
        return Window(begin, end)

    @property
    def _place(self) -> int | None:
        after = self._selection.after
        if after is None or not isinstance(after.value, datetime):
            return None
        return windows.microseconds(after.value)

    def _windows(self, wanted: int) -> Iterator[Window]:
        """Yield the ranges of time to look at, in the order of the selection."""
        rows: dict[Window, int] = {}
        for file in self._files:
            day = windows.of_day(file.day)
            begin, end = max(day.begin, self._range.begin), min(day.end, self._range.end)
            if begin < end:
                rows[Window(begin, end)] = rows.get(Window(begin, end), 0) + file.rows
        if not rows:
            return
        if not self._by_time:
            yield Window(min(rows).begin, max(rows).end)
            return
        descending = self._selection.order.descending
        days = sorted(rows, reverse=descending)
        nearest = days[0]
        least = _EXPECTED * wanted
        if self._selection.where is not None:  # few records may satisfy it
            least = max(least, _SEARCHED)
        first = least * DAY // max(rows[nearest], 1)
        if first < nearest.end - nearest.begin and self._place is None:
            days[0] = self._trimmed(nearest)
        yield from windows.windows(days, first, descending=descending)

    def _trimmed(self, day: Window) -> Window:
        """Return a part of a day, without the time before its first or after its last record."""
        descending = self._selection.order.descending
        expressions = LakeExpressions()
        nearest = (func.max if descending else func.min)(expressions.tables.records.c.started_at)
        statement = select(func.epoch_us(nearest)).where(*expressions.within(day))
        files = self._asking.of_days(*day.days)
        [(found,)] = self._asking.rows(statement, expressions, files)
        if found is None:
            return day
        return Window(day.begin, found + 1) if descending else Window(found, day.end)

    # -- Keys --------------------------------------------------------------------------------------

    def _of(self, window: Window, limit: int) -> Iterator[Key]:
        files = self._asking.of_days(*window.days)
        if not files:
            return iter(())
        expressions = LakeExpressions()
        statement = self._statement(expressions, window).limit(limit)
        rows = self._asking.rows(statement, expressions, files)
        return (Key(*row) for row in rows)

    def _statement(self, expressions: LakeExpressions, window: Window) -> Select[Any]:
        ordering = Ordering(expressions, self._selection.order)
        records = expressions.tables.records.c
        statement = (
            select(records.id, func.epoch_us(records.started_at))
            .where(*expressions.within(window), *conditions(expressions, self._selection))
            .order_by(*ordering.keys())
        )
        after = self._selection.after
        return statement if after is None else statement.where(ordering.behind(after))
