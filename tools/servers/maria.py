"""MariaDB for tests."""

from __future__ import annotations

from urllib.parse import unquote, urlsplit

import pymysql

from tools.servers.base import Server, program


class MariaServer(Server):
    """MariaDB from the system's packages."""

    variable = "CHEST_TEST_MYSQL_URL"

    def prepare(self) -> None:
        """Run mariadb-install-db."""
        self._program = program("mariadbd", "mariadb-server-core")
        self._run_once(
            program("mariadb-install-db", "mariadb-server-core"),
            "--no-defaults",
            f"--datadir={self.folder / 'data'}",
            f"--tmpdir={self.folder / 'data'}",
            "--auth-root-authentication-method=normal",
            "--skip-test-db",
        )

    def command(self) -> list[str]:
        """Return the command of `mariadbd`."""
        return [
            self._program,
            "--no-defaults",
            f"--datadir={self.folder / 'data'}",
            f"--socket={self.folder / 'data' / 'socket'}",
            # Its own: at its start, a server removes the temporary tables of others in `/tmp`.
            f"--tmpdir={self.folder / 'data'}",
            f"--port={self.port}",
            "--bind-address=127.0.0.1",
            f"--innodb-flush-log-at-trx-commit={1 if self.durable else 0}",
        ]

    @property
    def own_url(self) -> str:
        """The URL for `root`, who has no password."""
        return f"mysql://root@127.0.0.1:{self.port}"

    def create(self, database: str) -> None:
        """Create a database."""
        self._execute(f"CREATE DATABASE `{database}`")

    def drop(self, database: str) -> None:
        """Drop a database."""
        self._execute(f"DROP DATABASE `{database}`")

    def _execute(self, statement: str) -> None:
        target = urlsplit(self.url(""))
        connection = pymysql.connect(
            host=target.hostname or "127.0.0.1",
            port=target.port or 3306,
            user=unquote(target.username or ""),
            password=unquote(target.password or ""),
            ssl_disabled=True,  # otherwise PyMySQL reads all certificates of the system
        )
        with connection, connection.cursor() as cursor:
            cursor.execute(statement)
