"""Lets a store create and drop the indexes of variables, in the leader and beside delivery."""

from __future__ import annotations

import logging
import threading
import time
from typing import TYPE_CHECKING, ClassVar

from flask_chest.errors import ChestError
from flask_chest.runtime import fork
from flask_chest.runtime.log import logger, raised
from flask_chest.store import another

if TYPE_CHECKING:
    from collections.abc import Callable

    from flask_chest.journal import Journal
    from flask_chest.runtime.log import Throttle
    from flask_chest.store import Store

FIRST_SECONDS = 10.0
"""After the start of delivery, which comes first."""

RETRY_SECONDS = 300.0
"""After a failure."""


class Indexing:
    """Calls `index_variables` of one store, once, as soon as this process is the leader.

    It has a thread and an instance of the store to itself, and takes no delivery lease. An index on
    many records takes minutes, so no timeout holds for it.

    Args:
        name: The exporter's name in CHEST_EXPORTERS.
        store: The exporter; another instance with its configuration is used.
        rests: Whether nothing is to be done now, as in tests.
    """

    kind: ClassVar[str] = "indexing"
    """What it is, for names of jobs."""

    def __init__(
        self,
        name: str,
        store: Store,
        journal: Journal,
        *,
        throttle: Throttle,
        rests: Callable[[], bool] = lambda: False,
    ) -> None:
        self.name = name
        self._store = store
        self._journal = journal
        self._throttle = throttle
        self._rests = rests
        self._used: Store | None = None
        self.after_fork()

    def after_fork(self) -> None:
        """Begin anew: a forked child has neither the thread nor a right to the connections."""
        if self._used is not None:
            fork.keep(self._used)
        self._used = None
        self._lock = threading.RLock()  # a signal handler may close what it interrupts
        self._thread: threading.Thread | None = None
        self._is_stopped = True
        self._is_done = False
        self._due_at = 0.0

    def start(self) -> None:
        """Begin; `wake` is going to be called every few seconds."""
        with self._lock:
            self._is_stopped = False
            self._due_at = time.monotonic() + FIRST_SECONDS

    def wake(self) -> None:
        """Start the thread if it is time. Quick, and never raises."""
        with self._lock:
            is_over = self._is_stopped or self._is_done
            is_busy = self._thread is not None and self._thread.is_alive()
            if is_over or is_busy or time.monotonic() < self._due_at:
                return
            if self._rests() or not self._journal.try_lead():
                return  # asked again soon, as either may change any time
            self._due_at = time.monotonic() + RETRY_SECONDS
            self._thread = threading.Thread(
                target=self._run, name=f"chest-indexing-{self.name}", daemon=True
            )
            try:
                self._thread.start()
            except RuntimeError as error:  # too many threads
                self._fail(error)

    def stop(self) -> None:
        """Start no thread any more."""
        with self._lock:
            self._is_stopped = True

    def join(self, deadline: float) -> None:
        """Wait for the thread, until `deadline` on the monotonic clock, in seconds.

        A database gives up an index that its client leaves.
        """
        if self._thread is not None and self._thread.is_alive():
            self._thread.join(max(deadline - time.monotonic(), 0.0))

    def _run(self) -> None:
        self._used = store = another(self._store)
        try:
            with fork.held_off():  # see `Worker`
                store.open()
            for done in store.index_variables():
                logger.info("The exporter %r: %s", self.name, done)
            self._is_done = True
        except Exception as error:  # noqa: BLE001 - whatever a store raises, it is tried again
            self._fail(error)
        except BaseException as error:  # noqa: BLE001 - SystemExit would end this thread alone
            self._fail(ChestError(f"{type(error).__name__}: {error}"))
        finally:
            self._used = None
            try:
                store.close()
            except BaseException as error:  # noqa: BLE001 - as above
                logger.debug("The exporter %r failed in close: %s", self.name, raised(error))

    def _fail(self, error: Exception) -> None:
        self._throttle.log(
            logging.WARNING,
            f"indexing failed {self.name}",
            f"The exporter {self.name!r} has not the indexes of CHEST_INDEXED_VARIABLES now; "
            f"delivery goes on, and this is tried again: {type(error).__name__}: {error}",
            error,
        )
