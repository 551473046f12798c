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

_WHERE: Final = "journal"
_NEARLY_FULL: Final = 0.8


def room_findings(layout: Layout, max_bytes: int) -> Iterator[Found]:
    """Yield what is found of the limit and the disk of a journal that is there.

    Args:
        layout: Its folders.
        max_bytes: CHEST_JOURNAL_MAX_BYTES.
    """
    used = size_of(layout)
    yield _limit(layout, used, max_bytes)
    yield _disk(layout, max_bytes - used)


def _limit(layout: Layout, used: int, max_bytes: int) -> Found:
    told = f"{layout.path} has {amounts.size(used)} of {amounts.size(max_bytes)}"
    if used < _NEARLY_FULL * max_bytes:
        return Found("ok", _WHERE, "", told)
    return Found(
        "warning",
        _WHERE,
        "limit",
        f"{told}: above it, records are dropped",
        "Repair the database that does not take them, or raise CHEST_JOURNAL_MAX_BYTES",
    )


def _disk(layout: Layout, needed: int) -> Found:
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
        return Found(
            "error", _WHERE, "disk", f"{free}: records are dropped {when}", "Make room on the disk"
        )
    if room.free_bytes < needed:
        return Found(
            "warning",
            _WHERE,
            "disk",
            f"{free}, and the journal may still take {amounts.size(needed)}",
            "Make room on the disk, or lower CHEST_JOURNAL_MAX_BYTES",
        )
    return Found("ok", _WHERE, "disk", free)
