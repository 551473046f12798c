"""Keeps what cannot be read any more out of the way, with the reason beside it."""

from __future__ import annotations

import contextlib
import errno
import logging
import os
from pathlib import Path
from typing import TYPE_CHECKING, Final

from flask_chest.journal.files import private_folder, write_private

if TYPE_CHECKING:
    from flask_chest.journal.segment import Segment
    from flask_chest.runtime.counters import Counters
    from flask_chest.runtime.log import Throttle

_UNREADABLE: Final = {errno.EIO, errno.EISDIR, errno.EBADMSG, errno.ELOOP, errno.ENXIO} | {
    getattr(errno, "EUCLEAN", errno.EIO)
}
"""Errors that no retry mends, unlike a missing permission or a lack of descriptors."""


class Quarantine:
    """Takes corrupt parts of the journal, so that they hold up nothing.

    A part is a file named after its segment and offset. A file of the same name with ``.reason``
    holds a line of text. The oldest make room for new ones.

    Args:
        folder: ``<journal>/damaged``, created with the first part.
        max_bytes: Most bytes in the folder.
    """

    def __init__(
        self, folder: Path, max_bytes: int, counters: Counters, throttle: Throttle
    ) -> None:
        self._folder = folder
        self._max_bytes = max_bytes
        self._counters = counters
        self._throttle = throttle

    def keep_tail(self, segment: Segment, offset: int, tail: bytes) -> None:
        """Keep the half line that a dead process left at the end of its segment.

        Raises:
            OSError: It could not be kept.
        """
        text = tail.rstrip(b"\0")
        zeros = len(tail) - len(text)
        reason = (
            f"{len(tail)} bytes at the end of {segment.name}, from byte {offset} on, are no whole "
            f"line{f' ({zeros} of them zeros)' if zeros else ''}: the process or the machine was "
            "stopped while it wrote them, before the client had its answer"
        )
        part = f"{segment.name}@{offset}"
        self._make_room(len(text))
        write_private(self._folder / part, os.O_TRUNC, text)
        self._explain(part, reason)
        self._counters.add("dropped", "torn")
        self._throttle.log(logging.WARNING, "torn", f"Quarantined in {self._folder}: {reason}")

    def move_if_unreadable(self, segment: Segment, error: OSError) -> None:
        """Move a segment that no retry makes readable, unless a process still writes to it.

        Raises:
            OSError: It could not be moved.
        """
        if error.errno not in _UNREADABLE:
            return
        with contextlib.suppress(OSError), segment.left() as is_left:  # it may be a link to itself
            if not is_left:
                return
        self._make_room(0)
        segment.path.rename(self._folder / segment.name)
        reason = f"{segment.name} cannot be read: {error}"
        self._explain(segment.name, reason)
        self._counters.add("dropped", "damaged")
        self._throttle.log(
            logging.ERROR, "damaged", f"Quarantined in {self._folder}: {reason}", error
        )

    def _explain(self, part: str, reason: str) -> None:
        write_private(self._folder / f"{part}.reason", os.O_TRUNC, f"{reason}\n".encode())

    def _make_room(self, size: int) -> None:
        private_folder(self._folder)
        parts = sorted(path for path in self._folder.iterdir() if path.is_file())
        sizes = [path.stat().st_size for path in parts]
        for path, freed in zip(parts, sizes, strict=True):
            if sum(sizes) + size <= self._max_bytes:
                return
            path.unlink(missing_ok=True)
            sizes[sizes.index(freed)] = 0
