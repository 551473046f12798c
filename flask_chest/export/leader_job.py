"""`LeaderJob`: regular work on a store, in the leader and beside delivery."""

from __future__ import annotations

import logging
import threading
import time
from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, ClassVar, Final

from flask_chest.errors import ChestError, ExporterUnavailable
from flask_chest.runtime import fork
from flask_chest.runtime.attempts import shown
from flask_chest.runtime.chance import chance
from flask_chest.runtime.log import logger, raised
from flask_chest.store import another

if TYPE_CHECKING:
    from collections.abc import Callable

    from flask_chest.journal import Journal
    from flask_chest.runtime.counters import Counters
    from flask_chest.runtime.log import Throttle
    from flask_chest.store import Store

_MAX_HANGING: Final = 3
"""Threads of one job that may hang at the same time; no further one is started."""


class Ended(BaseException):
    """A run is to end after the step that it is at.

    No `Exception`: a store that handles its errors must not take it for one.
    """


class Run:
    """One run, from the start of its thread to its end.

    Attributes:
        is_abandoned: Whether nobody waits for it any more.
        moved_at: When it began, or ended its newest step, on the monotonic clock.
        deleted: Number of records that it has deleted so far.
        is_open: Whether its store was opened.
    """

    def __init__(self) -> None:
        self.is_abandoned = False
        self.moved_at = time.monotonic()
        self.deleted = 0
        self.is_open = False
        self.store: Store | None = None
        self.thread: threading.Thread | None = None

    def is_alive(self) -> bool:
        """Return whether its thread still runs."""
        return self.thread is not None and self.thread.is_alive()


