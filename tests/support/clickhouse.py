"""Helpers for the tests of the ClickHouse store."""

from __future__ import annotations

from urllib.parse import quote

from flask_chest_clickhouse import ClickHouseConfig, ClickHouseStore

from tools.servers import ClickHouseServer

PASSWORD = "pl@nted:/se?cr#t%+&=ü"


class GuardedServer(ClickHouseServer):
    """A server with the users `root`, and `writer` and `reader` with PASSWORD. It has `shop`."""

    def __init__(self):
        password = quote(PASSWORD, safe="")
        users = ("root:root", f"writer:{password}", f"reader:{password}:readonly")
        super().__init__(options=[f"--user={user}" for user in users])

    @property
    def own_url(self):
        return f"clickhouse://root:root@127.0.0.1:{self.port}"

    def store(self, **fields):
        """Return a store, not open, for `writer`, with some fields changed."""
        given = {"host": "127.0.0.1", "port": self.port, "database": "shop", "user": "writer"}
        return ClickHouseStore(ClickHouseConfig(**{**given, "password": PASSWORD, **fields}))


def stored(backend):
    """Return how many rows the server has, repeated records among them."""
    [(count,)] = backend.execute(f"SELECT toUInt32(count()) FROM {backend.prefix}records")
    return count
