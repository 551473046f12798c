"""Finds minutes whose records were stored or deleted without a mark.

An older Flask-Chest writes none, nor does a user who may not write marks.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from flask_chest.query.questions import Order, Selection, Tally
from flask_chest.rollup.cubes import DURATION, Series
from flask_chest.rollup.tiers import DAY, HOUR, MINUTE, floor, moment_of, seconds_of

if TYPE_CHECKING:
    from flask_chest.query.paging import Reader
    from flask_chest.rollup.state import State
    from flask_chest.rollup.storage import RollupStorage

TOTAL: Final = Series((), DURATION, "numbers")
"""Has all records."""

RECENT_SECONDS: Final = 600
SUSPECT_SECONDS: Final = DAY
"""For so long after rollups were created, or such a minute was found, each run looks for others."""

HOURS: Final = 3
"""Else each hour, one run looks at as many hours."""


def sweep(reader: Reader, storage: RollupStorage, state: State, now: int) -> bool:
    """Mark the recent minutes whose rows have another number of records than there are.

    Args:
        reader: The store.
        storage: Its rollups.
        state: Of them.
        now: The newest moment that is looked at, in Unix seconds.

    Returns:
        Whether the state has to be written, in which this has noted what it did.
    """
    is_due = now - state.swept_at >= HOUR
    if not is_due and now >= state.suspect_until:
        return False
    since = floor(now, HOUR) - HOURS * HOUR if is_due else floor(now - RECENT_SECONDS, MINUTE)
    found = unmarked(reader, storage, state, since, floor(now, MINUTE))
    if found:
        storage.mark(found)
        state.suspect_until = now + SUSPECT_SECONDS
    if is_due:
        state.swept_at = now
    return bool(found) or is_due


def unmarked(
    reader: Reader, storage: RollupStorage, state: State, since: int, until: int
) -> list[int]:
    """Return the minutes of a range whose rows have another number of records than there are."""
    kept = state.series.get(TOTAL)
    if kept is None:
        return []
    since = max(since, kept.since, state.frozen, state.tiers_since[MINUTE])
    asked = Tally(since=moment_of(since), until=moment_of(until), slot_seconds=MINUTE)
    there = {row.slot: row.records for row in reader.tally(asked) if row.slot is not None}
    known: dict[int, int] = {}
    for minute, row in storage.rows(kept.id, MINUTE, since, until):
        known[minute] = known.get(minute, 0) + row.records
    differing = {m for m in there.keys() | known.keys() if there.get(m, 0) != known.get(m, 0)}
    if differing - there.keys():  # what an older Flask-Chest has purged stays in the rollups
        oldest = reader.select(Selection(order=Order(descending=False), limit=1))
        first = seconds_of(oldest[0].started_at) if oldest else until
        differing = {minute for minute in differing if minute in there or minute > first}
    return sorted(differing - storage.marked())
