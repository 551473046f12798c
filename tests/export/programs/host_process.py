"""One process of a host: a journal, an export to SQLite, and ways to record and to report.

Arguments: the folder, and the export interval in seconds.
"""

from __future__ import annotations

import contextlib
import os
import sys
from datetime import datetime, timezone
from pathlib import Path

from flask_chest_sqlite import SqliteConfig, SqliteStore

from flask_chest.export import Export, Supervisor
from flask_chest.journal import DiskJournal
from flask_chest.plugins.manager import Plugins
from flask_chest.record import encode, instance, uuid7
from flask_chest.runtime import fork
from flask_chest.runtime.announcer import Announcer
from flask_chest.runtime.counters import Counters
from flask_chest.runtime.log import Throttle

folder, interval = Path(sys.argv[1]), float(sys.argv[2])


class Process:
    def __init__(self, store=None):
        counters, throttle = Counters(), Throttle()
        self.journal = DiskJournal(folder / "chest", ["main"], counters, throttle)
        self.store = store or SqliteStore(SqliteConfig(path=folder / "chest.sqlite3"))
        delivery = Supervisor(
            "main",
            self.store,
            self.journal,
            max_records=100,
            max_bytes=1_000_000,
            plugins=Plugins({}, counters, throttle),
            announcer=Announcer(lambda: None, "test", ["main"], counters, throttle),
            counters=counters,
            throttle=throttle,
        )
        self.export = Export(
            {"main": delivery},
            self.journal,
            interval_seconds=interval,
            shutdown_seconds=20.0,
            throttle=throttle,
        )
        fork.watch(self)

    def after_fork(self):
        self.journal.after_fork()
        self.export.after_fork()


def record(number=1):
    """Do what a request does, and print what its client sees once the record is stored."""
    for _ in range(number):
        identity = uuid7()
        now = f"{datetime.now(timezone.utc):%Y-%m-%dT%H:%M:%S.%fZ}"
        line = encode(
            {
                "id": identity,
                "request_id": identity,
                "trace_id": None,
                "service": "test",
                "instance": instance(),
                "endpoint": "e",
                "route": "/",
                "method": "GET",
                "path": "/",
                "status_code": 200,
                "error": None,
                "started_at": now,
                "duration_ms": 1.0,
                "weight": 1.0,
                "variables": {"user": "u" * 50},
            }
        )
        assert process.journal.append(line)
        say(identity)
    if not process.export.is_started:
        process.export.start()


def say(text):
    os.write(1, f"{text}\n".encode())


def fork_to(run):
    """Run a function in a forked child, which then ends; its status is 1 when the function fails.

    Returns the child's process ID.
    """
    child = os.fork()
    if child == 0:
        code = 1
        try:
            run()
            code = 0
        except BaseException as error:  # noqa: BLE001 - the parent's stderr shows it
            os.write(2, repr(error).encode())
        finally:
            os._exit(code)
    return child


def files_of(*words):
    """Return the open files whose paths have one of these words in them."""
    found = []
    for link in Path("/proc/self/fd").iterdir():
        with contextlib.suppress(OSError):
            target = str(link.readlink())
            if any(word in target for word in words):
                found.append(target)
    return found


process = Process()
