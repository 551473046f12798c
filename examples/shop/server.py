"""Run the shop under gunicorn while a `with` block runs."""

from __future__ import annotations

import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx

START_SECONDS = 20.0
STOP_SECONDS = 20.0


class ServerFailed(Exception):
    """The server failed. The text says how, and ends with the last lines of the log."""

    def __init__(self, what: str, log: Path) -> None:
        tail = log.read_text(errors="replace").splitlines()[-15:]
        super().__init__("\n".join([what, f"The end of {log}:", *tail]))


@contextmanager
def gunicorn(settings: Path, *, folder: Path, log: Path) -> Iterator[str]:
    """Run gunicorn, yield its base URL, and stop it with SIGTERM.

    Args:
        settings: Its configuration file.
        folder: Its working directory.
        log: File for the output of gunicorn and of the application.

    Raises:
        ServerFailed: The server did not start, answer a request, or stop.
    """
    with socket.socket() as listener, log.open("wb") as output:
        # The system picks a free port, and gunicorn inherits the socket. So no other process can
        # take the port in between.
        listener.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        bind = f"fd://{listener.fileno()}"
        process = subprocess.Popen(
            [sys.executable, "-m", "gunicorn", "--config", settings, "--bind", bind],
            cwd=folder,
            stdout=output,
            stderr=output,
            pass_fds=[listener.fileno()],
        )
    try:
        _wait_until_ready(process, url, log)
        yield url
    except httpx.HTTPError as error:
        raise ServerFailed(f"A request failed: {error!r}.", log) from error
    finally:
        _stop(process, log)


def _wait_until_ready(process: subprocess.Popen[bytes], url: str, log: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise ServerFailed(f"gunicorn exited with status {process.returncode}.", log)
        try:
            httpx.get(f"{url}/health", timeout=2.0, trust_env=False).raise_for_status()
            return
        except httpx.HTTPError:
            time.sleep(0.1)
    raise ServerFailed(f"gunicorn did not answer within {START_SECONDS:g} seconds.", log)


def _stop(process: subprocess.Popen[bytes], log: Path) -> None:
    process.terminate()
    try:
        process.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
        raise ServerFailed(f"gunicorn did not stop within {STOP_SECONDS:g} seconds.", log) from None
