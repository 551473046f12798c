"""A program that PyInstaller has made of the page about it, while it runs."""

from __future__ import annotations

import os
import signal
import socket
import subprocess

import httpx
from support.processes import children
from support.waiting import until

PAGE = "docs/how-to/pyinstaller.md"


class Frozen:
    """The program of the page, from its first answer on. Whatever of it still runs is killed.

    Args:
        program: What PyInstaller made.
        folder: Gets `log`, `data`, and `tmp`, into which a program in one file unpacks.
        settings: More of its environment.
    """

    def __init__(self, program, folder, **settings):
        self.log_file, self.data, self.unpacked = (folder / n for n in ("log", "data", "tmp"))
        for each in (self.data, self.unpacked):
            each.mkdir(exist_ok=True)
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port = free.getsockname()[1]
        with self.log_file.open("wb") as log:
            self.process = subprocess.Popen(
                [program, str(self.port)],
                cwd=folder,
                env={
                    **os.environ,
                    "PYTHONPATH": "",
                    "TMPDIR": str(self.unpacked),
                    "SHOP_DATA": str(self.data),
                    **settings,
                },
                stderr=log,
                stdout=log,
                start_new_session=True,
            )

    def __enter__(self):
        try:
            until(lambda: self.process.poll() is not None or self.is_served())
            assert self.process.poll() is None, self.log()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        self.kill()

    def is_served(self):
        with socket.socket() as one:
            return one.connect_ex(("127.0.0.1", self.port)) == 0

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}"

    def order(self, *numbers):
        """Send a request for each number."""
        for number in numbers:
            assert httpx.get(f"{self.url}/orders/{number}", timeout=60).json() == {"order": number}

    def log(self):
        return self.log_file.read_text("utf-8", "replace")

    def terminate(self, *, all_of_it=False):
        """Send SIGTERM to the first process, or to all; return the exit code of the first."""
        if all_of_it:
            os.killpg(self.process.pid, signal.SIGTERM)
        else:
            self.process.terminate()
        return self.process.wait(60)

    def kill(self):
        """Kill all of its processes."""
        pids = [*children(self.process.pid), self.process.pid] if self._runs() else []
        for pid in pids:
            os.kill(pid, signal.SIGKILL)
        self.process.wait(60)

    def _runs(self):
        return self.process.poll() is None
