"""Start a server program on a free port, ask the application that it serves, and stop it."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path

import httpx

from tests.compat.support import check, read

ROOT = Path(__file__).parents[2]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@contextmanager
def running(folder: Path, *command: str, using: str = ""):
    """Run a command, in which `{port}` stands for a port, until the block ends; give its URL."""
    port = free_port()
    arguments = [part.replace("{port}", str(port)) for part in command]
    environment = {
        **os.environ, "CHEST_COMPAT_FOLDER": str(folder), "CHEST_COMPAT_WITH": using,
        "PYTHONPATH": str(ROOT),
    }  # fmt: skip
    with (folder / "server.log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, *arguments], cwd=ROOT, env=environment, stdout=log, stderr=log
        )
    url = f"http://127.0.0.1:{port}"
    try:
        deadline = time.monotonic() + 60
        while True:
            try:
                socket.create_connection(("127.0.0.1", port), timeout=1).close()
                break
            except OSError:
                assert process.poll() is None, (folder / "server.log").read_text()
                assert time.monotonic() < deadline, (folder / "server.log").read_text()
                time.sleep(0.05)
        yield url
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def ask(folder: Path, *command: str, using: str = "") -> None:
    """Ask a server for one response of each kind, and check the records."""
    with running(folder, *command, using=using) as url, httpx.Client(base_url=url) as client:
        answers = [client.get(f"/{what}") for what in ("plain", "stream", "file", "fails")]
        assert [answer.status_code for answer in answers] == [200, 200, 200, 500]
        assert answers[1].text == "ab"
        assert answers[2].content == (ROOT / "tests/compat/served.py").read_bytes()
        rows = {row["path"]: row for row in read(folder / "chest.sqlite3", 4)}
    check(rows["/plain"], status_code=200, error=None, variables={"user_id": "u-1"})
    check(rows["/stream"], status_code=200, error=None, variables={"user_id": "u-1", "late": 1})
    check(rows["/file"], status_code=200, error=None, variables={"user_id": "u-1"})
    check(rows["/fails"], status_code=500, error="RuntimeError", variables={"user_id": "u-1"})
    ids = [answer.headers["X-Request-ID"] for answer in answers]
    assert ids == [rows[f"/{what}"]["request_id"] for what in ("plain", "stream", "file", "fails")]
