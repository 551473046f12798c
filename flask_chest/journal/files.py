"""Files and folders of the journal: private to this user, written whole, synced to the disk."""

from __future__ import annotations

import errno
import os
import sys
import threading
from collections.abc import Callable
from pathlib import Path

from flask_chest.runtime import fork


def private_folder(path: Path) -> None:
    """Create a folder that only this user may enter, whatever the umask.

    One that exists stays as it is: it may be somebody's whole ``/tmp``.

    Raises:
        OSError: It cannot be created.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        path.mkdir(mode=0o700)
    except FileExistsError:
        if not path.is_dir():
            raise
    else:
        path.chmod(0o700)
        owner = _owner_to_be(path)
        if owner is not None:
            os.chown(path, owner.st_uid, owner.st_gid, follow_symlinks=False)


def open_private(path: Path, flags: int) -> int:
    """Open a file that only this user may read, whatever the umask, and return its descriptor.

    One that root creates belongs to the owner of its folder: the application's user must be able
    to go on with what root's cron left with ``flask chest flush``. Links are not followed: that
    user may write into the folder, and must not lead root to another file.

    Raises:
        OSError: It cannot be opened.
    """
    flags |= os.O_CLOEXEC | os.O_NOFOLLOW
    if not flags & os.O_CREAT:
        return os.open(path, flags)
    try:
        descriptor = os.open(path, flags | os.O_EXCL, 0o600)
    except FileExistsError:
        if flags & os.O_EXCL:
            raise
        return os.open(path, flags, 0o600)
    try:
        os.fchmod(descriptor, 0o600)
        owner = _owner_to_be(path)
        if owner is not None:
            os.fchown(descriptor, owner.st_uid, owner.st_gid)
    except OSError:
        os.close(descriptor)
        raise
    return descriptor


def _owner_to_be(path: Path) -> os.stat_result | None:
    """Return the owner of the folder, to whom root gives a new file; None when that is root."""
    if os.geteuid() != 0:
        return None
    owner = path.parent.stat()
    return owner if owner.st_uid else None


def write_private(path: Path, flags: int, content: bytes) -> None:
    """Open a private file, write all of `content` to it, and close it.

    Raises:
        OSError: Not all of it could be written. The file is as long as it was.
    """
    with fork.held_off():
        descriptor = open_private(path, os.O_WRONLY | os.O_CREAT | flags)
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

    def sync(self, path: Path) -> None:
        """Wait until the disk has what is in a file, or which files are in a folder.

        Raises:
            OSError: It may not have it; or there is no such file.
        """
        with self._lock:
            with fork.held_off():
                descriptor = self._descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
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
