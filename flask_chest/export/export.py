"""All exporters of one application: starts their delivery, and ends it in time."""

from __future__ import annotations

import atexit
import contextlib
import sys
import threading
import time
import weakref
from collections.abc import Callable, Collection, Mapping
from typing import TYPE_CHECKING, Final

from flask_chest.export.scheduler import Scheduler
from flask_chest.runtime import termination
from flask_chest.runtime.log import flush_all

if TYPE_CHECKING:
    from flask_chest.export.leader_job import LeaderJob
    from flask_chest.export.supervisor import Supervisor
    from flask_chest.journal import Journal
    from flask_chest.runtime.log import Throttle

_GRACE_SECONDS: Final = 0.2
_RETRY_SECONDS: Final = 5.0
_COLLECTED_SECONDS: Final = 60.0
_JOB_SECONDS: Final = 10.0
"""At most so long between two looks whether a job is due, and whether the clock jumped."""


class Export:
    """The supervisors of one application in this process, and the scheduler that wakes them.

    Nothing runs before `start`, which the first request or job of a process calls: a thread started
    at import or before a fork would be missing in the workers.

    Args:
        supervisors: One for each exporter, by name.
        jobs: What the leader does beside delivery: retention, rollups, indexes.
        interval_seconds: Between two deliveries.
        shutdown_seconds: How long the end of the process may be held up.
        rests: Whether nothing is to be delivered now, as in tests.
    """

    def __init__(
        self,
        supervisors: Mapping[str, Supervisor],
        journal: Journal,
        *,
        interval_seconds: float,
        shutdown_seconds: float,
        jobs: Collection[LeaderJob] = (),
        rests: Callable[[], bool] = lambda: False,
        throttle: Throttle,
    ) -> None:
        self.supervisors = supervisors
        self._jobs = jobs
        self._parts: tuple[Supervisor | LeaderJob, ...] = (*jobs, *supervisors.values())
        self._journal = journal
        self._interval_seconds = interval_seconds
        self._shutdown_seconds = shutdown_seconds
        self._rests = rests
        self._throttle = throttle
        self._finalizer: weakref.finalize[..., Export] | None = None
        self.after_fork()
        Scheduler.preload()
        atexit.register(_close, weakref.ref(self))

    def after_fork(self) -> None:
        """Be as before `start`, in a forked child, where no thread of the parent runs."""
        self._lock = threading.RLock()  # a signal handler may close what it interrupts
        self._claiming = threading.Lock()
        self._scheduler: Scheduler | None = None
        self.is_started = False
        self._is_closed = False
        self._flushing = 0  # threads that wait for a flush
        self._must_drain = False
        self._not_before = 0.0
        if self._finalizer is not None:
            self._finalizer.detach()
        for part in self._parts:
            part.after_fork()

    def start(self) -> None:
        """Start the scheduler and the workers, once in a process.

        Raises:
            RuntimeError: No thread can be started now. A later call tries again.
        """
        with self._lock:
            if self.is_started or time.monotonic() < self._not_before:
                return
            self._not_before = time.monotonic() + _RETRY_SECONDS
            self._journal.start()
            woken = {
                name: (supervisor.wake, self._interval_seconds)
                for name, supervisor in self.supervisors.items()
            }
            seconds = min(self._interval_seconds, _JOB_SECONDS)
            # No exporter has a space in its name.
            woken |= {f"{each.kind} {each.name}": (each.wake, seconds) for each in self._jobs}
            scheduler = Scheduler(woken, self._throttle)
            scheduler.start()
            # An application that is dropped without `close` must not leave its threads behind.
            self._finalizer = weakref.finalize(
                self, _end_collected, scheduler, self._parts, self._journal
            )
            self._finalizer.atexit = False
            self._scheduler = scheduler
            _close_at_end_of_child(self)
            self.is_started = True
            self._is_closed = False
            for supervisor in self.supervisors.values():
                supervisor.start(self._interval_seconds)
            for job in self._jobs:
                job.start()
            self._not_before = 0.0

    def flush(self, timeout_seconds: float) -> bool:
        """Deliver now; True when everything reached every exporter in time.

        While nothing is to be delivered, nothing waits either. After `close`, all rests again when
        this returns.

        Raises:
            ConfigurationError: It was closed, and a process with other exporters uses the journal.
        """
        if self._rests():
            return True
        deadline = time.monotonic() + timeout_seconds
        with self._lock:
            self._flushing += 1
        try:
            if self._is_closed:
                with self._claiming:  # two at once would each open the files of the journal
                    self._journal.claim()
            flushes = [supervisor.flush(deadline) for supervisor in self.supervisors.values()]
            arrived = [flush.wait() for flush in flushes]
            return all(arrived)
        except RuntimeError:  # no thread can be started
            return False
        finally:
            self._rest_if_closed()

    def _rest_if_closed(self) -> None:
        with self._lock:  # a request that starts delivery meanwhile comes before or after
            self._flushing -= 1
            if self._is_closed and not self._flushing:
                _end(None, self.supervisors.values(), self._journal, time.monotonic())

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
            scheduler.stop()
        for job in self._jobs:
            job.stop()  # it would become the leader again, which resigns below
        if self._must_drain:
            if self._shutdown_seconds > 0:  # without any time, nothing is imported either
                deadline += self._preload()
                self._drain(deadline)
            self._must_drain = False
        self._is_closed = True
        _end(scheduler, self._parts, self._journal, deadline)

    def _preload(self) -> float:
        """Import what a last delivery needs, and return the seconds that this took.

        They do not count as time for delivery: a process that ends soon after its first request
        would have none left on a busy machine.
        """
        began = time.monotonic()
        if self._journal.try_lead() and self._pending_bytes():
            for supervisor in self.supervisors.values():
                supervisor.preload()
        return time.monotonic() - began

    def _drain(self, deadline: float) -> None:
        """Deliver for the host a last time, unless another process is the leader.

        It looks again after it has resigned: a process that ended before that saw the lock taken,
        and left its records to this one.
        """
        pending = -1
        while time.monotonic() < deadline and self._journal.try_lead():
            arrived = self.flush(deadline - time.monotonic())
            self._journal.resign()
            before, pending = pending, self._pending_bytes()
            if not arrived or pending in (0, before):  # half a line stays pending
                return

    def _pending_bytes(self) -> int:
        return sum(supervisor.pending_bytes() for supervisor in self.supervisors.values())


