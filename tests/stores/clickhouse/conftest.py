"""What the tests of the ClickHouse store share."""

from __future__ import annotations

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from support.backends import ClickHouse
from support.clickhouse import GuardedServer


@pytest.fixture
def backend(clickhouse):
    return ClickHouse(clickhouse)


@pytest.fixture(scope="session")
def guarded():
    with GuardedServer() as server:
        server.create("shop")
        yield server


@pytest.fixture
def serve_with():
    """Return a function that serves with a handler of requests, and returns host and port."""
    servers = []

    def start(handler):
        server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        server.daemon_threads = False  # so that `server_close` waits for them
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        servers.append((server, thread))
        return server.server_address

    yield start
    for server, thread in servers:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.fixture
def serve_text(serve_with):
    """Return a function that serves a text to every request, and returns host and port."""

    def start(text):
        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):
                self.rfile.read(int(self.headers["Content-Length"]))
                self.send_response(400)
                self.send_header("Content-Length", str(len(text)))
                self.end_headers()
                self.wfile.write(text.encode())

            def log_message(self, *_):
                pass

        return serve_with(Handler)

    return start
