"""Files and folders of the journal: private to this user, written whole, locked."""

from __future__ import annotations

import errno
import fcntl
import os
import threading
from pathlib import Path

from flask_chest import fork


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


def open_private(path: Path, flags: int) -> int:
    """Open a file that only this user may read, whatever the umask, and return its descriptor.

    Raises:
        OSError: It cannot be opened.
    """
    descriptor = os.open(path, flags | os.O_CLOEXEC, 0o600)
    try:
        if flags & os.O_CREAT:
            os.fchmod(descriptor, 0o600)
    except OSError:
        os.close(descriptor)
        raise
    return descriptor


def write_private(path: Path, flags: int, content: bytes) -> None:
    """Open a private file, write all of `content` to it, and close it.

    Raises:
        OSError: Not all of it could be written.
    """
    with fork.held_off():
        descriptor = open_private(path, os.O_WRONLY | os.O_CREAT | flags)
        try:
            written = os.write(descriptor, content)
        finally:
            os.close(descriptor)
    if written != len(content):
        raise short_write(written, content)


def short_write(written: int, content: bytes) -> OSError:
    """Return the error for a write that stopped half way, which the kernel does not report."""
    return OSError(errno.ENOSPC, f"only {written} of {len(content)} bytes could be written")


def try_lock(descriptor: int) -> bool:
    """Take the exclusive lock on an open file unless somebody holds it.

    The kernel lets it go when the last descriptor of this opening closes, kill -9 included.

    Raises:
        OSError: The file system has no locks.
    """
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


class LockFile:
    """A lock that one holder has, among all processes and all threads of this one."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.RLock()  # a signal handler may release what it interrupts
        self._descriptor: int | None = None

    @property
    def is_held(self) -> bool:
        """Whether it is held through this object."""
        return self._descriptor is not None

    def acquire(self) -> bool:
        """Take the lock; False when somebody has it already, through this object too.

        Raises:
            OSError: The file cannot be opened or locked.
        """
        with self._lock, fork.held_off():
            if self._descriptor is not None:
                return False
            descriptor = open_private(self._path, os.O_RDWR | os.O_CREAT)
            try:
                if try_lock(descriptor):
                    self._descriptor, descriptor = descriptor, -1
            finally:
                if descriptor >= 0:
                    os.close(descriptor)
            return self._descriptor is not None

    def release(self) -> None:
        """Let the lock go; does nothing when it is not held."""
        with self._lock, fork.held_off():
            descriptor, self._descriptor = self._descriptor, None
            if descriptor is not None:
                os.close(descriptor)

    def after_fork(self) -> None:
        """Close, in a forked child, its copy of the descriptor; the parent's holds the lock."""
        self._lock = threading.RLock()
        self.release()
