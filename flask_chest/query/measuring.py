"""Answers a `Question`: merges the parts of groups, and makes rows of them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta, timezone
from typing import Any, Final

from flask_chest.errors import QueryError
from flask_chest.query.arguments import Chosen
from flask_chest.query.buckets import Buckets, buckets
from flask_chest.query.distinct import Identity, identity
from flask_chest.query.measured import (
    Columns,
    counts_of,
    ordered,
    other_spreads,
    rank,
    spreads_of,
    value,
)
from flask_chest.query.measures import Measure
from flask_chest.query.paging import Reader
from flask_chest.query.parts import Key, Need, Part, Source
from flask_chest.query.question import Question
from flask_chest.query.questions import Order, Selection

MOST_ROWS: Final = 100_000
"""Rows of one answer, and groups that are looked at for it."""

MOST_VALUES: Final = 1_000_000
"""Different values that are looked at for one answer."""

_FIRST: Final = datetime.min.replace(tzinfo=timezone.utc)
_MICROSECOND: Final = timedelta(microseconds=1)
_LAST: Final = datetime.max.replace(tzinfo=timezone.utc) - _MICROSECOND

_Group = tuple[Identity, ...]
_REST: Final[_Group] = (("rest", None),)
"""The group of all groups beyond the limit."""


@dataclass
class _Cells:
    """The parts of groups, merged.

    Attributes:
        keys: The values of each group.
        parts: By bucket and group. Without buckets, all are in the first.
    """

    keys: dict[_Group, Key] = field(default_factory=dict)
    parts: dict[tuple[int, _Group], Part] = field(default_factory=dict)

    def add(self, bucket: int, group: _Group, part: Part) -> int:
        """Add what is known of a group; return by how many values that has grown."""
        known = self.parts.setdefault((bucket, group), part)
        if known is part:
            return part.size
        before = known.size
        known.merge(part)
        return known.size - before


def measure(
    reader: Reader, source: Source, asked: Question
) -> tuple[list[dict[str, Any]], list[str]]:
    """Return the rows of an answer, and where it comes from.

    Args:
        reader: The store.
        source: Knows the parts of groups.
        asked: The question.

    Raises:
        QueryError: There are too many rows, groups or values.
    """
    answer = _Answer(reader, source, asked)
    rows = list(answer.rows())
    return rows, [*source.explain(), *answer.notes]


class _Answer:
    def __init__(self, reader: Reader, source: Source, asked: Question) -> None:
        self._source = source
        self._asked = asked
        self.notes: list[str] = []
        self._records = 0
        self._buckets: Buckets | None = None
        self._columns = Columns(asked.measures)
        self._begin, self._end = self._range(reader)
        # A rate is of the records in its time. Rollups may know of older ones, which are purged.
        self._chosen = replace(asked.chosen, since=self._begin)
        if asked.every is not None and self._begin is not None and self._end is not None:
            self._buckets = made = buckets(self._begin, self._end, asked.every, asked.tz)
            # What arrives meanwhile, or is ahead of this host's clock, has a bucket or is left out.
            first, last = map(_moment, (made.borders[0], made.borders[-1]))
            chosen = asked.chosen
            self._chosen = Chosen(chosen.where, chosen.since or first, chosen.until or last)

    def _range(self, reader: Reader) -> tuple[datetime | None, datetime | None]:
        """Return the range of time that is measured; None where it has no records, so no limit."""
        asked, chosen = self._asked, self._asked.chosen
        if asked.every is None and all(each.function != "rate" for each in asked.measures):
            return chosen.since, chosen.until
        now = datetime.now(timezone.utc)
        if chosen.since is not None:
            return chosen.since, chosen.until or max(now, chosen.since)
        whole = Selection(until=chosen.until, limit=1)
        oldest = reader.select(replace(whole, order=Order(descending=False)))
        newest = reader.select(whole)
        if not oldest or not newest:
            return None, chosen.until
        behind = min(newest[0].started_at, _LAST) + _MICROSECOND
        return oldest[0].started_at, chosen.until or behind

    # -- Groups --------------------------------------------------------------------------------

    def rows(self) -> Iterator[dict[str, Any]]:
        """Yield the rows of the answer."""
        asked = self._asked
        if asked.every is not None and self._buckets is None:
            return  # there are no records, so no time
        need = Need(self._chosen, by=tuple(asked.by.values()))
        slots = need
        if self._buckets is not None:
            slots = replace(need, slot_seconds=self._buckets.slot_seconds)
        if not asked.by:
            cells = _Cells({(): ()})
            self._collect(cells, counts_of(slots, asked.measures), None)
            self._spread(cells, slots, asked.measures, None, self._is_exact(cells))
            yield from self._shown(cells, [()], 0)
            return
        groups = _Cells()
        self._collect(groups, counts_of(need, asked.measures), None)
        exact = self._is_exact(groups)
        ranking = [asked.order] if isinstance(asked.order, Measure) else []
        self._spread(groups, need, ranking, None, exact)
        first, rest = self._ranked(groups)
        self._bound_rows(len(first) + bool(rest))
        if self._buckets is None:
            cells = _Cells(groups.keys)
            for (_, group), part in groups.parts.items():
                cells.add(0, group if group in first else _REST, part)
            self._spread(cells, need, other_spreads(asked.measures, ranking), first, exact)
        else:
            cells = _Cells(groups.keys)
            wanted = counts_of(slots, asked.measures)
            spread = spreads_of(wanted, asked.measures, exact=exact)
            wanted = wanted if spread is None else replace(spread, counts=True)
            self._collect(cells, wanted, first)
        yield from self._shown(cells, list(first), rest)

    def _collect(self, cells: _Cells, need: Need, first: dict[_Group, None] | None) -> None:
        """Merge the parts of a need into cells.

        Args:
            cells: Where they go.
            need: What is needed.
            first: The groups that have a row of their own; None for all.
        """
        values = 0
        for slot, key, part in self._source.parts(need):
            group = tuple(map(identity, key))
            if first is not None and group not in first:
                group = _REST
            elif group not in cells.keys:
                cells.keys[group] = key
                self._bound_groups(len(cells.keys))
            bucket = 0 if slot is None or self._buckets is None else self._buckets.at(slot)
            values += cells.add(bucket, group, part)
            if values > MOST_VALUES:
                raise QueryError(
                    f"there are more than {MOST_VALUES:,} different values. Choose fewer records, "
                    "by a later `since` or by `where`"
                )

    def _spread(
        self,
        cells: _Cells,
        need: Need,
        measures: Iterable[Measure],
        first: dict[_Group, None] | None,
        exact: bool,  # noqa: FBT001 - known before
    ) -> None:
        wanted = spreads_of(need, measures, exact=exact)
        if wanted is not None:
            self._collect(cells, wanted, first)

    def _is_exact(self, cells: _Cells) -> bool:
        """Return whether percentiles are to be exact, because few records are concerned."""
        self._records = sum(part.records for part in cells.parts.values())
        return self._records <= self._asked.exact

    def _note(self, cells: _Cells) -> None:
        """Say how percentiles were found. A source may have bins where the values are gone."""
        of = [each.operand for each in self._asked.measures if each.function == "percentile"]
        if of:
            has_bins = any(operand in part.bins for part in cells.parts.values() for operand in of)
            how = "within 2.2 %, as they are those of bins" if has_bins else "exact"
            self.notes.append(f"percentiles of {self._records:,} records: {how}")

    def _ranked(self, groups: _Cells) -> tuple[dict[_Group, None], int]:
        """Return the groups that have rows, in their order, and how many others there are."""
        asked = self._asked
        names = list(asked.by)
        found = sorted(groups.keys, key=lambda group: [rank(value) for _, value in group])
        if isinstance(asked.order, Measure):
            seconds = self._seconds(None)
            values = [value(asked.order, groups.parts[0, group], seconds) for group in found]
        else:
            at = names.index(asked.order)
            values = [groups.keys[group][at] for group in found]
        found = ordered(found, values, descending=asked.descending)
        limit = len(found) if asked.limit is None else asked.limit
        return dict.fromkeys(found[:limit]), max(len(found) - limit, 0)

    def _bound_groups(self, number: int) -> None:
        if number > MOST_ROWS:
            raise QueryError(
                f"there are more than {MOST_ROWS:,} groups by {', '.join(self._asked.by)}. Choose "
                "fewer records, by a later `since` or by `where`, or group by less"
            )

    def _bound_rows(self, groups: int) -> None:
        number = groups * (1 if self._buckets is None else len(self._buckets))
        if number > MOST_ROWS:
            raise QueryError(
                f"the answer has {number:,} rows, and may have {MOST_ROWS:,}. Write a smaller "
                "`limit`, a longer `every`, or a later `since`"
            )

    # -- Rows ----------------------------------------------------------------------------------

    def _shown(self, cells: _Cells, first: list[_Group], rest: int) -> Iterator[dict[str, Any]]:
        self._note(cells)
        asked, made = self._asked, self._buckets
        if made is None:
            yield from self._of_bucket(cells, 0, first, rest)
            return
        rows = [row for at in range(len(made)) for row in self._of_bucket(cells, at, first, rest)]
        if not asked.by and asked.is_ordered and isinstance(asked.order, Measure):
            values = [row[asked.order.text] for row in rows]
            rows = ordered(rows, values, descending=asked.descending)
        yield from rows

    def _of_bucket(
        self, cells: _Cells, bucket: int, first: list[_Group], rest: int
    ) -> Iterator[dict[str, Any]]:
        seconds, columns = self._seconds(bucket), self._columns
        names = self._asked.by
        label = {} if self._buckets is None else {"bucket": self._buckets.label(bucket)}
        nothing: dict[str, Any] = {}
        columns.add(nothing, Part(), seconds)
        for group in first:
            row = {**label, **dict(zip(names, cells.keys[group], strict=True))}
            part = cells.parts.get((bucket, group))
            if part is None:
                row.update(nothing)
            else:
                columns.add(row, part, seconds)
            yield row
        if rest:
            row = {**label, **dict.fromkeys(names)}
            columns.add(row, cells.parts.get((bucket, _REST)) or Part(), seconds)
            yield {**row, "rest": rest}

    def _seconds(self, bucket: int | None) -> float:
        """Return how many seconds of a bucket, or of all time, are measured."""
        begin, end = self._begin, self._end
        if self._buckets is None or bucket is None:
            return 0.0 if begin is None or end is None else (end - begin).total_seconds()
        chosen = self._asked.chosen
        now = max(datetime.now(timezone.utc), end or _FIRST)
        return self._buckets.covered(bucket, chosen.since or _FIRST, chosen.until or now)


def _moment(second: int) -> datetime:
    return datetime(1970, 1, 1, tzinfo=timezone.utc) + timedelta(seconds=second)
