"""How much room the disk of a journal has, found out without a file in it."""

from __future__ import annotations

import errno
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from flask_chest.runtime import fork

DISK_FULL: Final = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
"""Errors of a write for which there is no room. A quota and a limit are no fault of the disk."""

_PAGE: Final = bytes(4_096)


@dataclass(frozen=True)
class Room:
    """What a file system says of itself.

    Attributes:
        free_bytes: What this user may still write; None when the file system does not say it.
        is_read_only: Whether nobody may write to it.
        takes_files: Whether a further file can be made.
    """

    free_bytes: int | None
    is_read_only: bool = False
    takes_files: bool = True

    @property
    def fault(self) -> str | None:
        """Why no record can be kept now; None when nothing speaks against it."""
        if self.is_read_only:
            return "the file system is read-only"
        if self.free_bytes == 0:
            return "0 bytes are free"
        return None


def room_of(folder: Path) -> Room:
    """Return what the file system of a folder says.

    Raises:
        OSError: It cannot be asked.
    """
    found = os.statvfs(folder)
    blocks = found.f_bavail
    if not blocks and os.geteuid() == 0 and _takes_a_page(folder):
        blocks = found.f_bfree  # some are kept for root
    return Room(
        # A tmpfs without a limit, /proc and some network file systems have no blocks at all.
        free_bytes=blocks * found.f_frsize if found.f_blocks else None,
        is_read_only=bool(found.f_flag & os.ST_RDONLY),
        takes_files=not found.f_files or found.f_favail > 0,
    )


def _takes_a_page(folder: Path) -> bool:
    """Return whether root may still write, for whom `statvfs` counts blocks that nobody gets.

    These are s_resv_clusters of ext4. The file has no name, and ends with its descriptor.
    """
    if not hasattr(os, "O_TMPFILE"):  # of Linux alone
        return False
    with fork.held_off():
        try:
            descriptor = os.open(folder, os.O_TMPFILE | os.O_WRONLY, 0o600)
        except OSError:  # also where the file system has no such files
            return False
        try:
            return os.write(descriptor, _PAGE) == len(_PAGE)
        except OSError:
            return False
        finally:
            os.close(descriptor)
