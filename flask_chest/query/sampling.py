"""A sample of records that has their shares, from all of the time that is asked about."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from datetime import datetime, timedelta, timezone
from typing import Final

from flask_chest.query.arguments import Chosen
from flask_chest.query.nodes import Node
from flask_chest.query.paging import Reader, records
from flask_chest.query.questions import Order, Selection, Tally
from flask_chest.record import Record, RecordData

SIZE: Final = 3_000
"""Records of a sample. Sets of at most so many are taken whole."""

_SLICES: Final = 20

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=timezone.utc)


@dataclass(frozen=True)
class Sampled:
    """A record of a sample.

    Attributes:
        data: As the journal has it.
        weight: How many requests it stands for, together with those that are not in the sample.
    """

    data: RecordData
    weight: float


@dataclass(frozen=True)
class _Slice:
    begin: datetime
    end: datetime
    records: int
    weight: float


class Sampler:
    """Takes samples of the records of a store.

    The time is divided into slices, and from each slice come the newest records, in proportion to
    the number that it has. So a sample has the shares of every hour: the newest records alone would
    not, as a change of release is a difference between two times, and not between two sets.

    Args:
        reader: The store.
        since: Aware datetime in UTC: the records started then or later.
        until: Aware datetime in UTC: they started before.
    """

    def __init__(self, reader: Reader, since: datetime, until: datetime) -> None:
        self._reader = reader
        self._since = since
        self._until = until
        seconds = (until - since).total_seconds()
        self._slot_seconds = max(math.ceil(seconds / _SLICES), 1)

    def sample(self, where: Node) -> list[Sampled]:
        """Return a sample of the records that satisfy a condition."""
        slices = self._slices(where)
        total = sum(each.records for each in slices)
        if total <= SIZE:
            some = records(self._reader, Chosen(where, self._since, self._until), Order())
            return [Sampled(each.as_data(), each.weight) for each in some]
        found: list[Sampled] = []
        for each in slices:
            chosen = Chosen(where, each.begin, each.end)
            wanted = math.ceil(SIZE * each.records / total)
            some = records(self._reader, chosen, Order(), wanted)
            data = [record.as_data() for record in some]
            weight = sum(record["weight"] for record in data)
            factor = each.weight / weight if weight else 0.0
            found += [Sampled(record, record["weight"] * factor) for record in data]
        return found

    def _slices(self, where: Node) -> list[_Slice]:
        """Return the slices of time, with what they have."""
        asked = Tally(where, self._since, self._until, self._slot_seconds)
        found: dict[int, _Slice] = {}
        for row in self._reader.tally(asked):
            if row.slot is None or not row.records:
                continue
            begin = _EPOCH + timedelta(seconds=row.slot)
            end = begin + timedelta(seconds=self._slot_seconds)
            known = found.get(row.slot)
            found[row.slot] = _Slice(
                max(begin, self._since),
                min(end, self._until),
                row.records + (known.records if known else 0),
                row.weight + (known.weight if known else 0.0),
            )
        return [found[slot] for slot in sorted(found)]


def period(reader: Reader, chosen: Chosen) -> tuple[datetime, datetime] | None:
    """Return from when until when there are records; None when there are none.

    Args:
        reader: The store.
        chosen: The range that is asked about.
    """
    whole = Selection(since=chosen.since, until=chosen.until, limit=1)
    newest: list[Record] = reader.select(whole)
    oldest = reader.select(replace(whole, order=Order(descending=False)))
    if not newest or not oldest:
        return None
    return oldest[0].started_at, newest[0].started_at + timedelta(microseconds=1)
