"""What the worker of one exporter is asked to do."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable


class Flush:
    """The answer, still to come, to the question whether all that waited has arrived.

    Args:
        changed: Notified when the answer is there.
        deadline: When nobody waits for the answer any more, on the monotonic clock, in seconds.
    """

    # Not `concurrent.futures.Future`, whose import would hold up the request that flushes.

    def __init__(self, changed: threading.Condition, deadline: float) -> None:
        self._changed = changed
        self._deadline = deadline
        self._answer: bool | None = None

    def is_pending(self) -> bool:
        """Return whether somebody still waits for the answer."""
        return self._answer is None and time.monotonic() < self._deadline

    def answer(self, arrived: bool) -> None:  # noqa: FBT001 - the answer itself
        """Answer, unless it is answered already."""
        with self._changed:
            if self._answer is None:
                self._answer = arrived
            self._changed.notify_all()

    def wait(self) -> bool:
        """Wait for the answer until the deadline; without one, it is False."""
        with self._changed:
            self._changed.wait_for(
                lambda: self._answer is not None, max(self._deadline - time.monotonic(), 0.0)
            )
            return bool(self._answer)


class Inbox:
    """Passes flushes and calls to wake up to one worker after the other.

    It outlives each worker: what one leaves unanswered, the next finds here.

    Attributes:
        changed: Guards and announces everything that concerns the workers of one exporter. A
            signal handler may close what it interrupts, so its lock is reentrant.
    """

    def __init__(self) -> None:
        self.changed = threading.Condition(threading.RLock())
        self._is_due = False
        self._flushes: list[Flush] = []

    def wake(self) -> None:
        """Ask for a delivery that nobody waits for."""
        with self.changed:
            self._is_due = True
            self.changed.notify_all()

    def flush(self, deadline: float) -> Flush:
        """Ask for a delivery now.

        Args:
            deadline: When the answer is of no use any more, on the monotonic clock, in seconds.
        """
        with self.changed:
            flush = Flush(self.changed, deadline)
            self._flushes = [*self._pending(), flush]
            self.changed.notify_all()
            return flush

    def refuse(self) -> None:
        """Answer False to every flush."""
        with self.changed:
            for flush in self._pending():
                flush.answer(False)

    def take(
        self, is_stopping: Callable[[], bool], pause_seconds: Callable[[], float | None]
    ) -> list[Flush]:
        """Wait until there is something to do, and return the flushes to answer.

        They stay here until they are answered.

        Args:
            is_stopping: Ends the wait. Whoever changes it notifies `changed`.
            pause_seconds: Returns how long to wait at most; None for ever.
        """
        with self.changed:
            self.changed.wait_for(
                lambda: self._is_due or self._pending() or is_stopping(), pause_seconds()
            )
            self._is_due = False
            return self._pending()

    def _pending(self) -> list[Flush]:
        return [flush for flush in self._flushes if flush.is_pending()]
