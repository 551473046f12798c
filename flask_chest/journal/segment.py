"""Segment files as readers see them: one process writes, any number read."""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Final

from flask_chest.journal.files import short_write
from flask_chest.journal.folder import NotOurFile
from flask_chest.journal.joining import Room
from flask_chest.journal.locks import try_lock
from flask_chest.runtime import fork

if TYPE_CHECKING:
    from flask_chest.journal.folder import Folder

SUFFIX: Final = ".jsonl"
UNFINISHED_SECONDS: Final = 3600.0
"""After so long, no living process is at work on an unfinished file."""

UNFINISHED: Final = ".new"
_SPACE: Final = 0x20
_LOOK_BYTES: Final = 4_096
_LOOK_RECORDS: Final = 1_000
_COUNT_BYTES: Final = 1_048_576

_duration: Final = re.compile(rb'"duration_ms":([0-9]+(?:\.[0-9]+)?)').search
"""In a text, each quote has a backslash before it."""


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

    def created(self, otherwise: float) -> float:
        """Return when it was begun, in Unix time, from the UUIDv7 in its name.

        Args:
            otherwise: What to return for another kind of name.
        """
        try:
            return int(self.name[:8] + self.name[9:13], 16) / 1000
        except ValueError:
            return otherwise

    def waits_since(self, offset: int, otherwise: float) -> float | None:
        """Return when the first record behind an offset was written, in Unix time.

        Args:
            offset: From `start`.
            otherwise: What to return when neither the record nor the name of the file says it.

        Returns:
            None when all that follows was erased, or is no whole line.
        """
        created = self.created(otherwise)
        try:
            for lines, count, blanks in self.chunks(
                offset, self.size(), Room(_LOOK_RECORDS, _LOOK_BYTES)
            ):
                if blanks < count:
                    first = next(line for line in lines.split(b"\n") if not line.startswith(b" "))
                    is_at_start = not offset and lines.startswith(first)  # as old as the file
                    return created if is_at_start else max(created, _ended(first))
                offset += len(lines)
        except OSError:  # delivery reports it
            return created
        return None

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

    def chunks(self, start: int, end: int, room: Room) -> Iterator[tuple[bytes, int, int]]:
        """Yield the whole lines between two offsets in chunks, with the number of lines in each.

        The file is read as many bytes at a time as one chunk may have, and closed in between. Each
        time, as much is yielded as there is room for then, at least one line.

        Yields:
            The lines, their number, and how many of them are blank: these were erased.

        Raises:
            OSError: It cannot be read.
        """
        size = room.max_bytes
        while start < end:
            block = self._block(start, min(size, end - start))
            is_last = len(block) < size or start + size >= end
            begin = 0
            while True:
                cut, count, blanks = _cut(block, begin, room.lines, room.bytes)
                if count < room.lines and begin + room.bytes > len(block) and not is_last:
                    break  # more of it is in the next block, which begins here
                if not count:
                    break
                yield block[begin:cut], count, blanks
                begin = cut
            if not begin and is_last:
                return
            # A line that is larger than a block needs a larger block.
            start, size = start + begin, room.max_bytes if begin else size * 2

    def between(self, start: int, end: int) -> bytes:
        """Return the whole lines between two offsets; none when no line begins at the first.

        Raises:
            OSError: It cannot be read.
        """
        end = min(end, self.size())
        if start >= end or self.start(start, end) != start:
            return b""
        block = self._block(start, end - start)
        return block[: block.rfind(b"\n") + 1]

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
        for lines, count, blanks in self.chunks(delivered, size, Room(_LOOK_RECORDS, _LOOK_BYTES)):
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
                    found += count_records(piece, before)
                    before = piece[-1:]
            finally:
                os.close(descriptor)
        return found

    def count_until(self, start: int, until: float) -> int:
        """Return how many records follow an offset that were begun before a time.

        Args:
            start: The offset.
            until: In Unix time. A record without a UUIDv7 as its ID counts.

        Raises:
            OSError: It cannot be read.
        """
        if self.created(0.0) > until:
            return 0
        size = self.size()
        chunks = self.chunks(self.start(start, size), size, Room(_LOOK_RECORDS, _COUNT_BYTES))
        return sum(
            not line.startswith(b" ") and _began(line) <= until
            for lines, _, _ in chunks
            for line in lines[:-1].split(b"\n")
        )

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


def _began(line: bytes) -> float:
    """Return the Unix time in the ID of a record; 0.0 when it has none."""
    if not line.startswith(b'{"id":"'):
        return 0.0
    try:
        return int(line[7:15] + line[16:20], 16) / 1000
    except ValueError:
        return 0.0


def _ended(line: bytes) -> float:
    """Return the Unix time at which a record was written; 0.0 if it does not say it."""
    began, duration = _began(line), _duration(line)
    return began + float(duration[1]) / 1000 if began and duration else began


def count_records(piece: bytes, before: bytes = b"\n") -> int:
    """Return how many records end in a piece of a segment. Lines that were erased are none.

    Args:
        piece: Any bytes of it, one after the other.
        before: The byte before them.
    """
    return piece.count(b"\n") - (before + piece).count(b"\n ")


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
        if not name.endswith(UNFINISHED):
            continue
        # It may be renamed at this moment; and what is not ours was made by nobody's segment.
        with contextlib.suppress(FileNotFoundError, NotOurFile):
            if folder.file(name).st_mtime < older_than:
                segment = Segment(folder, name)
                with segment.left() as is_left:
                    if is_left:
                        segment.unlink()
