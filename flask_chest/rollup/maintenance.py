"""`Maintainer`: keeps the rollups of one store equal to its records, a short step at a time.

Nothing is locked while rows are computed. So each step reads the revision of the state first, and
writes only if nobody has written meanwhile: whoever did may have computed the same minutes from
newer records, and deleted their marks. Marks that arrive meanwhile stay for the next step.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import TYPE_CHECKING, Final, Protocol, cast

from flask_chest.query.paging import Reader
from flask_chest.query.questions import STARTED_AT, Order, Selection
from flask_chest.rollup import compute
from flask_chest.rollup.cubes import Cubes, Series
from flask_chest.rollup.declaration import Declaration
from flask_chest.rollup.state import State
from flask_chest.rollup.storage import Change, RollupStorage
from flask_chest.rollup.sweeping import RECENT_SECONDS, SUSPECT_SECONDS, TOTAL, sweep
from flask_chest.rollup.tiers import (
    BELOW,
    DAY,
    EVER,
    FIVE_MINUTES,
    HOUR,
    MINUTE,
    NEVER,
    TIERS,
    Tier,
    ceiling,
    floor,
    is_whole,
    moment_of,
    seconds_of,
)

if TYPE_CHECKING:
    from datetime import datetime

QUIET_SECONDS: Final = 15
"""A minute that has ended is computed so much later: most of its records are delivered then."""

_FORGOTTEN_HOURS: Final = 6
"""Hours of a tier's rows that one step deletes."""

_ROWS_AT_ONCE: Final = 3_000
"""Rows that one transaction writes, as a writer of records waits for it."""

_HOURS_AT_ONCE: Final = 24
"""Hours that are filled together where they have few records."""


