"""`RollupStorage`: what a database keeps of rollups. Each store that has rollups has one."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import NamedTuple

from flask_chest.rollup.rows import Row
from flask_chest.rollup.state import State
from flask_chest.rollup.tiers import Tier


class Mark(NamedTuple):
    """Says that records of a minute were stored or deleted since its rows were computed.

    Attributes:
        id: Its own.
        minute: Unix seconds of the beginning of the minute.
    """

    id: object
    minute: int


class Overtaken(Exception):
    """Another process has changed the rollups meanwhile. Nothing was written."""


class Change(ABC):
    """A transaction that changes rollups. No other one runs meanwhile, from any host.

    Attributes:
        state: Read within it. It is written, with the next revision, when the block ends.
    """

    state: State

    @abstractmethod
    def forget(self, marks: Sequence[Mark]) -> None:
        """Delete marks."""

    @abstractmethod
    def replace(
        self,
        series: int,
        tier: Tier,
        buckets: range,
        rows: Mapping[int, Sequence[Row]],
    ) -> None:
        """Put rows in place of those that are there.

        Args:
            series: Number of the series.
            tier: Their tier.
            buckets: All rows of these are deleted.
            rows: The new ones, by their bucket, in their order.
        """

    @abstractmethod
    def delete(self, series: int, tier: Tier, until: int) -> None:
        """Delete the rows of the buckets that begin before a moment."""


class RollupStorage(ABC):
    """What a database keeps of rollups.

    A mark is written in the transaction that stores or deletes records, or after it.
    """

    @abstractmethod
    def state(self) -> State | None:
        """Return the state; None when this database has no rollups.

        Raises:
            ExporterUnavailable: The database cannot be read now.
            SchemaMismatch: A newer Flask-Chest has written them.
        """

    @abstractmethod
    def marks(self, since: int, until: int) -> list[Mark]:
        """Return all marks of the minutes from `since` to before `until`.

        Raises:
            ExporterUnavailable: The database cannot be read now.
        """

    @abstractmethod
    def marked(self) -> set[int]:
        """Return the minutes of all marks, the beginning of each in Unix seconds.

        Raises:
            ExporterUnavailable: The database cannot be read now.
        """

    @abstractmethod
    def mark(self, minutes: Iterable[int]) -> None:
        """Write a mark for each of these minutes.

        Raises:
            ExporterUnavailable: The database cannot be written now.
        """

    @abstractmethod
    def rows(self, series: int, tier: Tier, since: int, until: int) -> Iterator[tuple[int, Row]]:
        """Yield the rows of the buckets from `since` to before `until`, in their order.

        Yields:
            The beginning of the bucket, and the row.

        Raises:
            ExporterUnavailable: The database cannot be read now.
        """

    @abstractmethod
    def oldest(self, series: int, tier: Tier) -> int | None:
        """Return the oldest bucket of a tier that has a row of a series; None without any.

        Raises:
            ExporterUnavailable: The database cannot be read now.
        """

    @abstractmethod
    def changing(self) -> AbstractContextManager[Change]:
        """Give a transaction to the block. What the block raises undoes it.

        A database without locks may find out at the end that another one was faster.

        Raises:
            Overtaken: Another process has changed the rollups meanwhile. Nothing was written.
            ExporterUnavailable: The database cannot be written now.
        """
