"""The clocks of the record, out of reach of what replaces the time for tests.

Libraries such as freezegun put their own functions in the place of those of `time`, in each module
that has one as an attribute. A duration between a real and a replaced moment is nonsense. An
attribute of an object is out of their reach.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from types import BuiltinFunctionType
from typing import Final

_ATTEMPTS: Final = 5

MAX_US: Final = 253_402_300_799_999_999
"""The last microsecond of the year 9999, in Unix time. No database has later ones."""


SAME_TIME_NS: Final = 200_000
"""Two readings with less between them are of one time. A thread that has to wait takes longer."""


class Clock:
    """The functions of `time` as they were when Flask-Chest was imported.

    Attributes:
        monotonic_ns: Nanoseconds on a clock that only goes forward, with the highest resolution.
        time_ns: Unix time in nanoseconds, an integer. Use `unix_us`, unless the cost of a call
            matters: a machine's clock may be before 1970.
    """

    __slots__ = ("monotonic_ns", "time_ns")

    def __init__(self) -> None:
        self.monotonic_ns = time.perf_counter_ns
        genuine = type(time.time_ns) is BuiltinFunctionType
        self.time_ns: Callable[[], int] = time.time_ns if genuine else _integer(time.time_ns)

    def both(self) -> tuple[int, int]:
        """Return the Unix time in microseconds, and the monotonic one in ns, of the same moment.

        A thread may stand still between the two readings: they are repeated then, a few times.
        """
        readings = []
        for _ in range(_ATTEMPTS):
            before = self.monotonic_ns()
            now = self.time_ns() // 1_000
            readings.append((self.monotonic_ns() - before, now, before))
            if readings[-1][0] <= SAME_TIME_NS:
                break
        return min(readings)[1:]

    def unix_us(self) -> int:
        """Return the Unix time in microseconds, from 0 to `MAX_US` whatever the clock says."""
        return min(max(self.time_ns() // 1_000, 0), MAX_US)


def _integer(replaced: Callable[[], object]) -> Callable[[], int]:
    """Return a clock for one that was replaced, which may return a float or nothing at all."""

    def time_ns() -> int:
        found = replaced()
        try:
            return int(found)  # type: ignore[call-overload,no-any-return] # else as below
        except (TypeError, ValueError, OverflowError):
            return 0

    return time_ns


clock: Final = Clock()
