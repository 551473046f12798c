"""A long deletion in short steps, between which other writers get in."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final, NamedTuple

STEP_SECONDS: Final = 0.01
"""A step takes about as long. A writer may wait for one step."""

FIRST_STEP: Final = 50
MAX_STEP: Final = 1_000
_MIN_STEP: Final = 20

MIN_PAUSE_SECONDS: Final = 0.015
"""Longer than the time between two attempts of a SQLite store to get the write lock."""

_MAX_PAUSE_SECONDS: Final = 1.0


class Step(NamedTuple):
    """What a transaction has deleted.

    Attributes:
        deleted: Number of rows.
        seconds: How long others had to wait for it, which is not how long it waited for others.
        is_last: Whether nothing is left.
    """

    deleted: int
    seconds: float
    is_last: bool


def in_steps(delete: Callable[[int], Step], progress: Callable[[int], None] | None) -> int:
    """Delete until nothing is left, at the pace that the database can bear.

    A step is followed by a pause that is at least as long: whoever writes has half of the time.

    Args:
        delete: Deletes at most as many rows as its argument says, in a transaction of its own.
        progress: Called after each step with the number that it deleted. What it raises ends the
            deletion; the steps before stay done.

    Returns:
        The number that was deleted.
    """
    total, size = 0, FIRST_STEP
    while True:
        step = delete(size)
        total += step.deleted
        if progress is not None:
            progress(step.deleted)
        if step.is_last:
            return total
        time.sleep(min(max(step.seconds, MIN_PAUSE_SECONDS), _MAX_PAUSE_SECONDS))
        size = next_size(step.deleted, step.seconds)


def within_a_step(delete: Callable[[int], int], limit: int, at_once: int) -> tuple[int, bool]:
    """Delete piece by piece until the time of a step is over.

    The time of one statement is known afterwards alone. On a slow disk, the pieces keep the bound.

    Args:
        delete: Deletes at most as many rows as its argument says.
        limit: Most rows of all pieces.
        at_once: Most rows of a piece.

    Returns:
        The number that was deleted, and whether nothing is left.
    """
    deadline = time.monotonic() + STEP_SECONDS
    total = 0
    while total < limit:
        wanted = min(at_once, limit - total)
        deleted = delete(wanted)
        total += deleted
        if deleted < wanted:
            return total, True
        if time.monotonic() >= deadline:
            break
    return total, False


def next_size(size: int, took_seconds: float) -> int:
    """Return the size of the step after one of `size` rows that took so long."""
    wanted = size * STEP_SECONDS / max(took_seconds, 0.001)
    # A single measurement may be off: grow slowly, shrink at once.
    return max(_MIN_STEP, min(int(wanted), size * 3 // 2, MAX_STEP))
