"""The journal's disk: it can be filled, and the growth of files can be limited."""

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
    """Restart this process in a mount namespace of its own, where that is allowed.

    Its mounts disappear with its last process, however that ends.
    """
    unshare = ["unshare", "--mount", "--propagation=private"]
    if _NAMESPACE in os.environ or os.geteuid() != 0:
        return
    with contextlib.suppress(OSError):
        if subprocess.run([*unshare, "true"], capture_output=True, check=False).returncode == 0:
            os.environ[_NAMESPACE] = "1"
            os.execvp(unshare[0], [*unshare, sys.executable, *sys.orig_argv[1:]])


class Disk:
    """The folder of the journal: a small file system of its own, if one can be mounted.

    Attributes:
        is_own: True when it is one, and can be filled.
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
        """Keep the disk full, also when files are deleted."""
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
        """Let no file of the workers grow by more than a few lines.

        This works on any machine: a write beyond RLIMIT_FSIZE is cut off, and the next one fails.
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
