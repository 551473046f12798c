"""Deletes, in the leader and beside delivery, the records that have exceeded their retention."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from flask_chest.export.cutoff import Cutoff
from flask_chest.export.leader_job import LeaderJob
from flask_chest.runtime.log import logger

if TYPE_CHECKING:
    from datetime import datetime, timedelta

    from flask_chest.export.leader_job import Run
    from flask_chest.store import Store

FIRST_SECONDS = 60.0
"""The first run is so long after the start of delivery, which comes first."""

INTERVAL_SECONDS = 3_600.0
"""Between two runs. Each pause is a random part longer or shorter, so that hosts take turns."""

RETRY_SECONDS = 300.0
"""After a run that failed."""


class Retention(LeaderJob):
    """Deletes old records of one store, once an hour, while this process is the leader.

    Args:
        name: The exporter's name in CHEST_EXPORTERS.
        store: The exporter.
        retention: How long records are kept.
        given: All else that a `LeaderJob` takes.
    """

    kind: ClassVar[str] = "retention"

    def __init__(
        self,
        name: str,
        store: Store,
        retention: timedelta,
        **given: Any,  # noqa: ANN401 - as `LeaderJob` has them
    ) -> None:
        self._cutoff = Cutoff(name, retention, given["throttle"])
        super().__init__(name, store, **given)

    def after_fork(self) -> None:
        """Begin anew, in a forked child."""
        super().after_fork()
        self._cutoff.restart()

    def first_seconds(self) -> float:
        """Return how long after the start of delivery the first run is."""
        return FIRST_SECONDS

    def interval_seconds(self) -> float:
        """Return the time between two runs."""
        return INTERVAL_SECONDS

    def retry_seconds(self) -> float:
        """Return the time after a run that failed."""
        return RETRY_SECONDS

    def observe(self) -> None:
        """Notice whether the clock has jumped."""
        self._cutoff.observe()

    def work(self, run: Run, store: Store) -> None:
        """Delete what is older than the retention."""
        before = self._cutoff.moment(store)
        self.go_on(run)
        if before is not None:
            self._retain(run, store, before)

    def _retain(self, run: Run, store: Store, before: datetime) -> None:
        def step(deleted: int) -> None:
            self._count(run, deleted)
            self.go_on(run)

        total = store.retain(before=before, progress=step)
        self._count(run, total - run.deleted)  # of a store that tells no progress

    def _count(self, run: Run, deleted: int) -> None:
        if deleted > 0:
            run.deleted += deleted
            self.counters.add("purged", self.name, deleted)

    def ended(self, run: Run) -> None:
        """Say how many records were deleted."""
        if run.deleted:
            logger.info(
                "Deleted %s records of the exporter %r that have exceeded their retention",
                f"{run.deleted:,}",
                self.name,
            )

    def failure(self) -> str:
        """Return what is not done after a failure."""
        return (
            f"Records of the exporter {self.name!r} that have exceeded their retention are not "
            "deleted now"
        )
