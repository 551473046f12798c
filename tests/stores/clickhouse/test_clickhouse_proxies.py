"""A proxy for HTTP before ClickHouse, which answers by itself, leaves out headers, or hangs up."""

from __future__ import annotations

from http.server import BaseHTTPRequestHandler
from types import SimpleNamespace

import pytest
import urllib3
from support.clickhouse import stored

from flask_chest.errors import BatchRejected, ConfigurationError, ExporterUnavailable
from flask_chest.testing import make_batch, make_record


@pytest.fixture
def proxy(backend, serve_with):
    """Give what the proxy does with insertions: `answers` with a text, `hangs_up`, or relays."""
    told = SimpleNamespace(answers=None, hangs_up=0, relayed=0)
    host, port = backend.config["host"], backend.config["port"]

    class Proxy(BaseHTTPRequestHandler):
        def do_POST(self):
            body = self.rfile.read(int(self.headers["Content-Length"]))
            status, text = 200, told.answers
            if text is None or "INSERT" not in self.path:
                answer = pool.request(
                    "POST",
                    f"http://{host}:{port}{self.path}",
                    body=body,
                    headers=dict(self.headers),
                )
                status, text = answer.status, answer.data
                told.relayed += "INSERT" in self.path
            if told.hangs_up and "INSERT" in self.path:
                told.hangs_up -= 1
                self.close_connection = True
                return
            self.send_response(status)  # and no header of ClickHouse's
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)

        def log_message(self, *_):
            pass

    told.at = dict(zip(("host", "port"), serve_with(Proxy), strict=True))
    with urllib3.PoolManager() as pool:
        yield told


@pytest.mark.parametrize(
    "text",
    [
        b"<html>We are back soon</html>",
        b"Code: 252. DB::Exception: Too many parts (300). (TOO_MANY_PARTS) (version 26.9)",
    ],
)
def test_200_with_a_text_is_no_insertion(backend, opened, proxy, text):
    store = opened(backend, **proxy.at)
    batch = make_batch(make_record())
    proxy.answers = text
    with pytest.raises(ExporterUnavailable, match=r"does not answer as ClickHouse|Merges do not"):
        store.export(batch)
    assert proxy.relayed == stored(backend) == 0
    proxy.answers = None
    store.export(batch)
    assert stored(backend) == 1


@pytest.mark.parametrize("times", [1, 2])
def test_a_batch_whose_answer_is_lost_after_the_commit_is_stored_once(
    backend, opened, proxy, times
):
    store = opened(backend, **proxy.at)
    batch = make_batch(*(make_record() for _ in range(10)))
    proxy.hangs_up = times
    if times == 1:  # once more at once, as an idle connection may have been closed
        store.export(batch)
    else:
        with pytest.raises(ExporterUnavailable, match="connection was lost"):
            store.export(batch)
        store.export(batch)
    assert proxy.relayed == times + 1
    assert stored(backend) == 10


def test_an_exception_is_understood_without_its_header(backend, opened, proxy):
    store = opened(backend, **proxy.at)
    with pytest.raises(BatchRejected, match="malformed"):
        store.export(make_batch(make_record(started_at="2024-05-01T12:00:00.00000xZ")))
    with pytest.raises(ConfigurationError, match="no such setting"):
        opened(backend, settings={"no_such": 1}, **proxy.at)
