"""Comparisons of numbers as a database makes them exactly: integers with integers, floats alike.

A float has 53 bits. A database that makes floats of both sides takes 2**53 for 2**53 + 1.
"""

from __future__ import annotations

import math
from typing import Final, Literal, TypeAlias

Comparison: TypeAlias = Literal["==", "!=", "<", "<=", ">", ">="]

_OUTSIDE: Final[dict[Comparison, tuple[bool, bool]]] = {
    "==": (False, False),
    "!=": (True, True),
    "<": (False, True),
    "<=": (False, True),
    ">": (True, False),
    ">=": (True, False),
}
"""Whether it holds for every number, where the value is below all of them, and above."""

_BETWEEN: Final[dict[Comparison, tuple[Comparison, Comparison]]] = {
    "<": ("<=", "<"),
    "<=": ("<=", "<"),
    ">": (">", ">="),
    ">=": (">", ">="),
}
"""What is the same, where the value has become smaller, and where it has become larger."""


def with_floats(comparison: Comparison, value: float) -> tuple[Comparison, float] | bool:
    """Return what is the same for a number that is a float.

    Returns:
        A comparison with a float; or whether every float satisfies it, or none.
    """
    nearest = float(value)
    same = comparison if nearest == value else _moved(comparison, is_larger=nearest > value)
    return same if isinstance(same, bool) else (same, nearest)


def with_integers(comparison: Comparison, value: float) -> tuple[Comparison, int] | bool:
    """Return what is the same for a number that is an integer of at most 64 bits.

    Returns:
        A comparison with such an integer; or whether every one satisfies it, or none.
    """
    if not -(2**63) <= value < 2**63:
        return _OUTSIDE[comparison][value > 0]
    nearest = math.floor(value)
    same = comparison if nearest == value else _moved(comparison, is_larger=False)
    return same if isinstance(same, bool) else (same, nearest)


def _moved(comparison: Comparison, *, is_larger: bool) -> Comparison | bool:
    if comparison in ("==", "!="):
        return comparison == "!="
    return _BETWEEN[comparison][is_larger]