class Overtaken(Exception):
    """Another process has changed the rollups meanwhile. Nothing was written."""


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
        self._now = now
        self._go_on = go_on
        self._computer: compute.Computer | None = None

    def run(self) -> None:
        """Do all that is to be done now.

        Raises:
            ExporterUnavailable: The database cannot be read or written now.
        """
        try:
            self.declare()
            self.sweep()
            self.catch_up(self._quiet())
            self.raise_tiers(self._quiet())
            while self.fill():
                self.catch_up(self._quiet())
            self.raise_tiers(self._quiet())
            self.forget()
        except Overtaken:
            pass

    def _quiet(self) -> int:
        return int(self._now()) - QUIET_SECONDS

    def freeze(self, before: datetime) -> None:
        """Bring up to date what is about to be deleted, and compute it no more.

        Args:
            before: Records that started earlier are going to be deleted.

        Raises:
            ExporterUnavailable: The database cannot be read or written now.
        """
        until = ceiling(seconds_of(before) + (not is_whole(before, 1)), MINUTE)
        while True:
            try:
                state = self.storage.state()
                if state is None or state.frozen >= until:
                    return
                while self.catch_up(until):
                    pass
                while self.fill():
                    pass
                with self.storage.changing() as change:
                    change.state.frozen = max(change.state.frozen, until)
                return
            except Overtaken:
                continue

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
        since = ceiling(int(self._now()) + 1, HOUR)
        with self.storage.changing() as change:
            if not change.state.series:  # nothing is filled only to be deleted at once
                change.state.tiers_since.update(self._expiry())
            if not has_all:
                change.state.tiers_since[FIVE_MINUTES] = ceiling(since, DAY)
            change.state.max_groups = most
            change.state.suspect_until = int(self._now()) + SUSPECT_SECONDS
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
        if sweep(self.reader, self.storage, state, self._quiet()):
            with self._unless_overtaken(state) as change:
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
        made: dict[Series, compute.Buckets] = {}
        if current:
            made = self.computer().rows(
                list(state.series), range(first, end, tier), state.max_groups
            )
        state, left = self._write_most(state, range(first, end, tier), made)
        with self._unless_overtaken(state) as change:
            change.forget(marks)
            change.state.late += len(late)
            if current:
                self._write(change, left, made)
                change.state.soil(tier, first)
        return range(around, around + length, HOUR)

    def _write_most(
        self, state: State, buckets: range, made: dict[Series, compute.Buckets]
    ) -> tuple[State, range]:
        """Write the rows of buckets that are not used yet, but for the last transaction.

        Returns:
            The state after it, and the buckets that are left.
        """
        *first, last = _parts(buckets, made)
        for part in first:
            with self._unless_overtaken(state) as change:
                self._write(change, part, made)
            state = change.state
            self._go_on()
        return state, last

    def _write(self, change: Change, buckets: range, made: dict[Series, compute.Buckets]) -> None:
        """Replace the rows of buckets, whose tier is the step of the range.

        With minutes, the five minutes are replaced that have ended, and of which all are there.
        """
        state = change.state
        for series, kept in state.series.items():
            if series in made:
                rows = {b: found for b, found in made[series].items() if b in buckets}
                change.replace(kept.id, cast("Tier", buckets.step), buckets, rows)
        if buckets.step > MINUTE:
            return
        until = floor(min(buckets.stop, self._quiet()), FIVE_MINUTES)
        whole = range(ceiling(buckets.start, FIVE_MINUTES), until, FIVE_MINUTES)
        touched = {floor(minute, FIVE_MINUTES) for minute in buckets}
        state.dirty[FIVE_MINUTES] = (state.dirty[FIVE_MINUTES] | touched) - set(whole)
        for series, kept in state.series.items():
            if series in made and whole:
                minutes = {b: r for b, r in made[series].items() if floor(b, FIVE_MINUTES) in whole}
                rows = compute.raised(series, minutes, FIVE_MINUTES, state.max_groups)
                change.replace(kept.id, FIVE_MINUTES, whole, rows)

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
        made: dict[Series, compute.Buckets] = {}
        # Where the tier below is not kept any more, the bucket was computed from the records.
        if bucket >= state.tiers_since[BELOW[tier]]:
            for series, kept in state.series.items():
                rows: compute.Buckets = {}
                for each, row in self.storage.rows(kept.id, BELOW[tier], bucket, bucket + tier):
                    rows.setdefault(each, []).append(row)
                made[series] = compute.raised(series, rows, tier, state.max_groups)
        with self._unless_overtaken(state) as change:
            self._write(change, range(bucket, bucket + tier, tier), made)
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
        made: dict[Series, compute.Buckets] = {}
        if buckets:
            made = self.computer().rows(wanted, buckets, state.max_groups)
            state, left = self._write_most(state, buckets, made)
        with self._unless_overtaken(state) as change:
            if buckets:
                self._write(change, left, made)
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
        newest = self._before(until)
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

    def _before(self, until: int) -> int | None:
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
                with self._unless_overtaken(state) as change:
                    change.state.tiers_since[tier] = until
            self._delete(tier, max(until, state.tiers_since[tier]))

    def _expiry(self) -> dict[Tier, int]:
        """Return before which moment the rows of each tier that is not kept for ever expire.

        A tier is kept at least as long as the one below it, from which it is made.
        """
        found: dict[Tier, int] = {}
        longest = timedelta(0)
        for tier in TIERS:
            of = MINUTE if tier == FIVE_MINUTES else tier
            keep = None if self._cubes is None else self._cubes.retention[of]
            if keep is None:
                break
            longest = max(longest, keep)
            found[tier] = floor(int(self._now() - longest.total_seconds()), DAY)
        return found

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
        until = floor(self._quiet(), MINUTE)
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
    def _unless_overtaken(self, state: State) -> Iterator[Change]:
        """Give a transaction, unless the rollups were changed since the state was read."""
        with self.storage.changing() as change:
            if change.state.revision != state.revision:
                raise Overtaken("another process has changed the rollups")
            yield change


def _parts(buckets: range, made: dict[Series, compute.Buckets]) -> list[range]:
    """Return buckets as ranges, each with few enough rows for one transaction."""
    found: list[range] = []
    begin, rows = buckets.start, 0
    for bucket in buckets:
        new = sum(len(made[series].get(bucket, ())) for series in made)
        is_cut = buckets.step > MINUTE or not bucket % FIVE_MINUTES
        if is_cut and rows and rows + new > _ROWS_AT_ONCE:
            found.append(range(begin, bucket, buckets.step))
            begin, rows = bucket, 0
        rows += new
    return [*found, range(begin, buckets.stop, buckets.step)]


class RolledUp(Reader, Protocol):
    """A store, as far as its rollups are concerned."""

    rollups: Declaration | bool

    def rollup_storage(self) -> RollupStorage | None:
        """Return the rollups of the database."""


def maintainer(store: RolledUp, *, go_on: Callable[[], None] = lambda: None) -> Maintainer | None:
    """Return what keeps the rollups of an open store; None when it has none.

    Args:
        store: The store.
        go_on: As for `Maintainer`.
    """
    storage, declared = store.rollup_storage(), store.rollups
    if storage is None:
        return None
    cubes = Cubes.of(declared) if isinstance(declared, Declaration) else None
    return Maintainer(store, storage, cubes, go_on=go_on)
