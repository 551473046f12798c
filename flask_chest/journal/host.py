"""What all processes that share a journal have counted together."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from flask_chest.runtime.attempts import Attempts, merged, moment
from flask_chest.runtime.counters import Counts, JournalStats, Leader, sum_counts

if TYPE_CHECKING:
    from flask_chest.journal.counted import Counted


@dataclass(frozen=True)
class Host:
    """What all processes that share a journal have counted, ended ones included.

    Attributes:
        counts: Events by kind and reason.
        attempts: How the last attempts to deliver ended, by exporter.
        leader: The process that delivers; None when there is none.
        processes: How many use the journal now.
        journal: What its folder holds.
    """

    counts: Counts
    attempts: dict[str, Attempts]
    leader: Leader | None
    processes: int
    journal: JournalStats


def host_of(
    living: Sequence[Counted],
    ended: Iterable[Counted],
    *,
    path: str,
    size_bytes: int,
    disk_free_bytes: int | None = None,
) -> Host:
    """Return what processes have counted together.

    Args:
        living: Those that live.
        ended: Those that have ended, one by one or in a total.
        path: Of the journal's folder.
        size_bytes: Size of the journal.
        disk_free_bytes: What its disk has free; None when nobody knows.
    """
    parts = [*ended, *living]
    leader, attempts = _leader(living), {}
    for name in sorted({name for part in parts for name in part.attempts}):
        of_leader = None if leader is None else leader.attempts.get(name)
        attempts[name] = _attempts(name, living, parts, of_leader)
    since = None if leader is None else moment(leader.leads_since)
    limits = [part.max_bytes for part in parts if part.max_bytes]
    return Host(
        counts=sum_counts(part.counts for part in parts),
        attempts=attempts,
        leader=None if leader is None or since is None else Leader(leader.pid, since),
        processes=len(living),
        journal=JournalStats(path, size_bytes, limits[-1] if limits else 0, disk_free_bytes),
    )


def _leader(living: Iterable[Counted]) -> Counted | None:
    """Return the process that is the leader; the newest, if another one has just resigned."""
    leaders = [part for part in living if part.leads_since is not None]
    return max(leaders, key=lambda part: part.leads_since or 0.0, default=None)


def _attempts(
    name: str, living: Sequence[Counted], parts: Sequence[Counted], of_leader: Attempts | None
) -> Attempts:
    together = merged(
        part.attempts[name]
        if any(part is one for one in living)
        else part.attempts[name].of_ended_process()
        for part in parts
        if name in part.attempts
    )
    if of_leader is None or of_leader.last_error == together.last_error:
        return together
    # Another one flushed, or the clock was set.
    return replace(of_leader, delivered_at=together.delivered_at)
