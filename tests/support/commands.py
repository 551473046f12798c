"""Commands in the folder of an application: in pipes, and on a terminal."""

from __future__ import annotations

import os
import pty
import select
import shutil
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

from click.testing import CliRunner

from flask_chest.cli import standalone

PROGRAMS = Path(__file__).parents[1] / "cli" / "programs"
_PATIENCE_SECONDS = 300.0


class Place:
    """The folder of an application, and what is run there.

    Attributes:
        folder: Where `app.py` is.
        database: The file of its exporter `main`.
        journal: The folder of its journal.
    """

    def __init__(self, folder, python, recorded=None):
        self.folder = folder
        self._python = python
        self._recorded = recorded
        self.database = folder / "instance" / "chest.sqlite3"
        self.journal = folder / "instance" / "chest"
        self.url = f"sqlite:///{self.database}"

    def run(self, *arguments, code=None, **options):
        """Run Python, and return what it did."""
        done = self._python.run(arguments, cwd=self.folder, timeout=_PATIENCE_SECONDS, **options)
        assert code is None or done.returncode == code, done
        return done

    def flask(self, *arguments, code=None, **options):
        """Run a command under `flask chest`."""
        return self.run("-m", "flask", "chest", *arguments, code=code, **options)

    def alone(self, *arguments, code=None, **options):
        """Run `flask-chest`, where there is no application."""
        return self.run("-m", "flask_chest", *arguments, code=code, **options)

    def record_three(self):
        """Let a process record three requests, and end before it delivers them."""
        if self._recorded is not None and not (self.folder / "instance").exists():
            shutil.copytree(self._recorded, self.folder / "instance")  # what one has left
        else:
            self.run("record_three.py", code=0)


def runner():
    """Return a runner that keeps stdout and stderr apart, with any version of click."""
    try:
        return CliRunner(mix_stderr=False)
    except TypeError:  # from 8.2 on it always does
        return CliRunner()


def run_alone(monkeypatch, arguments, code=None):
    """Run `flask-chest` in this process, and return what it did."""
    made = []
    make_app = standalone._make_app

    def remember(*args, **options):
        made.append(make_app(*args, **options))
        return made[-1]

    with monkeypatch.context() as patch:
        patch.setattr(standalone, "_make_app", remember)
        done = runner().invoke(standalone.main, arguments)
    for app in made:
        app.extensions["flask_chest"].close()  # a process would end
    assert code is None or done.exit_code == code, (done.output, done.exc_info)
    return done


class Terminal:
    """A program on a terminal.

    Attributes:
        text: All that it has shown until now.
    """

    def __init__(self, folder, *arguments):
        self._terminal, slave = pty.openpty()
        self.text = ""
        self._process = subprocess.Popen(
            [sys.executable, PROGRAMS / "on_terminal.py", sys.executable, *map(str, arguments)],
            cwd=folder,
            stdin=slave,
            stdout=slave,
            stderr=slave,
            env={**os.environ, "TERM": "xterm", "COLUMNS": "120"},
        )
        os.close(slave)

    def wait_for(self, text):
        """Read until the program has shown a text."""
        deadline = time.monotonic() + _PATIENCE_SECONDS
        while text not in self.text:
            assert time.monotonic() < deadline, self.text
            assert self._read(), self.text

    def press(self, keys):
        """Press keys; ``\x03`` is Ctrl-C."""
        os.write(self._terminal, keys.encode())

    def answered(self, keys):
        """Press keys until the program has ended, and return its exit code.

        A terminal may lose what is pressed while the program prepares to read a line.
        """
        deadline = time.monotonic() + _PATIENCE_SECONDS
        while time.monotonic() < deadline:
            with suppress(OSError):  # nobody has the other end any more
                self.press(keys)
            while self._read(5.0):
                pass
            if self._process.poll() is not None:
                break
        return self.ended()

    def ended(self):
        """Read until the program has ended, and return its exit code."""
        while self._read():
            pass
        return self._process.wait(_PATIENCE_SECONDS)

    def _read(self, seconds=_PATIENCE_SECONDS):
        ready, _, _ = select.select([self._terminal], [], [], seconds)
        try:
            found = os.read(self._terminal, 65_536) if ready else b""
        except OSError:  # EIO: nobody has the other end
            found = b""
        self.text += found.decode("utf-8", "replace")
        return found

    def close(self):
        if self._process.poll() is None:
            self._process.kill()
        self._process.wait()
        os.close(self._terminal)
