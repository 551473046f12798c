"""Delivers to one exporter what waits for it in the journal."""

from __future__ import annotations

import contextlib
import logging
import random
import threading
import time
from typing import TYPE_CHECKING, Final

from flask_chest.errors import ChestError, ExporterUnavailable
from flask_chest.export.worker import Courier, GivenUp
from flask_chest.runtime import fork
from flask_chest.runtime.counters import ExporterStats

if TYPE_CHECKING:
    from flask_chest.exporter import Exporter
    from flask_chest.journal import Journal, Reader
    from flask_chest.plugins.manager import Plugins
    from flask_chest.runtime.counters import Counters
    from flask_chest.runtime.log import Throttle

_MAX_HANGING: Final = 3
_POLL_SECONDS: Final = 0.02
_PRUNE_SECONDS: Final = 1.0


class Delivery:
    """Brings one exporter what waits for it, in a daemon thread of its own.

    A thread that hangs in a dead database holds up neither the other exporters nor, being a
    daemon, the end of the process. After `timeout_seconds` it is given up: another thread takes
    its place, with another instance of the exporter, as an instance is used by one thread only.

    Args:
        name: The exporter's name in CHEST_EXPORTERS.
        max_records: Most records in one batch.
        max_bytes: Most bytes in one batch.
        retry_seconds: Longest pause after a first failure; it doubles with each further one.
        retry_max_seconds: Where the doubling ends.
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
        counters: Counters,
        throttle: Throttle,
    ) -> None:
        self.name = name
        self._journal = journal
        self._reader: Reader = journal.reader(name)
        self._max_records = max_records
        self._max_bytes = max_bytes
        self._retry_seconds = retry_seconds
        self._retry_max_seconds = retry_max_seconds
        self._timeout_seconds = timeout_seconds
        self._plugins = plugins
        self._counters = counters
        self._throttle = throttle
        self._courier = self._new_courier(exporter)
        self._is_inherited = False
        self._begin()

    def _new_courier(self, exporter: Exporter) -> Courier:
        return Courier(
            self.name,
            exporter,
            self._reader,
            max_records=self._max_records,
            max_bytes=self._max_bytes,
            plugins=self._plugins,
            counters=self._counters,
            throttle=self._throttle,
        )

    def _another_courier(self) -> Courier:
        exporter = self._courier.exporter
        return self._new_courier(type(exporter)(exporter.config))

    def after_fork(self) -> None:
        """Begin anew: a forked child has neither the thread nor the right to the connection."""
        if self._courier.is_open:
            fork.keep(self._courier)
            self._is_inherited = True
        self._begin()

    def _begin(self) -> None:
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
        self._prune_at = 0.0
        self._hanging: list[threading.Thread] = []
        self._untold: Exception | None = None  # a failure that plugins have not heard of

    # -- From other threads ------------------------------------------------------------------

    def start(self, interval_seconds: float) -> None:
        """Start the thread unless it runs. `wake` is going to be called in this interval."""
        with self._condition:
            # APScheduler reckons in the time of the day: when the clock is set back by an hour,
            # its next run is an hour and an interval away.
            self._backstop_seconds = 3 * interval_seconds
            self._try_to_start()

    def wake(self) -> None:
        """Deliver soon, unless a failure a moment ago advises to wait or another process does.

        Gives up a call of the exporter that has taken too long.
        """
        with self._condition:
            self._give_up_if_hanging()
            self._try_to_start()
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

    def _try_to_start(self) -> None:
        try:
            self._start()
        except RuntimeError as error:  # too many threads; the next interval has another chance
            self._throttle.log(
                logging.WARNING,
                f"thread {self.name}",
                f"The exporter {self.name!r} has to wait for a thread: {error}",
                error,
            )

    def _start(self) -> None:
        self._stopping = False
        self._hanging = [thread for thread in self._hanging if thread.is_alive()]
        if not self._is_running and len(self._hanging) < _MAX_HANGING:
            if self._is_inherited:
                self._courier, self._is_inherited = self._another_courier(), False
            thread = threading.Thread(
                target=self._loop,
                args=(self._courier,),
                name=f"chest-export-{self.name}",
                daemon=True,
            )
            thread.start()
            self._thread, self._is_running = thread, True

    def _give_up_if_hanging(self) -> None:
        courier = self._courier
        call = courier.call()
        if call is None or time.monotonic() - call[1] < self._timeout_seconds:
            return
        replacement = self._another_courier()
        courier.is_given_up = True
        self._courier = replacement
        if self._thread is not None:
            self._hanging.append(self._thread)
        self._thread, self._is_running = None, False
        self._reader.break_turn()
        self._untold = ExporterUnavailable(
            f"{call[0]} has not returned for {self._timeout_seconds:g} seconds "
            "(CHEST_EXPORT_TIMEOUT_SECONDS) and was given up"
        )
        self._note_failure(self._untold)

    def preload(self) -> None:
        """Let the exporter import what it needs. Never raises: it will say so when it is opened."""
        with contextlib.suppress(Exception):
            self._courier.exporter.preload()

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
            dropped=self._counters.by_reason(f"dropped {self.name}"),
            pending_bytes=pending_bytes,
            lag_seconds=lag_seconds,
            last_error=self._last_error,
        )

    # -- In the exporter's thread ----------------------------------------------------------------

    def _loop(self, courier: Courier) -> None:
        condition = self._condition
        untold, self._untold = self._untold, None
        if untold is not None:
            courier.tell(untold)
        while True:
            with condition:
                condition.wait_for(
                    lambda: self._due or self._stopping or self._asked > self._served,
                    self._pause_seconds(),
                )
                ticket, self._due = self._asked, False
                asked = ticket > self._served
            if self._stopping and not asked:
                courier.close()
                with condition:
                    if courier.is_given_up:
                        return
                    if self._stopping and self._asked == ticket:  # else somebody needs it again
                        self._is_running = False
                        return
                continue
            arrived = self._run(courier, asked=asked)
            with condition:
                if courier.is_given_up:
                    return
                self._served = ticket
                if arrived:
                    self._arrived = ticket
                condition.notify_all()

    def _pause_seconds(self) -> float | None:
        """Return how long to sleep unless woken; None for ever."""
        until_retry = self._not_before - time.monotonic()
        if self._backstop_seconds is None or until_retry <= 0:
            return self._backstop_seconds
        return until_retry

    def _run(self, courier: Courier, *, asked: bool) -> bool:
        """Deliver what waits now. Return whether all of it arrived. Never raises."""
        # A process that only flushes, such as a command, leaves the charge to those that stay.
        in_charge = self._backstop_seconds is not None and self._journal.claim()
        if not asked and (not in_charge or time.monotonic() < self._not_before):
            return False
        try:
            arrived = self._deliver(courier)
            while arrived is None and asked and self._may_wait():
                arrived = self._deliver(courier)
        except GivenUp:
            courier.close()
            return False
        except Exception as error:  # noqa: BLE001 - whatever an exporter raises, records wait
            self._failed(courier, error)
            return False
        except BaseException as error:  # noqa: BLE001 - SystemExit would end this thread alone
            self._failed(courier, ChestError(f"{type(error).__name__}: {error}"))
            return False
        finally:
            if not in_charge:  # one connection per host, but for the moment of a flush
                courier.close()
        if arrived is not None:
            self._prune()
        return bool(arrived)

    def _prune(self) -> None:
        began = time.monotonic()
        self._journal.prune()
        ended = time.monotonic()
        self._prune_at = ended + max(_PRUNE_SECONDS, 20 * (ended - began))

    def _may_wait(self) -> bool:
        """Pause while another process has the turn; False when nobody waits for us any more."""
        with self._condition:
            self._condition.wait_for(lambda: self._stopping, _POLL_SECONDS)
            return not self._stopping and time.monotonic() < self._patience

    def _deliver(self, courier: Courier) -> bool | None:
        """Return True when all has arrived, False when told to stop, None without the turn."""
        return courier.deliver(lambda: self._stopping, self._note_success)

    def _note_success(self) -> None:
        self._failures = 0
        self._last_error = None
        # A backlog may take long, or fail half way: what has arrived makes room meanwhile.
        if time.monotonic() >= self._prune_at:
            self._prune()

    def _failed(self, courier: Courier, error: Exception) -> None:
        courier.close()
        with self._condition:
            if courier.is_given_up:
                return  # that was noted
            self._note_failure(error)
        courier.tell(error)

    def _note_failure(self, error: Exception) -> None:
        self._failures += 1
        ceiling = min(
            self._retry_seconds * 2 ** min(self._failures - 1, 30), self._retry_max_seconds
        )
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
