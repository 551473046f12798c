"""Values that need the request's context, and a `flask.g` that is not Flask's own."""

from __future__ import annotations

import pytest
from flask import Flask, current_app, g, has_request_context, request, session, stream_with_context
from werkzeug.local import LocalProxy
from werkzeug.test import EnvironBuilder


class User:
    def __init__(self, name):
        self.name = name

    def __repr__(self):
        return f"<User {self.name}>"


def of_request(make):
    """Return a proxy as Flask-Login's `current_user` is one: nothing without a request."""

    def find():
        if not has_request_context():
            raise RuntimeError("outside of the request")
        return make()

    return LocalProxy(find)


@pytest.mark.parametrize(
    ("put", "expected"),
    [
        (lambda: of_request(lambda: "ann"), "ann"),
        (lambda: of_request(lambda: 7), 7),
        (lambda: of_request(lambda: None), None),
        (lambda: of_request(lambda: User("ann")), "<User ann>"),
        (lambda: of_request(lambda: {"plan": "pro"}), {"plan": "pro"}),
        (lambda: LocalProxy(lambda: of_request(lambda: "inner")), "inner"),
        (lambda: {"user": of_request(lambda: "ann")}, {"user": "ann"}),
        (lambda: [1, (of_request(lambda: "ann"),)], [1, ["ann"]]),
        (lambda: {"a": {"b": [of_request(lambda: "deep")]}}, {"a": {"b": ["deep"]}}),
        (lambda: LocalProxy(lambda: request.args["q"]), "x"),
        (lambda: LocalProxy(lambda: current_app.name), "shop"),
        (lambda: LocalProxy(lambda: session.get("user", "nobody")), "nobody"),
    ],
)
def test_a_proxy_is_recorded_as_the_object_that_it_stands_for(
    make_chest, serve, recorded, put, expected
):
    chest = make_chest()
    app = Flask("shop")
    app.secret_key = "k"

    @app.get("/")
    @chest.track("value")
    def index():
        g.value = put()
        return "ok"

    chest.init_app(app)
    serve(app).get("/?q=x")
    [row] = recorded(chest, 1)
    assert row["variables"] == {"value": expected}


def test_a_proxy_that_is_put_late_in_a_stream_is_recorded(make_chest, serve, recorded):
    chest = make_chest()
    app = Flask("shop")

    @app.get("/")
    @chest.track("value")
    def index():
        def parts():
            yield "a"
            g.value = of_request(lambda: "ann")

        return app.response_class(stream_with_context(parts()))

    chest.init_app(app)
    serve(app).get("/")
    [row] = recorded(chest, 1)
    assert row["variables"] == {"value": "ann"}


def test_a_proxy_that_stands_for_nothing_costs_only_itself(make_chest, serve, recorded):
    chest = make_chest()
    app = Flask("shop")

    def gone():
        raise RuntimeError("no such thing")

    @app.get("/")
    @chest.track("value", "user_id")
    def index():
        g.value, g.user_id = LocalProxy(gone), "u-1"
        return "ok"

    chest.init_app(app)
    serve(app).get("/")
    [row] = recorded(chest, 1)
    assert row["variables"]["user_id"] == "u-1"


def slotted():
    class Globals:
        __slots__ = ("_values", "tenant", "user_id")

        def __init__(self):
            self._values = {}

        def get(self, name, default=None):
            return getattr(self, name, default)

        def __contains__(self, name):
            return hasattr(self, name)

    return Globals


@pytest.mark.parametrize("patterns", [("user_id", "tenant"), ("*",)])
def test_an_application_whose_g_has_slots_is_recorded(make_chest, serve, recorded, patterns):
    chest = make_chest()
    app = Flask("shop")
    app.app_ctx_globals_class = slotted()

    @app.get("/")
    @chest.track(*patterns)
    def index():
        g.user_id = "u-1"  # and `tenant` is never set
        return "ok"

    chest.init_app(app)
    serve(app).get("/")
    [row] = recorded(chest, 1)
    assert row["variables"] == {"user_id": "u-1"}


class OwnProxy(LocalProxy):
    pass


def test_a_proxy_of_a_class_of_the_applications_own_is_recorded(make_chest, recorded):
    chest = make_chest()
    app = Flask("shop")

    @app.get("/")
    @chest.track("value")
    def index():
        g.value, g.is_alive = OwnProxy(lambda: "ann" if g.is_alive else None), True
        return "ok"

    @app.teardown_request
    def end(_error):
        g.is_alive = False

    chest.init_app(app)
    app.test_client().get("/")
    [row] = recorded(chest, 1)
    assert row["variables"] == {"value": "ann"}


@pytest.mark.parametrize("is_made_before", [False, True])
def test_a_proxy_is_recorded_when_the_exception_goes_on_to_the_server(
    make_chest, recorded, is_made_before
):
    chest = make_chest(track_all=True)
    app = Flask("shop")
    app.testing = True
    served = app.wsgi_app

    @app.before_request
    def load():
        g.user = of_request(lambda: request.args["q"])

    @app.get("/")
    def index():
        raise LookupError("no")

    chest.init_app(app)
    served = served if is_made_before else app.wsgi_app
    with pytest.raises(LookupError):
        served(EnvironBuilder("/?q=ann").get_environ(), lambda *_: None)
    [row] = recorded(chest, 1)
    assert (row["variables"], row["error"]) == ({"user": "ann"}, "LookupError")
