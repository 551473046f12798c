"""Fixtures of all tests: databases, applications over real HTTP, journals, distributions."""

from __future__ import annotations

import fcntl
import gc
import json
import logging
import os
import resource
import signal
import sqlite3
import ssl
import threading
import time
from pathlib import Path

import httpx
import pytest
from flask import Flask
from support.answering import Answering, Handler
from support.installing import build
from support.leaks import new_threads, nothing_left, open_files
from support.sharing import shared
from support.variants import further_variants
from support.warm import WarmPython
from werkzeug.serving import make_server

from flask_chest import FlaskChest
from flask_chest.export import Export
from flask_chest.journal import DiskJournal, MemoryJournal
from flask_chest.runtime.counters import Counters
from flask_chest.runtime.log import Throttle
from tools.servers import ClickHouseServer, MariaServer, MongoServer, PostgresServer
from tools.servers.seaweed import SeaweedServer

# Without cached bytecode, each process that a test starts would compile the whole package.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)

# A background job of a shell ignores SIGINT, and the servers that tests stop would inherit that.
if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

collect_ignore = ["compat", "spark"]
"""Run by `make test-compat` and `make test-spark`, in environments of their own."""

LONGEST = (
    "test_public_suites",
    "test_interrupted_stores",
    "test_pyinstaller_one_file",
    "test_pyinstaller_page",
    "test_one_file_page",
    "test_server_matrix",
    "test_storm",
    "test_packaging",
    "test_exit",
    "test_postgres_contracts",
    "test_mongo_contracts",
    "test_clickhouse_contracts",
    "test_lake_contracts",
    "test_mysql_contracts",
    "test_dashboard_backends",
    "test_rollups",
    "test_random_rollups",
    "test_views_and_commands",
    "test_standalone",
)
"""Files that take longest. They run first, so that no process of `make test` ends with one."""

_PATIENCE_SECONDS = 60.0
"""Limit of each wait. It is reached only by a test that fails."""


def pytest_addoption(parser):
    parser.addoption(
        "--few-variants",
        action="store_true",
        help="of each test that opens something, run one variant for each store and server",
    )


def pytest_collection_modifyitems(config, items):
    if config.getoption("--few-variants"):
        dropped = further_variants(items)
        items[:] = [item for item in items if item not in dropped]
        config.hook.pytest_deselected(items=list(dropped))
    places = {name: place for place, name in enumerate(LONGEST)}
    items.sort(key=lambda item: places.get(item.path.stem, len(LONGEST)))


def pytest_collection_finish():
    _leave_out_of_collections()


@pytest.hookimpl(trylast=True)
def pytest_runtest_teardown(item, nextitem):
    if nextitem is None or nextitem.path != item.path:
        _leave_out_of_collections()


def _leave_out_of_collections():
    """Leave what is there now out of every later garbage collection.

    That is the tests themselves, and what a file of tests has left in caches. With them, a full
    collection took 0.3 s, and `no_leaks` needs one after each test that ends with a cycle.
    """
    gc.collect()
    gc.freeze()


@pytest.fixture(scope="session")
def warm_python():
    """Run Python programs in processes of their own, without importing the libraries each time."""
    with WarmPython() as python:
        yield python


@pytest.fixture(autouse=True)
def no_leaks(request):
    """Fail a test that leaves threads, connections or open files behind."""
    if request.node.get_closest_marker("opens_nothing"):
        yield
        return
    threads, files = set(threading.enumerate()), open_files()
    with nothing_left(lambda: [*new_threads(threads), *(open_files() - files)]):
        yield


@pytest.fixture(autouse=True)
def patient_flushes(monkeypatch):
    """Let a flush that has its default patience, 5 seconds, be as patient as a slow machine needs.

    One that fails answers at once, as before.
    """
    flush = Export.flush
    monkeypatch.setattr(
        Export,
        "flush",
        lambda self, seconds: flush(self, _PATIENCE_SECONDS if seconds == 5.0 else seconds),
    )


def _server_fixture(kind, *, is_shared=False):
    @pytest.fixture(scope="session")
    def server(tmp_path_factory):
        given = os.environ.get(kind.variable)
        if not is_shared or given is not None or "PYTEST_XDIST_WORKER" not in os.environ:
            made = kind(given)
        else:
            made = shared(kind, tmp_path_factory.getbasetemp().parent)
        with made as running:
            yield running

    return server


postgres_server = _server_fixture(PostgresServer)
mysql_server = _server_fixture(MariaServer)
mongo_server = _server_fixture(MongoServer)
# Their start takes long, and their threads do much when nobody asks.
clickhouse_server = _server_fixture(ClickHouseServer, is_shared=True)
s3_server = _server_fixture(SeaweedServer, is_shared=True)


def _database_fixture(server):
    @pytest.fixture
    def url(request):
        """Return the URL of an empty database on a real server."""
        with request.getfixturevalue(server).database() as url:
            yield url

    return url


