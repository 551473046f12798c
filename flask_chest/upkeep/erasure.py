"""Erases records from every store of an application, its journal and its dead letters.

Nothing erased comes back. decisions/0023 in the docs has the argument for each order of events.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import datetime, timezone
from typing import TYPE_CHECKING, TypeAlias

from flask_chest import query
from flask_chest.errors import ChestError
from flask_chest.exporter import Exporter
from flask_chest.journal import LEASE_SECONDS, Erased, Journal
from flask_chest.store import Store

if TYPE_CHECKING:
    from flask_chest.query import Filter
    from flask_chest.record import RecordData

OpenAnew: TypeAlias = Callable[[str], AbstractContextManager[Store]]
"""Opens the store of an exporter for a block, on an instance that has read nothing yet."""

Progress: TypeAlias = Callable[[str, int], None]
"""Called after each step with the name of a store and the number of records looked at in it."""

__all__ = [
    "ErasureReport",
]


@dataclass(frozen=True)
class ErasureReport:
    """What was erased, and where.

    Attributes:
        where: The filter.
        journal: What the journal of this host had; None when it could not be searched. Other hosts
            have journals of their own.
        stores: Number of records that each store had, by the name of its exporter. Two exporters
            of one database find a record once.
        unreadable: Number of records in a store that could not be read, and were left as they are:
            nobody knows whose they are. Stores that have none are missing.
        impossible: Exporters that cannot erase, with the reason. What they have received is left to
            the one who runs the destination.
        failed: Stores that could not be reached or written, and ``journal`` for the journal, with
            the error. Erase again when it is mended.
    """

    where: str
    journal: Erased | None
    stores: Mapping[str, int]
    unreadable: Mapping[str, int]
    impossible: Mapping[str, str]
    failed: Mapping[str, str]

    @property
    def total(self) -> int:
        """Number of records in all places together. One that was in several counts in each."""
        return sum(self.stores.values()) + (0 if self.journal is None else self.journal.total)

    @property
    def is_complete(self) -> bool:
        """Whether everything that can erase has erased what can be read."""
        return not self.failed


@dataclass
class _Findings:
    stores: dict[str, int] = field(default_factory=dict)
    unreadable: dict[str, int] = field(default_factory=dict)
    impossible: dict[str, str] = field(default_factory=dict)
    failed: dict[str, str] = field(default_factory=dict)


def erase(
    where: str | Filter,
    *,
    exporters: Mapping[str, Exporter],
    store: OpenAnew,
    journal: Journal,
    progress: Progress | None = None,
    timeout_seconds: float = LEASE_SECONDS,
    waits: Callable[[RecordData], None] | None = None,
) -> ErasureReport:
    """Erase the records that satisfy a filter, wherever this host reaches them.

    Records that arrive later are not looked at.

    Args:
        where: The filter: docs/reference/filters.md.
        exporters: All exporters of the application, by name.
        store: See `OpenAnew`.
        journal: The journal of the application.
        progress: See `Progress`. What it raises ends the erasure; what was erased stays erased.
        timeout_seconds: How long to wait for deliveries that are under way.
        waits: Called with each record that the journal has, before any is erased.

    Raises:
        FilterError: The filter cannot be read, or cannot match. Nothing was erased.
        DeliveryBusy: A delivery has not ended in time. Nothing was erased.
    """
    chosen = query.parse(where) if isinstance(where, str) else where
    began = datetime.now(timezone.utc)
    found = _Findings()
    erased: Erased | None = None

    def is_meant(record: RecordData) -> bool:
        if waits is not None:
            waits(record)
        return chosen.matches(record)

    try:
        # While the leases are held, no batch is on its way. After that, the journal has none.
        with journal.erase(is_meant, timeout_seconds) as counted:
            erased = counted
    except OSError as error:
        found.failed["journal"] = str(error)
    found.stores.update((name, 0) for name, each in exporters.items() if isinstance(each, Store))
    found.impossible.update(who_cannot(exporters))
    _erase_in_stores(chosen, began, found, store, progress)
    unreadable = {name: number for name, number in found.unreadable.items() if number}
    return ErasureReport(
        str(chosen), erased, found.stores, unreadable, found.impossible, found.failed
    )


def who_cannot(exporters: Mapping[str, Exporter]) -> dict[str, str]:
    """Return the exporters that cannot erase, each with the reason."""
    return {
        name: f"exporters of the type {exporter.type!r} cannot erase"
        for name, exporter in exporters.items()
        if not isinstance(exporter, Store)
    }


def _erase_in_stores(
    chosen: Filter,
    began: datetime,
    found: _Findings,
    store: OpenAnew,
    progress: Progress | None,
) -> None:
    """Erase in one store after the other, until no copy can have brought anything back.

    A copy that is under way may carry a record from a store that is not erased yet to one that is.
    So it goes on until each store was without findings twice in a row, but the last one once.
    """
    waiting = deque(found.stores)
    older = query.started_before(
        chosen, before=began
    )  # or an active user would keep it going for ever
    first = set(waiting)
    quiet = 0
    while waiting and quiet < 2 * len(waiting) - 1:
        name = waiting.popleft()
        look = chosen if name in first else older
        first.discard(name)
        try:
            with store(name) as opened:
                number = opened.erase(look, progress=_for(name, progress))
                unreadable = opened.unreadable
        except ChestError as error:
            found.failed[name] = str(error)
        else:
            waiting.append(name)
            found.stores[name] += number
            found.unreadable[name] = unreadable
            quiet = 1 if number else quiet + 1  # `erase` has ended with a look that found nothing


def _for(name: str, progress: Progress | None) -> Callable[[int], None] | None:
    if progress is None:
        return None
    return lambda number: progress(name, number)
