"""Bins for percentiles and histograms: each is 2**(1/16) times as wide as the one below it.

That is OpenTelemetry's exponential histogram of scale 4:
https://opentelemetry.io/docs/specs/otel/metrics/data-model/#exponentialhistogram
A value and the estimate of its bin differ by at most 2.2 % of the value, and two histograms are
merged by addition.
"""

from __future__ import annotations

import math
import sys
from bisect import bisect_left
from collections.abc import Mapping
from functools import lru_cache
from itertools import accumulate
from typing import Final

BINS_PER_DOUBLING: Final = 16
FACTOR: Final = BINS_PER_DOUBLING / math.log(2)
"""A positive value is in bin ``floor(ln(value) * FACTOR) + OFFSET``, a negative one in the
negative of that of its magnitude."""

OFFSET: Final = 64 * BINS_PER_DOUBLING + 1
"""So that the bin of the smallest positive value is 1."""

SMALLEST: Final = 2.0**-64
"""What is nearer to 0 is in bin 0."""

_RATIO: Final = 2.0 ** (1 / BINS_PER_DOUBLING)
_MIDDLE: Final = 2 * _RATIO / (1 + _RATIO)
"""The estimate of a bin, as a multiple of its lower border."""


def bin_of(value: float) -> int:
    """Return the bin of a number. Bins have the order of the values in them."""
    magnitude = abs(value)
    if magnitude < SMALLEST:
        return 0
    number = max(math.floor(math.log(magnitude) * FACTOR) + OFFSET, 1)
    return number if value > 0 else -number


@lru_cache(maxsize=4_096)
def value_of(number: int) -> float:
    """Return the estimate for the values of a bin. Its error is the same at both ends."""
    if number == 0:
        return 0.0
    middle = _border(abs(number)) * _MIDDLE
    return middle if number > 0 else -middle


def borders_of(number: int) -> tuple[float, float]:
    """Return between which values a bin is. Both are 0 for the bin of 0."""
    if number == 0:
        return 0.0, 0.0
    lower, upper = _border(abs(number)), _border(abs(number) + 1)
    return (lower, upper) if number > 0 else (-upper, -lower)


def _border(number: int) -> float:
    power = (number - OFFSET) / BINS_PER_DOUBLING
    return math.pow(2, power) if power < sys.float_info.max_exp else sys.float_info.max


class Ranking:
    """Values in their order, of which several percentiles are asked.

    Args:
        weights: Weight by value, or by bin, whose number is returned then.
    """

    __slots__ = ("_hundredfold", "_total", "_values")

    def __init__(self, weights: Mapping[float, float]) -> None:
        self._values = sorted(weights)
        reached = accumulate(map(weights.__getitem__, self._values))
        self._hundredfold = [weight * 100 for weight in reached]
        self._total = math.fsum(weights.values())

    def percentile(self, percent: float) -> float | None:
        """Return a percentile by the weighted nearest rank; None without any weight.

        It is the smallest value at which the weights, summed in the order of the values, reach that
        share of their total.

        Args:
            percent: Above 0, and at most 100.
        """
        values = self._values
        if not values:
            return None
        # A tolerance, because 0.95 and sums of weights are no exact numbers.
        enough = self._total * percent * (1 - 1e-12)
        at = bisect_left(self._hundredfold, enough)
        return values[min(at, len(values) - 1)]
