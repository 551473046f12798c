"""What the tests of all stores share. Each folder or file gives the fixture `backend`."""

from __future__ import annotations

import threading
from http.server import ThreadingHTTPServer

import pytest
from support.backends import ClickHouse, Mongo, Mysql, Postgres, Sqlite


@pytest.fixture
def backend_of(request, tmp_path):
    """Return a function that gives an empty backend: `sqlite`, `postgres`, `mongo`, ..."""

    def find(name):
        if name == "sqlite":
            return Sqlite(tmp_path / "chest.sqlite3")
        kinds = {"postgres": Postgres, "mysql": Mysql, "mongo": Mongo, "clickhouse": ClickHouse}
        return kinds[name](request.getfixturevalue(name))

    return find


@pytest.fixture
def store(backend):
    """Return an open store on an empty backend."""
    store = backend.new()
    store.open()
    yield store
    store.close()


@pytest.fixture
def opened():
    """Return a function that opens a store on a backend, and closes it after the test."""
    made = []

    def start(backend, **fields):
        made.append(backend.new(**fields))
        made[-1].open()
        return made[-1]

    yield start
    for each in made:
        each.close()


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
