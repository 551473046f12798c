"""A thread that does, once a second, what no request should wait for."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from flask_chest.runtime.log import Throttle

INTERVAL_SECONDS: Final = 1.0
_END_SECONDS: Final = 1.0


class MaintenanceThread:
    """Calls a function once a second in a daemon thread, and a last time at its end.

    A disk may block a thread that syncs to it for long; no request waits for it.
    """

    def __init__(self, work: Callable[[], None], throttle: Throttle) -> None:
        self._work = work
        self._throttle = throttle
        self.after_fork()

    def after_fork(self) -> None:
        """Be as before `start`, in a forked child, where the thread is missing."""
        self._end = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Start the thread unless it runs.

        Raises:
            RuntimeError: No thread can be started now.
        """
        if self._thread is None:
            self._end = threading.Event()
            thread = threading.Thread(
                target=self._loop, args=(self._end,), name="chest-journal", daemon=True
            )
            thread.start()
            self._thread = thread

    def stop(self) -> None:
        """End the thread. Waits a second at most, as the disk may block it for longer."""
        thread, self._thread = self._thread, None
        if thread is not None:
            self._end.set()
            thread.join(_END_SECONDS)

    def _loop(self, end: threading.Event) -> None:
        is_last = False
        while not is_last:
            is_last = end.wait(INTERVAL_SECONDS)
            try:
                self._throttle.log_due()
                self._work()
            except Exception as error:  # noqa: BLE001 - the next second has another chance
                self._throttle.log(
                    logging.ERROR,
                    "maintenance",
                    f"The maintenance of the journal failed: {error!r}. It is tried again",
                    error,
                )
