"""The file of counters of a process: one writes, and holds a lock on it for as long as it lives.

The file is replaced as a whole, and each new one is locked before it gets its name. So what a
reader finds under the name is whole, and locked unless the process has ended. Only on a full disk,
where there is no room for a new one, the old one is written over.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import time
from typing import TYPE_CHECKING, Final

from flask_chest.journal.counted import MAX_BYTES, Counted, Damaged
from flask_chest.journal.files import short_write
from flask_chest.journal.locks import is_at
from flask_chest.journal.room import DISK_FULL
from flask_chest.record import uuid7
from flask_chest.runtime import fork

if TYPE_CHECKING:
    from flask_chest.journal.folder import Folder

SUFFIX: Final = ".json"
TOTAL: Final = f"total{SUFFIX}"
"""What ended processes have counted. All other names are those of processes."""

_BLOCK_BYTES: Final = 4_096
"""Of a file that is written over: one write of as much is made as a whole or not at all."""

_READS: Final = 4
_READ_AGAIN_SECONDS: Final = 0.001


class ProcessFile:
    """The file of this process.

    Attributes:
        name: Of the file; None when there is none.

    Args:
        folder: Where it is.
    """

    def __init__(self, folder: Folder) -> None:
        self._folder = folder
        self._descriptor: int | None = None
        self.name: str | None = None

    def is_there(self) -> bool:
        """Return whether it is what others find under its name.

        Raises:
            OSError: It cannot be looked at.
        """
        if self.name is None or self._descriptor is None:
            return False
        try:
            return is_at(self._descriptor, self._folder, self.name)
        except OSError as error:
            if error.errno == errno.EBADF:  # somebody closed what was open, as a daemon does
                return False
            raise

    def replace(self, content: bytes) -> None:
        """Create it, or replace it as a whole; on a full disk, write over it where it has room.

        Raises:
            OSError: The one that was there is there still.
        """
        try:
            self._replace(content)
        except OSError as error:
            if error.errno not in DISK_FULL or not self._overwrite(content):
                raise

    def _overwrite(self, content: bytes) -> bool:
        """Write into the block that the file has already, so that a loss is told while it lasts.

        Returns:
            False when it has no such block, or the content is larger.

        Raises:
            OSError: The file system takes new room for it, as one that copies on write.
        """
        if self._descriptor is None or not self.is_there():
            return False
        found = os.fstat(self._descriptor)
        if max(found.st_size, len(content)) > min(_BLOCK_BYTES, found.st_blocks * 512):
            return False
        # Never cut: a reader would find nothing in between. JSON may end with spaces.
        padded = content.rstrip(b"\n").ljust(found.st_size - 1) + b"\n"
        return os.pwrite(self._descriptor, padded, 0) == len(padded)

    def _replace(self, content: bytes) -> None:
        name = self.name or f"{uuid7()}{SUFFIX}"
        unfinished = f"{name}.new"
        with fork.held_off():
            descriptor = self._folder.create(unfinished, os.O_WRONLY | os.O_TRUNC)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                written = os.write(descriptor, content)
                if written != len(content):
                    raise short_write(written, content)
                self._folder.rename(unfinished, name)
            except OSError:
                os.close(descriptor)
                with contextlib.suppress(OSError):
                    self._folder.unlink(unfinished)
                raise
            self._close()
            self.name, self._descriptor = name, descriptor

    def give_up(self) -> None:
        """Leave it to others, who see now that nobody writes to it any more.

        In a forked child, it is still the parent's.
        """
        with fork.held_off():
            self._close()
            self.name = None

    def _close(self) -> None:
        descriptor, self._descriptor = self._descriptor, None
        if descriptor is not None:
            with contextlib.suppress(OSError):
                os.close(descriptor)


def names_of_processes(folder: Folder) -> list[str]:
    """Return the names of the files of all processes, the oldest first.

    Raises:
        OSError: The folder cannot be read.
    """
    return sorted(name for name in folder.names() if name.endswith(SUFFIX) and name != TOTAL)


def read_process(folder: Folder, name: str) -> tuple[Counted, bool]:
    """Return what a process has counted, and whether it lives.

    Raises:
        FileNotFoundError: There is no such file any more.
        NotOurFile: There is no regular file of the folder's owner.
        Damaged: Its content makes no sense.
        Newer: A newer release wrote it.
        OSError: It cannot be read.
    """
    while True:
        with fork.held_off():
            descriptor = folder.open_file(name)
            try:
                lives = not _try_to_share(descriptor)
                if lives or is_at(descriptor, folder, name):  # else it was replaced just now
                    return _decoded(descriptor, _READS if lives else 1), lives
            finally:
                os.close(descriptor)


def _try_to_share(descriptor: int) -> bool:
    """Take a lock that others who look may have, too; False when the process has its own."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _decoded(descriptor: int, reads: int) -> Counted:
    """Read the file, again when it may just be written over."""
    while True:
        reads -= 1
        try:
            return Counted.decode(_content(descriptor))
        except Damaged:
            if not reads:
                raise
            time.sleep(_READ_AGAIN_SECONDS)


def _content(descriptor: int) -> bytes:
    size = os.fstat(descriptor).st_size
    if size > MAX_BYTES:
        raise Damaged(f"it has {size} bytes")
    return os.pread(descriptor, size, 0)
