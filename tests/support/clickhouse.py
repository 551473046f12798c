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


class GrantedServer(ClickHouseServer):
    """A server whose only user has some privileges.

    Args:
        folder: For the files of its configuration.
    """

    _USERS = """\
<clickhouse><profiles><default/></profiles><quotas><default/></quotas><users><default>
<password/><networks><ip>::/0</ip></networks><profile>default</profile><quota>default</quota>
<grants>{}</grants></default></users></clickhouse>"""

    def __init__(self, folder):
        self._users = folder / "users.xml"
        config = folder / "config.xml"
        config.write_text(f"<clickhouse><users_config>{self._users}</users_config></clickhouse>")
        super().__init__(options=[f"--config={config}"])
        self._write("ALL ON *.*")

    def grant(self, *rights):
        """Give the user these privileges, such as ``SELECT ON shop.*``, and take all others."""
        self.stop()
        self._write(*rights)
        self.start()

    def _write(self, *rights):
        # To start, it creates a database and drops it.
        all_of_them = (*rights, "CREATE DATABASE, DROP DATABASE ON *.*")
        queries = "".join(f"<query>GRANT {right}</query>" for right in all_of_them)
        self._users.write_text(self._USERS.format(queries))


def stored(backend):
    """Return how many rows the server has, repeated records among them."""
    [(count,)] = backend.execute(f"SELECT toUInt32(count()) FROM {backend.prefix}records")
    return count
