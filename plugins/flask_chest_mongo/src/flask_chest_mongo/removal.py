"""Deletion in short steps."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import closing
from typing import TYPE_CHECKING, Any, Final

from pymongo import ReadPreference

from flask_chest_mongo.ddl import INDEXES

if TYPE_CHECKING:
    from pymongo.client_session import ClientSession
    from pymongo.collection import Collection

    from flask_chest_mongo.moments import Filter

_OLDEST_FIRST: Final = list(INDEXES["chest_started_at"].items())

AT_ONCE: Final = 1_000
"""Documents of one command. Writers do not wait for it: the server yields to them in between."""


def delete(
    records: Collection[dict[str, Any]], ids: Sequence[object], session: ClientSession | None = None
) -> int:
    """Delete the documents with these IDs; return how many there were.

    Args:
        records: The collection.
        ids: Of any number of them.
        session: In a transaction; None without one.
    """
    deleted = 0
    for first in range(0, len(ids), AT_ONCE):
        some = {"_id": {"$in": ids[first : first + AT_ONCE]}}
        deleted += records.delete_many(some, session=session).deleted_count
    return deleted


def delete_oldest(
    records: Collection[dict[str, Any]], found: Filter, timeout_ms: int
) -> int | None:
    """Delete the oldest documents that match, as many as a step has.

    By their IDs, as many may have the same time.

    Returns:
        How many were deleted: none where another process was faster. None when none match.
    """
    # A secondary may still have what the step before has deleted.
    primary = records.with_options(read_preference=ReadPreference.PRIMARY)
    oldest = primary.find(
        found,
        {"_id": True},
        sort=_OLDEST_FIRST,
        limit=AT_ONCE,
        max_time_ms=timeout_ms,
    )
    with closing(oldest):
        ids = [document["_id"] for document in oldest]
    return delete(records, ids) if ids else None


def in_steps(step: Callable[[], int | None], progress: Callable[[int], None] | None) -> int:
    """Delete until a step finds nothing; return how many were deleted.

    Args:
        step: Deletes some, and returns how many; None when it finds nothing.
        progress: Called after each step. What it raises ends the deletion.
    """
    total = 0
    while (deleted := step()) is not None:
        total += deleted
        if progress is not None:
            progress(deleted)
    return total
