"""One server for all processes of a test run, where each of its own would cost too much."""

from __future__ import annotations

import fcntl
import time
from contextlib import contextmanager, suppress

PREFIX = "shared-server-"
"""First part of the names of the files that say who uses a server."""


@contextmanager
def shared(kind, folder):
    """Give a server, which the process that needs it first starts, and ends after all others.

    Args:
        kind: Called with the URL of a server that runs, or without one, which starts it.
        folder: A folder that all processes of the run have.
    """
    name = f"{PREFIX}{kind.__name__}"
    url = folder / f"{name}.url"
    with (
        (folder / f"{name}.lock").open("w") as lock,
        (folder / f"{name}.users").open("w") as users,
    ):
        fcntl.flock(lock, fcntl.LOCK_EX)
        if url.exists():
            fcntl.flock(users, fcntl.LOCK_SH)
            fcntl.flock(lock, fcntl.LOCK_UN)
            with kind(url.read_text()) as server:
                yield server
            return
        with kind() as server:
            url.write_text(server.shared_url)
            fcntl.flock(lock, fcntl.LOCK_UN)
            yield server
            while not _are_gone(lock, users):
                time.sleep(0.2)
            url.unlink()


def _are_gone(lock, users):
    """Return whether all others have left, or were killed; then nobody can come any more."""
    fcntl.flock(lock, fcntl.LOCK_EX)
    with suppress(BlockingIOError):
        fcntl.flock(users, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return True
    fcntl.flock(lock, fcntl.LOCK_UN)
    return False
