"""`Maintainer`: keeps the rollups of one store equal to its records, a short step at a time.

Nothing is locked while rows are computed. So each step reads the revision of the state first, and
writes only if nobody has written meanwhile: whoever did may have computed the same minutes from
newer records, and deleted their marks. Marks that arrive meanwhile stay for the next step.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final, cast

from flask_chest.query.paging import Reader
from flask_chest.query.questions import STARTED_AT, Order, Selection
from flask_chest.rollup import compute
from flask_chest.rollup.cubes import Cubes, Series
from flask_chest.rollup.frozen import thaw
from flask_chest.rollup.made import Made
from flask_chest.rollup.state import State
from flask_chest.rollup.storage import Change, Overtaken, RollupStorage
from flask_chest.rollup.sweeping import RECENT_SECONDS, SUSPECT_SECONDS, TOTAL, sweep
from flask_chest.rollup.tiers import (
    BELOW,
    DAY,
    EVER,
    FIVE_MINUTES,
    HOUR,
    MINUTE,
    NEVER,
    Tier,
    ceiling,
    floor,
    moment_of,
    seconds_of,
)

if TYPE_CHECKING:
    from flask_chest.rollup.keeper import Keeper

QUIET_SECONDS: Final = 15
"""A minute that has ended is computed so much later: most of its records are delivered then."""

_FORGOTTEN_HOURS: Final = 6
"""Hours of a tier's rows that one step deletes."""

_HOURS_AT_ONCE: Final = 24
"""Hours that are filled together where they have few records."""


