"""Rows of the rollups as parts of an answer. Thousands are read for one question."""

from __future__ import annotations

from dataclasses import dataclass, replace

from flask_chest.query.fold import added
from flask_chest.query.parts import Need, Part
from flask_chest.query.questions import Sums
from flask_chest.query.sketch import Sketch
from flask_chest.rollup.cubes import Series
from flask_chest.rollup.rows import Row, unpack_bins, unpack_sums
from flask_chest.rollup.sketched import Sketched


@dataclass(frozen=True)
class Wanted:
    """What is taken from the rows of a series.

    Attributes:
        series: Whose rows they are.
        counts: Number of records, weight and errors.
        sums: Sums of the operand.
        bins: Its histogram.
    """

    series: Series
    counts: bool = False
    sums: bool = False
    bins: bool = False

    def alone(self, need: Need) -> Need:
        """Return the part of a question that this is the answer of, for the records."""
        operands = (self.series.operand,)
        return replace(
            need,
            counts=self.counts,
            sums=operands if self.sums else (),
            exact=operands if self.bins and self.series.operand in need.exact else (),
            bins=operands if self.bins and self.series.operand in need.bins else (),
            distinct=operands if self.series.are_sketches else (),
        )


def add_row(part: Part, row: Row, wanted: Wanted) -> None:
    """Add a row to the part of its group."""
    operand = wanted.series.operand
    if wanted.series.are_sketches:
        sketch = Sketch.unpack(row.payload)
        known = part.distinct.get(operand)
        if known is None:
            part.distinct[operand] = Sketched(sketch)
        else:
            known.merge(Sketched(sketch))
        return
    if wanted.counts:
        part.records += row.records
        part.weight += row.weight
        part.errors += row.errors
    if wanted.bins:
        bins = part.bins.get(operand)
        if bins is None:
            bins = part.bins[operand] = {}
        for number, weight in zip(*unpack_bins(row.payload), strict=True):
            bins[number] = bins.get(number, 0.0) + weight
    if wanted.sums:
        _add(part, wanted, unpack_sums(row.payload))


def _add(part: Part, wanted: Wanted, sums: Sums) -> None:
    known = part.sums.get(wanted.series.operand)
    if known is None:
        part.sums[wanted.series.operand] = sums
    else:
        part.sums[wanted.series.operand] = added(known, sums)
