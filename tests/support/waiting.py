"""Waiting for a cause, with a bound for what never happens."""

from __future__ import annotations

import time


def until(condition, seconds=60.0):
    """Wait until `condition()` is true, and return that value."""
    deadline = time.monotonic() + seconds
    while not (result := condition()):
        assert time.monotonic() < deadline, "it never happened"
        time.sleep(0.005)
    return result
