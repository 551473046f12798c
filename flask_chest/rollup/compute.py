"""The rows of minutes, computed from the records, and those of hours and days, merged from them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, Final, NamedTuple, TypeAlias, cast

from flask_chest.query.questions import Scalar, Spread, Sums, Tally, TallyRow
from flask_chest.query.sketch import Sketch
from flask_chest.rollup.cubes import Series, source_of
from flask_chest.rollup.finest import Finest, operands_of
from flask_chest.rollup.rows import (
    Key,
    Numbers,
    Row,
    capped,
    decode_key,
    encode_key,
    exact_sum,
    merged,
    pack,
)
from flask_chest.rollup.tiers import DAY, HOUR, MINUTE, Tier, floor, moment_of

Tallies: TypeAlias = Callable[[Tally], Iterator[TallyRow]]
"""`Store.tally`."""

Buckets: TypeAlias = dict[int, list[Row]]
"""The rows of each bucket that has any."""


MOST_AT_ONCE: Final = 10_000
"""Finest groups that are in memory at the same time."""

MOST_OF_A_MINUTE: Final = 3_000
"""With more records, a minute is tallied for each series."""


class Stretch(NamedTuple):
    """What is computed at once.

    Attributes:
        wanted: The series.
        since: Beginning of a minute, in Unix seconds.
        until: The same.
        max_groups: Most groups of a bucket.
    """

    wanted: Sequence[Series]
    since: int
    until: int
    max_groups: int


class Computer:
    """Computes rows from the records, by the way that takes least time.

    A minute with few records is made of its finest groups, and several of them together. One with
    many is tallied by the database, for each series. Which it is depends on the records of the
    minute alone, so that they always give the same rows.

    Args:
        tally: Asks the store.
        expected: Records of a minute, as far as it is known. It decides what is tried first.
    """

    def __init__(self, tally: Tallies, expected: float = 0.0) -> None:
        self._tally = tally
        self._expected = expected

    def rows(
        self, wanted: Sequence[Series], buckets: range, max_groups: int
    ) -> dict[Series, Buckets]:
        """Return the rows of some series.

        Args:
            wanted: The series.
            buckets: Their beginnings; the step is their tier.
            max_groups: Most groups of a bucket.
        """
        tier = cast("Tier", buckets.step)
        stretch = Stretch(wanted, buckets.start, buckets.stop, max_groups)
        if tier < DAY and self._is_likely(stretch):
            whole = self._of_finest(stretch, tier)
            if whole is not None:
                return whole
        if tier == MINUTE:
            return self._minutes(stretch)
        if tier == HOUR and len(buckets) == 1:
            below = self._minutes(stretch)
        else:
            below = {series: {} for series in wanted}
            for hour in range(buckets.start, buckets.stop, HOUR):
                _add(below, self.rows(wanted, range(hour, hour + HOUR, HOUR), max_groups))
            if tier == HOUR:
                return below
        return {series: raised(series, below[series], tier, max_groups) for series in wanted}

    def hours_at_once(self, most: int) -> int:
        """Return how many hours are likely to have few enough records for one look."""
        return max(min(most, int(MOST_AT_ONCE // max(self._expected * HOUR / MINUTE, 1))), 1)

    def _minutes(self, stretch: Stretch) -> dict[Series, Buckets]:
        """Return the rows of the minutes of a stretch that has too many records for one look."""
        length = stretch.until - stretch.since
        if length <= MINUTE:
            return self._of_minute(stretch)
        middle = stretch.since + length // 2 // MINUTE * MINUTE
        found: dict[Series, Buckets] = {series: {} for series in stretch.wanted}
        for half in (stretch._replace(until=middle), stretch._replace(since=middle)):
            made = self._of_finest(half, MINUTE) if self._is_likely(half) else None
            _add(found, self._minutes(half) if made is None else made)
        return found

    def _of_minute(self, minute: Stretch) -> dict[Series, Buckets]:
        """Return the rows of one minute, as the database sums them."""
        wanted = minute.wanted
        sources = {series: source_of(series, wanted) for series in wanted}
        found = {
            source: _groups(self._tally, source, minute.since, minute.until)
            for source in dict.fromkeys(sources.values())
        }
        if max(sum(row.records for row in rows) for rows in found.values()) <= MOST_OF_A_MINUTE:
            few = self._of_finest(minute, MINUTE)  # more were expected than there are
            if few is not None:
                return few
        made: dict[Series, Buckets] = {}
        for series, source in sources.items():
            rows = found[source]
            if series is not source:
                rows = _coarser(rows, source, series)
            rows = capped(rows, minute.max_groups, are_sketches=series.are_sketches)
            made[series] = {minute.since: rows} if rows else {}
        return made

    def _is_likely(self, stretch: Stretch) -> bool:
        """Return whether a stretch is likely to have few enough finest groups, each minute too."""
        if self._expected > MOST_OF_A_MINUTE:
            return False
        return self._expected * _minutes_of(stretch) <= MOST_AT_ONCE

    def _of_finest(self, stretch: Stretch, tier: Tier) -> dict[Series, Buckets] | None:
        """Return the rows of a stretch; None when it has too many records for that."""
        operands = operands_of(stretch.wanted)
        asked = Tally(
            since=moment_of(stretch.since),
            until=moment_of(stretch.until),
            slot_seconds=MINUTE,
            by=operands,
        )
        finest = Finest(operands, self._tally(asked), MOST_AT_ONCE + 1)
        if len(finest) > MOST_AT_ONCE:
            # How many more is not known. The next look is at a quarter.
            self._expected = max(self._expected, 4 * MOST_AT_ONCE / _minutes_of(stretch))
            return None
        self._expected = len(finest) / _minutes_of(stretch)
        if finest.most_of_a_minute() > MOST_OF_A_MINUTE:
            return None
        return {series: finest.rows(series, tier, stretch.max_groups) for series in stretch.wanted}


def _minutes_of(stretch: Stretch) -> float:
    return (stretch.until - stretch.since) / MINUTE


def _add(found: dict[Series, Buckets], more: dict[Series, Buckets]) -> None:
    for series, buckets in more.items():
        found[series].update(buckets)


def _groups(tally: Tallies, series: Series, since: int, until: int) -> list[Row]:
    """Return a row of a series for each group of a range, in the order of the keys."""
    asked = Tally(
        since=moment_of(since),
        until=moment_of(until),
        by=series.by,
        numbers=() if series.are_sketches else (series.operand,),
        spread=Spread(series.operand, as_bins=not series.are_sketches),
    )
    groups: dict[Any, list[TallyRow]] = {}
    for row in tally(asked):
        # 1 equals True as a key of a dict. Most groups have many rows, one for each bin.
        groups.setdefault((row.key, *map(type, row.key)), []).append(row)
    encoded: dict[str, list[TallyRow]] = {}
    for (key, *_types), rows in groups.items():
        encoded.setdefault(encode_key(_plain(key)), []).extend(rows)
    make = _distinct_row if series.are_sketches else _numbers_row
    return [make(text, encoded[text]) for text in sorted(encoded)]


def _plain(key: Key) -> Key:
    return tuple(map(_number, key))


def _number(value: Scalar) -> Scalar:
    """Return a value with one spelling of each number: databases give 200 or 200.0."""
    is_whole = isinstance(value, float) and value.is_integer() and abs(value) < 2**63
    return int(value) if is_whole and value is not None else value


def _numbers_row(key: str, rows: Sequence[TallyRow]) -> Row:
    bins: dict[int, float] = {}
    for row in sorted(rows, key=_place):
        number = int(row.spread or 0)
        bins[number] = bins.get(number, 0.0) + row.weight
    weights, totals, least, most = zip(*(row.numbers[0] for row in rows), strict=True)
    sums = Sums(
        exact_sum(weights),
        exact_sum(totals),
        min((each for each in least if each is not None), default=None),
        max((each for each in most if each is not None), default=None),
    )
    return _row(key, rows, pack(Numbers(sums, bins)))


def _place(row: TallyRow) -> tuple[int, float]:
    return int(row.spread or 0), row.weight


def _distinct_row(key: str, rows: Sequence[TallyRow]) -> Row:
    sketch = Sketch()
    for row in rows:
        sketch.add(row.spread)
    return _row(key, rows, sketch.pack())


def _row(key: str, rows: Sequence[TallyRow], payload: bytes) -> Row:
    return Row(
        key,
        sum(row.records for row in rows),
        exact_sum(row.weight for row in rows),
        exact_sum(row.errors for row in rows),
        payload,
    )


def _coarser(rows: Iterable[Row], source: Series, series: Series) -> list[Row]:
    """Return the rows of a series from those of one that has all of its dimensions."""
    places = [source.by.index(operand) for operand in series.by]
    renamed = []
    for row in rows:
        values = decode_key(row.key or "[]")
        renamed.append(row._replace(key=encode_key(tuple(values[place] for place in places))))
    return merged(renamed, are_sketches=series.are_sketches)


def raised(
    series: Series, below: Mapping[int, Sequence[Row]], tier: Tier, max_groups: int
) -> Buckets:
    """Return the rows of hours or days.

    Args:
        series: Whose rows they are.
        below: All rows of the tier below, by bucket.
        tier: Hours or days.
        max_groups: Most groups of a bucket.
    """
    gathered: dict[int, list[Row]] = {}
    for bucket in sorted(below):
        gathered.setdefault(floor(bucket, tier), []).extend(below[bucket])
    return {
        bucket: capped(
            merged(rows, are_sketches=series.are_sketches),
            max_groups,
            are_sketches=series.are_sketches,
        )
        for bucket, rows in gathered.items()
    }
