"""`@chest.track`: what it records, decorators in the right and wrong order, app-wide capture."""

from __future__ import annotations

import functools
import inspect

import pytest
from flask import Flask, g, request

from flask_chest import FlaskChest
from flask_chest.errors import ConfigurationError


def test_bare_track_takes_every_public_variable_but_not_the_request_id(
    chest, tracked, serve, recorded
):
    @tracked.get("/")
    @chest.track
    def view():
        g.a, g.b, g._private = 1, [2], 3
        return g.request_id

    response = serve(tracked).get("/")
    [row] = recorded(chest, 1)
    assert row["variables"] == {"a": 1, "b": [2]}
    assert response.text == row["request_id"]


def test_called_track_without_arguments_is_the_same_as_bare(chest, tracked, serve, recorded):
    @tracked.get("/")
    @chest.track()
    def view():
        g.a = 1
        return ""

    serve(tracked).get("/")
    assert recorded(chest, 1)[0]["variables"] == {"a": 1}


def test_variables_by_http_method(chest, tracked, serve, recorded):
    @tracked.route("/", methods=["GET", "POST", "PUT"])
    @chest.track({"GET": ["user"], "POST": ["user", "total"]})
    def view():
        g.user, g.total = "ada", 3
        return ""

    client = serve(tracked)
    for method in ("GET", "HEAD", "POST", "PUT", "OPTIONS"):
        client.request(method, "/")
    rows = recorded(chest, 5)
    assert [(r["method"], r["variables"]) for r in rows] == [
        ("GET", {"user": "ada"}),
        ("HEAD", {"user": "ada"}),
        ("POST", {"user": "ada", "total": 3}),
        ("PUT", {}),
        ("OPTIONS", {}),
    ]


def test_an_untracked_route_leaves_no_record_and_no_header(chest, tracked, serve, recorded):
    @tracked.get("/")
    def view():
        g.a = 1
        assert "request_id" not in g
        return ""

    response = serve(tracked).get("/")
    assert "X-Request-ID" not in response.headers
    assert recorded(chest, 0) == []


def test_a_request_without_a_route_is_not_recorded(chest, tracked, serve, recorded):
    assert serve(tracked).get("/nowhere").status_code == 404
    recorded(chest, 0)


def test_app_wide_capture_records_every_request_once(make_chest, app, serve, recorded):
    chest = make_chest(track_all=True, exclude_endpoints=("health", "static"))
    chest.init_app(app)

    @app.get("/plain")
    def plain():
        g.a, g.b = 1, 2
        return ""

    @app.get("/chosen")
    @chest.track("a")
    def chosen():
        g.a, g.b = 1, 2
        return ""

    @app.get("/health")
    @chest.track
    def health():
        return ""

    client = serve(app)
    for path in ("/plain", "/chosen", "/health", "/nowhere", "/static/nothing"):
        client.get(path)
    client.post("/plain")
    client.request("BREW", "/plain")
    assert [
        (r["method"], r["path"], r["route"], r["status_code"], r["variables"])
        for r in recorded(chest, 5)
    ] == [
        ("GET", "/plain", "/plain", 200, {"a": 1, "b": 2}),
        ("GET", "/chosen", "/chosen", 200, {"a": 1}),
        ("GET", "/nowhere", None, 404, {}),
        ("POST", "/plain", None, 405, {}),
        ("BREW", "/plain", None, 405, {}),
    ]


def test_app_wide_exclusions_hold_for_every_route(make_chest, app, serve, recorded):
    chest = make_chest(variables=("!secret",))
    chest.init_app(app)

    @app.get("/")
    @chest.track("a", "secret")
    def view():
        g.a, g.secret = 1, "x"
        return ""

    serve(app).get("/")
    assert recorded(chest, 1)[0]["variables"] == {"a": 1}


def test_app_wide_variables_by_method(make_chest, app, serve, recorded):
    chest = make_chest(track_all=True, variables={"GET": ["a"], "POST": ["b"]})
    chest.init_app(app)

    @app.route("/", methods=["GET", "POST"])
    def view():
        g.a, g.b = 1, 2
        return ""

    client = serve(app)
    client.get("/")
    client.post("/")
    assert [r["variables"] for r in recorded(chest, 2)] == [{"a": 1}, {"b": 2}]


