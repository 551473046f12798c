"""What is found of the room that a journal has: its limit, and its disk."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

from flask_chest.cli import amounts
from flask_chest.cli.findings.found import Found
from flask_chest.journal import disk
from flask_chest.journal.retention import size_of
from flask_chest.journal.room import room_of

if TYPE_CHECKING:
    from flask_chest.journal.layout import Layout
    from flask_chest.runtime.counters import Stats

_WHERE: Final = "journal"
_NEARLY_FULL: Final = 0.8


def room_findings(layout: Layout, stats: Stats) -> Iterator[Found]:
    """Yield what is found of the limit and the disk of a journal that is there.

    Args:
        layout: Its folders.
        stats: The counters of the host.
    """
    used = size_of(layout)
    max_bytes = stats.journal.max_bytes if stats.journal is not None else 0
    max_bytes = max_bytes or disk.MAX_BYTES
    yield _limit(layout, used, max_bytes, _lost(stats, "journal_full"))
    yield _disk(layout, max_bytes - used, _lost(stats, "disk_full"))


def _lost(stats: Stats, reason: str) -> int:
    """Return how many records were dropped for a reason, before or for any exporter."""
    every = [stats.dropped, *(exporter.dropped for exporter in stats.exporters.values())]
    return sum(dropped.get(reason, 0) for dropped in every)


def _limit(layout: Layout, used: int, max_bytes: int, lost: int) -> Found:
    told = f"{layout.path} has {amounts.size(used)} of {amounts.size(max_bytes)}"
    if used < _NEARLY_FULL * max_bytes:
        return Found("ok", _WHERE, "", told)
    done = f"{amounts.records(lost)} dropped at the limit" if lost else ""
    return Found(
        "error" if lost else "warning",
        _WHERE,
        "limit",
        f"{told}: {done or 'above it, records are dropped'}",
        "Repair the database that does not take them, or raise CHEST_JOURNAL_MAX_BYTES",
    )


def _disk(layout: Layout, needed: int, lost: int) -> Found:
    room = room_of(layout.path)
    if room.is_read_only:
        return Found(
            "error",
            _WHERE,
            "disk",
            f"{room.fault}: records are dropped now",
            "Mount it with the right to write, or set CHEST_JOURNAL to a folder on another disk",
        )
    if not room.takes_files:
        return Found(
            "error", _WHERE, "disk", "the disk can hold no further file", "Delete files there"
        )
    if room.free_bytes is None:
        return Found("ok", _WHERE, "disk", "its file system does not say how much is free")
    free = f"{amounts.size(room.free_bytes)} are free"
    if room.fault is not None or room.free_bytes < min(needed, disk.MAX_SEGMENT_BYTES):
        when = "soon" if room.fault is None else "now"
        told = f"{free}: records are dropped {when}"
        if lost:
            told += f", and {amounts.records(lost)} dropped already"
        return Found("error", _WHERE, "disk", told, "Make room on the disk")
    if room.free_bytes < needed:
        return Found(
            "warning",
            _WHERE,
            "disk",
            f"{free}, and the journal may still take {amounts.size(needed)}",
            "Make room on the disk, or lower CHEST_JOURNAL_MAX_BYTES",
        )
    return Found("ok", _WHERE, "disk", free)
