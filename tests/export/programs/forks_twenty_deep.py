"""Forks a child, which forks a child, twenty times."""

from __future__ import annotations

import os
import threading
import time
from pathlib import Path

from host_process import folder, process, record

from flask_chest.journal import maintenance

maintenance.INTERVAL_SECONDS = 0.05  # else each of the processes is awaited for a second


def look():
    return threading.active_count(), len(list(Path("/proc/self/fd").iterdir()))


def has_counters():
    """Wait for the file of this process, which stays open."""
    deadline = time.monotonic() + 10
    mine = f'"pid": {os.getpid()},'
    while not any(mine in file.read_text() for file in (folder / "chest").glob("processes/*.json")):
        assert time.monotonic() < deadline
        time.sleep(0.01)


def becomes(threads, files):
    "A file may be open for the moment in which it is synced."
    deadline = time.monotonic() + 10
    while look()[0] != threads or look()[1] > files:
        assert time.monotonic() < deadline, (look(), threading.enumerate())
        time.sleep(0.01)
    return True


record()
assert process.export.flush(10.0)
has_counters()
threads, files = look()
for depth in range(20):
    child = os.fork()
    if child:
        assert os.waitpid(child, 0)[1] == 0
        assert becomes(threads, files)
        process.export.close()
        os._exit(0)
    record()
    assert process.export.flush(10.0)
    has_counters()
    files = look()[1] if depth == 0 else files
    assert becomes(threads, files)
process.export.close()
