"""Starts and stops a database server."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit
from uuid import uuid4

from typing_extensions import Self

_START_SECONDS: Final = 120.0
_STOP_SECONDS: Final = 30.0
_NOBODY: Final = 65534
"""Database servers refuse to run as root; this user's rights are enough."""


class Server(ABC):
    """A database server that runs while its context is entered.

    Args:
        given: URL of a running server to use instead of starting one.
        durable: Sync to the disk at each commit, as in production. Tests do not need it.
        options: More command line arguments of the server.

    Attributes:
        port: Port on 127.0.0.1, the same after a restart.
        folder: Folder of its data and its log.
        process: The process of the server; None when it is not running.
    """

    variable: str
    """Environment variable with the URL of a server to use instead."""

    stop_signal: signal.Signals = signal.SIGTERM

    def __init__(
        self, given: str | None = None, *, durable: bool = False, options: Sequence[str] = ()
    ) -> None:
        self.given = given
        self.durable = durable
        self.options = list(options)
        self.port = free_port()
        self.process: subprocess.Popen[bytes] | None = None

    # -- Defined by each kind of server --------------------------------------------------------

    @abstractmethod
    def prepare(self) -> None:
        """Create an empty data folder in `folder`."""

    @abstractmethod
    def command(self) -> list[str]:
        """Return the command that runs the server in the foreground."""

    @property
    @abstractmethod
    def own_url(self) -> str:
        """URL of the administrator, without a database."""

    @abstractmethod
    def create(self, database: str) -> None:
        """Create a database. Fails while the server is not ready."""

    @abstractmethod
    def drop(self, database: str) -> None:
        """Drop a database, even while clients are connected to it."""

    # -- For its users ---------------------------------------------------------------------------

    @property
    def shared_url(self) -> str:
        """URL by which another process uses it: see `given`."""
        return self.own_url

    def url(self, database: str = "") -> str:
        """Return the URL of a database for the administrator."""
        return urlsplit(self.given or self.own_url)._replace(path=f"/{database}").geturl()

    @contextmanager
    def database(self) -> Iterator[str]:
        """Create an empty database, give its URL, and drop it."""
        name = f"chest_{uuid4().hex[:12]}"
        self.create(name)
        try:
            yield self.url(name)
        finally:
            self.drop(name)

    # -- Life ------------------------------------------------------------------------------------

    def __enter__(self) -> Self:
        if self.given is not None:
            return self
        self.folder = Path(tempfile.mkdtemp(prefix="chest-server-"))
        try:
            if os.geteuid() == 0:
                self.folder.chmod(0o755)
                (self.folder / "data").mkdir()
                os.chown(self.folder / "data", _NOBODY, _NOBODY)
            self.prepare()
            self.start()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        if self.given is None:
            self.stop()
            shutil.rmtree(self.folder)

    def start(self) -> None:
        """Start it, and wait until it answers."""
        command = [*self._unprivileged(), *self.command(), *self.options]
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen(command, stdout=log, stderr=log, cwd=self.folder)
        deadline = time.monotonic() + _START_SECONDS
        probe = f"probe_{uuid4().hex[:8]}"
        while True:
            try:
                self.create(probe)
                self.drop(probe)
                return
            except Exception as error:  # any error of the driver while the server starts
                if self.process.poll() is not None or time.monotonic() > deadline:
                    self.stop()
                    text = (self.folder / "log").read_text("utf-8", "replace")
                    raise RuntimeError(f"{command[0]} does not start: {error}\n{text}") from error
            time.sleep(0.05)

    def stop(self) -> None:
        """Stop it, if it runs, as an administrator would."""
        self._end(self.stop_signal)

    def kill(self) -> None:
        """Kill it, as a crash would."""
        self._end(signal.SIGKILL)

    def _end(self, how: signal.Signals) -> None:
        process, self.process = self.process, None
        if process is None:
            return
        if process.poll() is None:
            process.send_signal(how)
        try:
            process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def _unprivileged(self) -> list[str]:
        """Return a command prefix: run as nobody, and end with this process."""
        if shutil.which("setpriv") is None:
            return []
        ending = f"--pdeathsig={self.stop_signal.name.removeprefix('SIG')}"
        if os.geteuid() != 0:
            return ["setpriv", ending]
        return ["setpriv", ending, f"--reuid={_NOBODY}", f"--regid={_NOBODY}", "--clear-groups"]

    def _run_once(self, *command: str) -> None:
        command = (*self._unprivileged(), *command)
        done = subprocess.run(command, cwd=self.folder, capture_output=True, text=True, check=False)
        if done.returncode:
            raise RuntimeError(f"{' '.join(command)}:\n{done.stdout}\n{done.stderr}")


def free_port() -> int:
    """Return a free TCP port on 127.0.0.1."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port


def program(name: str, package: str) -> str:
    """Return the path of an installed program.

    Raises:
        RuntimeError: It is not installed; the message names the package.
    """
    found = shutil.which(name, path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin")
    if found is None:
        raise RuntimeError(f"{name} is not installed: apt-get install {package}")
    return found
