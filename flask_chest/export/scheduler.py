"""Wakes the deliveries of one application, and ends them in time."""

from __future__ import annotations

import atexit
import contextlib
import logging
import threading
import time
import weakref
from collections.abc import Collection, Mapping
from datetime import timezone
from typing import TYPE_CHECKING, Final

from apscheduler.executors.debug import DebugExecutor
from apscheduler.schedulers.background import BackgroundScheduler
from apscheduler.schedulers.base import BaseScheduler
from apscheduler.triggers.interval import IntervalTrigger

if TYPE_CHECKING:
    from flask_chest.export.delivery import Delivery
    from flask_chest.journal import Journal

_GRACE_SECONDS: Final = 0.2
_RETRY_SECONDS: Final = 5.0
_GIVE_UP_SECONDS: Final = 60.0


# Not APScheduler's own: it has a line at INFO for each run of each job, every few seconds.
_logger: Final = logging.getLogger("flask_chest.scheduler")
_logger.setLevel(logging.WARNING)


class _Executor(DebugExecutor):  # type: ignore[misc] # APScheduler ships no types
    """Runs jobs in the scheduler's own thread."""

    def start(self, scheduler: BackgroundScheduler, alias: str) -> None:
        super().start(scheduler, alias)
        self._logger = _logger


class _Scheduler(BackgroundScheduler):  # type: ignore[misc] # APScheduler ships no types
    """Makes its thread with the `Thread` of this moment.

    gevent replaces the one that APScheduler imported, whose `join` never returns then, when
    gunicorn loads the application first, with ``--preload``.
    """

    def start(self) -> None:
        self._event = threading.Event()
        BaseScheduler.start(self)
        self._thread = threading.Thread(target=self._main_loop, name="APScheduler", daemon=True)
        self._thread.start()


class Export:
    """All deliveries of one application in this process, and the scheduler that wakes them.

    Nothing runs before `start`, which the first request of a process calls: a thread started at
    import or before a fork would be missing in the workers.

    Args:
        deliveries: One for each exporter, by name.
        interval_seconds: Between two deliveries.
        shutdown_seconds: How long the end of the process may be held up.
    """

    def __init__(
        self,
        deliveries: Mapping[str, Delivery],
        journal: Journal,
        *,
        interval_seconds: float,
        shutdown_seconds: float,
    ) -> None:
        self.deliveries = deliveries
        self._journal = journal
        self._interval_seconds = interval_seconds
        self._shutdown_seconds = shutdown_seconds
        self._finalizer: weakref.finalize[..., Export] | None = None
        self.after_fork()
        atexit.register(_close, weakref.ref(self))

    def after_fork(self) -> None:
        """Be as before `start`, in a forked child, where no thread of the parent runs."""
        self._lock = threading.RLock()  # a signal handler may close what it interrupts
        self._scheduler: BackgroundScheduler | None = None
        self.is_started = False
        self._must_drain = False
        self._not_before = 0.0
        if self._finalizer is not None:
            self._finalizer.detach()
        for delivery in self.deliveries.values():
            delivery.after_fork()

    def start(self) -> None:
        """Start the scheduler and the threads, once in a process.

        Raises:
            RuntimeError: No thread can be started now. A later call tries again.
        """
        with self._lock:
            if self.is_started or time.monotonic() < self._not_before:
                return
            self._not_before = time.monotonic() + _RETRY_SECONDS
            self._journal.start()
            scheduler = self._new_scheduler()
            scheduler.start()
            # An application that is given up without `close` must not leave its threads behind.
            self._finalizer = weakref.finalize(
                self, _give_up, scheduler, tuple(self.deliveries.values()), self._journal
            )
            self._finalizer.atexit = False
            self._scheduler = scheduler
            self.is_started = True
            for delivery in self.deliveries.values():
                delivery.start(self._interval_seconds)
            self._not_before = 0.0

    def _new_scheduler(self) -> BackgroundScheduler:
        # Its jobs only wake the exporters' threads, so they run in the scheduler's own. Not
        # "interval" for the trigger: APScheduler imports what it finds under that name, and a child
        # forked in the middle of an import waits for its end for ever.
        scheduler = _Scheduler(
            timezone=timezone.utc, executors={"default": _Executor()}, logger=_logger
        )
        for name, delivery in self.deliveries.items():
            scheduler.add_job(
                delivery.wake,
                IntervalTrigger(seconds=self._interval_seconds, timezone=timezone.utc),
                id=name,
                coalesce=True,
                misfire_grace_time=None,
            )
        return scheduler

    def flush(self, timeout_seconds: float) -> bool:
        """Deliver now; True when everything reached every exporter in time."""
        deadline = time.monotonic() + timeout_seconds
        try:
            tickets = {name: delivery.ask(deadline) for name, delivery in self.deliveries.items()}
        except RuntimeError:  # no thread can be started
            return False
        arrived = [self.deliveries[name].wait(ticket, deadline) for name, ticket in tickets.items()]
        return all(arrived)

    def close(self) -> None:
        """Deliver what can be delivered before the deadline, then end all threads."""
        self._close(time.monotonic() + self._shutdown_seconds)

    def close_at_exit(self) -> None:
        """Close, whatever a signal handler raises meanwhile: the process is ending already."""
        deadline = time.monotonic() + self._shutdown_seconds
        while True:
            try:
                self._close(deadline)
            except (SystemExit, KeyboardInterrupt):
                continue
            return

    def _close(self, deadline: float) -> None:
        with self._lock:
            scheduler, self._scheduler = self._scheduler, None
            self._must_drain |= scheduler is not None
            self.is_started = False
            if self._finalizer is not None:
                self._finalizer.detach()
        if scheduler is not None:
            scheduler.shutdown(wait=False)
        if self._must_drain:
            self._drain(deadline)
            self._must_drain = False
        _end(self.deliveries.values(), self._journal, deadline)

    def _drain(self, deadline: float) -> None:
        """Deliver for the host a last time, unless another process goes on doing it.

        What another process wrote between our last look and our giving the lock back is found
        by looking again: it saw the lock taken and left its records to us.
        """
        waiting = -1
        while time.monotonic() < deadline and self._journal.claim():
            arrived = self.flush(deadline - time.monotonic())
            self._journal.release()
            before, waiting = (
                waiting,
                sum(d.stats().pending_bytes for d in self.deliveries.values()),
            )
            if not arrived or waiting in (0, before):  # half a line waits for good
                return


def _end(deliveries: Collection[Delivery], journal: Journal, deadline: float) -> None:
    for delivery in deliveries:
        delivery.stop()
    # An idle thread needs a moment, also when another one has used up the time.
    deadline = max(deadline, time.monotonic() + _GRACE_SECONDS)
    for delivery in deliveries:
        delivery.join(deadline)
    journal.close()  # when no thread can claim it again


def _give_up(
    scheduler: BackgroundScheduler, deliveries: Collection[Delivery], journal: Journal
) -> None:
    """End what an `Export` that was collected has left behind. The records stay in the journal."""

    def end() -> None:
        scheduler.shutdown(wait=False)
        _end(deliveries, journal, time.monotonic() + _GIVE_UP_SECONDS)

    # The garbage collector may have interrupted anything, also one of these threads.
    with contextlib.suppress(RuntimeError):  # the process is ending
        threading.Thread(target=end, name="chest-export-end", daemon=True).start()


def _close(reference: weakref.ref[Export]) -> None:
    export = reference()
    if export is not None:
        export.close_at_exit()
