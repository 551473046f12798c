"""`Finder`: finds the slowest and the newest failed requests, without reading all records.

The rollups know the longest duration and the number of failures of each day, hour and minute. So
only the records of those that can hold what is looked for are read. The answer is the same as that
of one question to all records.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any, Final

from flask_chest import query
from flask_chest_dashboard.window import Window

if TYPE_CHECKING:
    from flask_chest import Record
    from flask_chest.query import Node, Operand
    from flask_chest.store import Declaration
    from flask_chest_dashboard.asking import Asker

FAILED: Final = "status_code >= 500 or error is not None"
"""Filter of what the measure `errors` counts. `has_failed` says the same of one record."""

_REQUESTS: Final = ("service", "route", "method", "status_code")
"""By these, every database with rollups has them."""

_LENGTHS: Final = {"1d": timedelta(days=1), "1h": timedelta(hours=1), "1m": timedelta(minutes=1)}
_FINER: Final = {"1d": "1h", "1h": "1m"}
_MANY: Final = 20_000
"""Records of an hour, from which on its minutes are looked at first."""

_MINUTES_KEPT: Final = timedelta(hours=36)
"""So long there are rollups by the minute for sure."""

_MOST_READS: Final = 60
"""Parts of the time that are read, before all of it is."""


def has_failed(record: Record) -> bool:
    """Return whether a request failed: its status is 500 or more, or it ended in an exception."""
    return (record.status_code or 0) >= 500 or record.error is not None


@dataclass(frozen=True, order=True)
class _Span:
    """A part of the time that may hold what is looked for.

    Attributes:
        rank: The lowest is looked at first.
        since: Its beginning.
        until: Its end.
        every: The tier whose bucket it is.
        bound: No record in it is better than this.
        count: Number of its requests.
    """

    rank: float
    since: datetime
    until: datetime = field(compare=False)
    every: str = field(compare=False)
    bound: float = field(compare=False)
    count: float = field(compare=False)


class Finder:
    """Finds records of a time range.

    Args:
        asker: Asks the store.
        window: The range.
        where: Filter; None for all records.
    """

    def __init__(self, asker: Asker, window: Window, where: str | None) -> None:
        self._asker = asker
        self._window = window
        self._where = where

    def slowest(self, limit: int) -> list[Record]:
        """Return the requests that took longest, the slowest first."""

        def bound(row: dict[str, Any], _until: datetime) -> float | None:
            found = row["max(duration_ms)"]
            return None if found is None else float(found)

        return self._best(limit, "-duration_ms", self._where, bound, _duration)

    def failures(self, limit: int) -> list[Record]:
        """Return the newest requests that failed, the newest first."""

        def bound(row: dict[str, Any], until: datetime) -> float | None:
            return until.timestamp() if row["errors"] else None

        where = FAILED if self._where is None else f"({self._where}) and ({FAILED})"
        return self._best(limit, "-started_at", where, bound, _started_at)

    def newest(self, limit: int) -> list[Record]:
        """Return the newest requests, the newest first."""

        def bound(row: dict[str, Any], until: datetime) -> float | None:
            return until.timestamp() if row["count"] else None

        return self._best(limit, "-started_at", self._where, bound, _started_at)

    def _best(
        self,
        limit: int,
        order_by: str,
        where: str | None,
        bound: Callable[[dict[str, Any], datetime], float | None],
        value: Callable[[Record], float],
    ) -> list[Record]:
        """Return the first records of an order, the largest value first."""
        window, asker = self._window, self._asker
        if not is_rolled_up(self._where, asker.declared()):
            return asker.records(
                where, since=window.since, until=window.until, order_by=order_by, limit=limit
            )
        # Rollups outlive their records.
        oldest = asker.records(
            since=window.since, until=window.until, order_by="started_at", limit=1
        )
        if not oldest:
            return []
        begin = max(window.since, oldest[0].started_at)
        spans = list(self._spans(begin, window.until, self._first_tier(begin), bound))
        heapq.heapify(spans)
        found: list[Record] = []
        reads = 0
        while spans and (len(found) < limit or spans[0].bound >= value(found[-1])):
            span = heapq.heappop(spans)
            finer = self._finer(span)
            if finer:
                for each in self._spans(span.since, span.until, finer, bound):
                    heapq.heappush(spans, each)
                continue
            since, until = span.since, span.until
            reads += 1
            if reads > _MOST_READS:
                since, until, spans, found = begin, window.until, [], []
            found += asker.records(where, since=since, until=until, order_by=order_by, limit=limit)
            found.sort(key=lambda each: (value(each), each.id), reverse=True)
            del found[limit:]
        return found

    def _first_tier(self, begin: datetime) -> str:
        """Return the tier that is read as a whole, so that it has few rows."""
        length = self._window.until - begin
        if length <= timedelta(hours=2):
            return "1m"
        # With a filter, there is a row for each route and the like.
        return "1h" if length <= timedelta(days=3 if self._where else 100) else "1d"

    def _finer(self, span: _Span) -> str | None:
        """Return the tier that is to be looked at before records are read; None for these."""
        if span.every == "1h":
            is_recent = datetime.now(timezone.utc) - span.since < _MINUTES_KEPT
            return _FINER["1h"] if span.count > _MANY and is_recent else None
        return _FINER.get(span.every)

    def _spans(
        self,
        since: datetime,
        until: datetime,
        every: str,
        bound: Callable[[dict[str, Any], datetime], float | None],
    ) -> Iterator[_Span]:
        rows = self._asker.measure(
            "count",
            "errors",
            "max(duration_ms)",
            every=every,
            where=self._where,
            since=since,
            until=until,
        )
        for row in rows:
            begin = datetime.fromisoformat(row["bucket"])
            end = min(begin + _LENGTHS[every], until)
            most = bound(row, end)
            if most is not None:
                yield _Span(-most, max(begin, since), end, every, most, row["count"])


def is_rolled_up(where: str | None, declared: Declaration | None) -> bool:
    """Return whether rollups can tell which requests satisfy a filter.

    Args:
        where: The filter; None for all.
        declared: What the rollups have, as by `Store.declared`.
    """
    if declared is None:
        return False
    operands = set() if where is None else _operands(query.parse(where).root)
    if operands is None:
        return False
    dimensions = (_REQUESTS, *declared.dimensions)
    return any(operands <= set(map(query.name, names)) for names in dimensions)


def _operands(node: Node) -> set[Operand] | None:
    """Return what a condition is about; None where groups do not tell whether it holds."""
    if isinstance(node, query.Exists):
        return None
    if not isinstance(node, (query.And, query.Or)):
        return {node.operand}
    found: set[Operand] = set()
    for part in node.parts:
        inner = _operands(part)
        if inner is None:
            return None
        found |= inner
    return found


def _duration(record: Record) -> float:
    return record.duration_ms


def _started_at(record: Record) -> float:
    return record.started_at.timestamp()
