"""A server that asks for the password in clear gets it through verified TLS alone, or as told."""

from __future__ import annotations

import contextlib
import socket
import ssl
import struct
import threading

import psycopg
import pytest
from flask_chest_postgres import PostgresStore
from flask_chest_postgres.config import PostgresConfig
from support.certificates import make_authority, make_certificate

from flask_chest.errors import ChestError

PASSWORD = "hunter2"
SSL_REQUEST = 80877103
GSS_REQUEST = 80877104

pytestmark = pytest.mark.skipif(
    psycopg.pq.version() < 160_000, reason="this libpq has no require_auth"
)


class Server(threading.Thread):
    """Speaks PostgreSQL's start on loopback, asks for the password, and keeps what it is sent."""

    def __init__(self, context=None):
        super().__init__(daemon=True)
        self._context = context
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self.received = b""
        self.is_done = False

    def run(self):
        while not self.is_done:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            # An OSError: the client has hung up.
            with contextlib.ExitStack() as stack, contextlib.suppress(OSError):
                stack.enter_context(connection).settimeout(20)
                self._speak(connection, stack)

    def _speak(self, connection, stack):
        while True:
            (size,) = struct.unpack("!I", self._exactly(connection, 4))
            message = self._exactly(connection, size - 4)
            (code,) = struct.unpack("!I", message[:4])
            if code == SSL_REQUEST and self._context:
                connection.sendall(b"S")
                connection = stack.enter_context(
                    self._context.wrap_socket(connection, server_side=True)
                )
            elif code in (SSL_REQUEST, GSS_REQUEST):
                connection.sendall(b"N")
            else:
                break
        self.received += message
        connection.sendall(b"R" + struct.pack("!II", 8, 3))  # AuthenticationCleartextPassword
        while piece := connection.recv(1000):
            self.received += piece
            text = b"SFATAL\0C28P01\0Mno\0\0"
            connection.sendall(b"E" + struct.pack("!I", len(text) + 4) + text)

    def _exactly(self, connection, size):
        found = b""
        while len(found) < size:
            piece = connection.recv(size - len(found))
            if not piece:
                raise ConnectionError
            found += piece
        return found


@pytest.fixture
def ask(monkeypatch):
    """Return a function that connects to a server that asks, and returns the error and the rest."""
    for name in ("PGREQUIREAUTH", "PGSSLMODE", "PGSERVICE", "PGSSLROOTCERT", "PGHOSTADDR"):
        monkeypatch.delenv(name, raising=False)
    servers = []

    def ask(context=None, **parameters):
        server = Server(context)
        servers.append(server)
        server.start()
        config = {"host": "127.0.0.1", "port": server.port, "user": "u", "database": "d"}
        store = PostgresStore(PostgresConfig(**config, password=PASSWORD, parameters=parameters))
        with pytest.raises(ChestError) as caught:
            store.check()
        return caught.value, server

    yield ask
    for server in servers:
        server.is_done = True
        with socket.create_connection(("127.0.0.1", server.port)):
            pass
        server.join(20)
        server._listener.close()
        assert not server.is_alive()


@pytest.fixture
def tls(tmp_path):
    """Return the context of a server, and the authority that signed its certificate."""
    authority = make_authority(tmp_path, "ca")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*make_certificate(tmp_path, authority, "127.0.0.1"))
    return context, authority


@pytest.mark.parametrize("mode", [None, "disable", "prefer", "require"])
def test_no_password_in_clear_unless_tls_is_verified(ask, tls, mode):
    context = tls[0] if mode in ("prefer", "require") else None
    error, server = ask(context, **({"sslmode": mode} if mode else {}))
    assert "requested a cleartext password" in str(error)
    assert "set sslmode=verify-full" in str(error)
    assert server.received.startswith(struct.pack("!HH", 3, 0))
    assert PASSWORD.encode() not in server.received


@pytest.mark.parametrize("mode", ["verify-ca", "verify-full"])
def test_a_password_in_clear_through_verified_tls(ask, tls, mode):
    _, server = ask(tls[0], sslmode=mode, sslrootcert=str(tls[1]))
    assert PASSWORD.encode() in server.received


def test_a_password_in_clear_where_the_setting_says_so(ask):
    _, server = ask(require_auth="password")
    assert PASSWORD.encode() in server.received


def test_a_password_in_clear_where_the_environment_says_so(ask, monkeypatch):
    monkeypatch.setenv("PGREQUIREAUTH", "password")
    _, server = ask()
    assert PASSWORD.encode() in server.received
