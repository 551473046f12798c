"""Runs the examples as their READMEs say: in processes of their own, in a copy of their folder."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import httpx
import pytest
from support.waiting import until

from flask_chest import open_store

EXAMPLES = Path(__file__).parents[2] / "examples"


class Example:
    """A copy of an example, and the processes that run in it.

    Attributes:
        folder: The copy.
        url: URL of the store that its application has by default.
        environment: Of its processes.
    """

    def __init__(self, name, folder):
        self.folder = folder / name
        shutil.copytree(EXAMPLES / name, self.folder)
        self.url = f"sqlite:///{self.folder}/instance/chest.sqlite3"
        self.environment = {
            **{key: value for key, value in os.environ.items() if "CHEST" not in key},
            "FLASK_CHEST_EXPORT_INTERVAL_SECONDS": "0.1",
            "PYTHONUNBUFFERED": "1",
        }
        self._started = []

    def start(self, *command, **environment):
        """Start a module of Python; return the process."""
        log = (self.folder / f"{len(self._started)}.log").open("wb")
        with log:
            process = subprocess.Popen(
                [sys.executable, "-m", *map(str, command)],
                cwd=self.folder,
                env={**self.environment, **environment},
                stdout=log,
                stderr=subprocess.STDOUT,
            )
        self._started.append(process)
        return process

    def serve(self, *command, port, **environment):
        """Start a server; return a client of it, and the process."""
        process = self.start(*command, **environment)

        def answers():
            assert process.poll() is None, self.said()
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 5):
                return True

        until(answers)
        return httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=60), process

    def flask(self, *words, code=0, **environment):
        """Run a command of Flask to its end; return what it printed."""
        done = subprocess.run(
            [sys.executable, "-m", "flask", *words],
            cwd=self.folder,
            env={**self.environment, **environment},
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert done.returncode == code, done
        return done.stdout

    def records(self, number, url=None):
        """Return the records, the oldest first, when there are as many."""

        def found():
            with contextlib.suppress(Exception), closing(open_store(url or self.url)) as store:
                records = list(store.records(order_by="started_at"))
                return records if len(records) >= number else None

        records = until(found)
        assert len(records) == number
        return records

    def said(self):
        """Return what all processes have printed."""
        return "\n".join(log.read_text("utf-8", "replace") for log in self.folder.glob("*.log"))

    def stop(self):
        for process in self._started:
            if process.poll() is None:
                process.send_signal(signal.SIGTERM)
                process.wait(60)


@pytest.fixture
def example(tmp_path):
    """Return a function that copies an example."""
    made = []

    def make(name):
        made.append(Example(name, tmp_path))
        return made[-1]

    yield make
    for each in made:
        each.stop()


@pytest.fixture
def port():
    """Return a free port."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]
