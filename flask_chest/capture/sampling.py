"""Decides at the end of a request whether its record is kept, and with which weight."""

from __future__ import annotations

import hashlib
import logging
import os
import random
import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from flask_chest.runtime.interrupts import is_interrupt
from flask_chest.runtime.log import raised

if TYPE_CHECKING:
    from flask_chest.record import RecordData
    from flask_chest.runtime.counters import Counters
    from flask_chest.runtime.log import Throttle

_PURPOSE: Final = b"chest sampling"
"""Keeps the key apart from all others that are derived from the same secret."""


class Draws:
    """Draws a number for each request: the same in every service that has the key, for one trace.

    The client may have chosen the ID of the trace or of the request. It knows neither the key, and
    so not the number that an ID leads to, nor can it use one ID for ever: after `MAX_SAME` requests
    each further one draws by chance. An ID is forgotten after at least `MEMORY` others.

    Args:
        secret: What the key is derived from; None for a random key of this process.
    """

    MAX_SAME: Final = 32
    MEMORY: Final = 2_048

    def __init__(self, secret: bytes | None) -> None:
        self._key = hashlib.blake2b(
            secret or os.urandom(32), digest_size=32, person=_PURPOSE
        ).digest()
        self.after_fork()

    def after_fork(self) -> None:
        """Start again in a forked child, with random numbers of its own. The key stays."""
        self._lock = threading.Lock()
        self._random = random.Random()  # noqa: S311 - nobody sees the numbers
        self._recent: dict[bytes, int] = {}
        self._older: dict[bytes, int] = {}

    def draw(self, trace_id: str | None, request_id: str) -> float:
        """Return a number from 0 to below 1. A request is kept when it is at least 1 - rate."""
        text = request_id if trace_id is None else trace_id
        digest = hashlib.blake2b(text.encode("utf-8"), digest_size=16, key=self._key).digest()
        with self._lock:
            if self._count(digest) > self.MAX_SAME:
                return self._random.random()
        return _unit(digest)

    def _count(self, digest: bytes) -> int:
        """Return how many requests had this ID lately, with this one."""
        recent = self._recent
        count = recent.get(digest) or self._older.get(digest, 0)
        if digest not in recent and len(recent) >= self.MEMORY:
            self._older, self._recent = recent, {}
            recent = self._recent
        recent[digest] = count + 1
        return count + 1


def _unit(digest: bytes) -> float:
    """Return a digest as a number from 0 to below 1."""
    return (int.from_bytes(digest[:8], "big") >> 11) / float(1 << 53)  # a float holds 53 bits


class Sampling:
    """Keeps a share of the requests, and all requests that a rule asks for.

    The weight of a record is the number of requests that it stands for; 0.0 means that it is not
    kept. A record that a rule keeps has the weight 1.0, since the rule keeps all that are alike.

    Args:
        keep_errors: Keep requests with an unhandled exception or a status code of 500 and more.
        keep_slower_than_ms: Keep requests that took longer; None for no such rule.
        rule: Called with the finished record of a request that nothing else keeps for sure; None
            for none.
        per_second: Maximum of records in one second, for this process; None for no limit.
        secret: Known to all services that are to keep the same traces; None when there is none.
    """

    def __init__(
        self,
        *,
        secret: bytes | None = None,
        keep_errors: bool,
        keep_slower_than_ms: float | None,
        rule: Callable[[RecordData], object] | None,
        per_second: int | None,
        counters: Counters,
        throttle: Throttle,
    ) -> None:
        self._draws = Draws(secret)
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
        """Return the weight of a request when a share of `rate`, from 0 to 1, is kept."""
        if rate >= 1.0:
            return 1.0
        if self._keep_errors and (is_error or (status is not None and status >= 500)):
            return 1.0
        if self._keep_slower_than_ms is not None and duration_ms > self._keep_slower_than_ms:
            return 1.0
        if rate > 0.0 and self._draws.draw(trace_id, request_id) >= 1.0 - rate:
            return 1.0 / rate
        return 0.0

    def ruled(self, record: RecordData) -> float:
        """Return the weight by the application's own rule. A rule that raises keeps the record."""
        try:
            return 1.0 if self._rule is not None and self._rule(record) else 0.0
        except BaseException as error:  # the application's code, which must not cost the record
            if is_interrupt(error):
                raise
            self._counters.add("capture_errors")
            self._throttle.log(
                logging.ERROR,
                "keep",
                f"CHEST_KEEP_IF failed, and the record is kept: {raised(error)}",
            )
            return 1.0

    def limited(self, weight: float) -> float:
        """Return the weight of a record after the limit for each second."""
        if not weight or self._limit is None:
            return weight
        return self._limit.admit(weight)

    def after_fork(self) -> None:
        """Count from zero in a forked child."""
        self._draws.after_fork()
        if self._limit is not None:
            self._limit.after_fork()


class RateLimit:
    """Keeps a limited number of records a second. Their weights still add up to all requests.

    A second begins with the share that would have fitted the second before. When it has more
    requests than that second, and three quarters of its records are used, the share falls with each
    further record, so that some are left for the rest of the second. Each record carries the weight
    of all requests since the record before it that had the same weight before, also of those in an
    earlier second. So what was sampled at one rate never counts for what was sampled at another.

    Args:
        per_second: Maximum of records in one second, for this process.
    """

    def __init__(self, per_second: int) -> None:
        self._per_second = per_second
        self._quarter = max(per_second / 4, 1)
        self.after_fork()

    def after_fork(self) -> None:
        """Start again in a forked child, with random numbers of its own."""
        self._lock = threading.Lock()
        self._random = random.Random()  # noqa: S311 - decides what is kept, guards no secret
        self._second = -1
        self._seen = 0  # requests in this second
        self._kept = 0
        self._before = 0  # requests in the second before
        self._every = 1.0  # one request of this many is kept
        self._waiting: dict[float, float] = {}  # by weight: that of requests since its last record
        self._skip = 0  # requests to pass over before the next record

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
            waiting = self._waiting.pop(weight, 0.0) + weight
            if self._skip > 0 or self._kept >= self._per_second:
                self._skip -= 1
                self._waiting[weight] = waiting
                return 0.0
            self._kept += 1
            self._skip = self._draw()
            return waiting

    def _draw(self) -> int:
        """Return how many requests to skip: random, to avoid aliasing with periodic traffic."""
        every = self._every
        if self._seen >= self._before:
            used = (self._kept - self._per_second + self._quarter) / self._quarter
            every *= 1_000.0 ** max(used, 0.0)
        return round(2 * self._random.random() * (every - 1))
