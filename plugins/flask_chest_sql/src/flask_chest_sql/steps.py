"""A long deletion in short steps, between which other writers get in."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final

STEP_SECONDS: Final = 0.02
"""A step takes about as long. A writer may wait for one step."""

FIRST_STEP: Final = 250
MAX_STEP: Final = 5_000
_MIN_STEP: Final = 20

MIN_PAUSE_SECONDS: Final = 0.015
"""Longer than the time between two attempts of a SQLite store to get the write lock."""

_MAX_PAUSE_SECONDS: Final = 1.0


def in_steps(
    delete: Callable[[int], tuple[int, float]], progress: Callable[[int], None] | None
) -> int:
    """Delete until nothing is left, at the pace that the database can bear.

    A step of 20 ms is followed by a pause of 20 ms: whoever writes has half of the time.

    Args:
        delete: Deletes at most as many rows as its argument says, in a transaction of its own.
            Returns how many it has deleted, and for how many seconds others had to wait for it,
            which is not how long it waited for others.
        progress: Called after each step with the number that it deleted. What it raises ends the
            deletion; the steps before stay done.

    Returns:
        The number that was deleted.
    """
    total, size = 0, FIRST_STEP
    while True:
        deleted, took = delete(size)
        total += deleted
        if progress is not None:
            progress(deleted)
        if deleted < size:
            return total
        time.sleep(min(max(took, MIN_PAUSE_SECONDS), _MAX_PAUSE_SECONDS))
        size = next_size(size, took)


def next_size(size: int, took_seconds: float) -> int:
    """Return the size of the step after one of `size` rows that took so long."""
    wanted = size * STEP_SECONDS / max(took_seconds, 0.001)
    # A single measurement may be off: grow slowly, shrink at once.
    return max(_MIN_STEP, min(int(wanted), size * 3 // 2, MAX_STEP))
