"""What delivery does for partitions: makes those of the days to come, drops those not kept."""

from __future__ import annotations

import functools
import time
from collections.abc import Callable
from datetime import date, datetime, timedelta, timezone
from typing import TYPE_CHECKING, Final, Protocol, TypeVar

from flask_chest.errors import ExporterUnavailable
from flask_chest.runtime.log import logger

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from flask_chest_postgres.partitions import Partitions

DAYS_AHEAD: Final = 3
"""How many days' partitions there are beyond today's, for clocks that differ and idle weekends."""

_DROP_AGAIN_SECONDS: Final = 600.0

_Result = TypeVar("_Result")


class Change(Protocol):
    """Does something in a transaction of its own."""

    def __call__(self, work: Callable[[Connection], _Result], /) -> _Result:
        """Return what `work` returns."""


class Upkeep:
    """Knows, for one exporter, what has been done today.

    Args:
        partitions: Those of the records.
        retention_days: How many whole days are kept besides today; None for all.
    """

    def __init__(self, partitions: Partitions, retention_days: int | None) -> None:
        self._partitions = partitions
        self._retention_days = retention_days
        self._made_on: date | None = None
        self._next_drop = 0.0

    def make_ahead(self, change: Change) -> None:
        """Do what is due: with the first batch of a day, and while a partition is in use.

        Raises:
            ExporterUnavailable: Partitions cannot be made now. Those that cannot be dropped now
                are tried again, and raise nothing.
        """
        today = datetime.now(timezone.utc).date()
        if today != self._made_on:
            days = [today + timedelta(days=n) for n in range(DAYS_AHEAD + 1)]
            change(lambda connection: self._partitions.create(connection, days))
            self._made_on = today
            self._next_drop = 0.0
        if self._retention_days is not None and time.monotonic() >= self._next_drop:
            kept_from = datetime.combine(
                today - timedelta(days=self._retention_days), datetime.min.time(), timezone.utc
            )
            try:
                old = change(
                    lambda connection: self._partitions.ending_before(connection, kept_from)
                )
                for day in old:
                    change(functools.partial(self._partitions.drop, day=day))
                self._next_drop = float("inf")
            except ExporterUnavailable as error:
                self._next_drop = time.monotonic() + _DROP_AGAIN_SECONDS
                logger.warning("Old partitions cannot be dropped now: %s", error)
