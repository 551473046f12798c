"""What is frozen: rollups of records that are deleted, which are computed no more."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from flask_chest.query.questions import Tally
from flask_chest.rollup.storage import Overtaken
from flask_chest.rollup.sweeping import TOTAL
from flask_chest.rollup.tiers import (
    DAY,
    EVER,
    HOUR,
    MINUTE,
    Tier,
    ceiling,
    floor,
    is_whole,
    moment_of,
    seconds_of,
)

if TYPE_CHECKING:
    from datetime import datetime

    from flask_chest.rollup.maintenance import Maintainer
    from flask_chest.rollup.state import State

AHEAD_SECONDS: Final = 300
"""The clocks of hosts may differ by so much."""

_TIERS: Final[tuple[Tier, ...]] = (MINUTE, HOUR, DAY)


@contextmanager
def purging(maintainer: Maintainer, before: datetime) -> Iterator[None]:
    """Run the block, which deletes all records that started before a moment.

    The rollups of minutes that are over stay as they are. In the others, more records may start:
    these minutes are marked, and computed anew. They are marked twice, as a kill may come between,
    and as somebody may compute one before its records are deleted.

    Raises:
        ExporterUnavailable: The database cannot be read or written now.
    """
    since, until = freeze(maintainer, before), _minute_after(before)
    if since >= until:
        yield
        return
    later = _with_records(maintainer, since, until)
    maintainer.storage.mark(later)
    try:
        yield
    finally:
        now = ceiling(int(maintainer.now()) + 1, MINUTE)
        maintainer.storage.mark(later | {*range(since, min(until, now), MINUTE)})


def freeze(maintainer: Maintainer, before: datetime) -> int:
    """Bring up to date what is about to be deleted, and compute it no more.

    Nothing beyond the last minute that is over is frozen, since more records of it will come.

    Args:
        maintainer: Of the store.
        before: Records that started earlier are going to be deleted.

    Returns:
        Up to where the rollups are frozen, in Unix seconds.

    Raises:
        ExporterUnavailable: The database cannot be read or written now.
    """
    thaw(maintainer)
    until = min(_minute_after(before), floor(maintainer.quiet(), MINUTE))
    while True:
        try:
            state = maintainer.storage.state()
            if state is None or state.frozen >= until:
                return until if state is None else state.frozen
            while maintainer.catch_up(until):
                pass
            while maintainer.fill():
                pass
            with maintainer.storage.changing() as change:
                change.state.frozen = max(change.state.frozen, until)
            return change.state.frozen
        except Overtaken:
            continue


def thaw(maintainer: Maintainer) -> None:
    """Compute again what was frozen although it was not over, by a Flask-Chest that did so.

    Raises:
        ExporterUnavailable: The database cannot be read or written now.
    """
    while True:
        state = maintainer.storage.state()
        if state is None:
            return
        frozen = thawed(maintainer, state).frozen
        if frozen == state.frozen:
            return
        # Before the state is written, so that a kill between both loses nothing.
        maintainer.storage.mark(
            _with_records(maintainer, frozen, state.frozen)
            | _with_rows(maintainer, state, MINUTE, max(frozen, maintainer.quiet()), state.frozen)
        )
        try:
            with maintainer.unless_overtaken(state) as change:
                change.state.frozen = frozen
        except Overtaken:
            continue
        return


def thawed(maintainer: Maintainer, state: State) -> State:
    """Return a state as it would be if no minute had been frozen before it was over.

    It is the same where nothing is frozen beyond now, and where no record agrees that this is
    beyond now: then it is the clock of this host that is wrong.
    """
    now = maintainer.quiet()
    if state.frozen <= now + AHEAD_SECONDS or maintainer.newest_before(now) is None:
        return state
    # What was frozen then has rows, and nothing has had any since.
    for tier in _TIERS:
        last = max(_with_rows(maintainer, state, tier, EVER, now), default=None)
        if last is not None:
            has_more = _with_records(maintainer, last, last + tier)
            return replace(state, frozen=last if has_more else last + tier)
    return replace(state, frozen=EVER)


def _minute_after(moment: datetime) -> int:
    return ceiling(seconds_of(moment) + (not is_whole(moment, 1)), MINUTE)


def _with_records(maintainer: Maintainer, since: int, until: int) -> set[int]:
    """Return the minutes of a range that have records."""
    first = None if since == EVER else moment_of(since)
    asked = Tally(since=first, until=moment_of(until), slot_seconds=MINUTE)
    return {row.slot for row in maintainer.reader.tally(asked) if row.slot is not None}


def _with_rows(
    maintainer: Maintainer, state: State, tier: Tier, since: int, until: int
) -> set[int]:
    """Return the buckets of a range that have rows."""
    kept = state.series.get(TOTAL)
    if kept is None:
        return set()
    return {bucket for bucket, _row in maintainer.storage.rows(kept.id, tier, since, until)}
