"""A server of MongoDB's protocol for tests."""

from __future__ import annotations

import sys

import pymongo

from tools.servers.base import Server


class MongoServer(Server):
    """SecantusDB, which speaks MongoDB's protocol on a real socket and stores in WiredTiger."""

    variable = "CHEST_TEST_MONGO_URL"

    def prepare(self) -> None:
        """Do nothing: the server creates its own folder."""

    def command(self) -> list[str]:
        """Return the command of `secantusd-py`."""
        return [
            sys.executable,
            "-m",
            "secantus",
            "--host=127.0.0.1",
            f"--port={self.port}",
            f"--storage-path={self.folder / 'data'}",
            "--log-level=WARNING",
            *(["--sync-on-commit"] if self.durable else []),
        ]

    def _unprivileged(self) -> list[str]:
        return super()._unprivileged()[:2]  # it may run as root, and Python may be in /root

    @property
    def own_url(self) -> str:
        """URL without a user: the server trusts everyone."""
        return f"mongodb://127.0.0.1:{self.port}"

    def create(self, database: str) -> None:
        """Check that it answers: a database is created by its first use."""
        self._command(database, "ping")

    def drop(self, database: str) -> None:
        """Drop a database."""
        self._command(database, "dropDatabase")

    def _command(self, database: str, name: str) -> None:
        client: pymongo.MongoClient[dict[str, object]]
        with pymongo.MongoClient(
            self.url(""), serverSelectionTimeoutMS=10_000, serverMonitoringMode="poll"
        ) as client:
            client[database].command(name)
