"""Wakes what works for each exporter once in an interval, with APScheduler."""

from __future__ import annotations

import contextlib
import logging
import sys
import threading
import time
from collections.abc import Callable, Mapping
from datetime import timezone
from typing import TYPE_CHECKING, Any, Final

from flask_chest.errors import ended
from flask_chest.runtime import fork

if TYPE_CHECKING:
    from flask_chest.runtime.log import Throttle

# APScheduler names an executor's logger after its alias, and logs each run of a job at INFO. With
# loggers of our own, that can be silenced without a change to the application's.
_EXECUTOR: Final = "flask_chest"
_LOGGER: Final = "flask_chest.scheduler"

_RETRY_SECONDS: Final = 5.0


def _apscheduler() -> Any:  # noqa: ANN401 - it ships no types
    """Return APScheduler, imported on the first call: it is too slow to import in a request."""
    # Statements, as PyInstaller collects nothing that `import_module` imports by a name.
    import apscheduler.events  # noqa: PLC0415 - see above
    import apscheduler.executors.debug  # noqa: PLC0415 - see above
    import apscheduler.schedulers.blocking  # noqa: PLC0415 - see above
    import apscheduler.triggers.interval  # noqa: PLC0415 - see above

    return apscheduler


class Scheduler:
    """Runs APScheduler in a daemon thread from `start` to `stop`.

    Args:
        jobs: What to call, by name, and the seconds between two calls. The calls run in the
            scheduler's own thread, one after the other, so each must be quick.
    """

    def __init__(
        self, jobs: Mapping[str, tuple[Callable[[], None], float]], throttle: Throttle
    ) -> None:
        self._jobs = jobs
        self._throttle = throttle
        self._lock = threading.RLock()  # a signal handler may stop what it interrupts
        self._stopped = threading.Event()
        self._running: Any = None  # APScheduler's own, from its start to its shutdown
        self._thread = threading.Thread(target=self._run, name="APScheduler", daemon=True)

    @staticmethod
    def preload() -> None:
        """Import in `init_app` what cannot be imported later without holding up requests.

        gevent may turn our thread into a greenlet, which shares its thread with the requests.
        """
        if "gevent" in sys.modules:
            with contextlib.suppress(Exception):  # the thread says what is wrong
                _apscheduler()

    def start(self) -> None:
        """Start the thread.

        Raises:
            RuntimeError: No thread can be started now.
        """
        self._thread.start()

    def stop(self) -> None:
        """Tell the thread to end. A second call does nothing."""
        with self._lock:
            self._stopped.set()
            running, self._running = self._running, None
        if running is not None:
            running.shutdown(wait=False)

    def join(self, deadline: float) -> None:
        """Wait for the end of the thread, until `deadline` on the monotonic clock, in seconds."""
        self._thread.join(max(deadline - time.monotonic(), 0.0))

    def _run(self) -> None:
        while not self._stopped.is_set():
            try:
                with fork.importing():
                    apscheduler = _apscheduler()
            except RuntimeError:  # the process is ending: `concurrent.futures` cannot be imported
                return
            except Exception as error:  # noqa: BLE001 - a broken installation raises anything
                self._go_on_without(error)
            else:
                self._schedule(apscheduler)
                return

    def _go_on_without(self, error: Exception) -> None:
        """Call all jobs, and wait until the next is due: an import may succeed by then."""
        seconds = min((seconds for _, seconds in self._jobs.values()), default=_RETRY_SECONDS)
        self._throttle.log(
            logging.ERROR,
            "scheduler",
            f"APScheduler cannot be imported, and delivery goes on without it, once in "
            f"{seconds:g} s: {type(error).__name__}: {ended(error)} Reinstall the distribution "
            "APScheduler, and restart",
            error,
        )
        for job, _ in self._jobs.values():
            job()
        self._stopped.wait(seconds)

    def _schedule(self, apscheduler: Any) -> None:  # noqa: ANN401 - as above
        for name in (_LOGGER, f"apscheduler.executors.{_EXECUTOR}"):
            logging.getLogger(name).setLevel(logging.WARNING)
        debug = apscheduler.executors.debug  # its executor runs jobs in the scheduler's thread
        scheduler = apscheduler.schedulers.blocking.BlockingScheduler(
            timezone=timezone.utc,
            # Without a "default" one, APScheduler makes a pool of threads, and imports for it.
            executors={name: debug.DebugExecutor() for name in (_EXECUTOR, "default")},
            logger=logging.getLogger(_LOGGER),
        )
        for name, (job, seconds) in self._jobs.items():
            scheduler.add_job(
                job,
                # Not the name "interval": APScheduler imports what it finds under a name, and a
                # child that is forked in the middle of an import waits for its end for ever.
                apscheduler.triggers.interval.IntervalTrigger(
                    seconds=seconds, timezone=timezone.utc
                ),
                id=name,
                executor=_EXECUTOR,
                coalesce=True,
                misfire_grace_time=None,
            )

        def note_start(_event: object) -> None:
            with self._lock:  # `shutdown` is refused before the start
                if not self._stopped.is_set():
                    self._running = scheduler
                    return
            scheduler.shutdown(wait=False)

        scheduler.add_listener(note_start, apscheduler.events.EVENT_SCHEDULER_STARTED)
        scheduler.start()  # returns after `shutdown`
