"""Which records are kept, decided when a request ends, and how many requests each stands for."""

from __future__ import annotations

import hashlib
import logging
import random
import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from flask_chest.runtime.log import raised

if TYPE_CHECKING:
    from flask_chest.record import RecordData
    from flask_chest.runtime.counters import Counters
    from flask_chest.runtime.log import Throttle

_RANDOM_BITS: Final = 56


def fraction(trace_id: str | None, request_id: str) -> float:
    """Return a number from 0 to below 1 that is the same in every service that sees the request.

    The last 56 bits of the trace ID are random (W3C Trace Context, level 2, section 3.2.2.3), and a
    request is kept when they are at least 1 - rate, as OpenTelemetry's consistent probability
    sampling does. Without a trace ID it is a hash of the request ID.
    """
    if trace_id is not None:
        bits = int(trace_id[-_RANDOM_BITS // 4 :], 16)
    else:
        digest = hashlib.blake2b(request_id.encode("utf-8"), digest_size=_RANDOM_BITS // 8)
        bits = int.from_bytes(digest.digest(), "big")
    return (bits >> 3) / float(1 << _RANDOM_BITS - 3)  # 53 bits are what a float holds


class Sampling:
    """Keeps a share of the requests, and those that are worth more than their share.

    A weight is how many requests a record stands for; 0.0 is the weight of one that is not kept.
    What a rule keeps stands for itself, since all that are like it are kept.

    Args:
        keep_errors: Keep requests with an unhandled exception or a status code of 500 and more.
        keep_slower_than_ms: Keep requests that took longer; None for no such rule.
        rule: Asked with the finished record of a request that would not be kept; None for none.
        per_second: Most records in one second, of this process; None for any number.
    """

    def __init__(
        self,
        *,
        keep_errors: bool,
        keep_slower_than_ms: float | None,
        rule: Callable[[RecordData], object] | None,
        per_second: int | None,
        counters: Counters,
        throttle: Throttle,
    ) -> None:
        self._keep_errors = keep_errors
        self._keep_slower_than_ms = keep_slower_than_ms
        self._rule = rule
        self._limit = RateLimit(per_second) if per_second is not None else None
        self.is_limited = self._limit is not None
        self.has_rule = rule is not None
        self._counters = counters
        self._throttle = throttle

    def share(
        self,
        rate: float,
        *,
        trace_id: str | None,
        request_id: str,
        status: int | None,
        is_error: bool,
        duration_ms: float,
    ) -> float:
        """Return the weight of a request of which a share of `rate` is kept, from 0 to 1."""
        if rate >= 1.0:
            return 1.0
        if self._keep_errors and (is_error or (status is not None and status >= 500)):
            return 1.0
        if self._keep_slower_than_ms is not None and duration_ms > self._keep_slower_than_ms:
            return 1.0
        if rate > 0.0 and fraction(trace_id, request_id) >= 1.0 - rate:
            return 1.0 / rate
        return 0.0

    def ruled(self, record: RecordData) -> float:
        """Return the weight that the application's own rule gives. When it raises, it keeps."""
        try:
            return 1.0 if self._rule is not None and self._rule(record) else 0.0
        except Exception as error:  # noqa: BLE001 - somebody else's code, and no record is lost by it
            self._counters.add("capture_errors")
            self._throttle.log(
                logging.ERROR,
                "keep",
                f"CHEST_KEEP_IF failed, and the record is kept: {raised(error)}",
            )
            return 1.0

    def limited(self, weight: float) -> float:
        """Return the weight of a record that is kept only while a second has room for it."""
        if not weight or self._limit is None:
            return weight
        return self._limit.admit(weight)

    def after_fork(self) -> None:
        """Count from the beginning in a forked child."""
        if self._limit is not None:
            self._limit.after_fork()


class RateLimit:
    """Keeps at most so many records a second, each with the weight of those since the last one.

    A second begins with the share that the one before would have needed. When it has more requests
    than that one, and three quarters of its records are used up, the share falls with each further
    one, so that some are left for whatever comes. The requests since the last record belong to the
    next one, be it in a later second: so the sum of the weights is true.

    Args:
        per_second: Most records in one second, of this process.
    """

    def __init__(self, per_second: int) -> None:
        self._per_second = per_second
        self._quarter = max(per_second / 4, 1)
        self.after_fork()

    def after_fork(self) -> None:
        """Begin anew in a forked child, with random numbers of its own."""
        self._lock = threading.Lock()
        self._random = random.Random()  # noqa: S311 - decides what is kept, guards no secret
        self._second = -1
        self._seen = 0  # requests in this second
        self._kept = 0
        self._before = 0  # requests in the second before
        self._every = 1.0  # one of so many is kept
        self._waiting = 0.0  # weight since the last one that was kept
        self._skip = 0  # requests until the next one

    def admit(self, weight: float) -> float:
        """Return the weight of a record of the weight `weight`; 0.0 when it is not kept."""
        second = int(time.monotonic())
        with self._lock:
            if second != self._second:
                self._before = self._seen if second == self._second + 1 else 0
                self._every = max(self._before / self._per_second, 1.0)
                self._second, self._seen, self._kept = second, 0, 0
                self._skip = self._draw()
            self._seen += 1
            self._waiting += weight
            if self._skip > 0 or self._kept >= self._per_second:
                self._skip -= 1
                return 0.0
            self._kept += 1
            self._skip = self._draw()
            waiting, self._waiting = self._waiting, 0.0
            return waiting

    def _draw(self) -> int:
        """Return how many requests to pass over: a random number, lest it keeps time with them."""
        every = self._every
        if self._seen >= self._before:
            used = (self._kept - self._per_second + self._quarter) / self._quarter
            every *= 1_000.0 ** max(used, 0.0)
        return round(2 * self._random.random() * (every - 1))
