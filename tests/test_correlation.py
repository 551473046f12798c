"""The request's ID on log lines, in streams, and on the requests that a request makes."""

from __future__ import annotations

import io
import json
import logging
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import httpx
import pytest
import requests
import structlog
from flask import Flask, g, stream_with_context

from flask_chest import (
    RequestIdFilter,
    add_request_id,
    current_request_id,
    outbound_headers,
)

TRACEPARENT = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"


@pytest.fixture
def lines():
    """Return what returns the lines logged so far, each with its request ID in front."""
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(logging.Formatter("%(request_id)s %(message)s"))
    handler.addFilter(RequestIdFilter())
    root = logging.getLogger()
    root.addHandler(handler)
    yield lambda: stream.getvalue().splitlines()
    root.removeHandler(handler)


def test_each_log_line_of_a_request_carries_its_id(chest, app, serve, lines):
    chest.init_app(app)
    library = logging.getLogger("some.library")

    @app.before_request
    def before():
        library.warning("before")

    @app.teardown_request
    def teardown(_error):
        library.warning("teardown")

    @app.get("/tracked")
    @chest.track
    def tracked():
        library.warning("tracked")
        return ""

    @app.get("/untracked")
    def untracked():
        library.warning("untracked")
        return ""

    client = serve(app)
    library.warning("outside")
    first = client.get("/tracked").headers["X-Request-ID"]
    second = client.get("/untracked").headers["X-Request-ID"]
    assert [line for line in lines() if not line.startswith("- ") or "outside" in line] == [
        "- outside",
        *(f"{first} {what}" for what in ("before", "tracked", "teardown")),
        *(f"{second} {what}" for what in ("before", "untracked", "teardown")),
    ]


@pytest.mark.parametrize("keep_context", [True, False])
def test_lines_and_code_of_a_streamed_body_have_its_id(chest, app, serve, lines, keep_context):
    chest.init_app(app)

    @app.get("/")
    @chest.track
    def view():
        def body():
            for _ in range(2):
                logging.getLogger("app").warning("streaming")
                yield f"{current_request_id()}\n"

        return stream_with_context(body()) if keep_context else body()

    response = serve(app).get("/")
    request_id = response.headers["X-Request-ID"]
    assert response.text == f"{request_id}\n" * 2
    assert [line for line in lines() if "streaming" in line] == [f"{request_id} streaming"] * 2
    assert current_request_id() is None


def test_the_response_carries_the_id_on_every_kind_of_error(chest, app, serve, recorded):
    chest.init_app(app)
    app.config["PROPAGATE_EXCEPTIONS"] = False

    @app.get("/fails")
    @chest.track
    def fails():
        raise ZeroDivisionError

    @app.get("/handled")
    @chest.track
    def handled():
        raise KeyError

    @app.errorhandler(KeyError)
    def on_key_error(_error):
        return "handled", 418

    @app.get("/breaks")
    @chest.track
    def breaks():
        def body():
            yield "a"
            raise ZeroDivisionError

        return body()

    client = serve(app)
    ids = [client.get("/fails").headers["X-Request-ID"]]
    ids.append(client.get("/handled").headers["X-Request-ID"])
    with client.stream("GET", "/breaks") as response:
        ids.append(response.headers["X-Request-ID"])
        with pytest.raises(httpx.RemoteProtocolError):
            response.read()
    assert {row["request_id"] for row in recorded(chest, 3)} == set(ids)


def test_structlog_events_carry_the_id(chest, app, serve):
    chest.init_app(app)
    seen = []

    def collect(_logger, _method, event):
        seen.append(event)
        raise structlog.DropEvent

    log = structlog.wrap_logger(structlog.PrintLogger(), [add_request_id, collect])

    @app.get("/")
    @chest.track
    def view():
        log.info("inside")
        log.info("own", request_id="mine")
        return g.request_id

    log.info("outside")
    request_id = serve(app).get("/").text
    assert seen == [
        {"event": "outside"},
        {"event": "inside", "request_id": request_id},
        {"event": "own", "request_id": "mine"},
    ]


