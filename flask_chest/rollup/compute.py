"""The rows of minutes, computed from the records, and those of hours and days, merged from them."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, TypeAlias

from flask_chest.query.questions import Scalar, Spread, Sums, Tally, TallyRow
from flask_chest.query.sketch import Sketch
from flask_chest.rollup.cubes import Series, source_of
from flask_chest.rollup.rows import (
    Key,
    Numbers,
    Row,
    capped,
    decode_key,
    encode_key,
    merged,
    pack,
)
from flask_chest.rollup.tiers import MINUTE, Tier, floor, moment_of

Tallies: TypeAlias = Callable[[Tally], Iterator[TallyRow]]
"""`Store.tally`."""

Buckets: TypeAlias = dict[int, list[Row]]
"""The rows of each bucket that has any."""


def minutes(
    tally: Tallies, wanted: Sequence[Series], since: int, until: int, max_groups: int
) -> dict[Series, Buckets]:
    """Return the rows of the minutes from `since` to before `until`, from the records.

    Args:
        tally: Asks the store.
        wanted: All series of the database: those with fewer dimensions are made of finer ones.
        since: Beginning of a minute.
        until: Beginning of a minute.
        max_groups: Most groups of a bucket.
    """
    sources = {series: source_of(series, wanted) for series in wanted}
    found: dict[Series, dict[int, list[Row]]] = {}
    for source in dict.fromkeys(sources.values()):
        found[source] = _groups(tally, source, since, until)
    made: dict[Series, Buckets] = {}
    for series, source in sources.items():
        made[series] = {}
        for minute, groups in found[source].items():
            rows = groups if series is source else _coarser(groups, source, series)
            made[series][minute] = capped(rows, max_groups, are_sketches=series.are_sketches)
    return made


def _groups(tally: Tallies, series: Series, since: int, until: int) -> Buckets:
    """Return the rows of a series by minute, one for each group, in the order of the keys."""
    asked = Tally(
        since=moment_of(since),
        until=moment_of(until),
        slot_seconds=MINUTE,
        by=series.by,
        numbers=() if series.are_sketches else (series.operand,),
        spread=Spread(series.operand, as_bins=not series.are_sketches),
    )
    groups: dict[Any, list[TallyRow]] = {}
    for row in tally(asked):
        # 1 equals True as a key of a dict. Most groups have many rows, one for each bin.
        groups.setdefault((row.slot, row.key, *map(type, row.key)), []).append(row)
    encoded: dict[tuple[int, str], list[TallyRow]] = {}
    for (slot, key, *_types), rows in groups.items():
        encoded.setdefault((slot or 0, encode_key(_plain(key))), []).extend(rows)
    found: Buckets = {}
    make = _distinct_row if series.are_sketches else _numbers_row
    for minute, text in sorted(encoded):
        found.setdefault(minute, []).append(make(text, encoded[minute, text]))
    return found


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
        math.fsum(weights),
        math.fsum(totals),
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
        math.fsum(row.weight for row in rows),
        math.fsum(row.errors for row in rows),
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
