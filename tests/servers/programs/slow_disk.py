"""Syncs a journal to a disk that answers only after a greenlet of the main thread has run.

If the sync held up the loop of gevent, that greenlet would never run, and the sync would fail.
"""

import os
import sys
import time
from pathlib import Path

from gevent import monkey

from flask_chest.journal import DiskJournal
from flask_chest.runtime.counters import Counters
from flask_chest.runtime.log import Throttle

PATIENCE_SECONDS = 20.0
disk = monkey.get_original("_thread", "allocate_lock")()  # blocks a thread, not a greenlet
disk.acquire()
begun, answered = [], []


def fsync(descriptor):
    begun.append(descriptor)
    answered.append(disk.acquire(timeout=PATIENCE_SECONDS))
    disk.release()


os.fsync = fsync
journal = DiskJournal(Path(sys.argv[1]), ["main"], Counters(), Throttle())
journal.start()
assert journal.append(b"{}\n")
while not begun:
    time.sleep(0.005)
assert not answered, "the sync held up this greenlet"
disk.release()
while not answered:
    time.sleep(0.005)
assert all(answered)
journal.close()
