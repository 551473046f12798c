"""In which ranges of time the next records are looked for: the next is as long as seems enough.

The newest 100 records are in the last minutes. Asked for them alone, ClickHouse begins to read each
of its partitions: 150 ms of 3,000,000 records, and 5 ms of a range.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final, NamedTuple

_GROWTH: Final = 8
"""How many times as long as the range before it a range is at most."""

_MARGIN: Final = 1.5
"""How much more is looked through than what the ranges before it had would ask for."""

_SHORTEST: Final = 1_000
"""In microseconds."""

_KNOWN_SECONDS: Final = 60.0


class Extent(NamedTuple):
    """What the table has, about.

    Attributes:
        rows: How many.
        oldest: When the first began, in microseconds since 1970.
        newest: When the last began.
    """

    rows: int
    oldest: int
    newest: int


class Known:
    """The extent of the table, which is looked up once a minute: it only decides what is fast.

    Args:
        look: Looks it up.
    """

    def __init__(self, look: Callable[[], Extent]) -> None:
        self._look = look
        self._found: Extent | None = None
        self._until = 0.0

    def extent(self) -> Extent:
        """Return the extent."""
        if self._found is None or time.monotonic() >= self._until:
            self._found, self._until = self._look(), time.monotonic() + _KNOWN_SECONDS
        return self._found


class Period(NamedTuple):
    """A range of time.

    Attributes:
        since: Its first microsecond since 1970; None where it has no beginning.
        until: The first one that is no longer in it; None where it has no end.
        rows: How many rows it has, about.
    """

    since: int | None
    until: int | None
    rows: int


class Search:
    """Ranges that together have all of the time that is asked about, in its order.

    Args:
        extent: What the table has, about.
        since: Beginning of what is asked about; None without one.
        until: Its end; None without one.
        first: About how many rows the first range has.
        descending: Whether the latest range comes first.
    """

    def __init__(
        self, extent: Extent, since: int | None, until: int | None, first: int, *, descending: bool
    ) -> None:
        oldest = extent.oldest if since is None else max(extent.oldest, since)
        newest = extent.newest if until is None else min(extent.newest, until)
        self._per_row = max((extent.newest - extent.oldest) / max(extent.rows, 1), 1.0)
        self._descending = descending
        self._border, self._end = (newest, oldest) if descending else (oldest, newest)
        self._first = self._length = max(int(first * self._per_row), _SHORTEST)
        self._searched = 0
        self._last: int | None = None
        self._is_over = False

    def next(self, found: int, wanted: int) -> Period | None:
        """Return the next range; None when there is none.

        Args:
            found: How many records the ranges so far had.
            wanted: How many are looked for.
        """
        if self._is_over:
            return None
        if self._searched:
            self._length = self._next_length(found, wanted)
        way = -1 if self._descending else 1
        left = max(way * (self._end - self._border), 0)  # it may be about what is not there
        rows = int(min(self._length, left) / self._per_row)
        self._searched += self._length
        self._border += way * self._length
        self._is_over = self._length >= left
        one, self._last = self._last, None if self._is_over else self._border
        other = self._last
        return Period(other, one, rows) if self._descending else Period(one, other, rows)

    def _next_length(self, found: int, wanted: int) -> int:
        most = self._length * _GROWTH
        if not found:
            return most
        enough = int(_MARGIN * self._searched * (wanted - found) / found)
        return min(max(enough, self._first), most)
