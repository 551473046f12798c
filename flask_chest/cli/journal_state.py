"""Whether the journal takes records now, as far as one can see without writing to it."""

from __future__ import annotations

import os
import tempfile
from dataclasses import dataclass
from pathlib import Path

from flask_chest.journal.folder import Folder
from flask_chest.journal.layout import Layout
from flask_chest.journal.room import Room, room_of


@dataclass(frozen=True)
class JournalState:
    """The folder of a journal, and its disk.

    Attributes:
        path: Of the folder.
        is_there: Whether there is such a folder.
        room: Of its disk; None when the folder is not there.
        fault: Why no record can be kept now, in a few words; None when nothing speaks against it.
    """

    path: Path
    is_there: bool
    room: Room | None
    fault: str | None


def state_of(folder: Path) -> JournalState:
    """Return the state of a journal's folder.

    Raises:
        OSError: It cannot be read, or not be trusted.
    """
    layout = Layout(folder)
    try:
        if not layout.is_there():
            return JournalState(folder, is_there=False, room=None, fault=why_not_created(folder))
        for each in (layout.segments, layout.cursors, layout.dead_letters):
            each.names()
        room = room_of(folder)
        fault = room.fault or _why_not_written(layout.root) or _why_not_written(layout.segments)
        return JournalState(folder, is_there=True, room=room, fault=fault)
    finally:
        layout.close()


def why_not_created(path: Path) -> str | None:
    """Return why this user cannot create a folder that is not there; None when it can."""
    above = path
    while not above.exists() and above != above.parent:
        above = above.parent
    try:
        # Root has every right to /proc and to a disk that is full, and can create nothing there.
        Path(tempfile.mkdtemp(prefix=".chest-check-", dir=above)).rmdir()
    except OSError as error:
        return f"this user cannot create it in {above}: {error.strerror}"
    return None


def _why_not_written(folder: Folder) -> str | None:
    try:
        descriptor = folder.open_again()
    except FileNotFoundError:  # it is made with the next record
        return None
    try:
        is_writable = os.access(".", os.W_OK | os.X_OK, dir_fd=descriptor)
        return None if is_writable else f"no right to write to {folder.path}"
    finally:
        os.close(descriptor)
