"""Lets a store create and drop the indexes of variables, in the leader and beside delivery."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, ClassVar

from flask_chest.export.leader_job import LeaderJob
from flask_chest.runtime.log import logger

if TYPE_CHECKING:
    from flask_chest.export.leader_job import Run
    from flask_chest.store import Store

FIRST_SECONDS = 10.0
"""After the start of delivery, which comes first."""

RETRY_SECONDS = 300.0
"""After a run that failed."""


class IndexJob(LeaderJob):
    """Creates and drops the indexes of variables of one store, once in a process.

    Args:
        name: The exporter's name in CHEST_EXPORTERS.
        given: All else that a `LeaderJob` takes. An index on many records takes minutes, so no
            timeout holds.
    """

    kind: ClassVar[str] = "indexing"

    def __init__(
        self,
        name: str,
        store: Store,
        **given: Any,  # noqa: ANN401 - as `LeaderJob` has them
    ) -> None:
        super().__init__(name, store, **{**given, "timeout_seconds": math.inf})

    def first_seconds(self) -> float:
        """Return how long after the start of delivery the run is."""
        return FIRST_SECONDS

    def interval_seconds(self) -> float:
        """Return the time to the next run: there is none, as settings stay as they are."""
        return math.inf

    def retry_seconds(self) -> float:
        """Return the time after a run that failed."""
        return RETRY_SECONDS

    def work(self, run: Run, store: Store) -> None:
        """Create and drop what the setting says."""
        del run  # a database cannot end in the middle of an index
        for done in store.index_variables():
            logger.info("The exporter %r: %s", self.name, done)

    def failure(self) -> str:
        """Return what is not done after a failure."""
        if not self._store.indexed_variables:
            return (
                f"Indexes that no setting names are not dropped from the exporter {self.name!r} now"
            )
        return (
            f"The indexes of CHEST_INDEXED_VARIABLES are not those of the exporter {self.name!r} "
            "now"
        )
