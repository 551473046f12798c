"""Segment files: one process writes, and holds a lock for as long as it may write again."""

from __future__ import annotations

import contextlib
import fcntl
import os
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Final

from flask_chest.journal.files import short_write
from flask_chest.journal.folder import NotOurFile
from flask_chest.journal.locks import is_at, try_lock
from flask_chest.runtime import fork

if TYPE_CHECKING:
    from flask_chest.journal.folder import Folder

SUFFIX: Final = ".jsonl"
UNFINISHED_SECONDS: Final = 3600.0
"""After so long, no living process is at work on an unfinished file."""

_UNFINISHED: Final = ".new"
_SPACE: Final = 0x20
_LOOK_BYTES: Final = 4_096
_LOOK_RECORDS: Final = 1_000
_COUNT_BYTES: Final = 1_048_576


class SegmentWriter:
    """A new segment, which belongs to this process alone.

    Args:
        folder: Where it is created.
        name: Its name without suffix; names sort in the order of their creation.

    Raises:
        OSError: It cannot be created.
    """

    def __init__(self, folder: Folder, name: str) -> None:
        unfinished = f"{name}{_UNFINISHED}"
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
            folder.rename(unfinished, self.name)
        except OSError:
            self.close()
            with contextlib.suppress(FileNotFoundError):
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


class Segment:
    """A segment file as a reader sees it.

    Args:
        folder: Where it is.
        name: Of the file.
    """

    def __init__(self, folder: Folder, name: str) -> None:
        self._folder = folder
        self.name = name

    def size(self) -> int:
        """Return its size in bytes; 0 when it is gone.

        Raises:
            NotOurFile: It is no regular file of the folder's owner.
            OSError: It cannot be looked at.
        """
        try:
            return self._folder.file(self.name).st_size
        except FileNotFoundError:
            return 0

    def start(self, offset: int, end: int) -> int:
        """Return `offset` when a record begins there, else 0.

        The cursor may be corrupt, or a power cut may have taken bytes that it had passed. Neither
        must hide records, and delivering some again is harmless.

        Args:
            offset: From a cursor.
            end: Size of the file.

        Raises:
            OSError: It cannot be read.
        """
        if offset in (0, end):
            return offset
        if not 0 < offset < end:
            return 0
        return offset if self._block(offset - 1, 1) == b"\n" else 0

    def chunks(
        self, start: int, end: int, max_records: int, max_bytes: int
    ) -> Iterator[tuple[bytes, int, int]]:
        """Yield the whole lines between two offsets in chunks, with the number of lines in each.

        The file is read `max_bytes` at a time, and closed in between.

        Yields:
            The lines, their number, and how many of them are blank: these were erased.

        Raises:
            OSError: It cannot be read.
        """
        size = max_bytes
        while start < end:
            block = self._block(start, min(size, end - start))
            is_last = len(block) < size or start + size >= end
            begin = 0
            while True:
                cut, count, blanks = _cut(block, begin, max_records, max_bytes)
                if count < max_records and begin + max_bytes > len(block) and not is_last:
                    break  # more of it is in the next block, which begins here
                if not count:
                    break
                yield block[begin:cut], count, blanks
                begin = cut
            if not begin and is_last:
                return
            # A line that is larger than a block needs a larger block.
            start, size = start + begin, max_bytes if begin else size * 2

    def _block(self, start: int, size: int) -> bytes:
        with fork.held_off():
            descriptor = self._folder.open_file(self.name)
            try:
                return os.pread(descriptor, size, start)
            finally:
                os.close(descriptor)

    def tail(self, delivered: int) -> tuple[int, bytes] | None:
        """Return where the half line after `delivered` begins, and itself; None before a record.

        Args:
            delivered: From `start`.

        Raises:
            OSError: It cannot be read.
        """
        size = self.size()
        for lines, count, blanks in self.chunks(delivered, size, _LOOK_RECORDS, _LOOK_BYTES):
            if blanks < count:
                return None
            delivered += len(lines)
        return delivered, self.rest(delivered, size)

    def rest(self, start: int, end: int) -> bytes:
        """Return what is between two offsets, in which there is no whole line.

        Raises:
            OSError: It cannot be read.
        """
        return self._block(start, end - start) if start < end else b""

    def blank(self, lines: Iterable[tuple[int, bytes]], *, sync: bool) -> None:
        """Overwrite lines by spaces, in place. A process may append at this moment.

        Args:
            lines: Each with its offset, and without its line feed.
            sync: Whether to wait until the disk has it.

        Raises:
            OSError: Some are still there.
        """
        with fork.held_off():
            # Without O_APPEND, with which Linux writes at the end whatever the offset.
            descriptor = self._folder.open_file(self.name, os.O_RDWR)
            try:
                for offset, line in lines:
                    # Whoever changes a file otherwise than by appending to it is no process of
                    # ours; what it has put there is not to be overwritten.
                    if os.pread(descriptor, len(line), offset) == line:
                        written = os.pwrite(descriptor, b" " * len(line), offset)
                        if written != len(line):
                            raise short_write(written, line)
                if sync:
                    os.fdatasync(descriptor)
            finally:
                os.close(descriptor)

    def is_ours(self) -> bool:
        """Return whether it is a regular file of the folder's owner, or cannot be looked at."""
        try:
            self._folder.file(self.name)
        except (NotOurFile, IsADirectoryError):
            return False
        except OSError:
            return True
        return True

    def count(self, start: int) -> int:
        """Return how many records follow an offset.

        Raises:
            OSError: It cannot be read.
        """
        found = 0
        before = b"\n"
        with fork.held_off():
            descriptor = self._folder.open_file(self.name)
            try:
                os.lseek(descriptor, self.start(start, self.size()), os.SEEK_SET)
                while piece := os.read(descriptor, _COUNT_BYTES):
                    found += piece.count(b"\n") - (before + piece).count(b"\n ")
                    before = piece[-1:]
            finally:
                os.close(descriptor)
        return found

    def unlink(self) -> None:
        """Delete it.

        Raises:
            OSError: That is not possible.
        """
        self._folder.unlink(self.name)

    def move(self, to: Folder) -> None:
        """Move it to another folder, whatever it is.

        Raises:
            OSError: That is not possible.
        """
        self._folder.rename(self.name, self.name, to)

    @contextlib.contextmanager
    def left(self) -> Iterator[bool]:
        """Hold, in the `with` block, the lock of a segment that no process writes to any more.

        Yields:
            False when one does.

        Raises:
            OSError: It cannot be opened.
        """
        with fork.held_off():
            descriptor = self._folder.open_file(self.name)
            try:
                yield try_lock(descriptor)
            finally:
                os.close(descriptor)


