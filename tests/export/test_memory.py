"""Memory stays as it is however many records wait, and whatever becomes of them."""

from __future__ import annotations

import json
import os
import sqlite3
import subprocess
import sys
from contextlib import closing

import pytest

APP = """
import json, os, sys
from pathlib import Path
from flask import Flask, g
from werkzeug.test import EnvironBuilder
from flask_chest import FlaskChest

app = Flask("shop")
chest = FlaskChest(app)
PAD = "x" * 300


@app.get("/")
@chest.track("user_id", "pad")
def view():
    g.user_id = "u-17"
    g.pad = PAD
    return "ok"


def ask(times):
    environ = EnvironBuilder(path="/").get_environ()
    for _ in range(times):
        for _ in app.wsgi_app(dict(environ), lambda *_: lambda _: None):
            pass


def say(**what):
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    print(json.dumps({"mib": pages * os.sysconf("SC_PAGE_SIZE") / 1024**2, **what}), flush=True)
    sys.stdin.readline()


with app.app_context():
    ask(2_000)
    say()
    ask(int(sys.argv[1]))
    stats = chest.stats().exporters["main"]
    say(waiting=stats.pending_bytes, failures=stats.failures)
    arrived = chest.flush(60)
    say(arrived=arrived)
"""


@pytest.fixture
def run(tmp_path):
    """Return what records while the database is locked, then delivers; and what it saw."""

    def run(number, journal):
        database = tmp_path / "chest.sqlite3"
        with closing(sqlite3.connect(database, isolation_level=None)) as holder:
            holder.execute("PRAGMA journal_mode = WAL")
            holder.execute("BEGIN IMMEDIATE")
            process = subprocess.Popen(
                [sys.executable, "-c", APP, str(number)],
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
    (before, waiting, after), rows = run(50_000, str(tmp_path / "journal"))
    assert waiting["waiting"] > 25 * 1024**2
    assert waiting["failures"] > 0, "it was tried while the database was locked"
    assert waiting["mib"] - before["mib"] < 8
    assert after["arrived"]
    assert after["mib"] - waiting["mib"] < 16, "batches have at most a MiB"
    assert rows == (52_000, 52_000)


def test_memory_grows_with_what_waits_in_memory_and_that_is_seen_here(run):
    (before, waiting, _), rows = run(30_000, "memory")
    assert waiting["mib"] - before["mib"] > 12
    assert rows == (32_000, 32_000)
