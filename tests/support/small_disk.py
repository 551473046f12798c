"""A disk of a few pages, which can be filled and made read-only."""

from __future__ import annotations

import os
import subprocess
from contextlib import contextmanager, suppress

import pytest

needs_mount = pytest.mark.skipif(os.geteuid() != 0, reason="only root can mount")


class SmallDisk:
    """A file system of its own.

    Attributes:
        path: Where it is.
    """

    def __init__(self, path):
        self.path = path
        self._filler = path / "filler"

    def mount(self, *options):
        command = ["mount", "-t", "tmpfs", "-o", ",".join(options), "chest", str(self.path)]
        return subprocess.run(command, capture_output=True, check=False).returncode == 0

    def fill(self):
        """Leave not one byte free."""
        with self._filler.open("wb", buffering=0) as file, suppress(OSError):
            while True:
                file.write(bytes(4_096))

    def make_room(self):
        self._filler.unlink()


@contextmanager
def small_disk(path, size="256k"):
    """Give the block a disk of `size`; skip the test where nobody may mount one."""
    path.mkdir()
    disk = SmallDisk(path)
    if not disk.mount(f"size={size}"):
        pytest.skip("this machine lets nobody mount")
    try:
        yield disk
    finally:
        subprocess.run(["umount", "--lazy", str(path)], check=True)
