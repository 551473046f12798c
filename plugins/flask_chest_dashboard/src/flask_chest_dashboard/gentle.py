"""Let the threads of the application run soon while one of the dashboard computes.

A thread that waits for Python's interpreter gets it after the switch interval, 5 ms by default. A
request waits for it several times, so beside an answer of the dashboard it would take tens of
milliseconds: https://docs.python.org/3/library/sys.html#sys.setswitchinterval
"""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

INTERVAL_SECONDS: Final = 0.0005
"""A tenth of the default. `make bench-dashboard` measures what the application notices."""

_ROUNDING_SECONDS: Final = 5e-7
"""Python keeps whole microseconds and cuts off the rest, so what it tells may be just below one."""


def _set(seconds: float) -> None:
    sys.setswitchinterval(seconds + _ROUNDING_SECONDS)


class _Interval:
    """The switch interval of this process, while the dashboard works."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.working = 0
        self.before = 0.0

    def begin(self) -> None:
        with self.lock:
            if not self.working:
                self.before = sys.getswitchinterval()
                if self.before > INTERVAL_SECONDS:
                    _set(INTERVAL_SECONDS)
            self.working += 1

    def end(self) -> None:
        with self.lock:
            self.working -= 1
            if not self.working:
                _set(self.before)

    def after_fork(self) -> None:
        """Put back the interval in a forked child, which has none of the parent's threads."""
        self.lock = threading.Lock()
        if self.working:
            self.working = 0
            _set(self.before)


_interval: Final = _Interval()
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_interval.after_fork)


@contextmanager
def gentle() -> Iterator[None]:
    """Let other threads run soon in the `with` block."""
    _interval.begin()
    try:
        yield
    finally:
        _interval.end()
