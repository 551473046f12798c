"""Segment files: one process writes, and holds a lock for as long as it may write again."""

from __future__ import annotations

import contextlib
import fcntl
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from flask_chest import fork
from flask_chest.journal.files import is_at, open_private, short_write, try_lock

SUFFIX: Final = ".jsonl"
_UNBORN: Final = ".new"
_LOOK_BYTES: Final = 65_536
_COUNT_BYTES: Final = 1_048_576


class SegmentWriter:
    """A new segment, which belongs to this process alone.

    Args:
        folder: Where it is created.
        name: Its name without suffix; names sort in the order of their creation.

    Raises:
        OSError: It cannot be created.
    """

    def __init__(self, folder: Path, name: str) -> None:
        unborn = folder / f"{name}{_UNBORN}"
        self.path = folder / f"{name}{SUFFIX}"
        self._descriptor = open_private(unborn, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_APPEND)
        self.size = 0
        self.is_torn = False
        try:
            # Locked before it gets the name under which readers look: one without a lock is
            # taken for a dead process's and deleted once it is delivered.
            fcntl.flock(self._descriptor, fcntl.LOCK_EX)
            unborn.rename(self.path)
        except OSError:
            self.close()
            unborn.unlink(missing_ok=True)
            raise

    def append(self, line: bytes) -> None:
        """Append a whole line with one write.

        Raises:
            OSError: The line is not in the file. Where a part of it is and could not be taken
                back, `is_torn` is set and nothing more may be appended: no reader takes a part
                at the end of a segment for a record.
        """
        written = os.write(self._descriptor, line)
        if written != len(line):
            self.is_torn = True
            os.ftruncate(self._descriptor, os.fstat(self._descriptor).st_size - written)
            self.is_torn = False
            raise short_write(written, line)
        self.size += written

    def sync(self) -> None:
        """Wait until the disk has what was written.

        Raises:
            OSError: It may not have it.
        """
        os.fdatasync(self._descriptor)

    def is_there(self) -> bool:
        """Whether the file is where readers look; not when somebody deleted it.

        Raises:
            OSError: That cannot be told.
        """
        return is_at(self._descriptor, self.path)

    def content(self) -> bytes:
        """Return what was written, also when the file was deleted meanwhile.

        Raises:
            OSError: It cannot be read.
        """
        return os.pread(self._descriptor, self.size, 0)

    def close(self) -> None:
        """Close the file, which tells readers that nothing more will be written.

        In a forked child it closes the child's descriptor only; the parent writes on.
        """
        descriptor, self._descriptor = self._descriptor, -1
        with contextlib.suppress(OSError):  # a late report of the disk's; the number is free
            os.close(descriptor)


class Segment:
    """A segment file as a reader sees it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.name = path.name

    def size(self) -> int:
        """Return its size in bytes; 0 when it is gone.

        Raises:
            OSError: It cannot be looked at.
        """
        try:
            return self.path.stat().st_size
        except FileNotFoundError:
            return 0

    def start(self, offset: int, end: int) -> int:
        """Return `offset` when a record begins there, else 0.

        A cursor that was damaged, or that outlived bytes which a power cut took, must not hide
        records; to deliver some again is harmless.

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
        with fork.held_off(), self.path.open("rb", buffering=0) as file:
            return offset if os.pread(file.fileno(), 1, offset - 1) == b"\n" else 0

    def read(self, start: int, end: int, max_records: int, max_bytes: int) -> tuple[bytes, int]:
        """Return whole lines between two offsets, and their number.

        Raises:
            OSError: It cannot be read.
        """
        with fork.held_off(), self.path.open("rb", buffering=0) as file:
            size = min(max_bytes, end - start)
            lines = os.pread(file.fileno(), size, start)
            while b"\n" not in lines and size < end - start:
                size = min(size * 2, end - start)
                lines = os.pread(file.fileno(), size, start)
                max_records = 1  # it is larger than `max_bytes`, so it goes alone
        lines = lines[: lines.rfind(b"\n") + 1]
        count = lines.count(b"\n")
        if count > max_records:
            cut = -1
            for _ in range(max_records):
                cut = lines.index(b"\n", cut + 1)
            lines, count = lines[: cut + 1], max_records
        return lines, count

    def tail(self, delivered: int) -> bytes | None:
        """Return what lies behind `delivered`, when there is no whole line; else None.

        Args:
            delivered: From `start`.

        Raises:
            OSError: It cannot be read.
        """
        size = self.size()
        if self.read(delivered, size, 1, _LOOK_BYTES)[1]:
            return None
        with fork.held_off(), self.path.open("rb", buffering=0) as file:
            return os.pread(file.fileno(), size - delivered, delivered)

    def count(self, start: int) -> int:
        """Return how many records lie behind an offset.

        Raises:
            OSError: It cannot be read.
        """
        found = 0
        with fork.held_off(), self.path.open("rb", buffering=0) as file:
            file.seek(self.start(start, self.size()))
            while piece := file.read(_COUNT_BYTES):
                found += piece.count(b"\n")
        return found

    @contextlib.contextmanager
    def left(self) -> Iterator[bool]:
        """Hold, in the `with` block, the lock of a segment that no process writes to any more.

        Yields:
            False when one does.

        Raises:
            OSError: It cannot be opened.
        """
        with fork.held_off():
            descriptor = os.open(self.path, os.O_RDONLY | os.O_CLOEXEC)
            try:
                yield try_lock(descriptor)
            finally:
                os.close(descriptor)


def segments(folder: Path) -> list[Segment]:
    """Return the segments in a folder, oldest first.

    Raises:
        OSError: The folder cannot be read.
    """
    with fork.held_off(), os.scandir(folder) as entries:
        names = sorted(entry.name for entry in entries if entry.name.endswith(SUFFIX))
    return [Segment(folder / name) for name in names]


def delete_unborn(folder: Path, older_than: float) -> None:
    """Delete files that a process killed while it created a segment left behind.

    Args:
        folder: Where segments are created.
        older_than: Unix time in seconds, long enough ago that no living process is at it. As
            clocks may step, the lock decides in the end.
    """
    for path in folder.glob(f"*{_UNBORN}"):
        with contextlib.suppress(FileNotFoundError):  # it has been born in this moment
            if path.stat().st_mtime < older_than:
                with Segment(path).left() as is_left:
                    if is_left:
                        path.unlink()
