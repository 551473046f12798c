"""The server is killed in the middle of insertions: nothing is lost, and nothing is there twice."""

from __future__ import annotations

import random
import threading
import time
from contextlib import closing
from http.server import BaseHTTPRequestHandler

import pytest
import urllib3
from support.backends import ClickHouse
from support.clickhouse import stored

from flask_chest.errors import ExporterUnavailable
from flask_chest.testing import make_batch, make_record
from flask_chest.testing.records import START
from tools.servers import ClickHouseServer

KILLS = 4
BATCH = 1_500


@pytest.fixture
def own():
    """Return a backend on a server of this test alone."""
    with ClickHouseServer() as server:
        server.create("shop")
        yield server, ClickHouse(server.url("shop"))


def deliver(store, batch):
    """Deliver a batch as the core does: again, until it is stored. Return the failures."""
    for failures in range(3_000):
        try:
            if failures:
                store.open()
            store.export(batch)
        except ExporterUnavailable:
            time.sleep(0.02)
        else:
            return failures
    raise TimeoutError("the server does not come back")


@pytest.mark.slow
def test_after_kills_in_the_middle_of_insertions_each_record_is_stored_once(own):
    server, backend = own
    chance = random.Random(18)
    inserting, done = threading.Event(), threading.Event()
    sent, failures = [], []
    store = backend.new(connect_timeout_seconds=1.0)

    def export():
        store.open()
        while not done.is_set():
            # Of two days, so that each batch has two parts, of which one may be missing.
            days = (START, START.replace(day=2))
            records = [make_record(started_at=days[n % 2]) for n in range(BATCH)]
            sent.extend(record["id"] for record in records)
            inserting.set()
            failures.append(deliver(store, make_batch(*records)))
            inserting.clear()

    exporting = threading.Thread(target=export)
    exporting.start()
    try:
        # In this thread: a server ends with the thread that started it.
        for _ in range(KILLS):
            assert inserting.wait(60)
            done.wait(chance.uniform(0.0, 0.15))
            server.kill()
            server.start()
    finally:
        done.set()
        exporting.join()
    with closing(store):
        assert sum(failures), "no kill has hit an insertion"
        assert sorted(backend.ids()) == sorted(sent)
        # Not even below, where nothing is merged: the server knows each token.
        assert stored(backend) == len(sent)


class Forgetful(BaseHTTPRequestHandler):
    """Passes requests on to the server, and loses the answer to the first insertion of records."""

    protocol_version = "HTTP/1.1"
    lost: int
    target: tuple[str, int]

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        with closing(urllib3.HTTPConnectionPool(*self.target)) as pool:
            answer = pool.request("POST", self.path, body=body, headers=dict(self.headers))
        if "query=INSERT" in self.path and not type(self).lost:
            type(self).lost += 1
            self.close_connection = True
            return
        self.send_response(answer.status)
        self.send_header("Content-Length", str(len(answer.data)))
        self.end_headers()
        self.wfile.write(answer.data)

    def log_message(self, *_):
        pass


def test_a_batch_whose_answer_is_lost_is_stored_once(backend, serve_with):
    Forgetful.lost, Forgetful.target = 0, backend.address
    host, port = serve_with(Forgetful)
    store = backend.new(host=host, port=port)
    with closing(store):
        store.open()
        store.export(make_batch(*(make_record() for _ in range(50))))
    assert Forgetful.lost == 1
    assert stored(backend) == 50
