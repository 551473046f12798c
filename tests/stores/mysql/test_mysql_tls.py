"""TLS to MySQL and MariaDB."""

from __future__ import annotations

import pytest
from support.backends import Mysql
from support.certificates import make_authority, make_certificate
from support.mysql import refusal

from tools.servers import MariaServer


@pytest.fixture(scope="module")
def tls_server(tmp_path_factory):
    """Return a server that has a certificate for 127.0.0.1, and its authority's file."""
    folder = tmp_path_factory.mktemp("tls")
    authority = make_authority(folder, "authority")
    certificate, key = make_certificate(folder, authority, "127.0.0.1")
    with MariaServer(options=["--innodb-buffer-pool-size=16M"]) as server:
        server.stop()
        for file in (certificate, key):  # where the user of the server may read
            (server.folder / file.name).write_bytes(file.read_bytes())
        server.options += [
            f"--ssl-cert={server.folder / certificate.name}",
            f"--ssl-key={server.folder / key.name}",
            f"--ssl-ca={server.folder / certificate.name}",
        ]
        server.start()
        yield server, authority


def test_a_server_without_tls_is_refused_when_tls_is_required(odd, opened):
    for mode in ("REQUIRED", "VERIFY_CA", "verify_identity"):
        text = refusal(odd.new(ssl_mode=mode))
        assert "It offers no TLS" in text
        assert str(odd.config["port"]) in text
    opened(odd, ssl_mode="PREFERRED")


def test_ssl_mode_decides_on_encryption_and_verification(tls_server, opened):
    server, authority = tls_server
    with server.database() as url:
        backend = Mysql(url, ssl_mode=None)
        for fields, is_encrypted in (
            ({}, True),
            ({"ssl_mode": "DISABLED"}, False),
            ({"ssl_mode": "PREFERRED"}, True),
            ({"ssl_mode": "REQUIRED"}, True),
            ({"ssl_mode": "VERIFY_CA", "ssl_ca": str(authority), "host": "localhost"}, True),
            ({"ssl_ca": str(authority)}, True),
        ):
            store = opened(backend, **fields)
            with store.reading() as connection:
                ((_, cipher),) = connection.exec_driver_sql("SHOW STATUS LIKE 'Ssl_cipher'")
            assert bool(cipher) is is_encrypted, fields
        for fields in (
            {"ssl_ca": str(authority), "host": "localhost"},
            {"ssl_mode": "VERIFY_CA"},
            {"ssl_mode": "VERIFY_IDENTITY"},
        ):
            assert "certificate is not trusted" in refusal(backend.new(**fields))


def test_a_server_that_requires_tls_is_named_with_the_remedy(tls_server, opened):
    server, _ = tls_server
    with server.database() as url:
        backend = Mysql(url, ssl_mode=None)
        backend.execute("SET GLOBAL require_secure_transport = ON")
        try:
            assert "ssl_mode where TLS is demanded" in refusal(backend.new(ssl_mode="DISABLED"))
            opened(backend)
        finally:
            backend.execute("SET GLOBAL require_secure_transport = OFF")
