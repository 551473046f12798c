"""Where gevent has made greenlets of all threads: nothing that takes long may stop the loop."""

from __future__ import annotations

import subprocess
import sys

SLOW_DISK = """
from gevent import monkey
monkey.patch_all()

import os, sys, threading, time
from pathlib import Path

from flask_chest.journal import DiskJournal
from flask_chest.runtime.log import Throttle
from flask_chest.runtime.counters import Counters

sleep = monkey.get_original("time", "sleep")
synced = []


def slow(descriptor):
    sleep(0.5)  # as a disk does: no greenlet can run in this thread meanwhile
    synced.append(threading.get_ident())


os.fsync = slow
journal = DiskJournal(Path(sys.argv[1]), ["main"], Counters(), Throttle())
journal.start()
assert journal.append(b"{}\\n")
longest, before = 0.0, time.monotonic()
deadline = before + 20
while not synced and time.monotonic() < deadline:
    time.sleep(0.005)
    now = time.monotonic()
    longest, before = max(longest, now - before), now
assert synced, "it is synced within a second or so"
print(longest < 0.4)
journal.close()
"""


def test_a_slow_disk_stops_no_greenlet(tmp_path):
    result = subprocess.run(
        [sys.executable, "-c", SLOW_DISK, tmp_path / "chest"],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert result.stdout == "True\n", result.stderr


LOCKED_DATABASE = """
from gevent import monkey
monkey.patch_all()

import sqlite3, sys, threading, time

from flask_chest_sqlite import SqliteConfig, SqliteStore

from flask_chest.testing import make_batch, make_record

path = sys.argv[1]
store = SqliteStore(SqliteConfig(path=path))
store.open()
other = sqlite3.connect(path, isolation_level=None)
other.execute("BEGIN IMMEDIATE")
stored = []
thread = threading.Thread(target=lambda: stored.append(store.export(make_batch(make_record()))))
thread.start()
longest, before = 0.0, time.monotonic()
end = before + 1.0
while time.monotonic() < end:
    time.sleep(0.005)
    now = time.monotonic()
    longest, before = max(longest, now - before), now
assert not stored, "the lock is held"
other.execute("COMMIT")
thread.join()
assert stored and store.count() == 1
print(longest < 0.5)
store.close()
other.close()
"""


def test_a_locked_sqlite_database_stops_no_greenlet(tmp_path):
    result = subprocess.run(
        [sys.executable, "-c", LOCKED_DATABASE, tmp_path / "chest.sqlite3"],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert result.stdout == "True\n", result.stderr
