"""Delivers what is in the journal: a job of the scheduler, a thread and a cursor per exporter."""

from __future__ import annotations

import atexit
import contextlib
import logging
import random
import threading
import time
import weakref
from collections.abc import Mapping
from datetime import timezone
from typing import TYPE_CHECKING, Final

from apscheduler.executors.debug import DebugExecutor
from apscheduler.schedulers.background import BackgroundScheduler

from flask_chest.errors import BatchRejected
from flask_chest.exporter import Batch
from flask_chest.stats import ExporterStats

if TYPE_CHECKING:
    from flask_chest.exporter import Exporter
    from flask_chest.journal import Journal, Reader
    from flask_chest.log import Throttle
    from flask_chest.plugins import Plugins
    from flask_chest.stats import Counters

BACKOFF_SECONDS: Final = 1.0
MAX_BACKOFF_SECONDS: Final = 60.0


class Delivery:
    """Brings one exporter what waits for it, in a daemon thread of its own.

    A thread that hangs in a dead database holds up neither the other exporters nor, being a
    daemon, the end of the process.

    Args:
        name: The exporter's name in CHEST_EXPORTERS.
        max_records: Most records in one batch.
        max_bytes: Most bytes in one batch.
    """

    def __init__(
        self,
        name: str,
        exporter: Exporter,
        journal: Journal,
        *,
        max_records: int,
        max_bytes: int,
        plugins: Plugins,
        counters: Counters,
        throttle: Throttle,
    ) -> None:
        self.name = name
        self._exporter = exporter
        self._journal = journal
        self._reader: Reader = journal.reader(name)
        self._max_records = max_records
        self._max_bytes = max_bytes
        self._plugins = plugins
        self._counters = counters
        self._throttle = throttle
        self._last_error: str | None = None
        self.after_fork()

    def after_fork(self) -> None:
        """Begin anew: a forked child has neither the thread nor the right to the connection."""
        self._condition = threading.Condition()
        self._thread: threading.Thread | None = None
        self._due = False
        self._asked = 0  # flushes asked for
        self._served = 0  # flushes answered
        self._complete = True
        self._stopping = False
        self._is_open = False
        self._failures = 0  # in a row
        self._not_before = 0.0

    # -- From other threads ------------------------------------------------------------------

    def wake(self) -> None:
        """Deliver soon, unless a failure a moment ago advises to wait or another process does."""
        with self._condition:
            self._due = True
            self._condition.notify_all()

    def ask(self) -> int:
        """Ask for a delivery now, whoever is in charge, and return a ticket for `wait`."""
        with self._condition:
            self._start()
            self._asked += 1
            self._condition.notify_all()
            return self._asked

    def wait(self, ticket: int, deadline: float) -> bool:
        """Return True once all that was in the journal at `ask` is delivered; False if not.

        Args:
            ticket: What `ask` returned.
            deadline: On the monotonic clock, in seconds.
        """
        with self._condition:
            served = self._condition.wait_for(
                lambda: self._served >= ticket, max(deadline - time.monotonic(), 0.0)
            )
            return served and self._complete

    def start(self) -> None:
        """Start the thread unless it runs."""
        with self._condition:
            self._start()

    def _start(self) -> None:
        if self._thread is None:
            self._thread = threading.Thread(
                target=self._loop, name=f"chest-export-{self.name}", daemon=True
            )
            self._thread.start()

    def stop(self, deadline: float) -> None:
        """End the thread, but do not wait beyond `deadline` for one that hangs."""
        with self._condition:
            self._stopping = True
            self._condition.notify_all()
            thread = self._thread
        if thread is not None:
            thread.join(max(deadline - time.monotonic(), 0.0))

    def stats(self) -> ExporterStats:
        """Return this exporter's counters and lag."""
        pending_bytes, lag_seconds = self._reader.pending()
        return ExporterStats(
            delivered=self._counters.total("delivered", self.name),
            rejected=self._counters.total("rejected", self.name),
            failures=self._counters.total("failures", self.name),
            pending_bytes=pending_bytes,
            lag_seconds=lag_seconds,
            last_error=self._last_error,
        )

    # -- In the exporter's thread ----------------------------------------------------------------

    def _loop(self) -> None:
        condition = self._condition  # `stop` leaves a thread that hangs behind with its own
        while not self._stopping:
            with condition:
                condition.wait_for(
                    lambda: self._due or self._stopping or self._asked > self._served
                )
                ticket, self._due = self._asked, False
                asked = ticket > self._served
            if self._stopping and not asked:
                break
            complete = self._run(asked=asked)
            with condition:
                if condition is not self._condition:
                    return
                self._complete, self._served = complete, ticket
                condition.notify_all()
        self._close()

    def _run(self, *, asked: bool) -> bool:
        """Deliver what waits now. Return whether all of it arrived. Never raises."""
        in_charge = self._journal.claim()
        if not asked and (not in_charge or time.monotonic() < self._not_before):
            return False
        try:
            with self._reader.turn(MAX_BACKOFF_SECONDS if asked else 0.0) as held:
                if held:
                    self._deliver()
            if held:
                self._journal.prune()
        except Exception as error:  # noqa: BLE001 - whatever an exporter raises, records wait
            self._failed(error)
            return False
        finally:
            if not in_charge:  # one connection per host, but for the moment of a flush
                self._close()
        return held

    def _deliver(self) -> None:
        for chunk in self._reader.chunks(self._max_records, self._max_bytes):
            if not self._is_open:
                # Set before, so that `close` clears up after an `open` that failed half way.
                self._is_open = True
                self._exporter.open()
            self._export(Batch(chunk.lines, chunk.count))
            self._reader.acknowledge(chunk)
            self._failures = 0
            self._last_error = None

    def _export(self, batch: Batch) -> None:
        """Deliver a batch, or those of its records that the database does not refuse."""
        try:
            self._exporter.export(batch)
        except BatchRejected as error:
            if len(batch) > 1:
                lines = batch.lines.splitlines(keepends=True)
                middle = len(lines) // 2
                for half in (lines[:middle], lines[middle:]):
                    self._export(Batch(b"".join(half), len(half)))
                return
            self._reader.set_aside(batch.lines, error)
            self._counters.add("rejected", self.name)
            self._throttle.log(
                logging.ERROR,
                f"rejected {self.name}",
                f"The exporter {self.name!r} refused a record, which was set aside: {error}",
                error,
            )
            self._plugins.export_failed(self.name, error)
            return
        self._counters.add("delivered", self.name, len(batch))
        self._plugins.exported(self.name, batch)

    def _failed(self, error: Exception) -> None:
        self._close()
        self._failures += 1
        ceiling = min(BACKOFF_SECONDS * 2 ** min(self._failures - 1, 10), MAX_BACKOFF_SECONDS)
        self._not_before = time.monotonic() + random.uniform(0.0, ceiling)  # noqa: S311
        self._last_error = f"{type(error).__name__}: {error}"
        self._counters.add("failures", self.name)
        self._throttle.log(
            logging.WARNING,
            f"failed {self.name}",
            f"The exporter {self.name!r} cannot deliver; the records wait in the journal: "
            f"{self._last_error}",
            error,
        )
        self._plugins.export_failed(self.name, error)

    def _close(self) -> None:
        if self._is_open:
            self._is_open = False
            with contextlib.suppress(Exception):  # it is being given up
                self._exporter.close()