def _end(
    scheduler: Scheduler | None,
    parts: Collection[Supervisor | LeaderJob],
    journal: Journal,
    deadline: float,
) -> None:
    for part in parts:
        part.stop()
    # An idle thread needs a moment, also when another one has used up the time.
    deadline = max(deadline, time.monotonic() + _GRACE_SECONDS)
    for part in parts:
        part.join(deadline)
    if scheduler is not None:
        scheduler.join(deadline)
    journal.close()  # last: a worker that still runs could become the leader again


def _end_collected(
    scheduler: Scheduler, parts: Collection[Supervisor | LeaderJob], journal: Journal
) -> None:
    """End what an `Export` that was collected has left behind. The records stay in the journal."""

    def end() -> None:
        scheduler.stop()
        _end(scheduler, parts, journal, time.monotonic() + _COLLECTED_SECONDS)

    # The garbage collector may have interrupted anything, also one of these threads.
    with contextlib.suppress(RuntimeError):  # the process is ending
        threading.Thread(target=end, name="chest-export-end", daemon=True).start()


def _close_child(reference: weakref.ref[Export]) -> None:
    # Its parent may end all children once the first has ended by itself: hypercorn does.
    with termination.postponed():
        _close(reference)
        flush_all()  # which is left to `atexit` elsewhere


def _close_at_end_of_child(export: Export) -> None:
    """Close at the end of a child of `multiprocessing`, too, which does not run `atexit`.

    See https://github.com/python/cpython/issues/83856. Where multiprocessing is not in use, it is
    not imported.
    """
    process = sys.modules.get("multiprocessing.process")
    try:
        is_child = process is not None and process.parent_process() is not None
    except (AttributeError, NameError):
        return  # another thread imports it just now; a child of it has it whole
    if is_child:
        sys.modules["multiprocessing.util"].Finalize(
            None, _close_child, args=(weakref.ref(export),), exitpriority=0
        )


def _close(reference: weakref.ref[Export]) -> None:
    export = reference()
    if export is not None:
        export.close_at_exit()