class LeaderJob(ABC):
    """Works on one store, again and again, while this process is the leader.

    Each run has a thread and an instance of the store to itself, and takes no delivery lease.
    Delivery goes on meanwhile, and does not notice a run that fails or hangs.

    Args:
        name: The exporter's name in CHEST_EXPORTERS.
        store: The exporter; runs use other instances with its configuration.
        timeout_seconds: Longest step of a run. One that takes longer is abandoned.
        rests: Whether nothing is to be done now, as in tests.
    """

    kind: ClassVar[str]
    """What it is, for names of threads and jobs."""

    def __init__(
        self,
        name: str,
        store: Store,
        journal: Journal,
        *,
        timeout_seconds: float,
        counters: Counters,
        throttle: Throttle,
        rests: Callable[[], bool] = lambda: False,
    ) -> None:
        self.name = name
        self._store = store
        self._journal = journal
        self._timeout_seconds = timeout_seconds
        self.counters = counters
        self.throttle = throttle
        self._rests = rests
        self._runs: list[Run] = []
        self.after_fork()

    # -- What a job defines ----------------------------------------------------------------------

    @abstractmethod
    def first_seconds(self) -> float:
        """Return how long after the start of delivery the first run is."""

    @abstractmethod
    def interval_seconds(self) -> float:
        """Return the time between two runs. Hosts take turns, as each pause is partly random."""

    @abstractmethod
    def retry_seconds(self) -> float:
        """Return the time after a run that failed."""

    @abstractmethod
    def work(self, run: Run, store: Store) -> None:
        """Do what is to be done, and call `go_on` after each step.

        Args:
            run: This run.
            store: An open instance of its own.
        """

    @abstractmethod
    def failure(self) -> str:
        """Return what is not done after a failure, as a sentence for the log."""

    def observe(self) -> None:  # noqa: B027 - most jobs have nothing to observe
        """Look at the clock or at something else, every few seconds. Quick, and never raises."""

    def ended(self, run: Run) -> None:  # noqa: B027 - most jobs have nothing to say
        """Say what a run has done."""

    # -- From other threads ----------------------------------------------------------------------

    def after_fork(self) -> None:
        """Begin anew: a forked child has neither the threads nor a right to the connections."""
        for run in self._runs:
            if run.store is not None:
                fork.keep(run.store)
        self._lock = threading.RLock()  # a signal handler may close what it interrupts
        self._runs = []  # those of which the thread still runs
        self._is_stopped = True
        self._due_at = 0.0

    def start(self) -> None:
        """Begin to run; `wake` is going to be called every few seconds."""
        with self._lock:
            self._is_stopped = False
            self._due_at = _after(self.first_seconds())

    def wake(self) -> None:
        """Begin a run when one is due, and abandon one that hangs. Quick, and never raises."""
        with self._lock:
            if self._is_stopped:
                return
            self.observe()
            self._runs = [run for run in self._runs if run.is_alive()]
            self._abandon_overdue()
            is_idle = all(run.is_abandoned for run in self._runs)
            if not is_idle or len(self._runs) >= _MAX_HANGING or time.monotonic() < self._due_at:
                return
            if self._rests() or not self._journal.try_lead():
                return  # asked again soon, as either may change any time
            self._due_at = _after(self.interval_seconds())
            run = Run()
            run.thread = threading.Thread(
                target=self._run, args=(run,), name=f"chest-{self.kind}-{self.name}", daemon=True
            )
            self._runs.append(run)
            try:
                run.thread.start()
            except RuntimeError as error:  # too many threads
                self._fail(error)

    def stop(self) -> None:
        """Tell a run to end after the step that it is at."""
        with self._lock:
            self._is_stopped = True

    def join(self, deadline: float) -> None:
        """Wait for the end of a stopped run, until `deadline` on the monotonic clock, in seconds.

        Not for one that hangs.
        """
        for run in self._runs:
            if run.thread is not None and run.is_alive() and not run.is_abandoned:
                run.thread.join(max(deadline - time.monotonic(), 0.0))

    def _abandon_overdue(self) -> None:
        for run in self._runs:
            if not run.is_abandoned and time.monotonic() - run.moved_at > self._timeout_seconds:
                run.is_abandoned = True
                self._fail(
                    ExporterUnavailable(
                        f"a step has taken more than {self._timeout_seconds:g} seconds "
                        "(CHEST_EXPORT_TIMEOUT_SECONDS) and was abandoned"
                    )
                )

    # -- In the thread of a run ------------------------------------------------------------------

    def _run(self, run: Run) -> None:
        try:
            run.store = store = another(self._store)
            with fork.held_off():  # see `Worker`
                store.open()
            run.is_open = True
            self.work(run, store)
        except Ended:
            pass
        except Exception as error:  # noqa: BLE001 - whatever a store raises, it is tried again
            if not run.is_abandoned:
                self._fail(error, cannot_open=not run.is_open)
        except BaseException as error:  # noqa: BLE001 - SystemExit would end this thread alone
            self._fail(ChestError(f"{type(error).__name__}: {error}"))
        finally:
            self._close(run)
            self.ended(run)

    def go_on(self, run: Run) -> None:
        """Note that a step has ended.

        Raises:
            Ended: The run is to end, a test has begun, or this process is not the leader any more.
        """
        run.moved_at = time.monotonic()
        is_over = run.is_abandoned or self._is_stopped or self._rests()
        if is_over or not self._journal.try_lead():
            raise Ended

    def _fail(self, error: Exception, *, cannot_open: bool = False) -> None:
        self._due_at = _after(self.retry_seconds())
        text = f"{type(error).__name__}: {error}"
        if self._delivery_fails_with(error, text, cannot_open=cannot_open):
            logger.debug("%s, as delivery fails, too: %s", self.failure(), raised(error))
            return
        self.throttle.log(
            logging.WARNING,
            f"{self.kind} failed {self.name}",
            f"{self.failure()}; delivery goes on, and this is tried again: {text}",
            error,
        )

    def _delivery_fails_with(self, error: Exception, text: str, *, cannot_open: bool) -> bool:
        """Return whether delivery has said the cause: it opens the same database."""
        attempts = self.counters.attempts.get(self.name)
        if attempts is None or attempts.last_error is None:
            return False
        is_away = cannot_open or isinstance(error, ExporterUnavailable)
        return is_away or shown(text) == attempts.last_error

    def _close(self, run: Run) -> None:
        store, run.store = run.store, None
        if store is not None:
            try:
                store.close()
            except BaseException as error:  # noqa: BLE001 - as above
                logger.debug("The exporter %r failed in close: %s", self.name, raised(error))


def _after(seconds: float) -> float:
    """Return a moment on the monotonic clock, about so many seconds from now."""
    return time.monotonic() + seconds * chance.uniform(0.9, 1.1)
