"""`Change`: how a number differs from the one before, in words and with what that means."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Final

_WORDS: Final = {
    "count": ("more", "fewer"),
    "share": ("higher", "lower"),
    "ms": ("slower", "faster"),
    "sum": ("more", "less"),
}
"""What more and less are called, by the kind of a number."""

_IS_BAD: Final = {"share", "ms"}
"""Of which more is bad, and less is good."""

_UNITS: Final = {
    "day": timedelta(days=1),
    "hour": timedelta(hours=1),
    "minute": timedelta(minutes=1),
}

_SAME: Final = 0.005
_TIMES: Final = 2.0
_MATTERS: Final = 0.05
"""A smaller change of a number has no colour, since it is mostly chance."""

_POINTS: Final = 0.005
"""Nor has one of an error rate by less than half a percentage point."""

_FEW: Final = 10
"""Fewer requests than this are too few for a percentile to be compared."""


@dataclass(frozen=True)
class Change:
    """How a number differs from the one before.

    Attributes:
        text: In words, such as ``12 % slower``.
        arrow: ``▲``, ``▼`` or empty.
        tone: What it means: ``good``, ``bad``, or empty for what matters little.
        ratio: The number as a multiple of the one before; None when there is nothing to compare.
        joint: What stands between the text and the number before: ``than`` or ``as``.
    """

    text: str
    arrow: str = ""
    tone: str = ""
    ratio: float | None = None
    joint: str = "than"


def change(kind: str, now: float | None, before: float | None) -> Change:
    """Return how a number differs from the one before.

    Args:
        kind: ``count`` of requests, ``share`` or ``ms``, of which more is bad, or ``sum``.
        now: The number; None when there is none.
        before: The one before.
    """
    if now is None or before is None:
        return Change("nothing to compare with" if before is None else "no data")
    more, less = _WORDS[kind]
    if now == before or (before > 0 and abs(now / before - 1) < _SAME):
        return Change("about the same", ratio=1.0)
    is_more = now > before
    tone = ("bad" if is_more else "good") if _matters(kind, now, before) else ""
    arrow = "▲" if is_more else "▼"
    if before <= 0 or now < 0:
        return Change(more if is_more else less, arrow, tone)
    ratio = now / before
    if ratio >= _TIMES - _SAME:  # below, it is rounded to less than 100 %
        text = f"{_rounded(ratio)} times as {_much(kind)}"
        return Change(text, arrow, tone, ratio, joint="as")
    percent = f"{_rounded(abs(ratio - 1) * 100)} %"
    return Change(f"{percent} {more if is_more else less}", arrow, tone, ratio)


def change_of_requests(
    now: float | None, before: float | None, requests: float, requests_before: float
) -> Change:
    """Return how a duration differs from the one before, if there are enough requests to tell."""
    if not requests_before:
        return Change("none before")
    if min(requests, requests_before) < _FEW:
        return Change("too few to compare")
    return change("ms", now, before)


def period_before(range_text: str, length: timedelta) -> str:
    """Return what the time before is called.

    Args:
        range_text: How long the range is, such as ``24 hours``; empty when it has no name.
        length: How long it is.
    """
    for name, unit in _UNITS.items():
        if not range_text and length >= unit and not length % unit:
            number = length // unit
            range_text = f"{number} {name}{'s' if number > 1 else ''}"
    if not range_text:
        return "as much time before"
    return f"the {range_text.removeprefix('1 ')} before"


def _matters(kind: str, now: float, before: float) -> bool:
    """Return whether more or less is better or worse, and so much that somebody should look."""
    if kind not in _IS_BAD or (kind == "share" and round(abs(now - before), 9) < _POINTS):
        return False
    return before <= 0 or round(abs(now / before - 1), 9) >= _MATTERS


def _much(kind: str) -> str:
    return {"count": "many", "share": "high", "ms": "slow", "sum": "much"}[kind]


def _rounded(number: float) -> str:
    return f"{number:,.0f}" if number >= 9.95 else f"{number:.2g}"
