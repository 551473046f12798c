"""Files and folders of the journal: private to this user, written whole, locked."""

from __future__ import annotations

import errno
import fcntl
import os
import sys
import threading
import weakref
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

    One that root creates belongs to the owner of its folder, as the application's user must be
    able to go on with what ``flask chest flush`` of a root's cron left. Links are not followed:
    that user may write into the folder, and must not lead root to another file.

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
    """Return whose a new file or folder is going to be, when it is another's than root's."""
    if os.geteuid() != 0:
        return None
    owner = path.parent.stat()
    return owner if owner.st_uid else None


def write_private(path: Path, flags: int, content: bytes) -> None:
    """Open a private file, write all of `content` to it, and close it.

    Raises:
        OSError: Not all of it could be written, and what was is taken back.
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


def is_at(descriptor: int, path: Path) -> bool:
    """Whether an open file is the one that has this path; not when it was deleted or replaced.

    Raises:
        OSError: Neither can be told.
    """
    try:
        return os.path.samestat(os.fstat(descriptor), path.stat())
    except FileNotFoundError:
        return False


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

    def hold(self) -> bool:
        """Take the lock or keep it; False when another process has it.

        A lock whose file was deleted holds nobody off: it is taken anew.

        Raises:
            OSError: The file cannot be opened or locked.
        """
        with self._lock, fork.held_off():
            if self._descriptor is not None and not is_at(self._descriptor, self._path):
                self.release()
            return self.acquire() or self._descriptor is not None

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


class Lease:
    """Says, for as long as its process lives, that something is in use, by any number of these."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._descriptor: int | None = None
        self._finalizer: weakref.finalize[..., Lease] | None = None

    def take(self) -> None:
        """Say so from now on. Calling it again does nothing, unless the file was deleted.

        Raises:
            OSError: The file cannot be opened or locked.
        """
        with fork.held_off():
            while self._descriptor is None or not is_at(self._descriptor, self._path):
                self.give_back()
                descriptor = open_private(self._path, os.O_RDWR | os.O_CREAT)
                try:
                    fcntl.flock(descriptor, fcntl.LOCK_SH)
                except OSError:
                    os.close(descriptor)
                    raise
                self._descriptor = descriptor
                # Taken where an application is made, which may be given up without a `close`.
                self._finalizer = weakref.finalize(self, os.close, descriptor)
                self._finalizer.atexit = False

    def give_back(self) -> None:
        """Say so no longer; in a forked child, the parent goes on saying it."""
        self._descriptor = None
        finalizer, self._finalizer = self._finalizer, None
        if finalizer is not None:
            finalizer()

    @staticmethod
    def end(path: Path) -> bool:
        """Delete the file of a lease that no living process has; False when one has it.

        Raises:
            OSError: It cannot be opened, locked or deleted.
        """
        with fork.held_off():
            descriptor = open_private(path, os.O_RDWR)
            try:
                if not try_lock(descriptor):
                    return False
                path.unlink()
                return True
            finally:
                os.close(descriptor)


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
    """Make a call that takes long; where threads are gevent's greenlets, in a real thread."""
    monkey = sys.modules.get("gevent.monkey")
    if monkey is not None and monkey.is_module_patched("threading"):
        sys.modules["gevent"].get_hub().threadpool.apply(call, (descriptor,))
    else:
        call(descriptor)
