"""`error` is the exception that nobody handled; a fault of ours is counted and costs nothing."""

from __future__ import annotations

import pytest
from flask import Flask, g, got_request_exception
from werkzeug.exceptions import Conflict, HTTPException, InternalServerError, NotFound

from flask_chest.capture import middleware


def send(app, error):
    try:
        raise error
    except type(error) as caught:
        got_request_exception.send(app, exception=caught)


@pytest.mark.parametrize("error", [NotFound(), Conflict(), ValueError("handled"), KeyError("x")])
def test_an_exception_that_became_a_fine_response_is_no_unhandled_error(
    make_chest, app, serve, recorded, error
):
    chest = make_chest()

    @app.get("/")
    @chest.track("user_id")
    def index():
        g.user_id = "u-1"
        send(app, error)  # as Flask-RESTX does for each exception that it turns into a response
        return "it is handled", getattr(error, "code", None) or 400

    chest.init_app(app)
    serve(app).get("/")
    [row] = recorded(chest, 1)
    assert row["error"] is None
    assert row["variables"] == {"user_id": "u-1"}


@pytest.mark.parametrize(
    ("error", "name"),
    [
        (RuntimeError("no"), "RuntimeError"),
        (InternalServerError(), None),
    ],
)
def test_an_exception_that_became_a_server_error_is_one_unless_it_was_asked_for(
    make_chest, app, serve, recorded, error, name
):
    chest = make_chest()

    @app.get("/")
    @chest.track("user_id")
    def index():
        send(app, error)
        return "no", 500

    chest.init_app(app)
    serve(app).get("/")
    [row] = recorded(chest, 1)
    assert row["error"] == name


@pytest.mark.parametrize("status", [200, 302, 404, 500])
def test_an_exception_that_nobody_handled_is_one_whatever_the_handler_for_500_answers(
    make_chest, app, serve, recorded, status
):
    chest = make_chest()

    @app.errorhandler(500)
    def sorry(error):
        return "sorry", status

    @app.get("/")
    @chest.track("user_id")
    def index():
        raise KeyError("x")

    chest.init_app(app)
    assert serve(app).get("/").status_code == status
    [row] = recorded(chest, 1)
    assert (row["status_code"], row["error"]) == (status, "KeyError")


def test_a_trapped_http_exception_is_an_unhandled_error(make_chest, app, serve, recorded):
    app.config["TRAP_HTTP_EXCEPTIONS"] = True
    chest = make_chest()

    @app.get("/")
    @chest.track("user_id")
    def index():
        raise NotFound

    chest.init_app(app)
    assert serve(app).get("/").status_code == 500
    [row] = recorded(chest, 1)
    assert row["error"] == "werkzeug.exceptions.NotFound"


def test_a_sampled_out_404_of_a_plugin_is_not_kept_as_an_error(make_chest, app, serve):
    chest = make_chest(sample_rate=0)

    @app.get("/")
    @chest.track("user_id")
    def index():
        send(app, NotFound())
        return "no", 404

    chest.init_app(app)
    serve(app).get("/")
    assert chest.flush(10)
    assert chest.stats().sampled_out == 1


@pytest.mark.parametrize("context", ["app_context", "none", "test_request_context"])
def test_the_signal_never_raises_wherever_it_is_sent(make_chest, app, context):
    chest = make_chest(raise_errors=False)
    chest.init_app(app)
    error = HTTPException()
    if context == "none":
        got_request_exception.send(app, exception=error)
    else:
        with getattr(app, context)():
            got_request_exception.send(app, exception=error)
    assert chest.stats().capture_errors == 0


def test_a_fault_of_ours_costs_neither_the_request_nor_the_count_of_what_was_lost(
    make_chest, app, serve, monkeypatch
):
    chest = make_chest(raise_errors=False)

    @app.get("/")
    @chest.track("user_id")
    def index():
        g.user_id = "u-1"
        return "ok"

    chest.init_app(app)
    client = serve(app)

    def fail(*_):
        raise OSError("a fault of ours")

    monkeypatch.setattr(middleware.record, "uuid7", fail)
    assert client.get("/").text == "ok"
    assert client.get("/").text == "ok"
    monkeypatch.undo()
    client.get("/")
    assert chest.flush(10)
    stats = chest.stats()
    assert stats.dropped == {"capture": 2}
    assert stats.recorded == 1


@pytest.mark.parametrize(
    ("raised", "upgrade", "error"),
    [
        (StopIteration(), "websocket", None),
        (ConnectionError(), "websocket", None),
        (ValueError(), "websocket", "ValueError"),
        (ConnectionError(), "h2c", "ConnectionError"),
    ],
)
def test_the_normal_end_of_a_websocket_is_no_error_and_any_other_is_one(
    make_chest, app, recorded, raised, upgrade, error
):
    """It is what flask-sock is to the server at the end of a connection."""
    chest = make_chest()

    class Connection(app.response_class):
        def __call__(self, environ, start_response):
            raise raised

    @app.get("/ws", websocket=upgrade == "websocket")
    @chest.track("user_id")
    def socket():
        g.user_id = "u-1"
        return Connection()

    chest.init_app(app)
    from werkzeug.test import EnvironBuilder  # noqa: PLC0415 - used here alone

    headers = {"Connection": "Upgrade", "Upgrade": upgrade}
    with pytest.raises(type(raised)):
        app.wsgi_app(EnvironBuilder("/ws", headers=headers).get_environ(), lambda *_: None)
    [row] = recorded(chest, 1)
    assert (row["error"], row["status_code"], row["variables"]) == (error, None, {"user_id": "u-1"})


def test_an_application_of_a_subclass_that_stands_for_flask_is_accepted(make_chest, monkeypatch):
    import flask  # noqa: PLC0415 - to be changed

    class Instrumented(Flask):
        """As OpenTelemetry puts one in the place of `flask.Flask`."""

    monkeypatch.setattr(flask, "Flask", Instrumented)
    chest = make_chest()
    app = Flask("genuine")
    chest.init_app(app)
    assert "flask_chest" in app.extensions


@pytest.mark.parametrize("sent", ["a text", ValueError, 7, None])
def test_a_report_without_an_exception_costs_no_record(chest, tracked, recorded, sent):
    @tracked.get("/")
    @chest.track
    def index():
        got_request_exception.send(tracked, exception=sent)
        return "busy", 503

    tracked.test_client().get("/")
    [row] = recorded(chest, 1)
    assert (row["status_code"], row["error"]) == (503, None)
