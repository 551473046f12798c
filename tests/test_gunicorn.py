"""Delivery under gunicorn, whose workers are forks of a master that may have loaded the app."""

from __future__ import annotations

import os
import signal
import socket
import sqlite3
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

APP = """
from flask import Flask, g
from flask_chest import FlaskChest
import os

app = Flask(__name__)
chest = FlaskChest(app, export_interval_seconds=0.2)

@app.get("/")
@chest.track("pid")
def view():
    g.pid = os.getpid()
    return str(g.pid)
"""


@contextmanager
def gunicorn(folder, *arguments):
    """Run gunicorn on a socket that is bound already, so that nobody can take its port."""
    (folder / "app.py").write_text(APP)
    # The master of newer versions has a control socket, and with it a thread.
    (folder / "gunicorn.conf.py").write_text("control_socket_disable = True\n")
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(64)
        listener.set_inheritable(True)
        process = subprocess.Popen(
            [
                sys.executable,
                "-m",
                "gunicorn",
                "--workers=2",
                f"--bind=fd://{listener.fileno()}",
                *arguments,
                "app:app",
            ],
            cwd=folder,
            pass_fds=[listener.fileno()],
            stderr=subprocess.DEVNULL,
        )
        try:
            yield process, f"http://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            if process.poll() is None:
                process.send_signal(signal.SIGTERM)
            process.wait(20)


def threads_of(pid):
    return len(list(Path(f"/proc/{pid}/task").iterdir()))


def request_ids(folder):
    connection = sqlite3.connect(folder / "instance" / "chest.sqlite3")
    try:
        return [row[0] for row in connection.execute("SELECT request_id FROM chest_records")]
    finally:
        connection.close()


def ask(url, pids, answered, until):
    """Ask one request a connection, so that every worker has its share, until `until()`."""
    deadline = time.monotonic() + 30
    while not until():
        assert time.monotonic() < deadline
        response = httpx.get(url)
        pids.add(int(response.text))
        answered.append(response.headers["X-Request-ID"])


@pytest.mark.parametrize("preload", [(), ("--preload",)], ids=["plain", "preload"])
@pytest.mark.parametrize("kind", ["sync", "gthread"])
def test_every_worker_records_and_what_was_answered_is_stored_once(tmp_path, kind, preload):
    pids, answered = set(), []
    with gunicorn(tmp_path, f"--worker-class={kind}", *preload) as (process, url):
        ask(url, pids, answered, lambda: len(pids) == 2 and len(answered) >= 60)
        assert threads_of(process.pid) == 1  # no thread in the master, before a fork or ever
        exporting = [pid for pid in pids if threads_of(pid) > 1]
        assert len(exporting) == 2
    assert process.returncode == 0
    assert sorted(request_ids(tmp_path)) == sorted(answered)


def test_another_worker_takes_over_when_the_one_that_delivers_is_killed(tmp_path):
    pids, answered = set(), []
    with gunicorn(tmp_path) as (process, url):
        ask(url, pids, answered, lambda: len(pids) == 2)
        for victim in list(pids):  # one of them delivers for both
            os.kill(victim, signal.SIGKILL)
            ask(url, pids, answered, lambda: len(answered) % 20 == 0)
        ask(url, pids, answered, lambda: len(pids) >= 4)
        deadline = time.monotonic() + 20
        while sorted(request_ids(tmp_path)) != sorted(answered):  # by themselves, within intervals
            assert time.monotonic() < deadline
            time.sleep(0.05)
    assert process.returncode == 0
    assert sorted(request_ids(tmp_path)) == sorted(answered)
