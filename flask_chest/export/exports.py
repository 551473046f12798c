"""Wakes the deliveries of one application, and ends them in time."""

from __future__ import annotations

import atexit
import contextlib
import threading
import time
import weakref
from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING, Final

from flask_chest.export.ticker import Ticker

if TYPE_CHECKING:
    from flask_chest.export.supervisor import Delivery
    from flask_chest.journal import Journal

_GRACE_SECONDS: Final = 0.2
_RETRY_SECONDS: Final = 5.0
_GIVE_UP_SECONDS: Final = 60.0


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
        Ticker.preload()
        atexit.register(_close, weakref.ref(self))

    def after_fork(self) -> None:
        """Be as before `start`, in a forked child, where no thread of the parent runs."""
        self._lock = threading.RLock()  # a signal handler may close what it interrupts
        self._ticker: Ticker | None = None
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
            ticker = Ticker(self.deliveries, self._interval_seconds)
            ticker.start()
            # An application that is given up without `close` must not leave its threads behind.
            self._finalizer = weakref.finalize(
                self, _give_up, ticker, tuple(self.deliveries.values()), self._journal
            )
            self._finalizer.atexit = False
            self._ticker = ticker
            self.is_started = True
            for delivery in self.deliveries.values():
                delivery.start(self._interval_seconds)
            self._not_before = 0.0

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
            ticker, self._ticker = self._ticker, None
            self._must_drain |= ticker is not None
            self.is_started = False
            if self._finalizer is not None:
                self._finalizer.detach()
        if ticker is not None:
            ticker.stop()
        if self._must_drain:
            deadline += self._preload()
            self._drain(deadline)
            self._must_drain = False
        _end(ticker, self.deliveries.values(), self._journal, deadline)

    def _preload(self) -> float:
        """Import what a last delivery needs, and return the seconds that this took.

        They are not a part of those for delivery, of which a process that ends soon after its first
        request would have none left on a busy machine.
        """
        began = time.monotonic()
        if self._journal.claim() and any(d.stats().pending_bytes for d in self.deliveries.values()):
            for delivery in self.deliveries.values():
                delivery.preload()
        return time.monotonic() - began

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


def _end(
    ticker: Ticker | None, deliveries: Collection[Delivery], journal: Journal, deadline: float
) -> None:
    for delivery in deliveries:
        delivery.stop()
    # An idle thread needs a moment, also when another one has used up the time.
    deadline = max(deadline, time.monotonic() + _GRACE_SECONDS)
    for delivery in deliveries:
        delivery.join(deadline)
    if ticker is not None:
        ticker.join(deadline)
    journal.close()  # when no thread can claim it again


def _give_up(ticker: Ticker, deliveries: Collection[Delivery], journal: Journal) -> None:
    """End what an `Export` that was collected has left behind. The records stay in the journal."""

    def end() -> None:
        ticker.stop()
        _end(ticker, deliveries, journal, time.monotonic() + _GIVE_UP_SECONDS)

    # The garbage collector may have interrupted anything, also one of these threads.
    with contextlib.suppress(RuntimeError):  # the process is ending
        threading.Thread(target=end, name="chest-export-end", daemon=True).start()


def _close(reference: weakref.ref[Export]) -> None:
    export = reference()
    if export is not None:
        export.close_at_exit()
