"""What the tests of the ClickHouse store share."""

from __future__ import annotations

from http.server import BaseHTTPRequestHandler

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
