"""Measured by `benchmarks.processes`: writers of one journal, and workers of one host."""

from __future__ import annotations

import json
import resource
import sys
from dataclasses import asdict, dataclass
from pathlib import Path

from flask import Flask, g

from flask_chest import FlaskChest
from flask_chest.journal import DiskJournal
from flask_chest.record import encode
from flask_chest.runtime.counters import Counters
from flask_chest.runtime.log import Throttle
from flask_chest.testing import make_record


@dataclass
class Written:
    """Cost of the writing thread, a record.

    Attributes:
        cpu_us: CPU time in microseconds, user and system.
        waits: Voluntary context switches: it waited for a lock or for the disk.
        preempted: Involuntary context switches: another process got the core.
    """

    cpu_us: float
    waits: float
    preempted: float


def read_written(line: str) -> Written:
    """Return what a worker printed."""
    return Written(**json.loads(line))


def write(number: int) -> None:
    """Append records to a journal in each folder that stdin names, one line later."""
    line = encode(make_record(variables={"user_id": "u-17", "tenant": "acme", "pad": "x" * 100}))
    for folder in sys.stdin:
        journal = DiskJournal(
            Path(folder.strip()), ["main"], Counters(), Throttle(), max_bytes=64 * 1024**3
        )
        journal.start()
        journal.append(line)
        print("ready", flush=True)
        sys.stdin.readline()
        before = resource.getrusage(resource.RUSAGE_THREAD)
        for _ in range(number):
            journal.append(line)
        after = resource.getrusage(resource.RUSAGE_THREAD)
        if journal.appended != number + 1:
            raise RuntimeError("a record was dropped")
        cpu = after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime
        written = Written(
            cpu_us=cpu / number * 1e6,
            waits=(after.ru_nvcsw - before.ru_nvcsw) / number,
            preempted=(after.ru_nivcsw - before.ru_nivcsw) / number,
        )
        journal.close()
        print(json.dumps(asdict(written)), flush=True)


def serve(folder: Path, interval_seconds: float) -> None:
    """Serve one request for each line on stdin."""
    app = Flask("processes")
    chest = FlaskChest(
        app,
        exporters={"main": f"sqlite:///{folder / 'chest.sqlite3'}"},
        journal=str(folder / "chest"),
        export_interval_seconds=interval_seconds,
    )

    @app.get("/")
    @chest.track("user_id")
    def view() -> str:
        g.user_id = "u-17"
        return "ok"

    client = app.test_client()
    print("ready", flush=True)
    for _ in sys.stdin:
        print(client.get("/").text, flush=True)


if __name__ == "__main__":
    if sys.argv[1] == "write":
        write(int(sys.argv[2]))
    else:
        serve(Path(sys.argv[2]), float(sys.argv[3]))
