"""Programs of one host that record jobs, each in a process of its own."""

from __future__ import annotations

import contextlib
import json
import os
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest
from support.redis import redis_server

PROGRAMS = Path(__file__).parent / "programs"


class Host:
    """Runs programs that share a journal and a database, and reads what arrived.

    No program delivers before its end: the interval is too long.
    """

    def __init__(self, folder):
        self.folder = folder
        self.database = folder / "chest.sqlite3"
        self.started = []
        self.environment = {
            **os.environ,
            "FLASK_CHEST_EXPORTERS": f"sqlite:///{self.database}",
            "FLASK_CHEST_JOURNAL": str(folder / "journal"),
            "FLASK_CHEST_EXPORT_INTERVAL_SECONDS": "3600",
            "FLASK_CHEST_SHUTDOWN_SECONDS": "60",
            "PYTHONPATH": os.pathsep.join((str(folder), str(PROGRAMS))),
            "PYTHONWARNINGS": "ignore",
        }

    def start(self, *command):
        """Start a module or a program of the environment in the folder."""
        process = subprocess.Popen(
            [sys.executable, *command],
            cwd=self.folder,
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self.started.append(process)
        return process

    def run(self, *command, code=0):
        """Run a program to its end, with an exit code, None for any. Return what it printed."""
        process = self.start(*command)
        said, _ = process.communicate(timeout=120)
        assert code is None or process.returncode == code, said
        return said

    def records(self):
        """Return all rows of the database, by their routes, of which each is there once."""
        with contextlib.closing(sqlite3.connect(self.database)) as connection:
            connection.row_factory = sqlite3.Row
            rows = [dict(row) for row in connection.execute("SELECT * FROM chest_records")]
        found = {row["route"]: {**row, "variables": json.loads(row["variables"])} for row in rows}
        assert len(found) == len(rows)
        return found

    def close(self):
        for process in self.started:
            if process.poll() is None:
                process.kill()
            process.communicate()


@pytest.fixture
def host(tmp_path):
    host = Host(tmp_path)
    yield host
    host.close()


@pytest.fixture
def redis_url(tmp_path):
    with redis_server(tmp_path) as url:
        yield url
