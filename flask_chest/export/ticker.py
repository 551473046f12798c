"""The thread of the scheduler, which imports APScheduler itself."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING

from flask_chest.runtime import fork

if TYPE_CHECKING:
    from types import ModuleType

    from flask_chest.export.jobs import Scheduler
    from flask_chest.export.supervisor import Delivery


def _jobs() -> ModuleType:
    from flask_chest.export import jobs  # noqa: PLC0415 - APScheduler, which no request waits for

    return jobs


class Ticker:
    """Runs the scheduler in a daemon thread from `start` to `stop`.

    Args:
        deliveries: Those to wake, by name.
        interval_seconds: Between two calls of each.
    """

    def __init__(self, deliveries: Mapping[str, Delivery], interval_seconds: float) -> None:
        self._deliveries = deliveries
        self._interval_seconds = interval_seconds
        self._lock = threading.RLock()  # a signal handler may stop what it interrupts
        self._is_stopped = False
        self._scheduler: Scheduler | None = None
        self._thread = threading.Thread(target=self._run, name="APScheduler", daemon=True)

    @staticmethod
    def preload() -> None:
        """Import in `init_app` what cannot be imported later without holding up requests."""
        if "gevent" in sys.modules:  # which may make a thread like the requests' of ours
            _jobs()

    def start(self) -> None:
        """Start the thread.

        Raises:
            RuntimeError: No thread can be started now.
        """
        self._thread.start()

    def _run(self) -> None:
        try:
            with fork.importing():
                jobs = _jobs()
        except RuntimeError:  # the process is ending, and concurrent.futures cannot be imported
            return
        scheduler = jobs.Scheduler(self._deliveries, self._interval_seconds)
        with self._lock:
            if self._is_stopped:
                return
            scheduler.begin()
            self._scheduler = scheduler
        scheduler.run()

    def stop(self) -> None:
        """Tell the thread to end. Does nothing when it was told before."""
        with self._lock:
            self._is_stopped = True
            scheduler, self._scheduler = self._scheduler, None
        if scheduler is not None:
            scheduler.shutdown(wait=False)

    def join(self, deadline: float) -> None:
        """Wait for the end of the thread, until `deadline` on the monotonic clock, in seconds."""
        self._thread.join(max(deadline - time.monotonic(), 0.0))
