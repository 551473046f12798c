"""Writes a segment file, and holds a lock for as long as it may write again."""

from __future__ import annotations

import contextlib
import fcntl
import os
from typing import TYPE_CHECKING

from flask_chest.journal.files import short_write
from flask_chest.journal.locks import is_at
from flask_chest.journal.segment import SUFFIX, UNFINISHED

if TYPE_CHECKING:
    from flask_chest.journal.folder import Folder


class SegmentWriter:
    """A new segment, which belongs to this process alone.

    Args:
        folder: Where it is created.
        name: Its name without suffix; names sort in the order of their creation.
        content: Whole lines that it begins with. It has all of them before anybody sees it.

    Raises:
        OSError: It cannot be created.
    """

    def __init__(self, folder: Folder, name: str, content: bytes = b"") -> None:
        unfinished = f"{name}{UNFINISHED}"
        self.name = f"{name}{SUFFIX}"
        self.path = folder.path / self.name
        self._folder = folder
        self.descriptor = folder.create(unfinished, os.O_RDWR | os.O_EXCL | os.O_APPEND)
        self.size = 0
        self.is_torn = False
        try:
            # Locked before it gets the name under which readers look: without a lock it would
            # be taken for a dead process's, and deleted once it is delivered.
            fcntl.flock(self.descriptor, fcntl.LOCK_EX)
            if content:
                self.append(content)
            folder.rename(unfinished, self.name)
        except OSError:
            self.close()
            with contextlib.suppress(OSError):
                folder.unlink(unfinished)
            raise

    def append(self, line: bytes) -> None:
        """Append whole lines with one write.

        Raises:
            OSError: They are not in the file.
        """
        written = os.write(self.descriptor, line)
        if written != len(line):
            raise self.taken_back(written, line)
        self.size += written

    def taken_back(self, written: int, line: bytes) -> OSError:
        """Take back a part of a line that was written, and return the error to raise.

        Raises:
            OSError: That was not possible. Then `is_torn` is set and nothing more may be appended:
                no reader takes a part at the end of a segment for a record.
        """
        self.is_torn = True
        os.ftruncate(self.descriptor, os.fstat(self.descriptor).st_size - written)
        self.is_torn = False
        return short_write(written, line)

    def sync(self) -> None:
        """Wait until the disk has what was written.

        Raises:
            OSError: It may not have it.
        """
        os.fdatasync(self.descriptor)

    def is_there(self) -> bool:
        """Return whether the file is still where readers look, and not deleted.

        Raises:
            OSError: It cannot be looked at.
        """
        if not os.fstat(self.descriptor).st_nlink:
            return False  # known without opening the folder again, for which there may be no room
        return is_at(self.descriptor, self._folder, self.name)

    def content(self) -> bytes:
        """Return what was written, also when the file was deleted meanwhile.

        Raises:
            OSError: It cannot be read.
        """
        return os.pread(self.descriptor, self.size, 0)

    def close(self) -> None:
        """Close the file, which tells readers that nothing more will be written.

        In a forked child it closes the child's descriptor only; the parent writes on.
        """
        descriptor, self.descriptor = self.descriptor, -1
        with contextlib.suppress(OSError):  # a late report of the disk's; the number is free
            os.close(descriptor)
