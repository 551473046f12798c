"""What is known of groups from the records of a store."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from flask_chest.query.arguments import both
from flask_chest.query.distinct import Distinct, identity
from flask_chest.query.nodes import Operand, kind
from flask_chest.query.paging import Reader
from flask_chest.query.parts import Located, Need, Part
from flask_chest.query.questions import Scalar, Spread, Tally, TallyRow


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
        if need.counts:
            for row in self._rows(replace(asked, numbers=need.sums)):
                sums = dict(zip(need.sums, row.numbers, strict=True))
                yield Located(row.slot, row.key, Part(row.records, row.weight, row.errors, sums))
        for condition in need.shares:
            for row in self._rows(replace(asked, where=both(asked.where, condition))):
                yield Located(row.slot, row.key, Part(shares={condition: row.weight}))
        yield from self._spreads(need, asked)

    def _spreads(self, need: Need, asked: Tally) -> Iterator[Located]:
        for operand in need.bins:
            for row in self._rows(replace(asked, spread=Spread(operand, as_bins=True))):
                if isinstance(row.spread, int):
                    part = Part(bins={operand: {row.spread: row.weight}})
                    yield Located(row.slot, row.key, part)
        for operand in dict.fromkeys((*need.exact, *need.values, *need.distinct)):
            for row in self._rows(replace(asked, spread=Spread(operand))):
                if row.spread is not None:
                    yield Located(row.slot, row.key, _of_value(need, operand, row, row.spread))

    def explain(self) -> list[str]:
        """Return where all parts so far came from."""
        return ["from the records"] if self._is_used else []

    def _rows(self, asked: Tally) -> Iterator[TallyRow]:
        # A group of all records may be there without any.
        return (row for row in self._reader.tally(asked) if row.records)


def _of_value(need: Need, operand: Operand, row: TallyRow, value: Scalar) -> Part:
    part = Part()
    if operand in need.exact and kind(value) == "number" and isinstance(value, (int, float)):
        part.exact[operand] = {value: row.weight}
    if operand in need.values:
        part.values[operand] = {identity(value): row.weight}
    if operand in need.distinct:
        part.distinct[operand] = found = Distinct()
        found.add(value)
    return part
