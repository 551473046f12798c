"""`outbound_headers()` returns only what every HTTP client sends, whatever came in."""

from __future__ import annotations

import ssl
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

import httpx
import pytest
import requests
from flask import Flask
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from flask_chest import FlaskChest, outbound_headers

PARENT = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
BAD_PARENTS = [
    PARENT + "\xe9",
    "00-" + "0" * 32 + PARENT[35:],
    PARENT.upper(),
    PARENT + "-more",
    "ff" + PARENT[2:],
    "01" + PARENT[2:] + "-\xe9",
    "01" + PARENT[2:] + "-a b",
    PARENT + "\n",
    PARENT + "," + PARENT,
    "",
]
BAD_STATES = [
    "a=\xe9",
    "a",
    "A=b",
    "a=b,,\x7f",
    "a=b\n",
    "a==",
    "",
    ",",
    ",".join("a=b" for _ in range(33)),
]
GOOD_STATES = [
    "a=b",
    "a=b,c=d",
    "rojo=00f067aa0ba902b7, congo=t61rcWkgMzE",
    "0tenant@system=x y",
    "a=" + "x" * 256,
    "a=b,,c=d",
    ",".join(f"k{n}=v" for n in range(32)),
]

anything = st.text(st.characters(max_codepoint=255), max_size=80)  # as WSGI has it: latin-1
nearly = st.builds(
    lambda text, place, odd: text[:place] + odd + text[place + 1 :],
    st.sampled_from([PARENT, "a=b,c=d"]),
    st.integers(0, 55),
    st.characters(max_codepoint=255),
)


@pytest.fixture(scope="module")
def app(tmp_path_factory):
    folder = tmp_path_factory.mktemp("chest")
    app = Flask("shop")
    chest = FlaskChest(
        app,
        exporters={"main": f"sqlite:///{folder}/x.sqlite3"},
        journal="memory",
        raise_errors=True,
    )
    app.get("/")(chest.track(outbound_headers))
    yield app
    chest.close()


def outbound(app, **headers):
    """Return what a request with such headers sends on, given as WSGI gives them."""
    environ = {f"HTTP_{name.upper()}": value for name, value in headers.items()}
    response = app.test_client().get("/", environ_overrides=environ)
    assert response.status_code == 200
    found = response.json
    assert found.pop("X-Request-ID") == response.headers["X-Request-ID"]
    return found


class Upstream(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        self.send_response(204)
        self.end_headers()

    def log_message(self, *_):
        pass


@pytest.fixture(scope="module")
def send():
    """Return a function that sends headers to a real server, with httpx and with requests."""
    server = HTTPServer(("127.0.0.1", 0), Upstream)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    url = f"http://127.0.0.1:{server.server_port}/"
    unread = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)  # to read certificates takes 20 ms each time

    def send(headers):
        assert httpx.get(url, headers=headers, timeout=60, verify=unread).status_code == 204
        assert requests.get(url, headers=headers, timeout=60).status_code == 204

    yield send
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.mark.opens_nothing
@settings(
    deadline=None,
    max_examples=100,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(parent=anything | nearly | st.just(PARENT), state=anything | nearly, request_id=anything)
@example(PARENT + "\xe9", "a=b", "r")
@example(PARENT, "a=\xe9", "\xe9")
@example("01" + PARENT[2:] + "-\xe9", "a=b", "r\n")
def test_whatever_came_in_clients_send_what_goes_on(app, send, parent, state, request_id):
    headers = outbound(app, traceparent=parent, tracestate=state, x_request_id=request_id)
    assert headers.keys() <= {"traceparent", "tracestate"}
    assert headers.get("traceparent", parent) == parent
    assert headers.get("tracestate", state) == state
    send(headers)


@pytest.mark.opens_nothing
@pytest.mark.parametrize("parent", BAD_PARENTS)
def test_a_traceparent_that_is_not_well_formed_stays_here_with_its_tracestate(app, parent):
    assert outbound(app, traceparent=parent, tracestate="a=b") == {}


@pytest.mark.opens_nothing
@pytest.mark.parametrize("state", BAD_STATES)
def test_a_tracestate_that_is_not_well_formed_stays_here(app, state):
    assert outbound(app, traceparent=PARENT, tracestate=state) == {"traceparent": PARENT}


@pytest.mark.opens_nothing
@pytest.mark.parametrize("parent", [PARENT, "01" + PARENT[2:], "01" + PARENT[2:] + "-more"])
@pytest.mark.parametrize("state", GOOD_STATES)
def test_what_is_well_formed_goes_on_unchanged(app, send, parent, state):
    headers = {"traceparent": parent, "tracestate": state}
    assert outbound(app, **headers) == headers
    send(headers)


@pytest.mark.opens_nothing
def test_a_long_tracestate_takes_no_long_time(app):
    state = "a=b," + " " * 60_000 + "\x01"
    assert outbound(app, traceparent=PARENT, tracestate=state) == {"traceparent": PARENT}
