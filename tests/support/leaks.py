"""Threads, connections and files that a test leaves behind."""

from __future__ import annotations

import gc
import threading
import time
from contextlib import contextmanager
from pathlib import Path

from support import sharing


def new_threads(before):
    """Return the threads that run now and are not in `before`."""
    return [t for t in threading.enumerate() if t not in before and t.is_alive()]


def open_files():
    """Return the files and sockets that this process has open, besides those of shared servers."""
    found = set()
    for link in Path("/proc/self/fd").iterdir():
        try:
            target = str(link.readlink())
        except OSError:
            continue
        is_file = target.startswith("/") and not target.startswith(("/dev/", "/proc/"))
        if is_file and Path(target).name.startswith(sharing.PREFIX):
            continue
        if is_file or target.startswith("socket:"):
            found.add(f"{link.name} {target}")
    return found


@contextmanager
def nothing_left(look, seconds=60.0):
    """Fail when what `look` finds is not gone some time after the block."""
    yield
    deadline = time.monotonic() + seconds
    pauses = [0.02, 0.005, 0.002]  # most ends by itself; a collection takes 30 ms of the processor
    while left := look():
        assert time.monotonic() < deadline, f"left behind: {left}"
        if pauses:
            time.sleep(pauses.pop())
        elif not gc.collect():
            time.sleep(0.02)