class Export:
    """All deliveries of one application in this process, and the scheduler that wakes them.

    Nothing runs before `start`, which the first tracked request of a process calls: a thread
    started at import or before a fork would be missing in the workers.

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
        self.after_fork()

    def after_fork(self) -> None:
        """Be as before `start`, in a forked child, where no thread of the parent runs."""
        self._lock = threading.Lock()
        self._scheduler: BackgroundScheduler | None = None
        self.is_started = False
        for delivery in self.deliveries.values():
            delivery.after_fork()

    def start(self) -> None:
        """Start the scheduler and the threads, once in a process."""
        with self._lock:
            if self.is_started:
                return
            self.is_started = True
            # Its jobs only wake the exporters' threads, so they run in the scheduler's own.
            self._scheduler = BackgroundScheduler(
                timezone=timezone.utc, executors={"default": DebugExecutor()}
            )
            for name, delivery in self.deliveries.items():
                delivery.start()
                self._scheduler.add_job(
                    delivery.wake,
                    "interval",
                    seconds=self._interval_seconds,
                    id=name,
                    coalesce=True,
                    misfire_grace_time=None,
                )
            self._scheduler.start()
            atexit.register(_close, weakref.ref(self))

    def flush(self, timeout_seconds: float) -> bool:
        """Deliver now; True when everything reached every exporter in time."""
        deadline = time.monotonic() + timeout_seconds
        tickets = {name: delivery.ask() for name, delivery in self.deliveries.items()}
        arrived = [self.deliveries[name].wait(ticket, deadline) for name, ticket in tickets.items()]
        return all(arrived)

    def close(self) -> None:
        """Deliver what can be delivered before the deadline, then end all threads."""
        deadline = time.monotonic() + self._shutdown_seconds
        with self._lock:
            scheduler, self._scheduler = self._scheduler, None
            started, self.is_started = self.is_started, False
        if scheduler is not None:
            scheduler.shutdown(wait=False)
        if started:
            self._drain(deadline)
        for delivery in self.deliveries.values():
            delivery.stop(deadline)
            delivery.after_fork()
        self._journal.close()

    def _drain(self, deadline: float) -> None:
        """Deliver for the host a last time, unless another process goes on doing it.

        What another process wrote between our last look and our giving the lock back is found
        by looking again: it saw the lock taken and left its records to us.
        """
        while self._journal.claim() and time.monotonic() < deadline:
            arrived = self.flush(deadline - time.monotonic())
            self._journal.release()
            if not arrived or not any(d.stats().pending_bytes for d in self.deliveries.values()):
                return


def _close(reference: weakref.ref[Export]) -> None:
    export = reference()
    if export is not None:
        export.close()
