"""Keeps a worker running for one exporter, and replaces one that hangs or died."""

from __future__ import annotations

import contextlib
import functools
import logging
from typing import TYPE_CHECKING, Final

from flask_chest.errors import ExporterUnavailable
from flask_chest.export.backoff import Backoff
from flask_chest.export.inbox import Flush, Inbox
from flask_chest.export.worker import Worker
from flask_chest.journal.stats import exporter_stats
from flask_chest.runtime import fork
from flask_chest.store import another

if TYPE_CHECKING:
    from flask_chest.exporter import Exporter
    from flask_chest.journal import Journal, Reader
    from flask_chest.journal.host import Host
    from flask_chest.plugins.manager import Plugins
    from flask_chest.runtime.announcer import Announcer
    from flask_chest.runtime.counters import Counters, ExporterStats
    from flask_chest.runtime.log import Throttle

_MAX_HANGING: Final = 3
"""Threads of one exporter that may hang at the same time; no further one is started."""


class Supervisor:
    """Delivers what waits for one exporter, with one worker at a time.

    A worker that hangs in a dead database holds up no other exporter. After `timeout_seconds` it
    is abandoned, and another worker takes its place with another instance of the exporter.

    Args:
        name: The exporter's name in CHEST_EXPORTERS.
        exporter: The instance of the first worker. Those of later ones have its configuration.
        max_records: Most records in one batch.
        max_bytes: Most bytes in one batch.
        retry_seconds: Longest pause after a first failure; it doubles with each further one.
        retry_max_seconds: Backoff ceiling.
        timeout_seconds: Longest call of the exporter.
    """

    def __init__(
        self,
        name: str,
        exporter: Exporter,
        journal: Journal,
        *,
        max_records: int,
        max_bytes: int,
        retry_seconds: float = 1.0,
        retry_max_seconds: float = 60.0,
        timeout_seconds: float = 120.0,
        plugins: Plugins,
        announcer: Announcer,
        counters: Counters,
        throttle: Throttle,
    ) -> None:
        self.name = name
        self._exporter = exporter
        self._reader: Reader = journal.reader(name)
        self._timeout_seconds = timeout_seconds
        self._counters = counters
        self._throttle = throttle
        self._backoff = Backoff(name, retry_seconds, retry_max_seconds, counters, throttle)
        self._new_worker = functools.partial(
            Worker,
            name=name,
            journal=journal,
            backoff=self._backoff,
            max_records=max_records,
            max_bytes=max_bytes,
            plugins=plugins,
            announcer=announcer,
            counters=counters,
            throttle=throttle,
        )
        self._unused: Exporter | None = exporter
        self._begin()

    def _begin(self) -> None:
        self._inbox = Inbox()
        self._backstop_seconds: float | None = None  # between `start` and `stop`
        self._worker: Worker | None = None
        self._former: list[Worker] = []  # those of which the thread still runs
        self._news: Exception | None = None  # a failure that no plugin was told of

    def after_fork(self) -> None:
        """Begin anew: a forked child has neither the thread nor a right to the connection."""
        for worker in (self._worker, *self._former):
            if worker is not None and worker.is_open:
                fork.keep(worker)
        self._backoff.reset()
        self._begin()

    def start(self, interval_seconds: float) -> None:
        """Start a worker unless one runs. `wake` is going to be called once in an interval."""
        with self._inbox.changed:
            # The scheduler uses the wall clock: when that is set back by an hour, the next call
            # of `wake` is an hour and an interval away.
            self._backstop_seconds = 3 * interval_seconds
            self._try_to_employ()

    def wake(self) -> None:
        """Deliver soon, if this process is the leader and no backoff is under way.

        Replaces a worker that hangs, and logs what is due.
        """
        self._throttle.log_due()
        with self._inbox.changed:
            if self._backstop_seconds is None:
                return  # stopped a moment ago, while the scheduler called this
            self._abandon_overdue()
            self._try_to_employ()
            self._inbox.wake()

    def flush(self, deadline: float) -> Flush:
        """Deliver now, whichever process is the leader, and return the answer to wait for.

        Args:
            deadline: When the answer is of no use any more, on the monotonic clock, in seconds.

        Raises:
            RuntimeError: No thread can be started now.
        """
        with self._inbox.changed:
            self._employ()
            return self._inbox.flush(deadline)

    def stop(self) -> None:
        """Tell the worker to end after the batch that it is at. Pending flushes are answered."""
        with self._inbox.changed:
            self._backstop_seconds = None
            if self._worker is not None:
                self._worker.stop()
            self._inbox.refuse()

    def join(self, deadline: float) -> None:
        """Wait for the end of stopped workers, but not beyond `deadline` for one that hangs.

        Args:
            deadline: On the monotonic clock, in seconds.
        """
        for worker in (*self._former, self._worker):
            if worker is not None and not worker.is_abandoned:
                worker.join(deadline)

    def preload(self) -> None:
        """Let the exporter import what it needs. Never raises: `open` raises the same again."""
        with contextlib.suppress(Exception):
            self._exporter.preload()

    def pending_bytes(self) -> int:
        """Return how many bytes of the journal wait for this exporter."""
        return self._reader.pending()[0]

    def stats(self, host: Host | None = None) -> ExporterStats:
        """Return what was delivered, and what waits.

        Args:
            host: What all processes have counted; None for this process alone.
        """
        name = self.name
        if host is None:
            counts, attempts = self._counters.snapshot(), self._counters.attempts
        else:
            counts, attempts = host.counts, host.attempts
        return exporter_stats(name, self._reader, counts, attempts.get(name))

    def _try_to_employ(self) -> None:
        try:
            self._employ()
        except RuntimeError as error:  # too many threads; the next interval has another chance
            self._throttle.log(
                logging.WARNING,
                f"thread {self.name}",
                f"The exporter {self.name!r} has to wait for a thread: {error}",
                error,
            )

    def _employ(self) -> None:
        """Make sure that a worker takes orders, unless too many hang.

        Raises:
            RuntimeError: No thread can be started now.
        """
        if self._worker is not None:
            if self._worker.takes_orders():
                self._worker.backstop_seconds = self._backstop_seconds
                return
            self._former.append(self._worker)
            self._worker = None
        self._former = [worker for worker in self._former if worker.is_alive()]
        if len(self._former) >= _MAX_HANGING:
            self._throttle.log(
                logging.ERROR,
                f"hanging {self.name}",
                f"The exporter {self.name!r} has {len(self._former)} calls that do not return, and "
                "no further one is started. The records wait until one of them returns, or until "
                "another process delivers. Find out what it waits for, and restart this process",
            )
            return
        if self._unused is None:
            self._unused = another(self._exporter)
        worker = self._new_worker(
            exporter=self._unused,
            inbox=self._inbox,
            backstop_seconds=self._backstop_seconds,
            news=self._news,
        )
        worker.start()
        self._worker, self._unused, self._news = worker, None, None

    def _abandon_overdue(self) -> None:
        for worker in (*self._former, self._worker):
            method = worker.abandon_if_overdue(self._timeout_seconds) if worker else None
            if method is not None:
                self._news = ExporterUnavailable(
                    f"{method} has not returned for {self._timeout_seconds:g} seconds "
                    "(CHEST_EXPORT_TIMEOUT_SECONDS) and was abandoned"
                )
                self._backoff.failed(self._news)
