"""Selections and tallies in plain Python: the reference for every store, and what lacks its own."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime, timedelta, timezone
from functools import cmp_to_key, partial
from typing import Any, Final, cast

from flask_chest.query.evaluate import MISSING, matches, value_of
from flask_chest.query.histogram import bin_of
from flask_chest.query.nodes import Operand, kind
from flask_chest.query.questions import (
    LIST,
    OBJECT,
    Order,
    Place,
    Rank,
    Scalar,
    Selection,
    Sums,
    Tally,
    TallyRow,
)
from flask_chest.record import Record

_RANKS: Final[dict[str, Rank]] = {"number": 0, "time": 0, "text": 1, "bool": 2}
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=timezone.utc)
_NO_SUMS: Final = Sums(0.0, 0.0, None, None)


def scalar_of(value: Any) -> Scalar:  # noqa: ANN401 - any value of a record
    """Return a value of a record as records are grouped by it."""
    if value is MISSING:
        return None
    if isinstance(value, dict):
        return OBJECT
    if isinstance(value, list):
        return LIST
    if isinstance(value, float) and value.is_integer() and abs(value) < 2**63:
        return int(value)
    return cast("Scalar", value)


def place_of(record: Mapping[str, Any], order: Order) -> Place:
    """Return the place of a record, as the journal has it, in an order."""
    value = value_of(order.operand, record)
    rank = _RANKS.get(kind(None if value is MISSING else value), 3)
    return Place(rank, None if rank == 3 else value, record["id"])


def compare(one: Place, other: Place, order: Order) -> int:
    """Return less than 0 if the first place comes first in the order, more than 0 if last."""
    if one.rank != other.rank:
        return one.rank - other.rank
    # Of one rank, so of one type; where the rank is 3, there is no value.
    left: tuple[Any, str] = (0 if one.value is None else one.value, one.id)
    right: tuple[Any, str] = (0 if other.value is None else other.value, other.id)
    if left == right:
        return 0
    is_less = left < right
    return -1 if is_less is not order.descending else 1


def select(records: Iterable[Record], selection: Selection) -> list[Record]:
    """Return what `Store.select` must return, from all records."""
    order = selection.order
    found: list[tuple[Place, Record]] = []
    for record in records:
        data = record.as_data()
        if _is_chosen(data, record.started_at, selection):
            place = place_of(data, order)
            if selection.after is None or compare(place, selection.after, order) > 0:
                found.append((place, record))
    ranked = cmp_to_key(partial(compare, order=order))
    found.sort(key=lambda each: ranked(each[0]))
    return [record for _, record in found[: selection.limit]]


def _is_chosen(data: Mapping[str, Any], started_at: datetime, chosen: Selection | Tally) -> bool:
    return (
        (chosen.since is None or started_at >= chosen.since)
        and (chosen.until is None or started_at < chosen.until)
        and (chosen.where is None or matches(chosen.where, data))
    )


class _Group:
    """The sums of one group."""

    def __init__(self, numbers: int) -> None:
        self.records = 0
        self.weight = 0.0
        self.errors = 0.0
        self.numbers = [_NO_SUMS] * numbers

    def add(self, record: Record, data: Mapping[str, Any], numbers: tuple[Operand, ...]) -> None:
        weight = record.weight
        self.records += 1
        self.weight += weight
        if record.error is not None or (record.status_code or 0) >= 500:
            self.errors += weight
        for index, operand in enumerate(numbers):
            value = value_of(operand, data)
            if kind(None if value is MISSING else value) == "number":
                self.numbers[index] = added(
                    self.numbers[index], Sums(weight, value * weight, value, value)
                )


def added(one: Sums, other: Sums) -> Sums:
    """Return the sums of two groups together."""
    return Sums(
        one.weight + other.weight,
        one.total + other.total,
        _either(min, one.least, other.least),
        _either(max, one.most, other.most),
    )


def _either(
    choose: Callable[[float, float], float], one: float | None, other: float | None
) -> float | None:
    if one is None or other is None:
        return other if one is None else one
    return choose(one, other)


def tally(records: Iterable[Record], asked: Tally) -> Iterator[TallyRow]:
    """Yield what `Store.tally` must yield, from all records."""
    groups: dict[Any, _Group] = {}
    for record in records:
        data = record.as_data()
        if not _is_chosen(data, record.started_at, asked):
            continue
        spread: Scalar = None
        if asked.spread is not None:
            value = value_of(asked.spread.operand, data)
            if asked.spread.as_bins:
                is_number = kind(None if value is MISSING else value) == "number"
                spread = bin_of(value) if is_number else None
            else:
                spread = scalar_of(value)
            if spread is None:
                continue
        slot = None
        if asked.slot_seconds is not None:
            # Not by `timestamp()`, a float, which lacks the microseconds of distant years.
            since = (record.started_at - _EPOCH) // timedelta(seconds=asked.slot_seconds)
            slot = since * asked.slot_seconds
        key = tuple(scalar_of(value_of(operand, data)) for operand in asked.by)
        # 1 equals True as a key of a dict, and is no bool.
        place = (slot, key, spread, tuple(map(type, key)), type(spread))
        if place not in groups:
            groups[place] = _Group(len(asked.numbers))
        groups[place].add(record, data, asked.numbers)
    for (slot, key, spread, *_types), group in groups.items():
        yield TallyRow(
            slot, key, spread, group.records, group.weight, group.errors, tuple(group.numbers)
        )
