"""`Planned`: answers from the rollups where they know exactly what is asked, else from records."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from flask_chest.query.evaluate import matches
from flask_chest.query.nodes import And, Exists, Field, Node, Operand, Or
from flask_chest.query.parts import Located, Need, Part, Source
from flask_chest.query.questions import LIST, OBJECT, Scalar
from flask_chest.rollup.cubes import DURATION, Series
from flask_chest.rollup.pieces import Bounds, Piece, cut, runs
from flask_chest.rollup.reading import Wanted, add_row
from flask_chest.rollup.rows import Key, Row, decode_key
from flask_chest.rollup.sketched import Sketched
from flask_chest.rollup.tiers import (
    EVER,
    MINUTE,
    NAMES,
    NEVER,
    TIERS,
    ceiling,
    floor,
    is_whole,
    moment_of,
    seconds_of,
)

if TYPE_CHECKING:
    from flask_chest.rollup.state import State
    from flask_chest.rollup.storage import RollupStorage

_NO_COUNTS: Final[dict[str, Any]] = {"counts": False, "sums": (), "shares": ()}
_NO_SPREADS: Final[dict[str, Any]] = dict.fromkeys(("exact", "bins", "values", "distinct"), ())

_MAX_RUNS: Final = 20
"""Most pieces of time that are asked of the records one by one."""


class Planned:
    """A source that takes the coarsest tier that answers exactly, and the records for the rest.

    It is for one answer, which asks several times: what it has read, it reads once.

    Args:
        records: The records of the store.
        storage: Its rollups.
    """

    def __init__(self, records: Source, storage: RollupStorage) -> None:
        self._records = records
        self._storage = storage
        self._said: list[str] = []
        self._known: tuple[State, set[int]] | None = None
        self._rows: dict[tuple[Series, Piece], tuple[list[int], list[Row]]] = {}

    def explain(self) -> list[str]:
        """Return where all parts so far came from, a sentence each."""
        return [*dict.fromkeys(self._said), *self._records.explain()]

    def parts(self, need: Need) -> Iterator[Located]:
        """Yield the parts of all groups, in any order."""
        if self._known is None:
            # The marks first: whoever computes a marked minute afterwards notes it in the state.
            marked = self._storage.marked()
            state = self._storage.state()
            if state is None:
                yield from self._records.parts(need)
                return
            self._known = state, {minute for minute in marked if not state.is_frozen(minute)}
        state, marked = self._known
        chosen = choose(need, state)
        if chosen is None:
            counts, spreads = replace(need, **_NO_SPREADS), replace(need, **_NO_COUNTS)
            if need in (counts, spreads):
                yield from self._records.parts(need)
            else:  # the rollups may know one of them
                yield from self.parts(counts)
                yield from self.parts(spreads)
            return
        since = max(state.series[each].since for each in chosen)
        pieces = self._pieces(need, state, since, marked)
        if not any(piece.tier for piece in pieces):
            yield from self._records.parts(need)
            return
        self._say(pieces)
        yield from self._from_records(need, state, [p for p in pieces if p.tier is None])
        for wanted in chosen.values():
            yield from self._from_rollups(need, state, wanted, pieces)

    @staticmethod
    def _pieces(need: Need, state: State, complete_since: int, marked: set[int]) -> list[Piece]:
        """Return the range of the question, cut by where its parts come from."""
        since = EVER if need.chosen.since is None else _up(need.chosen.since)
        until = NEVER if need.chosen.until is None else floor(_down(need.chosen.until), MINUTE)
        since = ceiling(since, MINUTE)
        if since >= until:
            return [Piece(None, EVER, NEVER)]
        tiers = [t for t in TIERS if need.slot_seconds is None or need.slot_seconds % t == 0]
        blocked = runs((minute for minute in marked if since <= minute < until), _MAX_RUNS)
        if not tiers or blocked is None:
            return [Piece(None, EVER, NEVER)]
        # Whole hours or days may begin before what is frozen ends, of which there are no records.
        blocked = [(max(begin, state.frozen), end) for begin, end in blocked]
        bounds = Bounds(since, until, complete_since)
        pieces = cut(bounds, sorted(tiers, reverse=True), state, blocked)
        # The edges within a minute; what has no bound has none.
        edges = [Piece(None, EVER, since), Piece(None, until, NEVER)]
        return [*filter(_is_in_time, edges), *pieces]

    def _from_records(self, need: Need, state: State, pieces: Sequence[Piece]) -> Iterator[Located]:
        """Yield what the records say of some times; the rollups, of a purge that has begun since.

        Who purges freezes the rollups first. So while these are not frozen, nothing is gone.
        """
        found = [(asked, self._of_records(asked)) for asked in _cut_to(need, pieces)]
        now = self._storage.state() if found else None
        frozen = EVER if now is None or now.frozen == state.frozen else now.frozen
        for asked, located in found:
            since = asked.chosen.since
            if frozen > EVER and (since is None or seconds_of(since) < frozen):
                again = Planned(self._records, self._storage)
                yield from again.parts(asked)
                self._said += again._said
            else:
                yield from located

    def _of_records(self, need: Need) -> list[Located]:
        """Return what the records say, merged: a part for each group."""
        found: dict[tuple[int | None, str], Located] = {}
        for located in self._records.parts(need):
            for operand, distinct in located.part.distinct.items():
                located.part.distinct[operand] = Sketched.of(distinct)
            place = located.slot, repr(located.key)  # in which 1 and True are not the same
            known = found.setdefault(place, located)
            if known is not located:
                known.part.merge(located.part)
        return list(found.values())

    def _from_rollups(
        self, need: Need, state: State, wanted: Wanted, pieces: list[Piece]
    ) -> Iterator[Located]:
        groups = _Groups(need, wanted)
        kept = state.series[wanted.series]
        for piece in pieces:
            if piece.tier is None:
                continue
            buckets, rows = self._read(wanted.series, kept.id, piece)
            inexact: set[int] = set()
            if wanted.series.by and None in {row.key for row in rows}:
                both = list(zip(buckets, rows, strict=True))
                inexact = {bucket for bucket, row in both if row.key is None}
                groups.add(
                    (bucket, row)
                    for bucket, row in both
                    if row.key is not None and (bucket not in inexact or bucket < state.frozen)
                )
            else:
                groups.add(zip(buckets, rows, strict=True))
            for bucket in sorted(inexact):
                yield from self._instead(
                    need, state, wanted, Piece(None, bucket, bucket + piece.tier)
                )
        yield from groups.located()

    def _read(self, series: Series, number: int, piece: Piece) -> tuple[list[int], list[Row]]:
        """Return the bucket of each row of a piece, and the rows."""
        found = self._rows.get((series, piece))
        if found is None:
            found = self._rows[series, piece] = [], []
            if piece.tier is not None:
                for bucket, row in self._storage.rows(number, piece.tier, piece.since, piece.until):
                    found[0].append(bucket)
                    found[1].append(row)
        return found

    def _instead(self, need: Need, state: State, wanted: Wanted, piece: Piece) -> Iterator[Located]:
        """Yield what the records say of a bucket in which the smallest groups are one."""
        if piece.since < state.frozen:
            self._said.append(
                f"{moment_of(piece.since).isoformat()}: the smallest groups of this bucket were "
                "kept as one, whose records are not in this answer"
            )
            return
        self._said.append(
            f"{moment_of(piece.since).isoformat()}: the records, as the rollups have too many "
            "groups"
        )
        yield from self._from_records(wanted.alone(need), state, [piece])

    def _say(self, pieces: list[Piece]) -> None:
        for tier in sorted(TIERS, reverse=True):
            found = [piece for piece in pieces if piece.tier == tier and _is_in_time(piece)]
            if found:
                begin, end = moment_of(found[0].since), moment_of(found[-1].until)
                self._said.append(
                    f"rollups by the {NAMES[tier]}: "
                    f"{'the beginning' if begin == moment_of(EVER) else begin.isoformat()} to "
                    f"{'now' if end == moment_of(NEVER) else end.isoformat()}"
                )


def _is_in_time(piece: Piece) -> bool:
    """Return whether a piece has times that there are: a range without a bound has others, too."""
    return moment_of(piece.since) < moment_of(piece.until)


class _Groups:
    """The parts of the groups of a question, from rows of one series."""

    def __init__(self, need: Need, wanted: Wanted) -> None:
        self._need = need
        self._wanted = wanted
        self._parts: dict[tuple[int | None, str], Part] = {}
        self._keys: dict[str, tuple[Key, str] | None] = {}
        self._by: dict[str, Key] = {}

    def add(self, found: Iterable[tuple[int, Row]]) -> None:
        """Add rows with their buckets, if their groups are some that the question is about."""
        keys, parts, wanted = self._keys, self._parts, self._wanted
        length, slot = self._need.slot_seconds, None
        for bucket, row in found:
            text = row.key or "[]"
            if text not in keys:
                keys[text] = self._chosen(decode_key(text))
            chosen = keys[text]
            if chosen is None:
                continue
            key, name = chosen
            if length is not None:
                slot = bucket - bucket % length
            part = parts.get((slot, name))
            if part is None:
                part = parts[slot, name] = Part()
                self._by[name] = key
            add_row(part, row, wanted)

    def _chosen(self, values: Key) -> tuple[Key, str] | None:
        """Return the group of the question that a row belongs to; None for no one."""
        of = dict(zip(self._wanted.series.by, values, strict=True))
        where = self._need.chosen.where
        if where is not None and not matches(where, _record(of)):
            return None
        key = tuple(of[operand] for operand in self._need.by)
        return key, repr(key)  # in which 1 and True are not the same

    def located(self) -> Iterator[Located]:
        for (slot, name), part in self._parts.items():
            yield Located(slot, self._by[name], part)


def _cut_to(need: Need, pieces: Iterable[Piece]) -> Iterator[Need]:
    """Yield the part of a question that is about each piece, if there is any."""
    chosen = need.chosen
    for piece in pieces:
        since, until = chosen.since, chosen.until
        if piece.since > EVER:
            moment = moment_of(piece.since)
            since = moment if since is None else max(since, moment)
        if piece.until < NEVER:
            moment = moment_of(piece.until)
            until = moment if until is None else min(until, moment)
        if since is None or until is None or since < until:
            yield replace(need, chosen=replace(chosen, since=since, until=until))


def _record(values: dict[Operand, Scalar]) -> dict[str, Any]:
    """Return a record with these values, for a condition."""
    record: dict[str, Any] = {"variables": {}}
    # A dict before what is within it: {"user": {}}, and then user.plan.
    for operand, value in sorted(values.items(), key=_depth):
        found: Any = {OBJECT: {}, LIST: []}.get(value, value) if isinstance(value, str) else value
        if isinstance(operand, Field):
            record[operand.name] = found
            continue
        place = record["variables"]
        for name in operand.path[:-1]:
            place = place.setdefault(name, {})
            if not isinstance(place, dict):
                break
        if isinstance(place, dict):
            place[operand.path[-1]] = found
    return record


def _depth(item: tuple[Operand, Scalar]) -> int:
    operand, _value = item
    return 0 if isinstance(operand, Field) else len(operand.path)


def choose(need: Need, state: State) -> dict[Series, Wanted] | None:
    """Return the series that answer a question; None when they cannot.

    Args:
        need: The question.
        state: Which series there are.
    """
    dimensions = _dimensions(need.chosen.where)
    if dimensions is None or need.values or need.shares:
        return None
    since = EVER if need.chosen.since is None else _up(need.chosen.since)
    if need.exact and since >= state.frozen:  # there are few records, and all are there
        return None
    dimensions |= set(need.by)
    bins = {*need.exact, *need.bins}
    numbers = dict.fromkeys([*need.sums, *need.exact, *need.bins])
    if need.counts or not (numbers or need.distinct):
        numbers[DURATION] = None
    found: dict[Series, Wanted] = {}
    for operand in numbers:
        series = _smallest(state, dimensions, operand, "numbers")
        if series is None:
            return None
        found[series] = Wanted(
            series,
            counts=operand == DURATION and need.counts,
            sums=operand in need.sums,
            bins=operand in bins,
        )
    for operand in dict.fromkeys(need.distinct):
        series = _smallest(state, dimensions, operand, "distinct")
        if series is None:
            return None
        found[series] = Wanted(series)
    return found


def _smallest(state: State, dimensions: set[Operand], operand: Operand, kind: str) -> Series | None:
    able = [
        each
        for each in state.series
        if each.operand == operand and each.kind == kind and dimensions <= set(each.by)
    ]
    return min(able, key=lambda each: (len(each.by), each.definition()), default=None)


def _dimensions(where: Node | None) -> set[Operand] | None:
    """Return the operands of a condition; None when groups do not tell whether it holds."""
    if where is None:
        return set()
    if isinstance(where, (And, Or)):
        found: set[Operand] = set()
        for part in where.parts:
            inner = _dimensions(part)
            if inner is None:
                return None
            found |= inner
        return found
    # A group does not tell a null from what is missing.
    return None if isinstance(where, Exists) else {where.operand}


def _up(moment: datetime) -> int:
    return seconds_of(moment) + (not is_whole(moment, 1))


def _down(moment: datetime) -> int:
    return seconds_of(moment)