class Maintainer:
    """Keeps the rollups of one store equal to its records.

    Args:
        reader: The store, which is open.
        storage: Its rollups.
        cubes: What is to be rolled up; None for what the database has already.
        now: Returns the present in Unix seconds.
        go_on: Called after each step. What it raises ends the work; the steps before stay done.
    """

    def __init__(
        self,
        reader: Reader,
        storage: RollupStorage,
        cubes: Cubes | None = None,
        *,
        now: Callable[[], float] = time.time,
        go_on: Callable[[], None] = lambda: None,
    ) -> None:
        self.reader = reader
        self.storage = storage
        self._cubes = cubes
        self._declared = [] if cubes is None else cubes.series()
        self.now = now
        self._go_on = go_on
        self._computer: compute.Computer | None = None
        self.keeper: Keeper | None = None  # its claim to do this, which each change renews

    def run(self) -> None:
        """Do all that is to be done now.

        Raises:
            ExporterUnavailable: The database cannot be read or written now.
        """
        try:
            self.declare()
            thaw(self)
            self.sweep()
            self.catch_up(self.quiet())
            self.raise_tiers(self.quiet())
            while self.fill():
                self.catch_up(self.quiet())
            self.raise_tiers(self.quiet())
            self.forget()
        except Overtaken:
            pass

    def quiet(self) -> int:
        """Return up to when minutes may be computed, in Unix seconds."""
        return int(self.now()) - QUIET_SECONDS

    # -- Steps ---------------------------------------------------------------------------------

    def declare(self) -> None:
        """Add the series that are declared and not there yet. They have no bucket at first."""
        state = self.current()
        most = state.max_groups if self._cubes is None else self._cubes.max_groups
        has_all = state.tiers_since[FIVE_MINUTES] < NEVER
        if (
            has_all
            and most == state.max_groups
            and all(each in state.series for each in self._declared)
        ):
            return
        since = ceiling(int(self.now()) + 1, HOUR)
        with self.storage.changing() as change:
            if not change.state.series:  # nothing is filled only to be deleted at once
                change.state.tiers_since.update(self._expiry())
            if not has_all:
                change.state.tiers_since[FIVE_MINUTES] = ceiling(since, DAY)
            change.state.max_groups = most
            change.state.suspect_until = int(self.now()) + SUSPECT_SECONDS
            for series in self._declared:
                if series not in change.state.series:
                    change.state.add(series, since)
        self._go_on()

    def sweep(self) -> None:
        """Mark recent minutes that an older Flask-Chest has delivered to.

        Raises:
            Overtaken: Another process has changed the rollups meanwhile.
        """
        state = self.current()
        if sweep(self.reader, self.storage, state, self.quiet()):
            with self.unless_overtaken(state) as change:
                change.state.swept_at = state.swept_at
                change.state.suspect_until = state.suspect_until
            self._go_on()

    def catch_up(self, until: int) -> bool:
        """Compute the minutes that are marked and end before `until`, in Unix seconds.

        Marks that arrive meanwhile are left to the next call: a backlog that is being delivered
        marks the same minutes many times.

        Returns:
            Whether there were any.

        Raises:
            Overtaken: Another process has changed the rollups meanwhile.
        """
        done: set[int] = set()
        while True:
            waiting = [minute for minute in self.storage.marked() if minute + MINUTE <= until]
            left = [minute for minute in waiting if floor(minute, HOUR) not in done]
            if not left:
                return bool(done)
            done.update(self._compute(max(left), until))
            self._go_on()

    def _compute(self, minute: int, until: int) -> range:
        """Compute the marked minutes of an hour, or, where minutes are not kept, its bucket.

        Args:
            minute: One that is marked.
            until: Minutes that end later are left, in Unix seconds.

        Returns:
            The hours that are done.
        """
        # The state first: whoever deletes a mark after this has also written a new revision.
        state = self.current()
        tier = state.tier_of(minute)
        length = max(tier, HOUR)
        around = floor(minute, length)
        marks = [
            mark
            for mark in self.storage.marks(around, around + length)
            if mark.minute + MINUTE <= until
        ]
        late = [mark for mark in marks if state.is_frozen(mark.minute)]
        first, end = around, around + length
        current = {mark.minute for mark in marks} - {mark.minute for mark in late}
        if tier == MINUTE and current:
            first, end = min(current), max(current) + MINUTE
        made = self._from_records(
            state, list(state.series), range(first, end if current else first, tier)
        )
        state, left = self._write_most(state, made)
        with self.unless_overtaken(state) as change:
            change.forget(marks)
            change.state.late += len(late)
            if current:
                made.write(change, left)
                change.state.soil(tier, first)
        return range(around, around + length, HOUR)

    def _from_records(self, state: State, wanted: Sequence[Series], buckets: range) -> Made:
        """Return the rows of buckets, whose tier is the step of the range, from the records."""
        rows = self.computer().rows(wanted, buckets, state.max_groups) if buckets else {}
        return Made(buckets, rows, state.max_groups, self.quiet())

    def _write_most(self, state: State, made: Made) -> tuple[State, range]:
        """Write rows that are not used yet, but for those of the last transaction.

        Returns:
            The state after it, and the buckets that are left.
        """
        *first, last = made.parts()
        for part in first:
            with self.unless_overtaken(state) as change:
                made.write(change, part)
            state = change.state
            self._go_on()
        return state, last

    def raise_tiers(self, until: int) -> None:
        """Merge minutes into the hours that lack something, and hours into such days.

        Args:
            until: Buckets that end later are left out, in Unix seconds.

        Raises:
            Overtaken: Another process has changed the rollups meanwhile.
        """
        for tier, below in BELOW.items():
            state = self.current()
            if not state.dirty[tier]:
                continue
            waiting = {floor(minute, tier) for minute in self.storage.marked()}
            waiting |= {floor(bucket, tier) for bucket in state.dirty.get(below, ())}
            for bucket in sorted(state.dirty[tier] - waiting):
                if bucket + tier <= until:
                    self._raise(self.current(), tier, bucket)
                    self._go_on()

    def _raise(self, state: State, tier: Tier, bucket: int) -> None:
        found: dict[Series, compute.Buckets] = {}
        # Where the tier below is not kept any more, the bucket was computed from the records.
        if bucket >= state.tiers_since[BELOW[tier]]:
            for series, kept in state.series.items():
                rows: compute.Buckets = {}
                for each, row in self.storage.rows(kept.id, BELOW[tier], bucket, bucket + tier):
                    rows.setdefault(each, []).append(row)
                found[series] = compute.raised(series, rows, tier, state.max_groups)
        buckets = range(bucket, bucket + tier, tier)
        made = Made(buckets, found, state.max_groups, self.quiet())
        with self.unless_overtaken(state) as change:
            made.write(change, buckets)
            change.state.dirty[tier].discard(bucket)

    def fill(self) -> bool:
        """Compute the newest hours that a series lacks; return whether there may be more.

        Raises:
            Overtaken: Another process has changed the rollups meanwhile.
        """
        state = self.current()
        since = max((kept.since for kept in state.series.values()), default=EVER)
        if since <= state.frozen or since == EVER:
            return False
        wanted = [series for series, kept in state.series.items() if kept.since == since]
        buckets = self._newest(state, since)
        made = self._from_records(state, wanted, buckets)
        state, left = self._write_most(state, made)
        with self.unless_overtaken(state) as change:
            if buckets:
                made.write(change, left)
                for bucket in buckets:
                    change.state.soil(cast("Tier", buckets.step), bucket)
            for series in wanted:
                change.state.series[series].since = max(buckets.start, state.frozen)
        self._go_on()
        return True

    def _newest(self, state: State, until: int) -> range:
        """Return the newest buckets with records before a moment that can be computed together.

        None of them is there where all is complete, or its beginning has no records any more.
        """
        newest = self.newest_before(until)
        if newest is None:
            return range(EVER, EVER)
        tier = state.tier_of(floor(newest, DAY))
        length = max(tier, HOUR)
        begin = floor(newest, length)
        first = max(begin, state.frozen)
        if tier == MINUTE:
            return range(first, begin + HOUR, MINUTE)
        if first > begin:
            return range(first, first, tier)
        if tier == HOUR:
            hours = self.computer().hours_at_once(_HOURS_AT_ONCE)
            first = max(begin - (hours - 1) * HOUR, floor(begin, DAY), ceiling(state.frozen, HOUR))
        return range(first, begin + length, tier)

    def newest_before(self, until: int) -> int | None:
        """Return when the newest record started that started before a moment; None without any."""
        order = Order(STARTED_AT, descending=True)
        found = self.reader.select(Selection(until=moment_of(until), order=order, limit=1))
        return seconds_of(found[0].started_at) if found else None

    def forget(self) -> None:
        """Delete the rows that have exceeded the retention of their tier.

        Raises:
            Overtaken: Another process has changed the rollups meanwhile.
        """
        for tier, expired in self._expiry().items():
            state = self.current()
            above = [bucket for upper in BELOW if upper > tier for bucket in state.dirty[upper]]
            lacking = [kept.since for kept in state.series.values() if kept.since > state.frozen]
            until = floor(min([expired, *above, *lacking]), DAY)
            if until > state.tiers_since[tier]:
                with self.unless_overtaken(state) as change:
                    change.state.tiers_since[tier] = until
            self._delete(tier, max(until, state.tiers_since[tier]))

    def _expiry(self) -> dict[Tier, int]:
        return {} if self._cubes is None else self._cubes.expiry(self.now())

    def _delete(self, tier: Tier, until: int) -> None:
        for kept in self.current().series.values():
            while (oldest := self.storage.oldest(kept.id, tier)) is not None and oldest < until:
                step = max(tier, _FORGOTTEN_HOURS * HOUR)
                with self.storage.changing() as change:
                    change.delete(kept.id, tier, min(floor(oldest, step) + step, until))
                self._go_on()

    # -- Helpers -------------------------------------------------------------------------------

    def computer(self) -> compute.Computer:
        """Return what computes rows from the records."""
        if self._computer is None:
            self._computer = compute.Computer(self.reader.tally, self._expected())
        return self._computer

    def _expected(self) -> float:
        """Return how many records a minute is likely to have, by the newest rows."""
        kept = self.current().series.get(TOTAL)
        if kept is None:
            return 0.0
        until = floor(self.quiet(), MINUTE)
        since = until - RECENT_SECONDS
        rows = self.storage.rows(kept.id, MINUTE, since, until)
        return sum(row.records for _, row in rows) / (RECENT_SECONDS / MINUTE)

    def current(self) -> State:
        """Return the state.

        Raises:
            Overtaken: The rollups were dropped.
        """
        state = self.storage.state()
        if state is None:
            raise Overtaken("the rollups were dropped")
        return state

    @contextmanager
    def unless_overtaken(self, state: State) -> Iterator[Change]:
        """Give a transaction, unless the rollups were changed since the state was read."""
        with self.storage.changing() as change:
            if change.state.revision != state.revision:
                raise Overtaken("another process has changed the rollups")
            if self.keeper is not None:
                self.keeper.renew(change.state)
            yield change
