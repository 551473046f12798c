"""Sparklines, bars and histograms, of characters."""

from __future__ import annotations

import math
import sys
from collections.abc import Sequence
from typing import Final

_BLOCKS: Final = "▁▂▃▄▅▆▇█"
_EIGHTHS: Final = " ▏▎▍▌▋▊▉█"
_ASCII_BLOCKS: Final = "_.-~=+*#"
_ASCII_EIGHTHS: Final = " #"

MOST_BUCKETS: Final = 60
"""Characters of a sparkline at most."""

_BAR: Final = 20
_HISTOGRAM: Final = 20


def has_blocks() -> bool:
    """Return whether the encoding of stdout has the characters of a chart."""
    try:
        (_BLOCKS + _EIGHTHS).encode(getattr(sys.stdout, "encoding", None) or "ascii")
    except (LookupError, UnicodeEncodeError):
        return False
    return True


def sparkline(
    values: Sequence[float | None], most: int = MOST_BUCKETS, *, blocks: bool = True
) -> str:
    """Return one character for each value: the lowest is 0, or the least if one is negative.

    Where there are too many, neighbours share a character, which shows the largest of them. A value
    that is None is a space.

    Args:
        values: In the order of time.
        most: Characters at most.
        blocks: Whether the encoding has `has_blocks`.
    """
    values = _merged(values, most)
    known = [value for value in values if value is not None]
    if not known:
        return " " * len(values)
    least, largest = min(0.0, *known), max(0.0, *known)
    marks = _BLOCKS if blocks else _ASCII_BLOCKS
    span = (largest - least) or 1.0
    line = []
    for value in values:
        if value is None:
            line.append(" ")
            continue
        line.append(marks[min(int((value - least) / span * len(marks)), len(marks) - 1)])
    return "".join(line)


def histogram(bins: Sequence[Sequence[float]], *, blocks: bool = True) -> str:
    """Return one character for each bin, empty ones included, at most `_HISTOGRAM` of them.

    Args:
        bins: As the measure `histogram` has them.
        blocks: Whether the encoding has `has_blocks`.
    """
    weights: list[float | None] = []
    end = 0.0
    for lower, upper, weight in bins:
        if weights and lower != end:
            # Bins have the same width on a logarithmic scale, which has no 0.
            is_scale = lower * end > 0
            widths = math.log(lower / end) / math.log(upper / lower) if is_scale else 1
            weights += [None] * min(round(abs(widths)), MOST_BUCKETS * 100)
        weights.append(weight)
        end = upper
    return sparkline(weights, _HISTOGRAM, blocks=blocks)


def _merged(values: Sequence[float | None], most: int) -> list[float | None]:
    if len(values) <= most:
        return list(values)
    merged: list[float | None] = []
    for place in range(most):
        begin, end = place * len(values) // most, (place + 1) * len(values) // most
        known = [value for value in values[begin:end] if value is not None]
        merged.append(max(known, default=None))
    return merged


def bar(value: float | None, most: float, *, blocks: bool = True) -> str:
    """Return a bar, of `_BAR` characters for the largest value.

    Args:
        value: At least 0; None for no bar.
        most: The largest value.
        blocks: Whether the encoding has `has_blocks`.
    """
    if value is None or value <= 0 or most <= 0:
        return ""
    parts = _EIGHTHS if blocks else _ASCII_EIGHTHS
    steps = len(parts) - 1
    filled = max(round(value / most * _BAR * steps), 1)
    whole, rest = divmod(filled, steps)
    return parts[-1] * whole + parts[rest].strip()
