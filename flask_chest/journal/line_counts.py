"""Counts the records in files that grow, and reads each byte of them once."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from flask_chest.runtime import fork

if TYPE_CHECKING:
    from flask_chest.journal.folder import Folder

_READ_BYTES: Final = 1024 * 1024
_MAX_MARKS: Final = 16
_MAX_FILES: Final = 4_096


@dataclass
class _File:
    status: tuple[int, int, int]  # inode, size, and when it was last written to
    marks: dict[int, int] = field(default_factory=dict)  # lines before an offset


class LineCounts:
    """How many records are between two offsets of the files of a folder.

    What was counted before is remembered, so that to ask again costs what was added meanwhile.
    """

    def __init__(self, folder: Folder) -> None:
        self._folder = folder
        self._files: dict[str, _File] = {}

    def between(self, name: str, start: int, end: int) -> int:
        """Return how many records end between two offsets; blank lines are none.

        Raises:
            NotOurFile: There is no regular file of the folder's owner.
            OSError: It cannot be read.
        """
        file = self._file(name)
        marks = dict(file.marks)  # other threads have copies of their own
        found = self._before(name, end, marks) - self._before(name, start, marks)
        file.marks = dict(list(marks.items())[-_MAX_MARKS:])
        return found

    def _file(self, name: str) -> _File:
        status = self._folder.file(name)
        now = status.st_ino, status.st_size, status.st_mtime_ns
        file = self._files.get(name)
        if file is None or file.status[0] != now[0] or _is_rewritten(file.status, now):
            if len(self._files) >= _MAX_FILES:
                self._files = {}
            file = self._files[name] = _File(now)
        file.status = now
        return file

    def _before(self, name: str, offset: int, marks: dict[int, int]) -> int:
        """Return how many records end before an offset, and mark it."""
        nearest = max((mark for mark in marks if mark <= offset), default=0)
        lines = marks.get(nearest, 0)
        while nearest < offset:
            piece = self._read(name, max(nearest - 1, 0), min(nearest + _READ_BYTES, offset))
            if nearest:  # its first byte is only there to tell a blank line
                lines += piece.count(b"\n", 1)
            else:
                lines += piece.count(b"\n")
            lines -= piece.count(b" \n")
            read = len(piece) - (1 if nearest else 0)
            if read <= 0:
                break  # somebody cut it
            nearest += read
        marks.pop(offset, None)
        marks[offset] = lines  # as the newest
        return lines

    def _read(self, name: str, start: int, end: int) -> bytes:
        with fork.held_off():
            descriptor = self._folder.open_file(name)
            try:
                return os.pread(descriptor, end - start, start)
            finally:
                os.close(descriptor)


def _is_rewritten(before: tuple[int, int, int], now: tuple[int, int, int]) -> bool:
    """Return whether something else happened to a file than that it grew."""
    return now[1] < before[1] or (now[1] == before[1] and now[2] != before[2])
