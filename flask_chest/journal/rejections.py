"""How many records are dead-lettered for one exporter, and why the newest of them."""

from __future__ import annotations

import contextlib
import json
import os
from typing import TYPE_CHECKING, Final

from flask_chest.journal.interface import Rejections
from flask_chest.runtime import fork
from flask_chest.runtime.attempts import shown

if TYPE_CHECKING:
    from flask_chest.journal.folder import Folder
    from flask_chest.journal.line_counts import LineCounts

_TAIL_BYTES: Final = 65_536


def rejections(folder: Folder, name: str, lines: LineCounts) -> Rejections:
    """Return what a file of dead letters holds; nothing when it is missing.

    Args:
        folder: Where it is.
        name: Of the file.
        lines: Counts the lines of files in this folder.

    Raises:
        OSError: It cannot be read; or the folder is missing, and may have been moved away.
    """
    folder.open()
    with contextlib.suppress(FileNotFoundError):
        size = folder.file(name).st_size
        number = lines.between(name, 0, size)
        return Rejections(number, size, _last_error(folder, name, size) if number else None)
    return Rejections()


def _last_error(folder: Folder, name: str, size: int) -> str | None:
    try:
        letter = json.loads(_last_line(folder, name, size))
    except (ValueError, RecursionError):
        return None
    error = letter.get("error") if isinstance(letter, dict) else None
    return shown(error) if isinstance(error, str) else None


def _last_line(folder: Folder, name: str, size: int) -> bytes:
    """Return the last line of a file; the file is read from its end."""
    tail_bytes = _TAIL_BYTES
    with fork.held_off():
        descriptor = folder.open_file(name)
        try:
            while True:
                start = max(size - tail_bytes, 0)
                tail = os.pread(descriptor, size - start, start).rstrip()
                _, line_feed, line = tail.rpartition(b"\n")
                if line_feed or not start:
                    return line
                tail_bytes *= 4
        finally:
            os.close(descriptor)
