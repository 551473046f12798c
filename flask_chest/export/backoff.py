"""The pauses after failures of one exporter."""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING, Final

from flask_chest.errors import ExporterUnavailable
from flask_chest.runtime.chance import chance

if TYPE_CHECKING:
    from flask_chest.runtime.counters import Counters
    from flask_chest.runtime.log import Throttle

MAX_ASKED_SECONDS: Final = 3_600.0
"""Longest pause that a destination may ask for."""


class Backoff:
    """Counts failures in a row, keeps the last error, and says how long to wait.

    A pause is random, between 0 and a ceiling: hosts that failed together do not retry together.
    It begins after the one that the destination asks for.

    Args:
        name: The exporter's name in CHEST_EXPORTERS.
        retry_seconds: Ceiling after a first failure; it doubles with each further one.
        retry_max_seconds: Highest ceiling.
    """

    def __init__(
        self,
        name: str,
        retry_seconds: float,
        retry_max_seconds: float,
        counters: Counters,
        throttle: Throttle,
    ) -> None:
        self._name = name
        self._retry_seconds = retry_seconds
        self._retry_max_seconds = retry_max_seconds
        self._counters = counters
        self._throttle = throttle
        self.reset()

    def reset(self) -> None:
        """Start as if nothing had ever failed."""
        self._failures = 0
        self._failing_since = 0.0
        self._until = self._asked_until = 0.0
        self.last_error: str | None = None

    @property
    def is_failing(self) -> bool:
        """Whether the newest attempt failed."""
        return self._failures > 0

    def remaining_seconds(self) -> float:
        """Return how long to wait before the next attempt; 0.0 for not at all."""
        return max(self._until - time.monotonic(), 0.0)

    def is_asked_to_wait(self) -> bool:
        """Return whether the destination is to be left alone, even by a flush."""
        return time.monotonic() < self._asked_until

    def succeeded(self, waited: str = "") -> None:
        """Forget the failures in a row, and log their end. A pause that has begun goes on.

        Args:
            waited: What had waited until then, for the log.
        """
        self._counters.succeeded(self._name)
        if not self._failures:
            return
        failures, self._failures = self._failures, 0
        self.last_error = None
        seconds = time.monotonic() - self._failing_since
        self._throttle.forget(f"failed {self._name}")  # this line has their number
        self._throttle.log(
            logging.WARNING,  # whoever saw the failures is to see their end
            f"recovered {self._name}",
            f"The exporter {self._name!r} delivers again after {seconds:,.0f} s; attempts that "
            f"failed: {{number}}{'; ' if waited else ''}{waited}",
            number=failures,
        )

    def failed(self, error: Exception) -> None:
        """Count and log a failure, and begin a pause."""
        if not self._failures:
            self._failing_since = time.monotonic()
        self._failures += 1
        ceiling = min(
            self._retry_seconds * 2 ** min(self._failures - 1, 30), self._retry_max_seconds
        )
        asked = _asked(error)
        pause = asked + chance.uniform(0.0, ceiling)
        now = time.monotonic()
        self._until, self._asked_until = now + pause, now + asked
        self.last_error = f"{type(error).__name__}: {error}"
        self._counters.failed(self._name, self.last_error, pause)
        self._throttle.log(
            logging.WARNING,
            f"failed {self._name}",
            f"The exporter {self._name!r} cannot deliver; the records wait in the journal: "
            f"{self.last_error}",
            error,
        )


def _asked(error: Exception) -> float:
    """Return the pause that a destination asks for, in seconds; 0.0 for what is no number."""
    if not isinstance(error, ExporterUnavailable):
        return 0.0
    try:
        asked = float(error.retry_after_seconds)  # a plugin may pass on the text of `Retry-After`
    except (TypeError, ValueError, OverflowError):
        return 0.0
    return min(asked, MAX_ASKED_SECONDS) if asked > 0.0 else 0.0  # NaN is not above 0
