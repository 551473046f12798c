"""A server of ClickHouse's HTTP protocol for tests."""

from __future__ import annotations

import sys
from contextlib import closing
from pathlib import Path
from typing import Final
from urllib.parse import unquote, urlsplit

import urllib3

from tools.servers.base import Server

_ROOT: Final = Path(__file__).parents[2]


class ClickHouseServer(Server):
    """The engine of ClickHouse from the wheel `chdb-core`, behind HTTP, in a process of its own."""

    variable = "CHEST_TEST_CLICKHOUSE_URL"

    def prepare(self) -> None:
        """Do nothing: the engine creates its own folder."""

    def command(self) -> list[str]:
        """Return the command of the server."""
        # Its working directory is another: `-m` would not find it.
        program = "from tools.servers.clickhouse_http import main; main()"
        return [
            sys.executable,
            "-c",
            f"import sys; sys.path.insert(0, {str(_ROOT)!r}); {program}",
            f"--port={self.port}",
            f"--path={self.folder / 'data'}",
        ]

    def _unprivileged(self) -> list[str]:
        return super()._unprivileged()[:2]  # it may run as root, and Python may be in /root

    @property
    def own_url(self) -> str:
        """URL without a user: `default` has no password."""
        return f"clickhouse://127.0.0.1:{self.port}"

    def create(self, database: str) -> None:
        """Create a database."""
        self.ask(f"CREATE DATABASE `{database}`")

    def drop(self, database: str) -> None:
        """Drop a database."""
        self.ask(f"DROP DATABASE `{database}` SYNC")

    def ask(self, statement: str, database: str = "") -> bytes:
        """Run a statement as the administrator; return its answer.

        Raises:
            RuntimeError: The server refuses it.
        """
        return ask(self.url(database), statement)


def ask(url: str, statement: str) -> bytes:
    """Run a statement on a server of this URL; return its answer.

    Raises:
        RuntimeError: The server refuses it.
    """
    target = urlsplit(url)
    headers = {
        "X-ClickHouse-User": unquote(target.username or "default"),
        "X-ClickHouse-Key": unquote(target.password or ""),
        "X-ClickHouse-Database": unquote(target.path[1:]) or "default",
    }
    pool = urllib3.HTTPConnectionPool(target.hostname or "127.0.0.1", target.port or 8123)
    with closing(pool):
        answer = pool.request(
            "POST", "/", body=statement.encode(), headers=headers, retries=False, timeout=60.0
        )
        if answer.status != 200:
            raise RuntimeError(answer.data.decode("utf-8", "replace"))
        return answer.data
