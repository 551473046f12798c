"""The clocks of the record, out of reach of what replaces the time for tests.

Libraries such as freezegun put their own functions in the place of those of `time`, in each module
that has one as an attribute. A duration between a real and a replaced moment is nonsense. An
attribute of an object is out of their reach.
"""

from __future__ import annotations

import time
from typing import Final

MAX_US: Final = 253_402_300_799_999_999
"""The last microsecond of the year 9999, in Unix time. No database has later ones."""

MAX_NS: Final = MAX_US * 1_000
"""The same in nanoseconds."""


class Clock:
    """The functions of `time` as they were when Flask-Chest was imported.

    Attributes:
        monotonic_ns: Nanoseconds on a clock that only goes forward, with the highest resolution.
        time_ns: Unix time in nanoseconds. Use `unix_us`, unless the cost of a call matters.
    """

    __slots__ = ("monotonic_ns", "time_ns")

    def __init__(self) -> None:
        self.monotonic_ns = time.perf_counter_ns
        self.time_ns = time.time_ns

    def unix_us(self) -> int:
        """Return the Unix time in microseconds, from 0 to `MAX_US` whatever the clock says.

        A replaced clock may be before 1970, or return a float or nothing at all.
        """
        try:
            return min(max(int(self.time_ns()) // 1_000, 0), MAX_US)
        except (TypeError, ValueError, OverflowError):
            return 0


clock: Final = Clock()
