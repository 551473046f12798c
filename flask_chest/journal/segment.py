"""Segment files: one process writes, and holds a lock for as long as it may write again."""

from __future__ import annotations

import errno
import fcntl
import os
from pathlib import Path
from typing import Final

SUFFIX: Final = ".jsonl"
_UNBORN: Final = ".new"


def private_folder(path: Path) -> None:
    """Create a folder, and missing ones above it, that only this user may enter.

    Raises:
        OSError: It cannot be created.
    """
    path.mkdir(mode=0o700, parents=True, exist_ok=True)
    path.chmod(0o700)


def open_private(path: Path, flags: int) -> int:
    """Open a file that only this user may read, whatever the umask, and return its descriptor.

    Raises:
        OSError: It cannot be opened.
    """
    descriptor = os.open(path, flags | os.O_CLOEXEC, 0o600)
    if flags & os.O_CREAT:
        os.fchmod(descriptor, 0o600)
    return descriptor


def try_lock(descriptor: int) -> bool:
    """Take the exclusive lock on an open file unless somebody holds it.

    The kernel lets it go when the last descriptor of this opening closes, kill -9 included.
    """
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


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
        self._descriptor = open_private(unborn, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND)
        self.size = 0
        self.is_torn = False
        try:
            # Locked before it gets the name under which readers look: one without a lock is
            # taken for a dead process's and deleted once it is delivered.
            try_lock(self._descriptor)
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
            os.ftruncate(self._descriptor, self.size)
            self.is_torn = False
            raise OSError(errno.ENOSPC, f"only {written} of {len(line)} bytes could be written")
        self.size += written

    def close(self) -> None:
        """Close the file, which tells readers that nothing more will be written.

        In a forked child it closes the child's descriptor only; the parent writes on.
        """
        os.close(self._descriptor)


class Segment:
    """A segment file as a reader sees it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.name = path.name

    def size(self) -> int:
        """Return its size in bytes; 0 when it is gone."""
        try:
            return self.path.stat().st_size
        except FileNotFoundError:
            return 0

    def read(self, start: int, end: int, max_records: int, max_bytes: int) -> tuple[bytes, int]:
        """Return whole lines between two offsets, and their number.

        Raises:
            OSError: It cannot be read.
        """
        with self.path.open("rb", buffering=0) as file:
            size = min(max_bytes, end - start)
            while True:
                lines = os.pread(file.fileno(), size, start)
                lines = lines[: lines.rfind(b"\n") + 1]
                if lines or size >= end - start:
                    break
                size = min(size * 2, end - start)  # a single record that is larger
        count = lines.count(b"\n")
        if count > max_records:
            cut = -1
            for _ in range(max_records):
                cut = lines.index(b"\n", cut + 1)
            lines, count = lines[: cut + 1], max_records
        return lines, count

    def delete_if_abandoned(self, delivered: int) -> bool:
        """Delete the file when its writer is gone and it holds no more than `delivered` bytes."""
        try:
            descriptor = os.open(self.path, os.O_RDONLY | os.O_CLOEXEC)
        except FileNotFoundError:
            return True
        try:
            if not try_lock(descriptor) or os.fstat(descriptor).st_size > delivered:
                return False
            self.path.unlink(missing_ok=True)
            return True
        finally:
            os.close(descriptor)

    def is_abandoned(self) -> bool:
        """Tell whether no process will write to it any more."""
        try:
            descriptor = os.open(self.path, os.O_RDONLY | os.O_CLOEXEC)
        except FileNotFoundError:
            return True
        try:
            return try_lock(descriptor)
        finally:
            os.close(descriptor)


def segments(folder: Path) -> list[Segment]:
    """Return the segments in a folder, oldest first."""
    names = sorted(entry.name for entry in os.scandir(folder) if entry.name.endswith(SUFFIX))
    return [Segment(folder / name) for name in names]


def delete_unborn(folder: Path, older_than: float) -> None:
    """Delete files that a process killed while it created a segment left behind.

    Args:
        folder: Where segments are created.
        older_than: Unix time in seconds, long enough ago that no living process is at it.
    """
    for path in folder.glob(f"*{_UNBORN}"):
        if path.stat().st_mtime < older_than:
            path.unlink(missing_ok=True)
