"""Under eventlet, requests are recorded and delivered, also to a driver that waits by itself."""

from __future__ import annotations

import json
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from flask_chest_mongo import MongoStore
from flask_chest_mysql import MysqlStore
from flask_chest_postgres import PostgresStore
from flask_chest_sqlite import SqliteStore

from flask_chest.testing.relay import Relay

PROGRAM = Path(__file__).parent / "programs" / "under_eventlet.py"


@contextmanager
def served(folder, url):
    """Start the program; give a function that sends it a line and returns its answer."""
    process = subprocess.Popen(
        [sys.executable, PROGRAM, folder, url],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )

    def say(line):
        process.stdin.write(f"{line}\n")
        process.stdin.flush()
        answer = process.stdout.readline()
        assert answer, process.communicate()[1]
        return json.loads(answer)

    try:
        yield say
        _, errors = process.communicate(timeout=120)
        assert (process.returncode, errors) == (0, "")
    finally:
        process.kill()
        process.communicate()


def numbers(kind, url):
    store = kind(kind.config_model.model_validate({"url": url}))
    store.open()
    try:
        records = list(store.query())
    finally:
        store.close()
    assert all(r.variables["number"] == r.variables["after"] for r in records)
    assert all(r.path == f"/{r.variables['number']}" for r in records)
    return sorted(r.variables["number"] for r in records)


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("postgres", PostgresStore),
        pytest.param("mysql", MysqlStore, marks=pytest.mark.slow),
        pytest.param("mongo", MongoStore, marks=pytest.mark.slow),
    ],
)
@pytest.mark.slow
def test_requests_are_recorded_once_and_delivered(request, tmp_path, name, kind):
    url = request.getfixturevalue(name)
    with served(tmp_path, url) as say:
        assert say(20) == [str(number) for number in range(20)]
        assert say("flush") is True
    assert numbers(SqliteStore, f"sqlite:///{tmp_path}/chest.sqlite3") == list(range(20))
    assert numbers(kind, url) == list(range(20))


@pytest.mark.slow
def test_requests_go_on_while_the_database_does_not_answer(tmp_path, postgres):
    server = urlsplit(postgres)
    with Relay(server.hostname, server.port) as relay:
        host, port = relay.address
        user = server.netloc.rpartition("@")[0]
        relayed = server._replace(netloc=f"{user}@{host}:{port}").geturl()
        with served(tmp_path, relayed) as say:
            say(1)
            assert say("flush") is True
            relay.stall()
            for _ in range(5):
                assert say(3) == ["0", "1", "2"]
            relay.resume()
            assert say("flush") is True
    assert numbers(PostgresStore, postgres) == sorted([0, *[0, 1, 2] * 5])
