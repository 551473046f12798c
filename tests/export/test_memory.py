"""Memory stays as it is however many records wait, and whatever becomes of them."""

from __future__ import annotations

import json
import os
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

PROGRAMS = Path(__file__).parent / "programs"


@pytest.fixture
def run(tmp_path):
    """Return what records while the database is locked, then delivers; and what it saw."""

    def run(number, journal):
        database = tmp_path / "chest.sqlite3"
        with closing(sqlite3.connect(database, isolation_level=None)) as holder:
            holder.execute("PRAGMA journal_mode = WAL")
            holder.execute("BEGIN IMMEDIATE")
            process = subprocess.Popen(
                [sys.executable, PROGRAMS / "records_while_locked.py", str(number)],
                env={
                    **os.environ,
                    "FLASK_CHEST_EXPORTERS": f"sqlite:///{database}?busy_timeout_seconds=0.1",
                    "FLASK_CHEST_JOURNAL": journal,
                    "FLASK_CHEST_EXPORT_INTERVAL_SECONDS": "0.1",
                    "FLASK_CHEST_RETRY_MAX_SECONDS": "0.1",
                },
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
            )
            seen = []
            try:
                for each in range(3):
                    line = process.stdout.readline()
                    assert line, process.stderr.read()
                    seen.append(json.loads(line))
                    if each == 1:
                        holder.execute("ROLLBACK")
                    process.stdin.write("go on\n")
                    process.stdin.flush()
                process.communicate(timeout=30)
            finally:
                process.kill()
                process.communicate()
            rows = holder.execute("SELECT count(*), count(DISTINCT id) FROM chest_records")
            return seen, rows.fetchone()

    return run


def test_memory_does_not_grow_with_what_waits_nor_while_it_is_delivered(run, tmp_path):
    (before, waiting, after), rows = run(30_000, str(tmp_path / "journal"))
    assert waiting["waiting"] > 15 * 1024**2
    assert waiting["failures"] > 0, "it was tried while the database was locked"
    assert waiting["mib"] - before["mib"] < 8
    assert after["arrived"]
    assert after["mib"] - waiting["mib"] < 16, "batches have at most a MiB"
    assert rows == (32_000, 32_000)


def test_memory_grows_with_what_waits_in_memory_and_that_is_seen_here(run):
    (before, waiting, _), rows = run(20_000, "memory")
    assert waiting["mib"] - before["mib"] > 8
    assert rows == (22_000, 22_000)
