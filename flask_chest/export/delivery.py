"""Delivers to one exporter what waits for it in the journal."""

from __future__ import annotations

import contextlib
import logging
import random
import threading
import time
from typing import TYPE_CHECKING, Final

from flask_chest import fork
from flask_chest.errors import BatchRejected, ChestError
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

_POLL_SECONDS: Final = 0.02


class Delivery:
    """Brings one exporter what waits for it, in a daemon thread of its own.

    A thread that hangs in a dead database holds up neither the other exporters nor, being a
    daemon, the end of the process. There is never a second one beside it: an exporter is used by
    one thread only.

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
        self._is_open = False
        self._is_inherited = False
        self.after_fork()

    def after_fork(self) -> None:
        """Begin anew: a forked child has neither the thread nor the right to the connection."""
        self._condition = threading.Condition()
        self._thread: threading.Thread | None = None
        self._is_running = False
        self._backstop_seconds: float | None = None
        self._stopping = False
        self._due = False
        self._asked = 0  # flushes asked for
        self._served = 0  # flushes answered
        self._arrived = 0  # the newest of those after which nothing waited
        self._patience = 0.0  # when the last of those who asked gives up waiting
        self._failures = 0  # in a row
        self._last_error: str | None = None
        self._not_before = 0.0
        self._is_inherited = self._is_inherited or self._is_open
        self._is_open = False

    # -- From other threads ------------------------------------------------------------------

    def start(self, interval_seconds: float) -> None:
        """Start the thread unless it runs. `wake` is going to be called in this interval."""
        with self._condition:
            # APScheduler reckons in the time of the day: when the clock is set back by an hour,
            # its next run is an hour and an interval away.
            self._backstop_seconds = 3 * interval_seconds
            self._start()

    def wake(self) -> None:
        """Deliver soon, unless a failure a moment ago advises to wait or another process does."""
        with self._condition:
            self._start()
            self._due = True
            self._condition.notify_all()

    def ask(self, deadline: float) -> int:
        """Ask for a delivery now, whoever is in charge, and return a ticket for `wait`.

        Args:
            deadline: When the answer is of no use any more, on the monotonic clock, in seconds.
        """
        with self._condition:
            self._start()
            self._patience = max(self._patience, deadline)
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
            self._condition.wait_for(
                lambda: self._served >= ticket, max(deadline - time.monotonic(), 0.0)
            )
            return self._arrived >= ticket

    def _start(self) -> None:
        self._stopping = False
        if not self._is_running:
            thread = threading.Thread(
                target=self._loop, name=f"chest-export-{self.name}", daemon=True
            )
            thread.start()
            self._thread, self._is_running = thread, True

    def stop(self) -> None:
        """Tell the thread to end after the batch that it is at."""
        with self._condition:
            self._stopping = True
            self._condition.notify_all()

    def join(self, deadline: float) -> None:
        """Wait for the end of the thread, but not beyond `deadline` for one that hangs.

        Args:
            deadline: On the monotonic clock, in seconds.
        """
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
        condition = self._condition
        while True:
            with condition:
                condition.wait_for(
                    lambda: self._due or self._stopping or self._asked > self._served,
                    self._backstop_seconds,
                )
                ticket, self._due = self._asked, False
                asked = ticket > self._served
            if self._stopping and not asked:
                self._close()
                with condition:
                    if self._stopping and self._asked == ticket:  # else somebody needs it again
                        self._is_running = False
                        return
                continue
            arrived = self._run(asked=asked)
            with condition:
                self._served = ticket
                if arrived:
                    self._arrived = ticket
                condition.notify_all()

    def _run(self, *, asked: bool) -> bool:
        """Deliver what waits now. Return whether all of it arrived. Never raises."""
        in_charge = self._journal.claim()
        if not asked and (not in_charge or time.monotonic() < self._not_before):
            return False
        try:
            arrived = self._deliver()
            while arrived is None and asked and self._may_wait():
                arrived = self._deliver()
        except Exception as error:  # noqa: BLE001 - whatever an exporter raises, records wait
            self._failed(error)
            return False
        except BaseException as error:  # noqa: BLE001 - SystemExit would end this thread alone
            self._failed(ChestError(f"{type(error).__name__}: {error}"))
            return False
        finally:
            if not in_charge:  # one connection per host, but for the moment of a flush
                self._close()
        if arrived is not None:
            self._journal.prune()
        return bool(arrived)

    def _may_wait(self) -> bool:
        """Pause while another process has the turn; False when nobody waits for us any more."""
        with self._condition:
            self._condition.wait_for(lambda: self._stopping, _POLL_SECONDS)
            return not self._stopping and time.monotonic() < self._patience

    def _deliver(self) -> bool | None:
        """Return True when all has arrived, False when told to stop, None without the turn."""
        with self._reader.turn() as held:
            if not held:
                return None
            for chunk in self._reader.chunks(self._max_records, self._max_bytes):
                if self._stopping:
                    return False
                self._open()
                self._export(Batch(chunk.lines, chunk.count))
                self._reader.acknowledge(chunk)
                self._failures = 0
                self._last_error = None
            return True

    def _open(self) -> None:
        if self._is_open:
            return
        if self._is_inherited:
            fork.keep(self._exporter)
            self._exporter = type(self._exporter)(self._exporter.config)
            self._is_inherited = False
        # Set before, so that `close` clears up after an `open` that failed half way.
        self._is_open = True
        # Drivers import modules when they are first used, and a child forked in the middle of an
        # import waits for its end for ever.
        with fork.held_off():
            self._exporter.open()

    def _export(self, batch: Batch) -> None:
        """Deliver a batch, or those of its records that the database does not refuse."""
        try:
            self._exporter.export(batch)
        except BatchRejected as error:
            if len(batch) > 1:
                # Not `splitlines`: it takes a carriage return, too, for the end of a line.
                lines = [line + b"\n" for line in batch.lines.split(b"\n")[:-1]]
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
