"""Locks between processes, on files of the journal."""

from __future__ import annotations

import fcntl
import os
import threading
import time
import weakref
from typing import Final

from flask_chest.journal.folder import Folder
from flask_chest.runtime import fork

_LOOKS: Final = 5
_BETWEEN_LOOKS_SECONDS: Final = 0.001
"""Who looks at a shared lock has it for an instant, which another one must not take for held."""


def try_lock(descriptor: int) -> bool:
    """Take the exclusive lock on an open file unless somebody holds it.

    The kernel releases it when the last descriptor of this opening closes, also after kill -9.

    Raises:
        OSError: The file system has no locks.
    """
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def is_at(descriptor: int, folder: Folder, name: str) -> bool:
    """Return whether an open file still has this name, neither deleted nor replaced.

    Raises:
        OSError: One of the two cannot be looked at.
    """
    try:
        return os.path.samestat(os.fstat(descriptor), folder.stat(name))
    except FileNotFoundError:
        return False


class LockFile:
    """A lock that has one holder among all processes, and among all threads of this one."""

    def __init__(self, folder: Folder, name: str) -> None:
        self._folder = folder
        self._name = name
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
            descriptor = self._folder.create(self._name, os.O_RDWR)
            try:
                if try_lock(descriptor):
                    self._descriptor, descriptor = descriptor, -1
            finally:
                if descriptor >= 0:
                    os.close(descriptor)
            return self._descriptor is not None

    def hold(self) -> bool:
        """Take the lock or keep it; False when another process has it.

        A lock on a deleted file keeps nobody out: it is taken anew.

        Raises:
            OSError: The file cannot be opened or locked.
        """
        with self._lock, fork.held_off():
            self._folder.refresh()
            descriptor = self._descriptor
            if descriptor is not None and not is_at(descriptor, self._folder, self._name):
                self.release()
            return self.acquire() or self._descriptor is not None

    def release(self) -> None:
        """Release the lock. Does nothing when it is not held."""
        with self._lock, fork.held_off():
            descriptor, self._descriptor = self._descriptor, None
            if descriptor is not None:
                os.close(descriptor)

    def after_fork(self) -> None:
        """Close, in a forked child, its copy of the descriptor; the parent's holds the lock."""
        self._lock = threading.RLock()
        self.release()


class SharedLock:
    """A lock that any number of processes hold together: it says that something is in use."""

    def __init__(self, folder: Folder, name: str) -> None:
        self._folder = folder
        self._name = name
        self._descriptor: int | None = None
        self._finalizer: weakref.finalize[..., SharedLock] | None = None

    def hold(self) -> bool:
        """Take the lock or keep it. It is taken anew when its file was deleted.

        Returns:
            True when it was taken now.

        Raises:
            OSError: The file cannot be opened or locked.
        """
        is_new = False
        with fork.held_off():
            self._folder.refresh()
            while self._descriptor is None or not is_at(self._descriptor, self._folder, self._name):
                self.release()
                descriptor = self._folder.create(self._name, os.O_RDWR)
                try:
                    fcntl.flock(descriptor, fcntl.LOCK_SH)
                except OSError:
                    os.close(descriptor)
                    raise
                self._descriptor = descriptor
                is_new = True
                # Taken where an application is made, which may be dropped without a `close`.
                self._finalizer = weakref.finalize(self, os.close, descriptor)
                self._finalizer.atexit = False
        return is_new

    def write_note(self, note: bytes) -> None:
        """Write into the file of the lock, which is held, what it is for, unless it is there.

        Raises:
            OSError: It cannot be written.
        """
        if self._descriptor is not None and not os.fstat(self._descriptor).st_size:
            os.pwrite(self._descriptor, note, 0)

    def touch(self) -> None:
        """Set the time of the file of the lock to now, if it is held.

        Raises:
            OSError: That is not possible.
        """
        if self._descriptor is not None:
            now = time.time_ns()  # the kernel's own time may be some milliseconds old
            os.utime(self._descriptor, ns=(now, now))

    def release(self) -> None:
        """Release the lock. In a forked child, the parent still holds it."""
        self._descriptor = None
        finalizer, self._finalizer = self._finalizer, None
        if finalizer is not None:
            finalizer()

    @staticmethod
    def is_held(folder: Folder, name: str) -> bool:
        """Return whether a living process holds the lock, this one included.

        Raises:
            OSError: It cannot be opened or locked; or there is no such file.
        """
        with fork.held_off():
            descriptor = folder.open_file(name, os.O_RDWR)
            try:
                return not _try_lock_often(descriptor)
            finally:
                os.close(descriptor)

    @staticmethod
    def delete_unheld(folder: Folder, name: str) -> bool:
        """Delete the file of a lock unless a living process holds it; True when it is deleted.

        Raises:
            OSError: It cannot be opened, locked or deleted.
        """
        with fork.held_off():
            descriptor = folder.open_file(name, os.O_RDWR)
            try:
                if not _try_lock_often(descriptor):
                    return False
                if is_at(descriptor, folder, name):  # or it is another one by now, which is held
                    folder.unlink(name)
                return True
            finally:
                os.close(descriptor)


def _try_lock_often(descriptor: int) -> bool:
    for _ in range(_LOOKS):
        if try_lock(descriptor):
            return True
        time.sleep(_BETWEEN_LOOKS_SECONDS)
    return False
