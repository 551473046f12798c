"""`Distribution`: how often a request took how long, as bars and as a table."""

from __future__ import annotations

import math
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from markupsafe import Markup

from flask_chest_dashboard import formats

MOST_BARS: Final = 40
_PER_DOUBLING: Final = 16
_LAST: Final = 1_024 * _PER_DOUBLING - 1
"""Place of the largest number there is."""

_HEIGHT: Final = 120
_WIDTH: Final = 10


@dataclass(frozen=True)
class Bar:
    """The values from `lower` on and below `upper`. Both are 0 for those that are 0.

    Attributes:
        lower: In milliseconds.
        upper: In milliseconds.
        weight: Number of requests.
    """

    lower: float
    upper: float
    weight: float

    @property
    def text(self) -> str:
        """The range, as it is shown."""
        if not self.upper:
            return "0"
        return f"{formats.duration(self.lower)} to {formats.duration(self.upper)}"

    @property
    def conditions(self) -> list[str]:
        """Filters of the requests in it."""
        if not self.upper:
            return ["duration_ms == 0"]
        return [f"duration_ms >= {self.lower!r}", f"duration_ms < {self.upper!r}"]


@dataclass(frozen=True)
class Distribution:
    """Bars of which each is as much larger than the one before, by a factor.

    Attributes:
        bars: From the smallest value to the largest, without gaps.
        marks: Values with a line of their own, by their names.
    """

    bars: Sequence[Bar]
    marks: dict[str, float]

    @classmethod
    def of(
        cls, histogram: Sequence[Sequence[float]], marks: dict[str, float | None]
    ) -> Distribution:
        """Return the distribution of a histogram, as the measure of this name has it."""
        zero = sum(weight for _, upper, weight in histogram if not upper)
        places: dict[int, float] = {}
        for lower, upper, weight in histogram:
            if upper:
                place = min(round(math.log2(lower) * _PER_DOUBLING), _LAST)
                places[place] = places.get(place, 0.0) + weight
        bars = [Bar(0.0, 0.0, zero)] if zero else []
        if places:
            step = 1
            while max(places) // step - min(places) // step >= MOST_BARS:
                step *= 2
            for number in range(min(places) // step, max(places) // step + 1):
                weight = sum(places.get(number * step + each, 0.0) for each in range(step))
                bars.append(Bar(_value(number * step), _value((number + 1) * step), weight))
        return cls(bars, {name: at for name, at in marks.items() if at is not None})

    @property
    def total(self) -> float:
        """Number of all requests."""
        return sum(bar.weight for bar in self.bars)

    def axis(self) -> list[float]:
        """Return values that are at the same distance from each other below the bars."""
        logs = [bar.lower for bar in self.bars] + [self.bars[-1].upper] if self.bars else []
        return [logs[round((len(logs) - 1) * part / 4)] for part in range(5)] if logs else []

    def svg(self) -> Markup:
        """Return the bars, and a line for each mark. The page has their table, too."""
        most = max((bar.weight for bar in self.bars), default=0) or 1
        parts = [
            Markup(
                '<rect x="{}" y="{}" width="{}" height="{}"><title>{}: {}</title></rect>'
            ).format(
                place * _WIDTH + 0.5,
                f"{_HEIGHT - bar.weight / most * _HEIGHT:.1f}",
                _WIDTH - 1,
                f"{bar.weight / most * _HEIGHT:.1f}",
                bar.text,
                formats.number(bar.weight),
            )
            for place, bar in enumerate(self.bars)
        ]
        for name, at in self.marks.items():
            x = f"{self._place(at) * _WIDTH:.1f}"
            parts.append(
                Markup('<path d="M{} 0V{}"><title>{} {}</title></path>').format(
                    x, _HEIGHT, name, formats.duration(at)
                )
            )
        return Markup(
            '<svg class="distribution" viewBox="0 0 {} {}" preserveAspectRatio="none" role="img" '
            'aria-label="Distribution of durations; a table follows">{}</svg>'
        ).format(len(self.bars) * _WIDTH or 1, _HEIGHT, Markup("").join(parts))

    def _place(self, value: float) -> float:
        """Return where a value is, counted in bars."""
        for number, bar in enumerate(self.bars):
            if value < bar.upper:
                inside = math.log2(value / bar.lower) if value > bar.lower > 0 else 0.0
                return number + min(inside / math.log2(bar.upper / bar.lower), 1.0)
            if value <= 0 and not bar.upper:
                return number + 0.5
        return float(len(self.bars))


def _value(place: int) -> float:
    return float(2 ** (place / _PER_DOUBLING)) if place <= _LAST else sys.float_info.max
