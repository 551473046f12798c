"""The jobs of APScheduler that wake the deliveries. Imports APScheduler."""

from __future__ import annotations

import logging
import threading
from collections.abc import Mapping
from datetime import timezone
from typing import TYPE_CHECKING, Final

from apscheduler.executors.debug import DebugExecutor
from apscheduler.schedulers.base import BaseScheduler
from apscheduler.schedulers.blocking import BlockingScheduler
from apscheduler.triggers.interval import IntervalTrigger

if TYPE_CHECKING:
    from flask_chest.export.supervisor import Delivery

# Not APScheduler's own: it has a line at INFO for each run of each job, every few seconds.
_logger: Final = logging.getLogger("flask_chest.scheduler")
_logger.setLevel(logging.WARNING)


class _Executor(DebugExecutor):  # type: ignore[misc] # APScheduler ships no types
    """Runs jobs in the scheduler's own thread."""

    def start(self, scheduler: BaseScheduler, alias: str) -> None:
        super().start(scheduler, alias)
        self._logger = _logger


class Scheduler(BlockingScheduler):  # type: ignore[misc] # APScheduler ships no types
    """Wakes each delivery once in an interval."""

    def __init__(self, deliveries: Mapping[str, Delivery], interval_seconds: float) -> None:
        # Its jobs only wake the exporters' threads, so they run in the scheduler's own. Not
        # "interval" for the trigger: APScheduler imports what it finds under that name, and a child
        # forked in the middle of an import waits for its end for ever.
        super().__init__(timezone=timezone.utc, executors={"default": _Executor()}, logger=_logger)
        for name, delivery in deliveries.items():
            self.add_job(
                delivery.wake,
                IntervalTrigger(seconds=interval_seconds, timezone=timezone.utc),
                id=name,
                coalesce=True,
                misfire_grace_time=None,
            )

    def begin(self) -> None:
        """Reckon from now on; from here on `shutdown` may be called."""
        # Of this moment: gevent replaces the one that APScheduler imported, when gunicorn loads the
        # application first, with ``--preload``.
        self._event = threading.Event()
        BaseScheduler.start(self)

    def run(self) -> None:
        """Wake the deliveries until `shutdown` is called."""
        self._main_loop()
