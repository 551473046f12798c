"""Serves an application of `benchmarks.workers` under gunicorn."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final, NamedTuple

ROOT: Final = Path(__file__).resolve().parents[2]
_STOP_SECONDS: Final = 30.0


class Running(NamedTuple):
    """A gunicorn that runs."""

    process: int
    port: int


@contextmanager
def gunicorn(
    application: str, options: Sequence[str], environment: Mapping[str, str], log: Path
) -> Iterator[Running]:
    """Serve an application on a free loopback port.

    Args:
        application: Module and callable, as gunicorn takes them.
        options: More arguments of gunicorn.
        environment: Variables added to those of this process.
        log: File for what gunicorn prints.
    """
    with socket.create_server(("127.0.0.1", 0), backlog=2048) as listener:
        listener.set_inheritable(True)
        # Without TCP_NODELAY an answer may wait 40 ms until the client acknowledges the headers.
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        arguments = [*options, f"--bind=fd://{listener.fileno()}", f"--chdir={ROOT}"]
        with log.open("wb") as output:
            process = subprocess.Popen(
                [sys.executable, "-m", "gunicorn", *arguments, application],
                env={**os.environ, **environment},
                pass_fds=[listener.fileno()],
                stdout=output,
                stderr=output,
            )
        try:
            yield Running(process.pid, listener.getsockname()[1])
        finally:
            process.terminate()
            try:
                process.wait(_STOP_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def until(condition: Callable[[], bool], what: str, seconds: float = 60.0) -> None:
    """Wait for a condition.

    Raises:
        RuntimeError: It does not become true in time.
    """
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise RuntimeError(f"not within {seconds:g} seconds: {what}")
        time.sleep(0.02)
