"""docs/how-to/pgbouncer.md: its files, with other ports and folders alone."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

import psycopg
import pytest
from support.certificates import make_authority, make_certificate
from support.pages import ROOT
from support.roles import deliver

from tools.pgbouncer import PgBouncer

PAGE = (ROOT / "docs" / "how-to" / "pgbouncer.md").read_text("utf-8")
[QUERY] = re.findall(r":6432/analytics(\?\S+)\"", PAGE)
INI, USERS, TLS = re.findall(r"```(?:ini|text)\n(.*?)```", PAGE, re.DOTALL)


class OfPage(PgBouncer):
    """A pooler with the files of the page.

    Args:
        behind: URL of the database behind.
        more: More lines of its `pgbouncer.ini`.
        query: What the clients' URL ends with.
    """

    def __init__(self, behind, more="", query=""):
        super().__init__(behind)
        self.database = urlsplit(behind).path[1:]
        self._more, self._query = more, query

    def prepare(self):
        super().prepare()
        ini = INI
        for shown, real in {
            "analytics": self.database,
            "db.example": self._behind.hostname,
            "port=5432": f"port={self._behind.port}",
            "= 6432": f"= {self.port}",
            "/etc/pgbouncer/users": str(self.folder / "users"),
        }.items():
            assert ini.count(shown) == 1
            ini = ini.replace(shown, real)
        (self.folder / "pgbouncer.ini").write_text(f"{ini}unix_socket_dir =\n{self._more}")
        (self.folder / "users").write_text(USERS)

    @property
    def own_url(self):
        user, password = re.findall(r'"(.*?)"', USERS)
        return f"postgresql://{user}:{password}@127.0.0.1:{self.port}/{self.database}{self._query}"

    def create(self, database):
        psycopg.connect(self.own_url).close()


@pytest.fixture
def database(postgres):
    """Return the URL of a database in which the user of the page may create its tables."""
    user, password = re.findall(r'"(.*?)"', USERS)
    with psycopg.connect(postgres, autocommit=True) as connection:
        connection.execute(f"CREATE ROLE {user} LOGIN PASSWORD '{password}'")
        try:
            connection.execute(f"CREATE SCHEMA chest AUTHORIZATION {user}")
            yield postgres
        finally:
            connection.execute(f"DROP OWNED BY {user}")
            connection.execute(f"DROP ROLE {user}")


def test_the_files_of_the_page_deliver_and_read(database, tmp_path):
    with OfPage(database) as pooler:
        output = deliver(tmp_path, "pooled", pooler.own_url + QUERY)
    assert "warning" not in output, output


def test_the_tls_of_the_page_encrypts_both_parts(database, tmp_path):
    """The server of the tests has no TLS: a second pooler that demands it stands for it."""
    authority = make_authority(tmp_path, "good")
    certificate, key = make_certificate(tmp_path, authority, "127.0.0.1")
    for folder in (tmp_path, *tmp_path.parents[:3]):
        folder.chmod(folder.stat().st_mode | 0o055)  # the pooler is another user
    tls = TLS.replace("/etc/pgbouncer/pooler.key", str(key))
    tls = tls.replace("/etc/pgbouncer/pooler.crt", str(certificate))
    server = "".join(line for line in tls.splitlines(keepends=True) if line.startswith("client_"))
    query = f"?sslmode=verify-full&sslrootcert={authority}"
    tls = tls.replace("/etc/ssl/our-ca.pem", str(authority))
    with (
        OfPage(database, server, query) as behind,
        OfPage(behind.own_url, tls, query) as pooler,
    ):
        deliver(tmp_path, "pooled", f"{pooler.own_url}&{QUERY.removeprefix('?')}")
        with pytest.raises(psycopg.OperationalError, match="SSL required"):
            psycopg.connect(pooler.own_url, sslmode="disable")
