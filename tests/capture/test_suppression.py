"""Requests that are not recorded: `chest.suppress()`, and headers and cookies that say so."""

from __future__ import annotations

import contextlib

import pytest
from flask import Flask, g, stream_with_context

from flask_chest.errors import ConfigurationError


def test_a_suppressed_request_leaves_no_record_and_keeps_its_id(chest, app, serve, recorded):
    chest.init_app(app)

    @app.get("/<kind>")
    @chest.track
    def view(kind):
        g.kind = kind
        if kind == "quiet":
            chest.suppress()
        return g.request_id

    client = serve(app)
    quiet = client.get("/quiet")
    assert quiet.headers["X-Request-ID"] == quiet.text
    client.get("/loud")
    assert [row["variables"] for row in recorded(chest, 1)] == [{"kind": "loud"}]
    assert chest.stats().suppressed == 1
    assert chest.stats().recorded == 1


def test_a_request_may_be_suppressed_before_and_after_its_view(chest, app, recorded):
    chest.init_app(app)

    @app.before_request
    def before():
        if g.get("x") is None and app.config.get("EARLY"):
            chest.suppress()

    @app.after_request
    def after(response):
        if app.config.get("LATE"):
            chest.suppress()
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
        with chest.suppress():
            g.inside, g.changed = 2, "b"
            with chest.suppress():
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
        with contextlib.suppress(KeyError), chest.suppress():
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
        with chest.suppress():
            app.test_client().get("/inner")
        app.test_client().get("/inner")
        return ""

    @app.get("/inner")
    @chest.track
    def inner():
        return ""

    app.test_client().get("/outer")
    assert sorted(row["path"] for row in recorded(chest, 2)) == ["/inner", "/outer"]
    with chest.suppress():  # outside of any request
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
            with chest.suppress():
                g.inside = 1
            g.after = 2
            yield "b"

        return stream_with_context(body())

    assert serve(app).get("/").text == "ab"
    assert recorded(chest, 1)[0]["variables"] == {"after": 2}


def test_suppress_does_nothing_where_there_is_nothing_to_suppress(chest):
    chest.suppress()
    app = Flask("without")
    with app.test_request_context("/"):
        chest.suppress()
        with chest.suppress():
            g.x = 1


@pytest.fixture
def ask(app, make_chest, recorded):
    """Return what asks an application with CHEST_OPT_OUT, and tells whether it was recorded."""
    made = {}

    def one(entries, headers=None, cookies=()):
        if not made:
            made["chest"] = make_chest(opt_out=entries)
            made["chest"].init_app(app)
            app.get("/")(made["chest"].track(lambda: ""))
        client = app.test_client()
        for name, value in dict(cookies).items():
            client.set_cookie(name, value)
        before = len(recorded(made["chest"]))
        response = client.get("/", headers=headers)
        assert response.headers["X-Request-ID"]
        return len(recorded(made["chest"])) > before

    return one


def test_headers_and_cookies_opt_out_when_they_are_configured(ask):
    entries = ["header:DNT", "header:Sec-GPC", "cookie:no_tracking"]
    assert ask(entries)
    assert ask(entries, {"DNT": "0"})
    assert ask(entries, {"Other": "1"})
    assert ask(entries, cookies={"no_tracking": "0"})
    assert not ask(entries, {"dnt": "1"})
    assert not ask(entries, {"Sec-GPC": " 1 "})
    assert not ask(entries, cookies={"no_tracking": "true"})


def test_a_value_of_a_cookie_may_be_the_one_that_opts_out(ask):
    entries = "cookie:consent=denied"
    assert ask(entries)
    assert ask(entries, cookies={"consent": "granted"})
    assert not ask(entries, cookies={"consent": "denied"})


def test_consent_may_be_asked_for(ask):
    entries = "cookie:consent!=granted"
    assert not ask(entries)
    assert not ask(entries, cookies={"consent": "1"})
    assert ask(entries, cookies={"consent": "granted"})


def test_nothing_opts_out_by_default(app, chest, recorded):
    chest.init_app(app)
    app.get("/")(chest.track(lambda: ""))
    app.test_client().get("/", headers={"DNT": "1", "Sec-GPC": "1"})
    assert len(recorded(chest, 1)) == 1


@pytest.mark.parametrize("entry", ["DNT", "header:", "header:a b", "cookies:x", "cookie:x<y"])
def test_a_wrong_entry_stops_the_application(app, make_chest, entry):
    with pytest.raises(ConfigurationError, match=r"CHEST_OPT_OUT: .* is neither"):
        make_chest(opt_out=[entry]).init_app(app)
