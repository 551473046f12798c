"""Keeps the rollups of a store equal to its records, in the leader and beside delivery."""

from __future__ import annotations

import platform
from typing import TYPE_CHECKING, ClassVar

from flask_chest import rollup
from flask_chest.export.leader_job import LeaderJob
from flask_chest.journal import DiskJournal
from flask_chest.record import uuid7

if TYPE_CHECKING:
    from flask_chest.export.leader_job import Run
    from flask_chest.store import Store

FIRST_SECONDS = 20.0
"""The first run is so long after the start of delivery, which comes first."""

INTERVAL_SECONDS = 60.0
"""Between two runs, as the shortest tier has a minute."""

RETRY_SECONDS = 120.0
"""After a run that failed."""


class RollupJob(LeaderJob):
    """Keeps the rollups of one store, once a minute, while this process is the leader.

    Of several hosts with one database, one does it at a time.
    """

    kind: ClassVar[str] = "rollups"

    def after_fork(self) -> None:
        """Begin anew, in a forked child."""
        super().after_fork()
        # The next leader of the host has the same name, and goes on at once. With a journal in
        # memory, each process is a host.
        journal = self._journal
        place = journal.folder if isinstance(journal, DiskJournal) else uuid7()
        self._host = f"{platform.node()} {place}"

    def first_seconds(self) -> float:
        """Return how long after the start of delivery the first run is."""
        return FIRST_SECONDS

    def interval_seconds(self) -> float:
        """Return the time between two runs."""
        return INTERVAL_SECONDS

    def retry_seconds(self) -> float:
        """Return the time after a run that failed."""
        return RETRY_SECONDS

    def work(self, run: Run, store: Store) -> None:
        """Compute what is marked, and what follows from it."""
        maintainer = rollup.maintainer(store, go_on=lambda: self.go_on(run))
        if maintainer is None:
            return
        maintainer.declare()
        maintainer.keeper = rollup.Keeper(maintainer.storage, self._host)
        if not maintainer.keeper.claim():
            return
        if (expired := store.expired_before()) is not None:
            rollup.freeze(maintainer, expired)
        maintainer.run()

    def failure(self) -> str:
        """Return what is not done after a failure."""
        return (
            f"The rollups of the exporter {self.name!r} are not kept up now. Answers stay right: "
            "they come from the records, which takes longer"
        )
