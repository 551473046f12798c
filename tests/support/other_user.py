"""Another user of this machine, and what root has that they may not read."""

from __future__ import annotations

import ctypes
import os
import shutil
import stat
import tempfile
import traceback
from contextlib import contextmanager
from pathlib import Path

import pytest

UID = 65_534
"""Of `nobody`, on Linux."""

SECRET = "what only root may read"

# In CI nothing is skipped.
needs_root = pytest.mark.skipif(
    os.geteuid() != 0 and not os.environ.get("CI"),
    reason="only root can become another user; run the tests as root",
)


@contextmanager
def place_for_all():
    """Give the block a folder that every user can reach, unlike those of pytest."""
    folder = Path(tempfile.mkdtemp())
    folder.chmod(0o755)
    try:
        yield folder
    finally:
        shutil.rmtree(folder)


def own(path):
    """Give a file or a link to the other user."""
    os.chown(path, UID, UID, follow_symlinks=False)


def as_other_user(run):
    """Run a function in a forked child of the other user's; return what it returns, a text."""

    def become():
        os.setgroups([])
        os.setgid(UID)
        os.setuid(UID)

    return _in_child(become, run)


def as_root_who_may_give_nothing_away(run):
    """Run a function in a forked child like root in a container without CAP_CHOWN."""
    return _in_child(lambda: _keep_rights(~1), run)  # CAP_CHOWN


def as_root_without_rights(run):
    """Run a function in a forked child of root's that has no capabilities at all."""
    return _in_child(lambda: _keep_rights(0), run)


def _keep_rights(mask):
    libc = ctypes.CDLL(None, use_errno=True)
    header = (ctypes.c_uint32 * 2)(0x20080522, 0)  # _LINUX_CAPABILITY_VERSION_3, this process
    sets = (ctypes.c_uint32 * 6)()  # effective, permitted and inheritable, twice
    assert not libc.capget(header, sets)
    sets[0] &= mask
    assert not libc.capset(header, sets), os.strerror(ctypes.get_errno())


def _in_child(become, run):
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            become()
            answer = str(run())
        except BaseException:  # noqa: BLE001 - the parent shows it
            answer = traceback.format_exc()
        os.write(writing, answer.encode())
        os._exit(0)
    os.close(writing)
    with os.fdopen(reading, encoding="utf-8") as file:
        answer = file.read()
    os.waitpid(child, 0)
    return answer


class Precious:
    """A file and a folder of root's, to which nobody may lead it."""

    def __init__(self, within):
        self.folder = within / "precious"
        self.folder.mkdir(mode=0o700)
        self.file = self.folder / "secret"
        self.file.write_text(f"{SECRET}\n")
        self.file.chmod(0o600)
        self.look()

    def look(self):
        """Note how all is now."""
        self._before = self._state()

    def _state(self):
        files = {}
        for path in (self.folder, *sorted(self.folder.rglob("*"))):
            status = path.lstat()
            content = path.read_bytes() if stat.S_ISREG(status.st_mode) else b""
            files[path.name] = (status.st_uid, status.st_mode, content)
        return files

    def assert_untouched(self):
        assert self._state() == self._before

    def assert_not_told(self, *folders):
        """No file in the folders, but the one itself under another name, has the secret."""
        for folder in folders:
            for path in folder.rglob("*"):
                status = path.lstat()
                if stat.S_ISREG(status.st_mode) and not path.samefile(self.file):
                    assert SECRET.encode() not in path.read_bytes(), path