def _cut(block: bytes, begin: int, max_records: int, max_bytes: int) -> tuple[int, int, int]:
    """Return where the chunk ends that begins at `begin`, its number of lines, and of blank ones.

    It has one line at least, even one larger than `max_bytes`, if there is a whole one.
    """
    cut, count, blanks = begin, 0, 0
    find = block.find
    while count < max_records:
        end = find(b"\n", cut) + 1
        if not end or (count and end - begin > max_bytes):
            break
        # One look a line takes 0.03 us. To search a chunk for b"\n " takes 0.3 us a line.
        if block[cut] == _SPACE:
            blanks += 1
        cut, count = end, count + 1
    return cut, count, blanks


def segments(folder: Folder) -> list[Segment]:
    """Return the segments in a folder, oldest first; none when the folder is missing.

    Raises:
        OSError: The folder cannot be read.
    """
    return [Segment(folder, name) for name in sorted(folder.names()) if name.endswith(SUFFIX)]


def delete_unfinished(folder: Folder, older_than: float) -> None:
    """Delete files that a process killed while it created a segment left behind.

    Args:
        folder: Where segments are created.
        older_than: Unix time in seconds, so long ago that no living process is at it. As
            clocks may step, the lock decides in the end.
    """
    for name in folder.names():
        if not name.endswith(_UNFINISHED):
            continue
        # It may be renamed at this moment; and what is not ours was made by nobody's segment.
        with contextlib.suppress(FileNotFoundError, NotOurFile):
            if folder.file(name).st_mtime < older_than:
                segment = Segment(folder, name)
                with segment.left() as is_left:
                    if is_left:
                        segment.unlink()