def test_track_above_the_route_raises_at_the_first_request_in_tests(chest, tracked):
    @chest.track("a")
    @tracked.get("/")
    def misplaced():
        return ""

    tracked.testing = True
    with pytest.raises(
        ConfigurationError, match=r"misplaced.*test_decorator\.py:\d+.*below @app\.route"
    ):
        tracked.test_client().get("/")


def test_track_above_the_route_is_logged_once_and_the_view_recorded(
    make_chest, app, serve, recorded, said
):
    chest = make_chest(raise_errors=False)
    chest.init_app(app)

    def declare():  # as in an application factory, which drops the decorated function
        @chest.track("a")
        @app.get("/")
        def misplaced():
            g.a = 1
            return ""

    declare()
    client = serve(app)
    client.get("/")
    client.get("/")
    assert [r["variables"] for r in recorded(chest, 2)] == [{"a": 1}, {"a": 1}]
    messages = said()
    assert len(messages) == 1
    assert "misplaced" in messages[0]
    assert "below @app.route" in messages[0]


def test_one_view_may_be_tracked_at_one_url_and_not_at_another(
    chest, tracked, serve, recorded, said
):
    def view():
        g.a = 1
        return ""

    tracked.add_url_rule("/plain", "plain", view)
    tracked.add_url_rule("/tracked", "tracked", chest.track("a")(view))
    client = serve(tracked)
    client.get("/plain")
    client.get("/tracked")
    assert [r["path"] for r in recorded(chest, 1)] == ["/tracked"]
    assert said() == []


def without_wraps(view):
    """Decorate without functools.wraps."""

    def wrapper(*args, **kwargs):
        if request.args.get("refused"):
            return "no", 403
        return view(*args, **kwargs)

    wrapper.__name__ = view.__name__
    return wrapper


def with_wraps(view):
    return functools.wraps(view)(without_wraps(view))


def test_a_decorator_with_wraps_above_track_changes_nothing(chest, tracked, serve, recorded, said):
    @tracked.get("/")
    @with_wraps
    @chest.track("a")
    def view():
        g.a = 1
        return ""

    client = serve(tracked)
    client.get("/")
    client.get("/?refused=1")
    assert [(r["status_code"], r["variables"]) for r in recorded(chest, 2)] == [
        (200, {"a": 1}),
        (403, {}),
    ]
    assert said() == []


def test_a_decorator_without_wraps_above_track_is_logged_and_the_view_recorded(
    chest, tracked, serve, recorded, said
):
    @tracked.get("/")
    @without_wraps
    @chest.track("a")
    def hidden():
        g.a = 1
        return ""

    client = serve(tracked)
    client.get("/")
    client.get("/?refused=1")
    assert [r["status_code"] for r in recorded(chest, 1)] == [200]
    [message] = said()
    assert "hidden" in message
    assert "functools.wraps" in message


def test_track_keeps_name_docstring_signature_and_annotations(chest):
    def view(order_id: int, *, full: bool = False) -> str:
        """Show an order."""
        return f"{order_id} {full}"

    decorated = chest.track("a")(view)
    assert (decorated.__name__, decorated.__doc__) == ("view", "Show an order.")
    assert decorated.__qualname__ == view.__qualname__
    assert inspect.signature(decorated) == inspect.signature(view)
    assert decorated.__wrapped__ is view
    assert decorated(3, full=True) == "3 True"  # a plain call, as in a unit test


def test_stacked_tracks_join_their_variables(chest, tracked, serve, recorded):
    @tracked.get("/")
    @chest.track("a")
    @chest.track("b", "c_*")
    def view():
        g.a, g.b, g.c_d, g.e = 1, 2, 3, 4
        return ""

    serve(tracked).get("/")
    assert recorded(chest, 1)[0]["variables"] == {"a": 1, "b": 2, "c_d": 3}


def test_a_tracked_view_of_an_application_without_chest_still_works(chest, serve, said):
    app = Flask("bare")

    @app.get("/")
    @chest.track
    def view():
        return "fine"

    assert serve(app).get("/").text == "fine"
    assert "Call init_app(app)" in said()[0]


def test_a_chest_without_an_app_can_track_the_views_of_any_app(make_chest, app, serve, recorded):
    library = FlaskChest()  # as a module that is imported by several applications would have

    @app.get("/")
    @library.track("a")
    def view():
        g.a = 1
        return ""

    chest = make_chest()
    chest.init_app(app)
    serve(app).get("/")
    assert recorded(chest, 1)[0]["variables"] == {"a": 1}
