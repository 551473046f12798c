"""What odd answers of an S3 server mean. A proxy gives them; all else the real server answers."""

from __future__ import annotations

from http.server import BaseHTTPRequestHandler
from types import SimpleNamespace

import pytest
import urllib3
from flask_chest_parquet import bucket as buckets
from support.lake import LakeBucket

from flask_chest.errors import ConfigurationError, ExporterUnavailable
from flask_chest.testing import make_batch, make_record

PAGE = b"<html><body>We are back soon</body></html>"


def error(code):
    return f"<?xml version='1.0'?><Error><Code>{code}</Code></Error>".encode()


@pytest.fixture
def proxy(bucket, serve_with, monkeypatch):
    """Give what a proxy does: `odd`, by the number of a request, answers it with (status, body).

    With `late`, the server has done what was asked for, and its answer is lost.
    """
    told = SimpleNamespace(odd=lambda _: None, late=False, requests=0, real=LakeBucket(bucket))
    monkeypatch.setattr(buckets, "_PAUSE_SECONDS", 0.001)
    host, port = told.real.address

    class Proxy(BaseHTTPRequestHandler):
        def _answer(self):
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            told.requests += 1
            odd = told.odd(told.requests)
            if odd is None or told.late:
                url, sent = f"http://{host}:{port}{self.path}", dict(self.headers)
                answer = pool.request(self.command, url, body=body, headers=sent, retries=False)
            status, content = odd or (answer.status, answer.data)
            self.send_response(status)
            for name, value in {} if odd else answer.headers.items():
                if name.lower() not in ("content-length", "transfer-encoding", "connection"):
                    self.send_header(name, value)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_):
            pass

    for method in ("GET", "PUT", "DELETE"):
        setattr(Proxy, f"do_{method}", Proxy._answer)
    url = "http://{}:{}".format(*serve_with(Proxy))
    told.backend = LakeBucket(bucket, endpoint=url)
    with urllib3.PoolManager() as pool:
        yield told


@pytest.fixture
def store(proxy, opened):
    store = opened(proxy.backend)
    proxy.requests = 0
    return store


@pytest.mark.parametrize("late", [False, True])
@pytest.mark.parametrize(
    "answer", [(503, error("SlowDown")), (409, error("ConditionalRequestConflict"))], ids=str
)
def test_a_busy_server_is_asked_again_and_has_each_record_once(proxy, store, answer, late):
    proxy.odd, proxy.late = (lambda number: answer if number % 2 else None), late
    for _ in range(3):
        store.export(make_batch(make_record()))
    assert len(proxy.real.ids()) == len(set(proxy.real.ids())) == 3


@pytest.mark.parametrize(
    ("answer", "kind", "message"),
    [
        ((503, error("SlowDown")), ExporterUnavailable, "answers 503 SlowDown"),
        ((403, error("AccessDenied")), ConfigurationError, "Allow this user to list the bucket"),
        ((403, error("RequestTimeTooSkewed")), ConfigurationError, "Correct the clock"),
        ((400, error("ExpiredToken")), ConfigurationError, "Renew session_token"),
        ((301, error("PermanentRedirect")), ConfigurationError, "Correct region"),
        ((501, error("NotImplemented")), ConfigurationError, "with conditional writes"),
        ((302, b""), ExporterUnavailable, "answers 302"),
        ((200, PAGE), ExporterUnavailable, "no answer of an S3 server"),
        ((200, b""), ExporterUnavailable, "no answer of an S3 server"),
    ],
    ids=str,
)
def test_records_wait_whatever_the_server_answers_to_which_request(
    proxy, store, answer, kind, message
):
    records = 0
    is_odd = True
    while is_odd:
        records += 1
        batch = make_batch(make_record())
        proxy.requests = 0
        proxy.odd = lambda number, at=records: answer if number >= at else None
        try:
            store.export(batch)
        except (ExporterUnavailable, ConfigurationError) as raised:
            assert isinstance(raised, kind)  # noqa: PT017 - some attempts do not raise
            assert message in str(raised)  # noqa: PT017 - as above
        else:
            assert len(proxy.real.ids()) == records, f"request {records} is believed"
        is_odd = proxy.requests >= records
        proxy.odd = lambda _: None
        store.export(batch)
        assert len(proxy.real.ids()) == len(set(proxy.real.ids())) == records
    assert records > 4
