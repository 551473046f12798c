"""Keeps what cannot be read any more out of the way, with the reason beside it."""

from __future__ import annotations

import contextlib
import errno
import logging
import os
import stat
from typing import TYPE_CHECKING, Final

from flask_chest.errors import ended
from flask_chest.journal.files import write_private
from flask_chest.journal.folder import NotOurFile

if TYPE_CHECKING:
    from flask_chest.journal.folder import Folder
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
        self, folder: Folder, max_bytes: int, counters: Counters, throttle: Throttle
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
        write_private(self._folder, part, os.O_TRUNC, text)
        self._explain(part, reason)
        self._counters.add("dropped", "torn")
        self._throttle.log(logging.WARNING, "torn", f"Quarantined in {self._folder.path}: {reason}")

    def keep_line(self, name: str, offset: int, line: bytes, reason: str) -> None:
        """Keep a whole line that is no record. Each exporter comes to it, and finds it kept.

        Args:
            name: Of its segment.
            offset: Where it begins.
            line: With its line feed.
            reason: What is wrong with it.

        Raises:
            OSError: It could not be kept.
        """
        part = f"{name}@{offset}"
        self._make_room(len(line))
        write_private(self._folder, part, os.O_TRUNC, line)
        self._explain(part, f"the line at byte {offset} of {name} is no record: {reason}")
        self._throttle.log(
            logging.ERROR,
            "malformed",
            f"Lines that are no records are quarantined in {self._folder.path} ({{number}}); the "
            f"newest is {part}: {reason}",
            number=1,
        )

    def move_if_unreadable(self, segment: Segment, error: OSError) -> None:
        """Move a segment that no retry makes readable, unless a process still writes to it.

        What is no regular file of the journal's owner goes as it is: a link is not followed. Never
        raises: one that cannot be moved stays, and keeps no other from delivery.
        """
        if error.errno not in _UNREADABLE and not isinstance(error, NotOurFile):
            return
        with contextlib.suppress(OSError), segment.left() as is_left:  # it may be a link
            if not is_left:
                return
        try:
            self._make_room(0)
            segment.move(self._folder)
        except OSError as fault:
            self._throttle.log(
                logging.ERROR,
                "not quarantined",
                f"{segment.name} cannot be read: {ended(error)} It cannot be moved to "
                f"{self._folder.path} either, and this is tried again: {fault}",
                fault,
            )
            return
        reason = f"{segment.name} cannot be read: {error}"
        self._explain(segment.name, reason)
        self._counters.add("dropped", "damaged")
        self._throttle.log(
            logging.ERROR, "damaged", f"Quarantined in {self._folder.path}: {reason}", error
        )

    def take(self, folder: Folder, name: str, error: Exception, lost: str) -> None:
        """Move a file that holds no records, whatever it is.

        Args:
            folder: Where it is.
            name: Of the file.
            error: Why nobody can read it.
            lost: What is lost with it.

        Raises:
            OSError: It could not be moved.
        """
        self._make_room(0)
        folder.rename(name, name, self._folder)
        reason = f"{folder.path / name} cannot be read: {ended(error)} {lost}"
        self._explain(name, reason)
        self._throttle.log(
            logging.WARNING,
            f"damaged {folder.path.name}",
            f"Quarantined in {self._folder.path}: {reason}",
            error,
        )

    def _explain(self, part: str, reason: str) -> None:
        with contextlib.suppress(OSError):  # a full disk: the log says the same
            write_private(self._folder, f"{part}.reason", os.O_TRUNC, f"{reason}\n".encode())

    def _make_room(self, size: int) -> None:
        self._folder.make()
        sizes = {}
        for name in sorted(self._folder.names()):
            with contextlib.suppress(FileNotFoundError):  # another process was faster
                status = self._folder.stat(name)
                if stat.S_ISREG(status.st_mode):
                    sizes[name] = status.st_size
        total = sum(sizes.values()) + size
        for name, freed in sizes.items():
            if total <= self._max_bytes:
                return
            with contextlib.suppress(OSError):  # one that cannot be deleted must not keep others
                self._folder.unlink(name)
            total -= freed
