"""A server that asks for the password in clear gets it through verified TLS alone."""

from __future__ import annotations

import contextlib
import socket
import ssl
import struct
import threading

import pytest
from flask_chest_mysql import MysqlStore
from flask_chest_mysql.config import MysqlConfig
from support.certificates import make_authority, make_certificate

from flask_chest.errors import ChestError

PASSWORD = "hunter2"
SSL = 0x800
CAPABILITIES = 0x000FF7DF | SSL | 0x80000 | 0x200000


class Server(threading.Thread):
    """Speaks MySQL's handshake on loopback, asks for the password, and keeps what it is sent."""

    def __init__(self, asks, context=None, announces=b"mysql_native_password"):
        super().__init__(daemon=True)
        self._asks, self._context, self._announces = asks, context, announces
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self.received = b""

    def run(self):
        connection, _ = self._listener.accept()
        # An OSError: the client has hung up.
        with contextlib.ExitStack() as stack, contextlib.suppress(OSError):
            stack.enter_context(connection).settimeout(20)
            self._speak(connection, stack)

    def _speak(self, connection, stack):
        flags = CAPABILITIES if self._context else CAPABILITIES & ~SSL
        self._send(
            connection,
            0,
            b"\x0a8.0.36\0" + struct.pack("<I", 1) + b"s" * 8 + b"\0"
            + struct.pack("<HBHHB", flags & 0xFFFF, 45, 2, flags >> 16, 21)
            + b"\0" * 10 + b"s" * 12 + b"\0" + self._announces + b"\0",
        )  # fmt: skip
        if self._context:
            self._receive(connection)
            connection = stack.enter_context(
                self._context.wrap_socket(connection, server_side=True)
            )
        number = 2 if self._context else 1
        self._receive(connection)
        self._send(connection, number + 1, b"\xfe" + self._asks)
        self._receive(connection)

    def _send(self, connection, number, payload):
        connection.sendall(struct.pack("<I", len(payload))[:3] + bytes([number]) + payload)

    def _receive(self, connection):
        header = self._exactly(connection, 4)
        self.received += self._exactly(connection, int.from_bytes(header[:3], "little"))

    def _exactly(self, connection, size):
        found = b""
        while len(found) < size:
            piece = connection.recv(size - len(found))
            if not piece:
                raise ConnectionError
            found += piece
        return found


@pytest.fixture
def ask():
    """Return a function that connects to a server that asks, and returns the error and the rest."""
    servers = []

    def ask(asks, context=None, announces=b"mysql_native_password", **fields):
        server = Server(asks, context, announces)
        servers.append(server)
        server.start()
        config = {"host": "127.0.0.1", "port": server.port, "user": "u", "database": "d"}
        store = MysqlStore(MysqlConfig(**config, password=PASSWORD, **fields))
        with pytest.raises(ChestError) as caught:
            store.check()
        server.join(20)
        assert not server.is_alive()
        return caught.value, server.received

    yield ask
    for server in servers:
        server._listener.close()


@pytest.fixture
def tls(tmp_path):
    """Return the context of a server, and the authority that signed its certificate."""
    authority = make_authority(tmp_path, "ca")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*make_certificate(tmp_path, authority, "127.0.0.1"))
    return context, authority


ASKS = [b"mysql_clear_password\0", b"dialog\0\x04Password: "]


@pytest.mark.parametrize("asks", ASKS)
@pytest.mark.parametrize("mode", [None, "DISABLED", "PREFERRED"])
@pytest.mark.parametrize("announces", [b"mysql_native_password", b"mysql_clear_password"])
def test_no_password_in_clear_without_tls(ask, asks, mode, announces):
    error, received = ask(asks, ssl_mode=mode, announces=announces)
    assert "asks for the password in clear, and its TLS is not verified" in str(error)
    assert "ssl_mode=VERIFY_IDENTITY" in str(error)
    assert PASSWORD.encode() not in received


@pytest.mark.parametrize("asks", ASKS)
@pytest.mark.parametrize("mode", ["PREFERRED", "REQUIRED"])
def test_no_password_in_clear_through_tls_that_is_not_verified(ask, tls, asks, mode):
    error, received = ask(asks, tls[0], ssl_mode=mode)
    assert "asks for the password in clear" in str(error)
    assert PASSWORD.encode() not in received
    assert received  # it has come as far as the sign-in


@pytest.mark.parametrize("asks", ASKS)
@pytest.mark.parametrize("mode", ["VERIFY_CA", "VERIFY_IDENTITY"])
def test_a_password_in_clear_through_verified_tls(ask, tls, asks, mode):
    _, received = ask(asks, tls[0], ssl_mode=mode, ssl_ca=tls[1])
    assert received.endswith(PASSWORD.encode() + b"\0")


def test_a_server_without_tls_gets_nothing_where_it_must_be_verified(ask, tls):
    error, received = ask(ASKS[0], ssl_mode="VERIFY_CA", ssl_ca=tls[1])
    assert "doesn't support it" in str(error)
    assert received == b""
