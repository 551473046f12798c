"""`Heatmap`: how a number is distributed at each time."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from markupsafe import Markup

MOST_ROWS: Final = 24
MOST_COLUMNS: Final = 60
CLASSES: Final = 9
"""Classes of colour, ``heat-1`` to ``heat-9``; what is empty has none."""

_PER_DOUBLING: Final = 16
_OFFSET: Final = 1_100 * _PER_DOUBLING
"""So that the place of every positive number is positive."""

_WIDTH: Final = 12
_HEIGHT: Final = 10
"""Of a cell. The style sheet has them, too: there are a thousand cells."""


@dataclass(frozen=True)
class Range:
    """The numbers of a row, between two borders.

    That which is nearer to 0 belongs to it, and the other one to its neighbour. Both are 0 for the
    row of 0, which has what is nearer to it than 2**-64, too.
    """

    lower: float
    upper: float

    def condition(self, name: str) -> str:
        """Return the filter of the requests in it."""
        if self.lower == self.upper:
            return f"{name} == {self.lower:g}"
        if self.upper <= 0:
            return f"{name} > {self.lower:.6g} and {name} <= {self.upper:.6g}"
        return f"{name} >= {self.lower:.6g} and {name} < {self.upper:.6g}"


@dataclass(frozen=True)
class Cell:
    """A part of a heatmap that is not empty."""

    column: int
    row: int
    weight: float


class Heatmap:
    """A histogram for each bucket of time.

    Args:
        rows: Of `Store.measure` with `every`, in the order of time.
        measure: The histogram among their columns.
        until: Where the last bucket ends.

    Attributes:
        begins: When each column begins, and at last where the last one ends.
        ranges: The numbers of each row, the largest first.
        cells: Those that are not empty.
        most: The largest weight.
        total: Of all weights.
    """

    def __init__(self, rows: Sequence[dict[str, Any]], measure: str, until: datetime) -> None:
        begins = [datetime.fromisoformat(row["bucket"]) for row in rows]
        # Neighbours are one column where there are too many.
        step = -(-len(rows) // MOST_COLUMNS) or 1
        self.begins = [*begins[::step], max([until, *begins[-1:]])]
        places: dict[tuple[int, int], float] = {}
        for number, row in enumerate(rows):
            for lower, upper, weight in row[measure]:
                at = number // step, _place(lower, upper)
                places[at] = places.get(at, 0.0) + weight
        width = _width({place for _, place in places})
        merged: dict[tuple[int, int], float] = {}
        for (column, place), weight in places.items():
            key = column, _merged(place, width)
            merged[key] = merged.get(key, 0.0) + weight
        found = {place for _, place in merged}
        shown = sorted(_between(found), reverse=True)
        at_row = {place: row for row, place in enumerate(shown)}
        self.ranges = [_range(place, width) for place in shown]
        self.cells = [
            Cell(column, at_row[place], weight)
            for (column, place), weight in sorted(merged.items())
        ]
        self.most = max((cell.weight for cell in self.cells), default=0.0)
        self.total = math.fsum(cell.weight for cell in self.cells)

    def weights(self) -> list[list[float]]:
        """Return the weight of each column in each row."""
        found = [[0.0] * (len(self.begins) - 1) for _ in self.ranges]
        for cell in self.cells:
            found[cell.row][cell.column] = cell.weight
        return found

    def level(self, weight: float) -> int:
        """Return the class of a weight: 1 for the least. The scale is logarithmic."""
        if self.most <= 0:
            return 1
        share = math.log1p(max(weight, 0)) / math.log1p(self.most)
        return min(max(math.ceil(share * CLASSES - 1e-9), 1), CLASSES)

    def labels(self, number: int = 5) -> list[float]:
        """Return the numbers at borders of rows, about as far from each other, from the top."""
        borders = [self.ranges[0].upper, *(each.lower for each in self.ranges)]
        steps = min(number, len(borders)) - 1
        return [borders[round(at * (len(borders) - 1) / steps)] for at in range(steps + 1)]

    def moments(self, number: int = 4) -> list[datetime]:
        """Return the moments at borders of columns, about as far from each other."""
        steps = min(number, len(self.begins)) - 1
        return [self.begins[round(at * (len(self.begins) - 1) / steps)] for at in range(steps + 1)]

    def drawn(self, title: Callable[[Cell], str], link: Callable[[Cell], str]) -> Markup:
        """Return the picture. It is for the eye and the mouse: the table has the same.

        Args:
            title: Says what a cell is.
            link: Where it leads.
        """
        parts = [
            Markup(
                '<a href="{}" tabindex="-1">'
                '<rect class="heat-{}" x="{}" y="{}">'
                "<title>{}</title></rect></a>"
            ).format(
                link(cell),
                self.level(cell.weight),
                cell.column * _WIDTH,
                cell.row * _HEIGHT,
                title(cell),
            )
            for cell in self.cells
        ]
        return Markup(
            '<svg class="heat" viewBox="0 0 {} {}" preserveAspectRatio="none" aria-hidden="true">'
            "{}</svg>"
        ).format(
            (len(self.begins) - 1) * _WIDTH, len(self.ranges) * _HEIGHT, Markup("").join(parts)
        )


def _place(lower: float, upper: float) -> int:
    """Return the place of a bin among all, 0 for that of 0."""
    if lower == upper:
        return 0
    if lower > 0:
        return _OFFSET + round(math.log2(lower) * _PER_DOUBLING)
    return -(_OFFSET + round(math.log2(-upper) * _PER_DOUBLING))


def _merged(place: int, width: int) -> int:
    return place // width if place >= 0 else -(-place // width)


def _width(places: set[int]) -> int:
    """Return how many bins are one row, so that there are not too many rows."""
    width = 1
    while len(_between({_merged(place, width) for place in places})) > MOST_ROWS:
        width *= 2
    return width


def _between(places: set[int]) -> set[int]:
    """Return the places with all between them. Between numbers, 0 and negative ones is no row."""
    found = places & {0}
    for side in ({each for each in places if each > 0}, {each for each in places if each < 0}):
        if side:
            found = found | set(range(min(side), max(side) + 1))
    return found


def _range(place: int, width: int) -> Range:
    if place == 0:
        return Range(0.0, 0.0)
    lower = _border(abs(place) * width)
    upper = _border((abs(place) + 1) * width)
    return Range(lower, upper) if place > 0 else Range(-upper, -lower)


def _border(place: int) -> float:
    power = (place - _OFFSET) / _PER_DOUBLING
    return math.pow(2, min(max(power, -64), 1023.999))
