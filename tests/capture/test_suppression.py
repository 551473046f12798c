"""Requests and variables that `chest.drop_request()` and `chest.suppressed()` keep out."""

from __future__ import annotations

import contextlib
import contextvars

from flask import Flask, g, request, stream_with_context
from werkzeug.local import LocalProxy


def test_a_dropped_request_leaves_no_record_and_keeps_its_id(chest, app, serve, recorded):
    chest.init_app(app)

    @app.get("/<kind>")
    @chest.track
    def view(kind):
        g.kind = kind
        if kind == "quiet":
            chest.drop_request()
        return g.request_id

    client = serve(app)
    quiet = client.get("/quiet")
    assert quiet.headers["X-Request-ID"] == quiet.text
    client.get("/loud")
    assert [row["variables"] for row in recorded(chest, 1)] == [{"kind": "loud"}]
    assert chest.stats().suppressed == 1
    assert chest.stats().recorded == 1


def test_a_request_may_be_dropped_before_and_after_its_view(chest, app, recorded):
    chest.init_app(app)

    @app.before_request
    def before():
        if g.get("x") is None and app.config.get("EARLY"):
            chest.drop_request()

    @app.after_request
    def after(response):
        if app.config.get("LATE"):
            chest.drop_request()
        return response

    @app.get("/")
    @chest.track
    def view():
        return ""

    for setting in ("EARLY", "LATE"):
        app.config[setting] = True
        app.test_client().get("/")
        app.config[setting] = False
    assert recorded(chest, 0) == []
    app.test_client().get("/")
    assert len(recorded(chest, 1)) == 1


def test_what_is_put_on_g_in_a_block_is_not_recorded(chest, app, recorded):
    chest.init_app(app)

    @app.get("/")
    @chest.track
    def view():
        g.before, g.changed, g.again = 1, "a", "first"
        with chest.suppressed():
            g.inside, g.changed = 2, "b"
            with chest.suppressed():
                g.deeper, g.again = 3, "second"
        g.after, g.again = 4, "third"
        return ""

    app.test_client().get("/")
    [row] = recorded(chest, 1)
    assert row["variables"] == {"before": 1, "again": "third", "after": 4}


def test_a_block_that_raises_hides_what_it_had_put(chest, app, recorded):
    chest.init_app(app)

    @app.get("/")
    @chest.track
    def view():
        with contextlib.suppress(KeyError), chest.suppressed():
            g.inside = 1
            raise KeyError
        g.after = 2
        return ""

    app.test_client().get("/")
    assert recorded(chest, 1)[0]["variables"] == {"after": 2}


def test_requests_that_begin_in_a_block_are_not_recorded(chest, app, recorded):
    chest.init_app(app)

    @app.get("/outer")
    @chest.track
    def outer():
        with chest.suppressed():
            app.test_client().get("/inner")
        app.test_client().get("/inner")
        return ""

    @app.get("/inner")
    @chest.track
    def inner():
        return ""

    app.test_client().get("/outer")
    assert sorted(row["path"] for row in recorded(chest, 2)) == ["/inner", "/outer"]
    with chest.suppressed():  # outside of any request
        app.test_client().get("/inner")
    app.test_client().get("/inner")
    assert len(recorded(chest, 3)) == 3
    assert chest.stats().suppressed == 2


def test_a_block_in_a_stream_holds_for_its_variables(chest, app, serve, recorded):
    chest.init_app(app)

    @app.get("/")
    @chest.track
    def view():
        def body():
            yield "a"
            with chest.suppressed():
                g.inside = 1
            g.after = 2
            yield "b"

        return stream_with_context(body())

    assert serve(app).get("/").text == "ab"
    assert recorded(chest, 1)[0]["variables"] == {"after": 2}


def test_outside_of_requests_and_without_flask_chest_nothing_is_dropped_or_suppressed(chest):
    chest.drop_request()
    app = Flask("without")
    with app.test_request_context("/"):
        chest.drop_request()
        with chest.suppressed():
            g.x = 1


def test_a_proxy_that_is_put_on_g_in_a_block_is_not_recorded(chest, tracked, recorded):
    @tracked.get("/")
    @chest.track("*")
    def index():
        g.other = LocalProxy(lambda: request.args["q"])
        with chest.suppressed():
            g.user = LocalProxy(lambda: request.args["q"])
        return "ok"

    tracked.test_client().get("/?q=ann")
    [row] = recorded(chest, 1)
    assert row["variables"] == {"other": "ann"}


def test_a_block_holds_for_a_g_that_has_slots(chest, app, recorded):
    class Globals:
        __slots__ = ("card", "user_id")

        def __contains__(self, name):
            return hasattr(self, name)

        def get(self, name, default=None):
            return getattr(self, name, default)

    app.app_ctx_globals_class = Globals
    chest.init_app(app)

    @app.get("/")
    @chest.track("*")
    def index():
        g.user_id = "u-1"
        with chest.suppressed():
            g.card = "4"
            g.late = "in the dict that is there beside the slots"
        return "ok"

    app.test_client().get("/")
    [row] = recorded(chest, 1)
    assert row["variables"] == {"user_id": "u-1"}


def test_a_block_may_end_in_another_context(chest, tracked):
    def parts():
        with chest.suppressed():
            yield

    running = parts()
    contextvars.copy_context().run(next, running)
    running.close()  # does not raise
