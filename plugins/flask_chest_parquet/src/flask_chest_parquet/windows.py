"""Ranges of time in which the first records of a time order are looked for, each longer."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import date, datetime, timedelta, timezone
from typing import Final, NamedTuple

DAY: Final = 86_400_000_000
"""Microseconds."""

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=timezone.utc)
_DAY_0: Final = _EPOCH.toordinal()
_GROWTH: Final = 8
_MICROSECOND: Final = timedelta(microseconds=1)


class Window(NamedTuple):
    """A range of time, as microseconds of Unix time.

    Attributes:
        begin: Its first.
        end: The first that is no longer in it.
    """

    begin: int
    end: int

    @property
    def days(self) -> tuple[date, date]:
        """The first and the last day of which it has a part."""
        return day_of(self.begin), day_of(self.end - 1)


def microseconds(moment: datetime) -> int:
    """Return an aware datetime as microseconds of Unix time."""
    return (moment - _EPOCH) // _MICROSECOND


def moment(value: int) -> datetime:
    """Return microseconds of Unix time as an aware datetime in UTC."""
    return _EPOCH + timedelta(microseconds=value)


def day_of(value: int) -> date:
    """Return the day, in UTC, of a moment."""
    return date.fromordinal(_DAY_0 + value // DAY)


def of_day(day: date) -> Window:
    """Return the range of a day in UTC."""
    begin = (day.toordinal() - _DAY_0) * DAY
    return Window(begin, begin + DAY)


def windows(days: Iterable[Window], first: int, *, descending: bool) -> Iterator[Window]:
    """Yield ranges that have all of some days, or parts of days, and hardly more.

    Args:
        days: In the wanted order; none has a part of another.
        first: Length of the first range.
        descending: Whether the latest comes first.
    """
    length = max(first, 1)
    left = list(days)[::-1]
    while left:
        found = left.pop()
        while left and _joined(found, left[-1]).end - _joined(found, left[-1]).begin <= length:
            found = _joined(found, left.pop())
        if found.end - found.begin > length:
            border = found.end - length if descending else found.begin + length
            earlier, later = Window(found.begin, border), Window(border, found.end)
            found, rest = (later, earlier) if descending else (earlier, later)
            left.append(rest)
        yield found
        length *= _GROWTH


def _joined(one: Window, other: Window) -> Window:
    return Window(min(one.begin, other.begin), max(one.end, other.end))