postgres = _database_fixture("postgres_server")
mysql = _database_fixture("mysql_server")
mongo = _database_fixture("mongo_server")
clickhouse = _database_fixture("clickhouse_server")


@pytest.fixture
def bucket(s3_server):
    """Return the URL of an empty bucket on a real S3 server."""
    with s3_server.bucket() as url:
        yield url


@pytest.fixture
def database(tmp_path):
    return tmp_path / "chest.sqlite3"


@pytest.fixture
def make_chest(tmp_path, database):
    """Return a function that makes a FlaskChest with its files in the test's folder."""
    made = []

    def make(**arguments):
        chest = FlaskChest(
            **{
                "exporters": {"main": f"sqlite:///{database}"},
                "journal": str(tmp_path / "journal"),
                "export_interval_seconds": 60.0,
                "raise_errors": True,
                "testing": "deliver",
                **arguments,
            }
        )
        made.append(chest)
        return chest

    yield make
    for chest in made:
        for state in list(chest._applications.states):
            state.close()


@pytest.fixture
def chest(make_chest):
    return make_chest()


@pytest.fixture
def app():
    return Flask("shop")


@pytest.fixture
def said(caplog):
    """Return a function that returns the messages that Flask-Chest logged, of any level."""
    caplog.set_level(logging.DEBUG, "flask_chest")
    return lambda: [r.getMessage() for r in caplog.records if r.name == "flask_chest"]


@pytest.fixture
def tracked(chest, app):
    """Return an application with Flask-Chest."""
    chest.init_app(app)
    return app


_NO_CERTIFICATES = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
"""Given to clients, none of which speaks TLS: to read the system's certificates takes 20 ms."""


class Client(httpx.Client):
    """An HTTP client of a real server. Responses are read whole; redirects are not followed."""


@pytest.fixture
def serve():
    """Return a function that serves an application on a free port and returns a client."""
    running = []

    def start(app) -> Client:
        server = make_server("127.0.0.1", 0, app, threaded=True, request_handler=Handler)
        server.answering = Answering()
        server.daemon_threads = False  # so that `server_close` waits for them
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        client = Client(
            base_url=f"http://127.0.0.1:{server.server_port}",
            timeout=_PATIENCE_SECONDS,
            verify=_NO_CERTIFICATES,
        )
        client.answering = server.answering
        running.append((client, server, thread))
        return client

    yield start
    for client, server, thread in running:
        client.close()
        server.shutdown()
        thread.join()
        server.server_close()


def read_records(database: Path, order: str = "started_at, id") -> list[dict]:
    """Return the rows of `chest_records` in a SQLite file."""
    connection = sqlite3.connect(database)
    connection.row_factory = sqlite3.Row
    try:
        rows = [
            dict(row) for row in connection.execute(f"SELECT * FROM chest_records ORDER BY {order}")
        ]
    finally:
        connection.close()
    for row in rows:
        row["variables"] = json.loads(row["variables"])
    return rows


@pytest.fixture
def recorded(database):
    """Return a function that flushes a chest and returns all rows of the database.

    With `expected`, it waits for that many rows: a server thread may still be finishing the request
    whose response the client has read.
    """

    def read(chest, expected=None):
        deadline = time.monotonic() + _PATIENCE_SECONDS
        while True:
            assert chest.flush(_PATIENCE_SECONDS)
            rows = read_records(database)
            if expected is None or len(rows) >= expected or time.monotonic() > deadline:
                assert expected is None or len(rows) == expected, rows
                return rows
            time.sleep(0.01)

    return read


# -- Journals --------------------------------------------------------------------------------


@pytest.fixture
def counters():
    return Counters()


@pytest.fixture
def make_disk(tmp_path, counters):
    made = []

    def make(*exporters, folder=tmp_path / "chest", **options):
        journal = DiskJournal(
            folder, exporters or ("main", "other"), counters, Throttle(), **options
        )
        made.append(journal)
        return journal

    yield make
    for journal in made:
        journal.close()


@pytest.fixture
def make_memory(counters):
    return lambda *exporters, **options: MemoryJournal(
        exporters or ("main", "other"), counters, Throttle(), **options
    )


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "chest"


@pytest.fixture
def file_size_limit():
    """Return a function that limits the size of files: writes are cut off, as on a full disk."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    yield lambda size: resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    resource.setrlimit(resource.RLIMIT_FSIZE, before)
    signal.signal(signal.SIGXFSZ, handler)


# -- Distributions ---------------------------------------------------------------------------


@pytest.fixture(scope="session")
def wheels(tmp_path_factory):
    """Build each distribution through its sdist, as a release does, once for all processes."""
    shared = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        shared = shared.parent
    folder, done = shared / "dist", shared / "dist-is-built"
    with (shared / "dist-lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not done.exists():
            build(folder)
            done.touch()
    return folder
