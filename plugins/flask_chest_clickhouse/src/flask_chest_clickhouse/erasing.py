"""Erasure from many records: the server finds those that satisfy the filter."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta, timezone
from itertools import islice
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from flask_chest.query import Filter
    from flask_chest.record import Record
    from flask_chest.store import Store

SMALL: Final = 10_000
"""Up to so many records, each is looked at, a page at a time."""

_STEP: Final = 5_000
_LATEST: Final = datetime(9999, 12, 31, tzinfo=timezone.utc)


def erase(store: Store, chosen: Filter, progress: Callable[[int], None] | None) -> int:
    """Delete the records that satisfy a filter; return the number. As `Store.erase` has it.

    Args:
        store: An open store.
        chosen: The filter.
        progress: Called after each step with the number of records that were deleted in it.
    """
    began, total = datetime.now(timezone.utc), 0
    while True:
        old = 0
        for found in _steps(store, chosen):
            deleted = store.delete(found)
            total += deleted
            old += sum(record.started_at < began for record in found) if deleted else 0
            if progress is not None:
                progress(deleted)
        if not old:  # else what was behind this pass may have arrived meanwhile
            return total


def _steps(store: Store, chosen: Filter) -> Iterator[list[Record]]:
    """Yield what satisfies the filter: not what arrives at the end meanwhile."""
    newest = next(store.records(limit=1), None)
    if newest is None:
        return
    until = min(newest.started_at, _LATEST) + timedelta(microseconds=1)
    found = store.records(chosen, until=until, order_by="started_at")
    while some := list(islice(found, _STEP)):
        yield some
