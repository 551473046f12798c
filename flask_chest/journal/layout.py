"""The folders of a journal on disk."""

from __future__ import annotations

import contextlib
import errno
import os
from pathlib import Path

from flask_chest.journal.folder import Folder
from flask_chest.journal.locks import try_lock

_PROBE = ".probe"
_PAGE = bytes(4_096)


class Layout:
    """The journal's folder and those in it. None is opened before it is used.

    Args:
        path: Of the journal.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.root = Folder(path)
        self.segments = Folder(path / "segments", self.root)
        self.cursors = Folder(path / "cursors", self.root)
        self.dead_letters = Folder(path / "dead-letter", self.root)
        self.damaged = Folder(path / "damaged", self.root)
        """Is made with the first part of a file that cannot be read."""
        self.processes = Folder(path / "processes", self.root)
        """Is made with the first file of counters."""
        self._parts = (
            self.segments,
            self.cursors,
            self.dead_letters,
            self.damaged,
            self.processes,
        )

    def make(self) -> None:
        """Create the folders that are missing.

        Raises:
            FolderRefused: One is there, and cannot be trusted.
            OSError: One cannot be created.
        """
        for folder in (self.root, self.segments, self.cursors, self.dead_letters):
            folder.make()

    def is_there(self) -> bool:
        """Return whether the journal's folder is there.

        Raises:
            FolderRefused: It cannot be trusted.
            OSError: It cannot be opened.
        """
        try:
            self.refresh()
            self.root.open()
        except FileNotFoundError:
            return False
        return True

    def refresh(self) -> None:
        """Let go of folders that were deleted or moved."""
        for folder in self._parts:
            folder.refresh()

    def close(self) -> None:
        """Close the folders. Each is opened again when it is used."""
        for folder in (self.root, *self._parts):
            folder.close()

    def probe(self, *, writes: bool) -> None:
        """Create, lock and delete a file.

        Args:
            writes: Whether to write to it, too. A disk that is full now must not keep an
                application from its start.

        Raises:
            OSError: One of these is not possible here.
        """
        descriptor = self.root.create(_PROBE, os.O_WRONLY)
        try:
            try_lock(descriptor)
            if writes and os.write(descriptor, _PAGE) != len(_PAGE):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        finally:
            os.close(descriptor)
            with contextlib.suppress(FileNotFoundError):  # another process may probe, too
                self.root.unlink(_PROBE)
