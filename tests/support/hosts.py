"""Real processes that share a journal, as on one host."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import sqlite3
import time
from pathlib import Path

PROGRAMS = Path(__file__).parents[1] / "export" / "programs"

# What a few lines of Python given to `Host.start` may use.
IMPORTS = "import os, signal, sys, time\nfrom host_process import *\n"

# Python 3.12 warns of every fork in a process with threads, which is what is tested here.
WARNINGS = ["-W", "error::ResourceWarning", "-W", "ignore::DeprecationWarning"]


class Host:
    """Starts processes that share a journal, and looks at what arrived."""

    def __init__(self, folder, python):
        self.folder = folder
        self._python = python
        self.started = []

    def start(self, program, interval=1_000.0):
        """Start a file of `tests/export/programs`, or a few lines of Python."""
        is_file = program.endswith(".py")
        command = [PROGRAMS / program] if is_file else ["-c", IMPORTS + program]
        process = self._python.start(
            [*WARNINGS, *command, self.folder, str(interval)],
            env={**os.environ, "PYTHONPATH": str(PROGRAMS)},
        )
        self.started.append(process)
        return process

    def run(self, program, **options):
        """Run a process to its end, which must be a good one; return what it printed."""
        said, _ = finish(self.start(program, **options))
        return said

    def flush(self, said=""):
        """Deliver all; what it logs matches a pattern."""
        process = self.start("say(process.export.flush(20.0)); process.export.close()")
        assert finish(process, said=said)[0] == ["True"]

    def stored(self):
        """Return the ID of every row in the database, and which process recorded it."""
        database = self.folder / "chest.sqlite3"
        if not database.exists():
            return {}
        with contextlib.closing(sqlite3.connect(database, timeout=10)) as connection:
            try:
                rows = connection.execute("SELECT id, instance FROM chest_records").fetchall()
            except sqlite3.OperationalError:
                return {}  # not created yet
        assert len(rows) == len(dict(rows))
        return dict(rows)

    def integrity(self):
        """Return what SQLite finds when it looks at every page of the database."""
        with contextlib.closing(sqlite3.connect(self.folder / "chest.sqlite3")) as connection:
            return connection.execute("PRAGMA integrity_check").fetchone()[0]

    def segments(self):
        return sorted((self.folder / "chest" / "segments").glob("*.jsonl"))

    def close(self):
        for process in self.started:
            if process.poll() is None:
                process.kill()
            process.communicate()


def listen(process, lines):
    """Read a number of lines that a process prints."""
    printed = []
    while len(printed) < lines:
        line = process.stdout.readline()
        assert line, process.stderr.read().decode()
        printed.append(line.decode().strip())
    return printed


def finish(process, code=0, said=""):
    words, errors = process.communicate(timeout=120)
    assert process.returncode == code, errors.decode()
    if code == 0:
        assert re.fullmatch(said, errors.decode()), errors.decode()
    return whole_lines(words), errors.decode()


def kill(process):
    """Kill -9 a process; return what it had said before."""
    process.kill()
    said, errors = process.communicate()
    assert process.returncode == -signal.SIGKILL, errors.decode()
    return whole_lines(said)


def whole_lines(said):
    return said.decode()[: said.rfind(b"\n") + 1].split()


def stop(process):
    """Stop a process until it gets SIGCONT; return once all its threads stand still."""
    process.send_signal(signal.SIGSTOP)
    tasks = Path(f"/proc/{process.pid}/task")

    def stands_still(task):
        try:
            return (task / "stat").read_text().rpartition(")")[2].split()[0] in "TZ"
        except (FileNotFoundError, ProcessLookupError):
            return True  # it has ended

    while process.poll() is None and not all(map(stands_still, tasks.iterdir())):
        time.sleep(0.0005)


def stop_between_deliveries(process, folder):
    """Stop a process at a moment in which it has no delivery lease, which it would keep."""
    while True:
        stop(process)
        if not locked_files(process.pid, folder) - {"export.lock"}:
            return
        process.send_signal(signal.SIGCONT)
        time.sleep(0.01)


def locked_files(pid, folder):
    """Return the names of the lock files in a folder that a process has open."""
    held = set()
    for link in Path(f"/proc/{pid}/fd").iterdir():
        with contextlib.suppress(OSError):
            target = link.readlink()
            if target.suffix == ".lock" and folder in target.parents:
                held.add(target.name)
    return held
