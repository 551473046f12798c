"""pgbouncer for tests: a pooler in transaction mode, on a free loopback port."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final
from urllib.parse import unquote, urlsplit

import psycopg

from tools.servers import Server
from tools.servers.base import program


class PgBouncer(Server):
    """pgbouncer from the system's packages, in front of a PostgreSQL server.

    Args:
        behind: URL of the server, with the user and password of the pool's connections.
        settings: More settings of `pgbouncer.ini`.

    Attributes:
        pool_size: Most connections to the server for one database and user: few, so that clients
            share them.
    """

    variable = ""
    pool_size: Final = 2

    def __init__(self, behind: str, settings: Mapping[str, object] | None = None) -> None:
        super().__init__()
        self._behind = urlsplit(behind)
        self._settings = dict(settings or {})

    def prepare(self) -> None:
        """Write the configuration."""
        self._program = program("pgbouncer", "pgbouncer")
        settings = {
            "listen_addr": "127.0.0.1",
            "listen_port": self.port,
            "unix_socket_dir": "",
            "auth_type": "trust",
            "auth_file": self.folder / "users",
            "pool_mode": "transaction",
            "default_pool_size": self.pool_size,
            **self._settings,
        }
        user, password = self._behind.username, self._behind.password
        (self.folder / "users").write_text(f'"{unquote(user or "")}" "{unquote(password or "")}"\n')
        (self.folder / "pgbouncer.ini").write_text(
            f"[databases]\n* = host={self._behind.hostname} port={self._behind.port or 5432}\n"
            "[pgbouncer]\n" + "".join(f"{name} = {value}\n" for name, value in settings.items())
        )

    def command(self) -> list[str]:
        """Return the command of `pgbouncer`."""
        return [self._program, str(self.folder / "pgbouncer.ini")]

    @property
    def own_url(self) -> str:
        """URL of the user of the server behind, whom it trusts."""
        return f"postgresql://{self._behind.username}@127.0.0.1:{self.port}"

    def create(self, database: str) -> None:
        """Check that it answers; databases are created behind it."""
        del database
        psycopg.connect(self.url("postgres")).close()

    def drop(self, database: str) -> None:
        """Do nothing: databases are dropped behind it."""
