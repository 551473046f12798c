"""Does work on counters in children that are killed, each at a later call of the kernel.

Arguments: a folder, and what is done: `fold` or `write`. Prints what is recorded in the journal
after each kill, and once another process has added up what is there.
"""

from __future__ import annotations

import fcntl
import itertools
import os
import shutil
import signal
import sys
from pathlib import Path

from flask_chest.journal import DiskJournal
from flask_chest.journal.host_counters import read_host
from flask_chest.runtime.counters import Counters
from flask_chest.runtime.log import Throttle

CALLS = ("open", "write", "pread", "read", "rename", "unlink", "fsync", "ftruncate", "close")
ENDED = 5


def make(folder):
    return DiskJournal(folder, ["main"], Counters(), Throttle())


def write(journal):
    """Store the counters of a process that records 3 times."""
    for _ in range(3):
        assert journal.append(b"{}\n")
    journal.close()


def fold(journal):
    """Add up what ended processes have left, as the leader does."""
    assert journal.try_lead()
    journal._process.keep()
    journal.close()


def kill_at(number):
    """Kill this process before it makes a call of the kernel, the first being number 0."""
    left = iter(range(number))

    def counted(call):
        def wrapper(*args, **options):
            if next(left, None) is None:
                os.kill(os.getpid(), signal.SIGKILL)
            return call(*args, **options)

        return wrapper

    for name in CALLS:
        setattr(os, name, counted(getattr(os, name)))
    fcntl.flock = counted(fcntl.flock)


def in_child(work, folder, kill=None):
    """Do work in a child; return whether it was killed."""
    child = os.fork()
    if child:
        return os.WIFSIGNALED(os.waitpid(child, 0)[1])
    try:
        journal = make(folder)
        if kill is not None:
            kill_at(kill)
        work(journal)
    finally:
        os._exit(0)


folder, work = Path(sys.argv[1]), {"fold": fold, "write": write}[sys.argv[2]]
source = folder / "source"
in_child(write, source)
in_child(fold, source)  # there is a total already
for _ in range(ENDED - 1):
    in_child(write, source)
for number in itertools.count():
    target = folder / str(number)
    shutil.copytree(source, target)
    was_killed = in_child(work, target, kill=number)
    after = read_host(target).recorded
    in_child(fold, target)
    left = [each.name for each in (target / "processes").glob("*.json")]
    assert left == ["total.json"], left
    assert not (target / "damaged").exists()
    print(after, read_host(target).recorded, flush=True)
    if not was_killed:
        break