def test_a_generator_that_logs_does_not_ask_itself_for_the_id(chest, app, serve, lines, recorded):
    def generator(_request):
        logging.getLogger("ids").warning("making one for %s", current_request_id())
        return "made"

    chest.init_app(app)
    app.get("/")(chest.track(request_id=generator)(lambda: ""))
    assert serve(app).get("/").headers["X-Request-ID"] == "made"
    [row] = recorded(chest, 1)
    [line] = [line for line in lines() if "making" in line]
    assert line == f"{row['id']} making one for {row['id']}"


@pytest.fixture
def upstream():
    """Return the URL of a server that keeps the headers it is sent, and these."""
    seen = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            seen.append(dict(self.headers))
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_):
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/", seen
    server.shutdown()
    thread.join()
    server.server_close()


def test_outbound_requests_carry_the_id_and_the_trace(chest, app, serve, upstream):
    url, seen = upstream
    chest.init_app(app)

    @app.get("/")
    @chest.track
    def view():
        httpx.get(url, headers=outbound_headers())
        requests.get(url, headers=outbound_headers(), timeout=10)
        return g.request_id

    headers = {"traceparent": TRACEPARENT, "tracestate": "a=b"}
    request_id = serve(app).get("/", headers=headers).text
    assert len(seen) == 2
    for each in seen:
        given = {name.lower(): value for name, value in each.items()}
        assert given["x-request-id"] == request_id
        assert given["traceparent"] == TRACEPARENT
        assert given["tracestate"] == "a=b"


def test_outbound_headers_use_the_applications_header(make_chest, app):
    chest = make_chest(request_id_header="X-Correlation-ID,X-Request-ID")
    chest.init_app(app)
    with app.test_request_context("/", headers={"X-Correlation-ID": "c-1"}):
        assert outbound_headers() == {"X-Correlation-ID": "c-1"}


def test_outside_of_requests_and_without_flask_chest_there_is_nothing_to_carry(app):
    assert outbound_headers() == {}
    with app.test_request_context("/"):
        assert outbound_headers() == {}
        assert current_request_id() is None


# -- Traces ----------------------------------------------------------------------------------

TRACED_APP = Path(__file__).parent / "programs" / "traced_app.py"


def test_the_trace_is_that_of_the_active_opentelemetry_span(tmp_path):
    done = subprocess.run(
        [
            *(sys.executable, TRACED_APP),
            *(f"sqlite:///{tmp_path}/x.sqlite3", str(tmp_path / "journal"), TRACEPARENT),
        ],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    seen, recorded = json.loads(done.stdout)
    assert seen == recorded
    assert seen[1] == TRACEPARENT[3:35]
    assert len(set(seen)) == 3


def test_opentelemetry_is_never_imported(tmp_path):
    code = (
        "import sys; from flask import Flask; from flask_chest import FlaskChest;"
        "app = Flask('x'); chest = FlaskChest(app, journal='memory', track_all=True,"
        f"exporters={{'main': 'sqlite:///{tmp_path}/x.sqlite3'}});"
        "app.test_client().get('/'); chest.close();"
        "print([m for m in sys.modules if m.startswith(('opentelemetry', 'structlog'))])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.stdout.strip() == "[]", done.stderr


def test_an_opentelemetry_that_is_broken_costs_nothing(chest, app, recorded, monkeypatch):
    monkeypatch.setitem(sys.modules, "opentelemetry.trace", object())
    chest.init_app(app)
    app.get("/")(chest.track(lambda: ""))
    app.test_client().get("/", headers={"traceparent": TRACEPARENT})
    assert recorded(chest, 1)[0]["trace_id"] == TRACEPARENT[3:35]


def test_a_flask_app_without_flask_chest_logs_as_before(lines):
    app = Flask("plain")
    app.get("/")(lambda: logging.getLogger("x").warning("line") or "")
    app.test_client().get("/")
    assert "- line" in lines()
