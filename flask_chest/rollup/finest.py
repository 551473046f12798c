"""`Finest`: the finest groups of a stretch of time, and the rows of any series made of them.

Where there are few records, nearly each is a group of its own. So one tally by the values of all
operands is read, instead of one for each series.

The rows of an hour are byte by byte those that are merged from its minutes: what depends on the
order of an addition is added up for each minute first.
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from itertools import groupby, islice
from typing import Any, Final, TypeAlias

from flask_chest.query.histogram import bin_of
from flask_chest.query.nodes import Operand
from flask_chest.query.questions import Scalar, Sums, TallyRow
from flask_chest.query.sketch import Sketch, place_of
from flask_chest.rollup.cubes import Series
from flask_chest.rollup.rows import Numbers, Row, capped, encode_key, exact_sum, merged, pack
from flask_chest.rollup.tiers import MINUTE, Tier, floor

Indexes: TypeAlias = Sequence[int]
"""Of finest groups, in the order of their minutes."""

_ALL: Final = encode_key(())
_AT_ONCE: Final = 200
_EXACT_INTEGERS: Final = 2**63
"""Larger integers are floats in some databases."""


def operands_of(wanted: Iterable[Series]) -> tuple[Operand, ...]:
    """Return all operands of some series, each once. The finest groups are by these."""
    return tuple(dict.fromkeys(o for series in wanted for o in (*series.by, series.operand)))


class Finest:
    """The finest groups of a stretch of time.

    Args:
        operands: By which they are.
        rows: Of a tally by the minute and these operands.
        most: Of more rows than this, the first ones are taken.
    """

    def __init__(self, operands: Sequence[Operand], rows: Iterable[TallyRow], most: int) -> None:
        self._minutes: list[int] = []
        self._records: list[int] = []
        self._weights: list[float] = []
        self._errors: list[float] = []
        columns: list[list[Any]] = [[] for _ in operands]
        left = islice(rows, most)
        # Some at a time: a list of all would have the garbage collector look at each row again.
        while some := list(islice(left, _AT_ONCE)):
            minutes, keys, _spreads, records, weights, errors, _numbers = zip(*some, strict=True)
            self._minutes += minutes
            self._records += records
            self._weights += weights
            self._errors += errors
            for column, values in zip(columns, zip(*keys, strict=True), strict=True):
                column.extend(values)
        self._sort(self._minutes, self._records, self._weights, self._errors, *columns)
        self._is_whole = all(
            each.is_integer() and each >= 0 for each in (*self._weights, *self._errors)
        )
        self._columns = dict(zip(operands, map(_told_apart, columns), strict=True))
        self._buckets_of: dict[Tier, list[tuple[int, Indexes]]] = {}
        self._texts: dict[tuple[Operand, ...], list[str]] = {}
        self._measured: dict[Operand, _Measured] = {}
        self._places: dict[Operand, list[int | None]] = {}

    @staticmethod
    def _sort(minutes: list[int], *columns: list[Any]) -> None:
        """Sort columns by the minutes, which some databases do."""
        order = sorted(range(len(minutes)), key=minutes.__getitem__)
        for column in (minutes, *columns):
            column[:] = _of(column, order)

    def __len__(self) -> int:
        return len(self._minutes)

    def most_of_a_minute(self) -> int:
        """Return the number of records of the minute that has most."""
        counts = Counter[int]()
        for minute, records in zip(self._minutes, self._records, strict=True):
            counts[minute] += records
        return max(counts.values(), default=0)

    def rows(self, series: Series, tier: Tier, max_groups: int) -> dict[int, list[Row]]:
        """Return the rows of a series, by the bucket.

        Args:
            series: Its operands are among those of the groups.
            tier: Minutes or hours.
            max_groups: Most groups of a bucket.
        """
        found = {}
        for bucket, indexes in self._buckets(tier):
            rows = self._rows(series, tier, indexes)
            if len(rows) > max_groups and tier > MINUTE:
                rows = self._merged(series, indexes, max_groups)
            if rows:
                found[bucket] = capped(rows, max_groups, are_sketches=series.are_sketches)
        return found

    def _merged(self, series: Series, indexes: Indexes, max_groups: int) -> list[Row]:
        """Return the rows of a bucket as they are merged from its minutes, each of which is capped.

        What is not capped is the same either way, and so it is in most buckets.
        """
        minutes = groupby(indexes, key=self._minutes.__getitem__)
        rows = [self._rows(series, MINUTE, list(found)) for _, found in minutes]
        are_sketches = series.are_sketches
        kept = [row for each in rows for row in capped(each, max_groups, are_sketches=are_sketches)]
        return merged(kept, are_sketches=are_sketches)

    def _buckets(self, tier: Tier) -> list[tuple[int, Indexes]]:
        """Return the beginning of each bucket that there is, and the indexes of its groups."""
        if tier not in self._buckets_of:
            found = self._buckets_of[tier] = []
            begin = 0
            for bucket, same in groupby(floor(minute, tier) for minute in self._minutes):
                end = begin + sum(1 for _ in same)
                found.append((bucket, range(begin, end)))
                begin = end
        return self._buckets_of[tier]

    # -- Rows of one bucket ------------------------------------------------------------------------

    def _rows(self, series: Series, tier: Tier, indexes: Indexes) -> list[Row]:
        """Return the row of each group, in the order of the keys."""
        column: Sequence[object]
        make: Callable[[Series, Tier, str, Indexes], Row]
        if series.are_sketches:
            column, make = self._places_of(series.operand), self._distinct_row
        else:
            column, make = self._measured_of(series.operand).numbers, self._numbers_row
        present = [index for index in indexes if column[index] is not None]
        if not series.by:
            return [make(series, tier, _ALL, present)] if present else []
        texts = self._texts_of(series.by)
        groups: defaultdict[str, list[int]] = defaultdict(list)
        for index in present:
            groups[texts[index]].append(index)
        return [make(series, tier, text, groups[text]) for text in sorted(groups)]

    def _numbers_row(self, series: Series, tier: Tier, key: str, indexes: Indexes) -> Row:
        measured = self._measured[series.operand]
        numbers = _of(measured.numbers, indexes)
        weight = self._added(self._weights, tier, indexes)
        sums = Sums(weight, self._total(measured.totals, tier, indexes), min(numbers), max(numbers))
        payload = pack(Numbers(sums, self._bins(measured.bins, indexes)))
        return self._row(key, tier, indexes, weight, payload)

    def _distinct_row(self, series: Series, tier: Tier, key: str, indexes: Indexes) -> Row:
        sketch = Sketch.of_places(set(_of(self._places[series.operand], indexes)))
        weight = self._added(self._weights, tier, indexes)
        return self._row(key, tier, indexes, weight, sketch.pack())

    def _row(self, key: str, tier: Tier, indexes: Indexes, weight: float, payload: bytes) -> Row:
        records = sum(_of(self._records, indexes))
        return Row(key, records, weight, self._added(self._errors, tier, indexes), payload)

    # -- Sums --------------------------------------------------------------------------------------

    def _added(self, weights: Sequence[float], tier: Tier, indexes: Indexes) -> float:
        if self._is_whole:  # whose sum is exact in any order
            return exact_sum(_of(weights, indexes))
        return self._total(weights, tier, indexes)

    def _total(self, values: Sequence[float], tier: Tier, indexes: Indexes) -> float:
        """Return the sum of some values: in a longer bucket, of the sums of its minutes."""
        if len(indexes) == 1:
            return values[indexes[0]]
        if tier == MINUTE:
            return exact_sum(_of(values, indexes))
        sums: defaultdict[int, list[float]] = defaultdict(list)
        for minute, value in zip(_of(self._minutes, indexes), _of(values, indexes), strict=True):
            sums[minute].append(value)
        return exact_sum(map(exact_sum, sums.values()))

    def _bins(self, bins: Sequence[int], indexes: Indexes) -> dict[int, float]:
        weights = self._weights
        found: dict[int, float] = {}
        if self._is_whole:
            for index in indexes:
                number = bins[index]
                found[number] = found.get(number, 0.0) + weights[index]
            return found
        for _minute, some in groupby(indexes, key=self._minutes.__getitem__):
            added: defaultdict[int, list[float]] = defaultdict(list)
            for index in some:
                added[bins[index]].append(weights[index])
            for number, each in added.items():
                found[number] = found.get(number, 0.0) + exact_sum(each)
        return found

    # -- Columns, each made when it is first used --------------------------------------------------

    def _texts_of(self, by: tuple[Operand, ...]) -> list[str]:
        """Return the key of each group by some operands."""
        if by not in self._texts:
            known: dict[Any, str] = {}
            texts = self._texts[by] = []
            for values in zip(*(self._columns[operand] for operand in by), strict=True):
                text = known.get(values)
                if text is None:
                    text = known[values] = encode_key(tuple(map(_plain, values)))
                texts.append(text)
        return self._texts[by]

    def _measured_of(self, operand: Operand) -> _Measured:
        if operand not in self._measured:
            self._measured[operand] = _Measured(self._columns[operand], self._weights)
        return self._measured[operand]

    def _places_of(self, operand: Operand) -> list[int | None]:
        if operand not in self._places:
            column = self._columns[operand]
            known = {
                value: None if value is None else place_of(_plain(value)) for value in {*column}
            }
            self._places[operand] = [known[value] for value in column]
        return self._places[operand]


class _Measured:
    """The numbers of an operand.

    Attributes:
        numbers: Of each group; None where it has no number.
        totals: The number times the weight.
        bins: Of the number.
    """

    def __init__(self, column: Sequence[Any], weights: Sequence[float]) -> None:
        self.numbers = list(map(_number, column))
        self.totals: list[float] = []
        self.bins: list[int] = []
        for number, weight in zip(self.numbers, weights, strict=True):
            self.totals.append(0.0 if number is None else number * weight)
            self.bins.append(0 if number is None else bin_of(number))


def _of(column: Sequence[Any], indexes: Indexes) -> list[Any]:
    return list(map(column.__getitem__, indexes))


def _number(value: Any) -> float | None:  # noqa: ANN401 - a `Scalar`, or one that is told apart
    """Return a value as a float; None where it is no number, or too large for one."""
    if type(value) is tuple:
        value = value[0]
    if isinstance(value, (str, bool)) or value is None:
        return None
    try:
        number = float(value)
    except OverflowError:
        return None
    return number if math.isfinite(number) else None


def _told_apart(column: Sequence[Scalar]) -> Sequence[Any]:
    """Return values as keys of a dict: True equals 1 as such, and a large float an integer.

    Those are in a tuple then.
    """
    if not {bool, float} & set(map(type, column)):
        return column
    return [(value,) if _equals_another(value) else value for value in column]


def _equals_another(value: Scalar) -> bool:
    return isinstance(value, bool) or (isinstance(value, float) and abs(value) >= _EXACT_INTEGERS)


def _plain(value: Any) -> Any:  # noqa: ANN401 - as in `_number`
    return value[0] if type(value) is tuple else value
