"""A middleware that sends a request to the application again: one record, of what was answered."""

from __future__ import annotations

import pytest
from flask import Flask, g
from werkzeug.local import LocalProxy
from werkzeug.wsgi import ClosingIterator


def retrying(application, *, keeps_the_start=False):
    """Send a request again that was answered with 503, or that failed; with another path if 404."""

    def serve(environ, start_response):
        began = []

        def start(status, headers, exc_info=None):
            began[:] = [status, headers]
            return start_response(status, headers, exc_info) if keeps_the_start else None

        try:
            body = application(environ, start)
        except ValueError:
            began[:] = ["503", []]
            body = ClosingIterator([])
        if began[0][:3] in {"503", "404"}:
            body.close()
            if began[0].startswith("404"):
                environ["PATH_INFO"] = "/page"
            return application(environ, start_response)
        if not keeps_the_start:
            start_response(*began)
        return body

    return serve


@pytest.mark.parametrize("keeps_the_start", [False, True])
@pytest.mark.parametrize("track_all", [False, True])
@pytest.mark.parametrize("slots", [False, True])
@pytest.mark.parametrize("first", ["busy", "raises"])
def test_a_request_that_is_sent_again_is_recorded_as_it_was_answered(
    make_chest, recorded, keeps_the_start, track_all, slots, first
):
    chest = make_chest(track_all=track_all)
    app = Flask("shop")
    app.testing = True
    if slots:

        class Globals(app.app_ctx_globals_class):
            __slots__ = ("attempt",)

        app.app_ctx_globals_class = Globals
    attempts = []

    @app.get("/")
    @chest.track("*")
    def index():
        attempts.append(g.request_id)
        g.attempt = len(attempts)
        if len(attempts) > 1:
            return "ok"
        g.first, g.proxy = 1, LocalProxy(lambda: "ann")
        if first == "raises":
            raise ValueError("no")
        return "busy", 503

    app.wsgi_app = retrying(app.wsgi_app, keeps_the_start=keeps_the_start)
    chest.init_app(app)
    answer = app.test_client().get("/")
    [row] = recorded(chest, 1)
    assert (row["status_code"], row["variables"]) == (200, {"attempt": 2})
    assert row["error"] is None
    assert set(attempts) == {row["request_id"], answer.headers["X-Request-ID"]}


def test_a_request_that_is_sent_again_to_another_page_is_recorded_as_that_page(
    make_chest, recorded
):
    chest = make_chest(track_all=True)
    app = Flask("shop")
    app.add_url_rule("/page", "page", lambda: "ok")
    app.wsgi_app = retrying(app.wsgi_app)
    chest.init_app(app)
    assert app.test_client().get("/nowhere").text == "ok"
    [row] = recorded(chest, 1)
    assert (row["endpoint"], row["path"], row["status_code"]) == ("page", "/page", 200)
