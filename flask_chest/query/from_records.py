"""What is known of groups from the records of a store."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from itertools import groupby, islice
from typing import Any, Final

from flask_chest.query.arguments import both
from flask_chest.query.distinct import Distinct, identity
from flask_chest.query.nodes import Operand, kind
from flask_chest.query.paging import Reader
from flask_chest.query.parts import Located, Need, Part
from flask_chest.query.questions import Spread, Tally, TallyRow

_RUN: Final = 1_000
"""Most rows of a part."""


class FromRecords:
    """A `Source` that reads the records themselves: a tally for each thing that is needed.

    Args:
        reader: The store.
    """

    def __init__(self, reader: Reader) -> None:
        self._reader = reader
        self._is_used = False

    def parts(self, need: Need) -> Iterator[Located]:
        """Yield the parts of all groups, in any order."""
        self._is_used = True
        chosen = need.chosen
        asked = Tally(chosen.where, chosen.since, chosen.until, need.slot_seconds, need.by)
        if need.counts or need.sums:
            for row in self._rows(replace(asked, numbers=need.sums)):
                part = Part(row.records, row.weight, row.errors) if need.counts else Part()
                part.sums.update(zip(need.sums, row.numbers, strict=True))
                yield Located(row.slot, row.key, part)
        for condition in need.shares:
            for row in self._rows(replace(asked, where=both(asked.where, condition))):
                yield Located(row.slot, row.key, Part(shares={condition: row.weight}))
        yield from self._spreads(need, asked)

    def _spreads(self, need: Need, asked: Tally) -> Iterator[Located]:
        for operand in need.bins:
            for rows in self._runs(replace(asked, spread=Spread(operand, as_bins=True))):
                bins: dict[int, float] = {}
                for row in rows:
                    if isinstance(row.spread, int):
                        bins[row.spread] = bins.get(row.spread, 0.0) + row.weight
                yield Located(rows[0].slot, rows[0].key, Part(bins={operand: bins}))
        for operand in dict.fromkeys((*need.exact, *need.values, *need.distinct)):
            for rows in self._runs(replace(asked, spread=Spread(operand))):
                yield Located(rows[0].slot, rows[0].key, _of_values(need, operand, rows))

    def explain(self) -> list[str]:
        """Return where all parts so far came from."""
        return ["from the records"] if self._is_used else []

    def _rows(self, asked: Tally) -> Iterator[TallyRow]:
        # A group of all records may be there without any.
        return (row for row in self._reader.tally(asked) if row.records)

    def _runs(self, asked: Tally) -> Iterator[list[TallyRow]]:
        """Yield the rows of one group that follow each other: one part of many rows is cheaper."""
        for _, run in groupby(self._rows(asked), _group):
            while rows := list(islice(run, _RUN)):
                yield rows


def _group(row: TallyRow) -> tuple[Any, ...]:
    return row.slot, row.key, *map(type, row.key)  # 1 equals True, and is another group


def _of_values(need: Need, operand: Operand, rows: Iterable[TallyRow]) -> Part:
    part = Part()
    found = [(row.spread, row.weight) for row in rows if row.spread is not None]
    if operand in need.exact:
        part.exact[operand] = {}
        for value, weight in found:
            if isinstance(value, (int, float)) and kind(value) == "number":
                part.exact[operand][value] = part.exact[operand].get(value, 0.0) + weight
    if operand in need.values:
        part.values[operand] = {}
        for value, weight in found:
            key = identity(value)
            part.values[operand][key] = part.values[operand].get(key, 0.0) + weight
    if operand in need.distinct:
        part.distinct[operand] = distinct = Distinct()
        for value, _ in found:
            distinct.add(value)
    return part
