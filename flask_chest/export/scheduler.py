"""Wakes what works for each exporter once in an interval, with APScheduler."""

from __future__ import annotations

import importlib
import logging
import sys
import threading
import time
from collections.abc import Callable, Mapping
from datetime import timezone
from typing import Any, Final

from flask_chest.runtime import fork

# APScheduler names an executor's logger after its alias, and logs each run of a job at INFO. With
# loggers of our own, that can be silenced without a change to the application's.
_EXECUTOR: Final = "flask_chest"
_LOGGER: Final = "flask_chest.scheduler"


def _apscheduler() -> Any:  # noqa: ANN401 - it ships no types
    """Return APScheduler, imported on the first call: it is too slow to import in a request."""
    for module in ("events", "executors.debug", "schedulers.blocking", "triggers.interval"):
        importlib.import_module(f"apscheduler.{module}")
    return importlib.import_module("apscheduler")


class Scheduler:
    """Runs APScheduler in a daemon thread from `start` to `stop`.

    Args:
        jobs: What to call, by name, and the seconds between two calls. The calls run in the
            scheduler's own thread, one after the other, so each must be quick.
    """

    def __init__(self, jobs: Mapping[str, tuple[Callable[[], None], float]]) -> None:
        self._jobs = jobs
        self._lock = threading.RLock()  # a signal handler may stop what it interrupts
        self._is_stopped = False
        self._running: Any = None  # APScheduler's own, from its start to its shutdown
        self._thread = threading.Thread(target=self._run, name="APScheduler", daemon=True)

    @staticmethod
    def preload() -> None:
        """Import in `init_app` what cannot be imported later without holding up requests.

        gevent may turn our thread into a greenlet, which shares its thread with the requests.
        """
        if "gevent" in sys.modules:
            _apscheduler()

    def start(self) -> None:
        """Start the thread.

        Raises:
            RuntimeError: No thread can be started now.
        """
        self._thread.start()

    def stop(self) -> None:
        """Tell the thread to end. A second call does nothing."""
        with self._lock:
            self._is_stopped = True
            running, self._running = self._running, None
        if running is not None:
            running.shutdown(wait=False)

    def join(self, deadline: float) -> None:
        """Wait for the end of the thread, until `deadline` on the monotonic clock, in seconds."""
        self._thread.join(max(deadline - time.monotonic(), 0.0))

    def _run(self) -> None:
        try:
            with fork.importing():
                apscheduler = _apscheduler()
        except RuntimeError:  # the process is ending: `concurrent.futures` cannot be imported
            return
        for name in (_LOGGER, f"apscheduler.executors.{_EXECUTOR}"):
            logging.getLogger(name).setLevel(logging.WARNING)
        debug = apscheduler.executors.debug  # its executor runs jobs in the scheduler's thread
        scheduler = apscheduler.schedulers.blocking.BlockingScheduler(
            timezone=timezone.utc,
            # Without a "default" one, APScheduler makes a pool of threads, and imports for it.
            executors={name: debug.DebugExecutor() for name in (_EXECUTOR, "default")},
            logger=logging.getLogger(_LOGGER),
        )
        for name, (job, seconds) in self._jobs.items():
            scheduler.add_job(
                job,
                # Not the name "interval": APScheduler imports what it finds under a name, and a
                # child that is forked in the middle of an import waits for its end for ever.
                apscheduler.triggers.interval.IntervalTrigger(
                    seconds=seconds, timezone=timezone.utc
                ),
                id=name,
                executor=_EXECUTOR,
                coalesce=True,
                misfire_grace_time=None,
            )

        def note_start(_event: object) -> None:
            with self._lock:  # `shutdown` is refused before the start
                if not self._is_stopped:
                    self._running = scheduler
                    return
            scheduler.shutdown(wait=False)

        scheduler.add_listener(note_start, apscheduler.events.EVENT_SCHEDULER_STARTED)
        scheduler.start()  # returns after `shutdown`
