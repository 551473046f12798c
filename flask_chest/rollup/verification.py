"""Whether rollups agree with the records, and how they are made anew."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Final, NamedTuple

from flask_chest.query.questions import Sums, Tally
from flask_chest.rollup import compute
from flask_chest.rollup.cubes import Series
from flask_chest.rollup.frozen import thaw, thawed
from flask_chest.rollup.maintenance import Maintainer
from flask_chest.rollup.rows import Row, unpack
from flask_chest.rollup.state import State
from flask_chest.rollup.storage import Overtaken
from flask_chest.rollup.sweeping import TOTAL
from flask_chest.rollup.tiers import (
    DAY,
    EVER,
    FIVE_MINUTES,
    HOUR,
    MINUTE,
    NAMES,
    Tier,
    ceiling,
    floor,
    moment_of,
)

_TOLERANCE: Final = 1e-9
"""A database may add the same numbers in another order."""


class Difference(NamedTuple):
    """A bucket whose rows are not those that the records have.

    Attributes:
        tier: Its tier.
        bucket: Its beginning, in Unix seconds.
        series: Whose rows they are.
        stored: Number of records by the rows that are stored.
        records: Number of records that there are.
    """

    tier: Tier
    bucket: int
    series: Series
    stored: int
    records: int

    def __str__(self) -> str:
        by = ", ".join(map(str, self.series.by)) or "all"
        return (
            f"the {NAMES[self.tier]} of {moment_of(self.bucket):%Y-%m-%d %H:%M} ({self.series.kind}"
            f" of {self.series.operand} by {by}): {self.stored:,} records in the rollups, "
            f"{self.records:,} in the store"
        )


def rebuild(maintainer: Maintainer, progress: Callable[[int], None] = lambda _hour: None) -> int:
    """Compute all rollups anew from the records that are there; return the number of hours.

    A kill loses nothing: what was not done yet is marked, or as it was.

    Args:
        maintainer: Of the store.
        progress: Called after each hour, with its beginning in Unix seconds.

    Raises:
        ExporterUnavailable: The database cannot be read or written now.
    """
    maintainer.declare()
    thaw(maintainer)
    series = maintainer.current().series.values()
    filled = min((kept.since for kept in series), default=EVER)
    rolled_up = _rolled_up(maintainer)
    found = hours(maintainer)
    for hour in found:
        is_new = hour + HOUR <= filled and hour not in rolled_up
        while True:
            try:
                _fill_to(maintainer, hour) if is_new else _anew(maintainer, hour)
            except Overtaken:
                continue
            break
        progress(hour)
    maintainer.run()
    return len(found)


def _anew(maintainer: Maintainer, hour: int) -> None:
    """Compute an hour of which there may be rows."""
    first = max(hour, maintainer.current().frozen)
    maintainer.storage.mark(range(first, hour + HOUR, MINUTE))
    maintainer.catch_up(hour + HOUR)


def _fill_to(maintainer: Maintainer, hour: int) -> None:
    """Fill all series down to an hour, which no one of them has yet."""
    while any(kept.since > hour for kept in maintainer.current().series.values()):
        if not maintainer.fill():
            break


def hours(maintainer: Maintainer) -> list[int]:
    """Return the hours that have records or rows and are not frozen, the newest first."""
    asked = Tally(slot_seconds=HOUR)
    found = {row.slot for row in maintainer.reader.tally(asked) if row.slot is not None}
    found |= _rolled_up(maintainer)
    frozen = _state(maintainer).frozen
    return sorted((hour for hour in found if hour + HOUR > frozen), reverse=True)


def _rolled_up(maintainer: Maintainer) -> set[int]:
    """Return the hours that have rows."""
    kept = maintainer.current().series.get(TOTAL)
    if kept is None:
        return set()
    tiers: tuple[Tier, ...] = (MINUTE, HOUR)
    return {
        floor(bucket, HOUR)
        for tier in tiers
        for bucket, _row in maintainer.storage.rows(kept.id, tier, EVER, -EVER)
    }


def verify(maintainer: Maintainer) -> Iterator[Difference]:
    """Yield the buckets whose rows do not agree with the records.

    What is marked is left out: it is computed anew, and answered from the records until then. So
    is what is frozen, which has no records any more.

    Raises:
        ExporterUnavailable: The database cannot be read now.
    """
    days: dict[int, dict[Series, compute.Buckets]] = {}
    for hour in hours(maintainer):
        found = _of_hour(maintainer, hour, days.setdefault(floor(hour, DAY), {}))
        if found:  # else a leader may have been at work between two looks
            found = _of_hour(maintainer, hour, {})
        yield from found
    for day, made in days.items():
        yield from _of_day(maintainer, day, made)


def _of_hour(
    maintainer: Maintainer, hour: int, day: dict[Series, compute.Buckets]
) -> list[Difference]:
    state = _state(maintainer)
    most = state.max_groups
    first = max(hour, state.frozen)
    wanted = list(state.series)
    computer = maintainer.computer()
    has_minutes = hour >= state.tiers_since[MINUTE]
    if has_minutes or first > hour:
        made = computer.rows(wanted, range(first, hour + HOUR, MINUTE), most)
        hours_made = {series: compute.raised(series, made[series], HOUR, most) for series in wanted}
    else:
        made = {}
        hours_made = computer.rows(wanted, range(hour, hour + HOUR, HOUR), most)
    marked = _marked(maintainer)
    found = []
    for series, kept in state.series.items():
        raised = hours_made[series]
        day.setdefault(series, {}).update(raised)
        if first < kept.since:
            continue
        if has_minutes:
            minutes = [m for m in range(first, hour + HOUR, MINUTE) if m not in marked]
            found += _compared(maintainer, MINUTE, series, made[series], minutes)
            fives = compute.raised(series, made[series], FIVE_MINUTES, most)
            found += _compared(
                maintainer, FIVE_MINUTES, series, fives, _fives(state, first, marked)
            )
        is_whole = hour >= state.frozen and hour not in state.dirty[HOUR]
        if is_whole and hour >= state.tiers_since[HOUR] and not _touches(marked, hour, HOUR):
            found += _compared(maintainer, HOUR, series, raised, [hour])
    return found


def _fives(state: State, first: int, marked: set[int]) -> list[int]:
    """Return the five minutes of an hour that are complete from a moment in it on."""
    since = max(first, state.tiers_since[FIVE_MINUTES])
    return [
        bucket
        for bucket in range(ceiling(since, FIVE_MINUTES), floor(first, HOUR) + HOUR, FIVE_MINUTES)
        if bucket not in state.dirty[FIVE_MINUTES] and not _touches(marked, bucket, FIVE_MINUTES)
    ]


def _of_day(
    maintainer: Maintainer, day: int, made: dict[Series, compute.Buckets]
) -> list[Difference]:
    state, found = _state(maintainer), []
    is_settled = day >= state.frozen and day not in state.dirty[DAY]
    if not is_settled or day < state.tiers_since[DAY]:
        return []
    if _touches(_marked(maintainer), day, DAY):
        return []
    for series, kept in state.series.items():
        if day >= kept.since:
            raised = compute.raised(series, made.get(series, {}), DAY, state.max_groups)
            found += _compared(maintainer, DAY, series, raised, [day])
    return found


def _state(maintainer: Maintainer) -> State:
    """Return the state, without what an older Flask-Chest has frozen beyond its now."""
    return thawed(maintainer, maintainer.current())


def _marked(maintainer: Maintainer) -> set[int]:
    """Return the minutes that are marked, and computed anew because of it."""
    marked = maintainer.storage.marked()
    state = maintainer.current()
    return {minute for minute in marked if not state.is_frozen(minute)}


def _touches(marked: Iterable[int], bucket: int, tier: Tier) -> bool:
    return any(bucket <= minute < bucket + tier for minute in marked)


def _compared(
    maintainer: Maintainer,
    tier: Tier,
    series: Series,
    made: compute.Buckets,
    buckets: Sequence[int],
) -> list[Difference]:
    if not buckets:
        return []
    stored: compute.Buckets = {}
    kept = maintainer.current().series[series]
    for bucket, row in maintainer.storage.rows(kept.id, tier, buckets[0], buckets[-1] + tier):
        stored.setdefault(bucket, []).append(row)
    return [
        Difference(tier, bucket, series, _records(stored, bucket), _records(made, bucket))
        for bucket in buckets
        if not _are_equal(stored.get(bucket, []), made.get(bucket, []), series)
    ]


def _records(buckets: compute.Buckets, bucket: int) -> int:
    return sum(row.records for row in buckets.get(bucket, []))


def _are_equal(stored: Sequence[Row], made: Sequence[Row], series: Series) -> bool:
    """Return whether rows are equal, but for the last digits of sums."""
    if stored == made:
        return True
    if [(row.key, row.records) for row in stored] != [(row.key, row.records) for row in made]:
        return False
    return all(_is_equal(one, other, series) for one, other in zip(stored, made, strict=True))


def _is_equal(one: Row, other: Row, series: Series) -> bool:
    if not (_is_close(one.weight, other.weight) and _is_close(one.errors, other.errors)):
        return False
    if series.are_sketches or one.payload == other.payload:
        return one.payload == other.payload
    left, right = unpack(one.payload), unpack(other.payload)
    return _are_close(left.sums, right.sums) and (
        left.bins.keys() == right.bins.keys()
        and all(_is_close(weight, right.bins[number]) for number, weight in left.bins.items())
    )


def _are_close(one: Sums, other: Sums) -> bool:
    return all(
        left == right if left is None or right is None else _is_close(left, right)
        for left, right in zip(one, other, strict=True)
    )


def _is_close(one: float, other: float) -> bool:
    return math.isclose(one, other, rel_tol=_TOLERANCE, abs_tol=_TOLERANCE)
