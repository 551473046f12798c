"""Files of the journal: private to this user, written whole, synced to the disk."""

from __future__ import annotations

import errno
import os
import sys
import threading
from collections.abc import Callable
from typing import Final

from flask_chest.journal.folder import Folder
from flask_chest.runtime import fork

_READ_BYTES: Final = 1_048_576


def read(folder: Folder, name: str) -> bytes:
    """Return all of a file.

    Raises:
        NotOurFile: There is no regular file of the folder's owner.
        OSError: It cannot be read.
    """
    pieces = []
    with fork.held_off():
        descriptor = folder.open_file(name)
        try:
            while piece := os.read(descriptor, _READ_BYTES):
                pieces.append(piece)
        finally:
            os.close(descriptor)
    return b"".join(pieces)


def write_private(folder: Folder, name: str, flags: int, content: bytes) -> None:
    """Open a private file, write all of `content` to it, and close it.

    Raises:
        NotOurFile: There is no regular file of the folder's owner.
        OSError: Not all of it could be written. The file is as long as it was.
    """
    with fork.held_off():
        descriptor = folder.create(name, os.O_WRONLY | flags)
        try:
            written = os.write(descriptor, content)
            if written != len(content):
                os.ftruncate(descriptor, os.fstat(descriptor).st_size - written)
                raise short_write(written, content)
        finally:
            os.close(descriptor)


def short_write(written: int, content: bytes) -> OSError:
    """Return the error for a write of too few bytes, for which the kernel gives none."""
    return OSError(errno.ENOSPC, f"only {written} of {len(content)} bytes could be written")


class Syncer:
    """Waits for the disk, one file at a time."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._descriptor: int | None = None

    def sync(self, folder: Folder, name: str | None) -> None:
        """Wait until the disk has what is in a file, or which files are in the folder.

        Args:
            folder: Where the file is.
            name: Of the file; None for the folder.

        Raises:
            OSError: It may not have it; or there is no such file.
        """
        with self._lock:
            with fork.held_off():
                descriptor = self._descriptor = (
                    folder.open_again() if name is None else folder.open_file(name)
                )
            try:
                _wait(os.fsync, descriptor)
            finally:
                with fork.held_off():
                    self._close()

    def after_fork(self) -> None:
        """Close, in a forked child, the file that a thread of the parent waits for."""
        self._lock = threading.Lock()
        self._close()

    def _close(self) -> None:
        descriptor, self._descriptor = self._descriptor, None
        if descriptor is not None:
            os.close(descriptor)


def _wait(call: Callable[[int], None], descriptor: int) -> None:
    """Make a call that takes long; in a real thread where gevent has patched threads."""
    monkey = sys.modules.get("gevent.monkey")
    if monkey is not None and monkey.is_module_patched("threading"):
        sys.modules["gevent"].get_hub().threadpool.apply(call, (descriptor,))
    else:
        call(descriptor)
