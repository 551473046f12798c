"""The journal's disk: filled up, and files that may not grow."""

from __future__ import annotations

import contextlib
import os
import resource
import subprocess
import sys
import threading
from pathlib import Path

_NAMESPACE = "STORM_NAMESPACE"
_TMPFS_BYTES = 96 * 1024 * 1024
_PAGE = b"\0" * 4096


def enter_namespace():
    """Begin again in a mount namespace of our own, where that is allowed.

    What is mounted there is gone with the last process in it, however that ends.
    """
    unshare = ["unshare", "--mount", "--propagation=private"]
    if _NAMESPACE in os.environ or os.geteuid() != 0:
        return
    with contextlib.suppress(OSError):
        if subprocess.run([*unshare, "true"], capture_output=True, check=False).returncode == 0:
            os.environ[_NAMESPACE] = "1"
            os.execvp(unshare[0], [*unshare, sys.executable, *sys.orig_argv[1:]])


class Disk:
    """Where the journal is: a small file system of its own, if one can be mounted.

    Attributes:
        is_own: Whether it is one, and can be filled up.
    """

    def __init__(self, folder):
        self.folder = folder
        folder.mkdir()
        self.is_own = _NAMESPACE in os.environ and self._mount()

    def _mount(self):
        options = f"size={_TMPFS_BYTES},mode=700"
        command = ["mount", "-t", "tmpfs", "-o", options, "storm", str(self.folder)]
        return subprocess.run(command, capture_output=True, check=False).returncode == 0

    def close(self):
        if self.is_own:
            subprocess.run(["umount", "--lazy", str(self.folder)], check=True)

    @contextlib.contextmanager
    def full(self):
        """Have no free page on the disk, also when somebody deletes something."""
        stop = threading.Event()
        filler = self.folder / "filler"

        def fill():
            with filler.open("wb", buffering=0) as file:
                while True:
                    with contextlib.suppress(OSError):
                        while not stop.is_set():
                            file.write(_PAGE)
                    if stop.wait(0.02):
                        return

        thread = threading.Thread(target=fill, name="storm-filler")
        thread.start()
        try:
            yield
        finally:
            stop.set()
            thread.join()
            filler.unlink()

    @contextlib.contextmanager
    def limited(self, workers, random):
        """Let no file of these processes grow by more than a few lines.

        It works on any machine: a write beyond RLIMIT_FSIZE stops half way and then fails.
        """
        try:
            for pid in workers():
                _limit(pid, self._largest_segment(pid) + random.randrange(3_000))
            yield
        finally:
            for pid in workers():
                _limit(pid, resource.RLIM_INFINITY)

    def _largest_segment(self, pid):
        sizes = [0]
        with contextlib.suppress(OSError):
            for link in Path(f"/proc/{pid}/fd").iterdir():
                with contextlib.suppress(OSError):
                    target = link.readlink()
                    if target.parent == self.folder / "chest" / "segments":
                        sizes.append(target.stat().st_size)
        return max(sizes)


def _limit(pid, size):
    with contextlib.suppress(ProcessLookupError):
        _, hard = resource.prlimit(pid, resource.RLIMIT_FSIZE)
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (size, hard))
