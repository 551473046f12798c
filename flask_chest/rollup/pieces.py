"""A range of time, cut by where its answer comes from: a tier of the rollups, or the records."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, NamedTuple

from flask_chest.rollup.tiers import DAY, HOUR, MINUTE, Tier, ceiling, floor

if TYPE_CHECKING:
    from flask_chest.rollup.state import State


class Piece(NamedTuple):
    """A range of time.

    Attributes:
        tier: The rollups of this tier have it; None for the records.
        since: Its beginning, in Unix seconds.
        until: Its end.
    """

    tier: Tier | None
    since: int
    until: int


def runs(minutes: Iterable[int], most: int) -> list[tuple[int, int]] | None:
    """Return minutes as ranges, at most so many; None when there are too many.

    Where there are more, whole hours or days stand for the minutes in them.
    """
    known = set(minutes)
    for length in (MINUTE, HOUR, DAY):
        found: list[tuple[int, int]] = []
        for begin in sorted({floor(minute, length) for minute in known}):
            if found and found[-1][1] == begin:
                found[-1] = found[-1][0], begin + length
            else:
                found.append((begin, begin + length))
        if len(found) <= most:
            return found
    return None


class Bounds(NamedTuple):
    """From where to where the rollups are asked.

    Attributes:
        since: Beginning of a minute.
        until: Beginning of a minute.
        complete_since: From when on they have all that is asked.
    """

    since: int
    until: int
    complete_since: int


def cut(
    bounds: Bounds, tiers: Sequence[Tier], state: State, blocked: Sequence[tuple[int, int]]
) -> list[Piece]:
    """Return a range cut into pieces, in the order of time.

    Args:
        bounds: The range.
        tiers: Those that may be taken, the coarsest first.
        state: What the rollups have.
        blocked: Ranges for which the records are taken.
    """
    pieces: list[Piece] = []
    at, until = bounds.since, bounds.until
    low = max(at, ceiling(bounds.complete_since, MINUTE))
    for first, last in [*blocked, (until, until)]:
        begin, end = max(first, at), min(max(last, at), until)
        free = max(at, min(low, begin))
        pieces.append(Piece(None, at, free))
        pieces += _cut(free, begin, tiers, state)
        pieces.append(Piece(None, begin, end))
        at = max(end, begin)
    return list(_joined(pieces))


def _cut(since: int, until: int, tiers: Sequence[Tier], state: State) -> Iterator[Piece]:
    """Yield a range in which nothing is blocked, a tier after the other."""
    if since >= until:
        return
    if not tiers:
        yield Piece(None, since, until)
        return
    tier, lower = tiers[0], tiers[1:]
    begin = min(ceiling(max(since, state.tiers_since[tier]), tier), until)
    end = floor(until, tier)
    if begin >= end:
        yield from _cut(since, until, lower, state)
        return
    yield from _cut(since, begin, lower, state)
    at = begin
    for bucket in sorted(state.dirty.get(tier, ())):
        if at <= bucket < end:
            if at < bucket:
                yield Piece(tier, at, bucket)
            yield from _cut(bucket, bucket + tier, lower, state)
            at = bucket + tier
    if at < end:
        yield Piece(tier, at, end)
    yield from _cut(end, until, lower, state)


def _joined(pieces: Iterable[Piece]) -> Iterator[Piece]:
    """Yield pieces, those of the records that touch each other as one."""
    last: Piece | None = None
    for piece in pieces:
        if piece.since >= piece.until:
            continue
        if last is not None and last.tier == piece.tier and last.until == piece.since:
            last = Piece(last.tier, last.since, piece.until)
            continue
        if last is not None:
            yield last
        last = piece
    if last is not None:
        yield last
