"""Streamed bodies: what is recorded of them, and when, over real HTTP."""

from __future__ import annotations

import threading
import time

import httpx
import pytest
from flask import (
    Response,
    abort,
    g,
    stream_with_context,
)
from werkzeug.test import EnvironBuilder
from werkzeug.wsgi import ClosingIterator


class OutOfStockError(Exception):
    pass


def test_variables_set_while_a_stream_with_context_runs_are_in_the_record(
    chest, tracked, serve, recorded
):
    @tracked.get("/")
    @chest.track("rows", "early")
    def view():
        g.early, g.rows = True, 0

        def lines():
            for number in range(5):
                g.rows += 1
                time.sleep(0.01)
                yield f"{number}\n"

        return Response(stream_with_context(lines()), mimetype="text/csv")

    response = serve(tracked).get("/")
    assert response.text == "0\n1\n2\n3\n4\n"
    [row] = recorded(chest, 1)
    assert row["variables"] == {"rows": 5, "early": True}
    assert row["duration_ms"] >= 50
    assert response.headers["X-Request-ID"] == row["request_id"]


def test_variables_set_while_a_stream_without_context_runs_are_in_the_record(
    chest, tracked, serve, recorded
):
    @tracked.get("/")
    @chest.track("early", "rows")
    def view():
        g.early = True
        variables = g._get_current_object()  # the proxy has no context while it streams

        def lines():
            for number in range(5):
                variables.rows = number
                yield str(number)

        return Response(lines())

    assert serve(tracked).get("/").text == "01234"
    [row] = recorded(chest, 1)
    assert (row["variables"], row["status_code"]) == ({"early": True, "rows": 4}, 200)


def test_a_head_request_to_a_stream_with_context_is_recorded(chest, tracked, serve, recorded):
    @tracked.get("/")
    @chest.track("rows")
    def view():
        g.rows = 0
        return Response(stream_with_context(iter(["a"])))

    serve(tracked).head("/")
    assert recorded(chest, 1)[0]["variables"] == {"rows": 0}


@pytest.mark.parametrize("kind", ["plain", "abort", "error", "length", "stream"])
def test_the_record_is_on_disk_before_the_last_of_the_response_leaves(
    chest, tracked, tmp_path, kind
):
    @tracked.get("/")
    @chest.track
    def view():
        if kind == "abort":
            abort(404)
        if kind == "error":
            raise ZeroDivisionError
        body = stream_with_context(iter(["ab"]))
        headers = {"Content-Length": "2"} if kind == "length" else {}
        return "ab" if kind == "plain" else Response(body, headers=headers)

    def journal():
        return b"".join(p.read_bytes() for p in (tmp_path / "journal/segments").glob("*.jsonl"))

    body = tracked.wsgi_app(EnvironBuilder("/").get_environ(), lambda *_: None)
    if kind in ("length", "stream"):
        assert journal() == b""  # the view may still put variables on g
    if kind == "stream":
        assert next(body) == b"ab"
        assert journal() == b""  # the end is not known before the next read
        assert next(body, None) is None
    else:
        next(body)
    assert journal().count(b"\n") == 1
    body.close()
    assert journal().count(b"\n") == 1


def test_an_exception_in_the_middle_of_a_stream_is_named(chest, tracked, serve, recorded):
    @tracked.get("/")
    @chest.track("rows")
    def view():
        def lines():
            g.rows = 1
            yield "a"
            raise OutOfStockError

        return Response(stream_with_context(lines()))

    with pytest.raises(httpx.RemoteProtocolError):
        serve(tracked).get("/")
    [row] = recorded(chest, 1)
    assert (row["status_code"], row["variables"]) == (200, {"rows": 1})
    assert row["error"] == f"{__name__}.OutOfStockError"


@pytest.mark.parametrize("with_context", [True, False])
def test_a_client_that_disconnects_in_the_middle_of_a_stream(
    chest, tracked, serve, recorded, with_context
):
    closed = threading.Event()

    @tracked.get("/")
    @chest.track("rows")
    def view():
        g.rows = 0
        variables = g._get_current_object()

        def lines():
            try:
                while True:
                    variables.rows += 1
                    yield "x" * 65536
            finally:
                closed.set()

        return Response(stream_with_context(lines()) if with_context else lines())

    client = serve(tracked)
    with client.stream("GET", "/") as response:
        next(response.iter_raw())
    client.close()
    assert closed.wait(10)
    [row] = recorded(chest, 1)
    assert (row["status_code"], row["error"]) == (200, None)
    assert row["variables"]["rows"] > 0


def test_without_the_private_attribute_of_werkzeug_each_body_is_recorded_as_a_stream(
    chest, tracked, recorded, monkeypatch
):
    class Renamed(ClosingIterator):
        def __init__(self, iterable, callbacks=None):
            super().__init__(iterable, callbacks)
            self._closing = vars(self).pop("_callbacks")

        def close(self):
            for callback in self._closing:
                callback()

    monkeypatch.setattr("werkzeug.wrappers.response.ClosingIterator", Renamed)

    @tracked.get("/")
    @chest.track
    def view():
        g.n = 1
        return "ab"

    assert tracked.test_client().get("/").text == "ab"
    [row] = recorded(chest, 1)
    assert (row["variables"], row["status_code"]) == ({"n": 1}, 200)


def test_an_exception_while_a_body_is_closed_is_named(chest, tracked, recorded):
    @tracked.get("/")
    @chest.track
    def index():
        def parts():
            try:
                yield "a"
                yield "b"
            finally:
                raise OSError("the file is gone")

        return tracked.response_class(parts())

    body = tracked.wsgi_app(EnvironBuilder("/").get_environ(), lambda *_: None)
    next(iter(body))
    with pytest.raises(OSError, match="gone"):
        body.close()
    [row] = recorded(chest, 1)
    assert (row["status_code"], row["error"]) == (200, "OSError")
