"""One record a request, complete and right, on every path through Flask, over real HTTP."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import inspect
import re
import socket
import threading
import time

import httpx
import pytest
from flask import (
    Blueprint,
    Flask,
    Request,
    Response,
    abort,
    copy_current_request_context,
    g,
    redirect,
    request,
    stream_with_context,
    url_for,
)
from flask.views import MethodView, View
from werkzeug.test import EnvironBuilder

from flask_chest import FlaskChest, current_request_id
from flask_chest.errors import ConfigurationError

UUID7 = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")


@pytest.fixture
def tracked(chest, app):
    chest.init_app(app)
    return app


def test_every_field_of_a_plain_request_is_right(chest, tracked, serve, recorded):
    @tracked.get("/orders/<int:order_id>")
    @chest.track("user_id", "cart_*")
    def order(order_id):
        g.user_id = "u-1"
        g.cart_total = 12.5
        g.not_asked_for = "x"
        time.sleep(0.02)
        return "ok"

    before = time.time()
    response = serve(tracked).get("/orders/7?token=secret")
    [row] = recorded(chest, 1)
    assert UUID7.fullmatch(row["id"])
    assert UUID7.fullmatch(row["request_id"])
    assert response.headers["X-Request-ID"] == row["request_id"]
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z", row["started_at"])
    started = chest.store().query()[0].started_at.timestamp()
    assert before - 1 < started < time.time()
    assert 20 <= row["duration_ms"] < 5000
    assert row["instance"].startswith(f"{socket.gethostname()}:")
    assert {
        k: row[k] for k in row if k not in {"id", "request_id", "started_at", "duration_ms"}
    } == {
        "trace_id": None,
        "service": "shop",
        "instance": row["instance"],
        "endpoint": "order",
        "route": "/orders/<int:order_id>",
        "method": "GET",
        "path": "/orders/7",
        "status_code": 200,
        "error": None,
        "weight": 1.0,
        "variables": {"user_id": "u-1", "cart_total": 12.5},
    }


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


def test_an_async_view_is_recorded_and_stays_a_coroutine_function(chest, tracked, serve, recorded):
    @tracked.get("/")
    @chest.track("slept")
    async def view():
        await asyncio.sleep(0.001)
        g.slept = True
        return "ok"

    assert inspect.iscoroutinefunction(view)
    assert serve(tracked).get("/").text == "ok"
    assert recorded(chest, 1)[0]["variables"] == {"slept": True}


def test_a_method_view_decorated_as_a_whole(chest, tracked, serve, recorded):
    class Cart(MethodView):
        decorators = (chest.track("n"),)

        def get(self):
            g.n = 1
            return ""

        def post(self):
            g.n = 2
            return "", 201

    tracked.add_url_rule("/cart", view_func=Cart.as_view("cart"))
    client = serve(tracked)
    for method in ("GET", "POST", "HEAD", "DELETE", "OPTIONS"):
        client.request(method, "/cart")
    # A method that the route does not have matches no endpoint: Flask answers 405 by itself.
    assert [(r["method"], r["status_code"], r["variables"]) for r in recorded(chest, 4)] == [
        ("GET", 200, {"n": 1}),
        ("POST", 201, {"n": 2}),
        ("HEAD", 200, {"n": 1}),
        ("OPTIONS", 200, {}),
    ]


def test_one_decorated_method_of_a_method_view(chest, tracked, serve, recorded, said):
    class Cart(MethodView):
        @chest.track("n")
        def get(self):
            g.n = 1
            return ""

        def post(self):
            g.n = 2
            return ""

    tracked.add_url_rule("/cart", view_func=Cart.as_view("cart"))
    client = serve(tracked)
    for method in ("GET", "POST", "HEAD"):
        client.request(method, "/cart")
    assert [(r["method"], r["variables"]) for r in recorded(chest, 2)] == [
        ("GET", {"n": 1}),
        ("HEAD", {"n": 1}),
    ]
    assert said() == []


def test_a_class_view_with_a_decorated_dispatch(chest, tracked, serve, recorded):
    class Page(View):
        @chest.track("n")
        def dispatch_request(self):
            g.n = 1
            return ""

    tracked.add_url_rule("/", view_func=Page.as_view("page"))
    serve(tracked).get("/")
    assert recorded(chest, 1)[0]["variables"] == {"n": 1}


def test_blueprints_declared_before_any_app_exists(chest, serve, recorded):
    outer = Blueprint("shop", __name__, url_prefix="/shop")
    inner = Blueprint("cart", __name__, url_prefix="/cart")

    @outer.get("/")
    @chest.track("where")
    def front():
        g.where = "outer"
        return ""

    @inner.get("/<item>")
    @chest.track("where")
    def show(item):
        g.where = "inner"
        return ""

    outer.register_blueprint(inner)
    app = Flask("shop")
    chest.init_app(app)
    app.register_blueprint(outer)
    client = serve(app)
    client.get("/shop/")
    client.get("/shop/cart/3")
    assert [(r["endpoint"], r["route"], r["variables"]["where"]) for r in recorded(chest, 2)] == [
        ("shop.front", "/shop/", "outer"),
        ("shop.cart.show", "/shop/cart/<item>", "inner"),
    ]


def test_abort_is_recorded_with_its_status_and_without_error(chest, tracked, serve, recorded):
    @tracked.get("/")
    @chest.track("looked_for")
    def view():
        g.looked_for = 7
        abort(404)

    response = serve(tracked).get("/")
    [row] = recorded(chest, 1)
    assert (row["status_code"], row["error"], row["variables"]) == (404, None, {"looked_for": 7})
    assert response.headers["X-Request-ID"] == row["request_id"]


class OutOfStockError(Exception):
    pass


def test_a_handled_exception_has_the_handlers_status_and_variables(chest, tracked, serve, recorded):
    @tracked.errorhandler(OutOfStockError)
    def handle(error):
        g.handled = type(error).__name__
        return "sold out", 409

    @tracked.get("/")
    @chest.track
    def view():
        g.item = 1
        raise OutOfStockError

    assert serve(tracked).get("/").status_code == 409
    [row] = recorded(chest, 1)
    assert (row["status_code"], row["error"]) == (409, None)
    assert row["variables"] == {"item": 1, "handled": "OutOfStockError"}


def test_an_unhandled_exception_is_a_500_with_its_class_named(chest, tracked, serve, recorded):
    @tracked.get("/")
    @chest.track
    def view():
        g.item = 1
        raise OutOfStockError("secret text of the exception")

    response = serve(tracked).get("/")
    assert response.status_code == 500
    [row] = recorded(chest, 1)
    assert (row["status_code"], row["variables"]) == (500, {"item": 1})
    assert row["error"] == f"{__name__}.OutOfStockError"
    assert response.headers["X-Request-ID"] == row["request_id"]
    assert "secret text" not in str(row)


def test_a_handler_for_500_keeps_the_error_in_the_record(chest, tracked, serve, recorded):
    @tracked.errorhandler(500)
    def handle(error):
        return "sorry", 503

    @tracked.get("/")
    @chest.track
    def view():
        raise ZeroDivisionError

    assert serve(tracked).get("/").status_code == 503
    [row] = recorded(chest, 1)
    assert (row["status_code"], row["error"]) == (503, "ZeroDivisionError")


def test_a_propagated_exception_has_no_status_of_the_application(chest, tracked, serve, recorded):
    tracked.config["PROPAGATE_EXCEPTIONS"] = True

    @tracked.get("/")
    @chest.track
    def view():
        g.item = 1
        raise ZeroDivisionError

    assert serve(tracked).get("/").status_code == 500  # the server's own
    [row] = recorded(chest, 1)
    assert (row["status_code"], row["error"], row["variables"]) == (
        None,
        "ZeroDivisionError",
        {"item": 1},
    )


def test_an_exit_from_a_view_is_recorded(chest, tracked, recorded):
    @tracked.get("/")
    @chest.track
    def view():
        raise SystemExit(3)

    with pytest.raises(SystemExit):
        tracked.test_client().get("/")
    assert recorded(chest, 1)[0]["error"] == "SystemExit"


def test_a_redirect(chest, tracked, serve, recorded):
    @tracked.get("/old")
    @chest.track("to")
    def old():
        g.to = url_for("new")
        return redirect(g.to)

    @tracked.get("/new")
    def new():
        return ""

    assert serve(tracked).get("/old").status_code == 302
    [row] = recorded(chest, 1)
    assert (row["status_code"], row["variables"]) == (302, {"to": "/new"})


def test_a_trailing_slash_redirect_never_reaches_the_view_or_a_record(
    chest, tracked, serve, recorded
):
    @tracked.get("/list/")
    @chest.track
    def view():
        return ""

    assert serve(tracked).get("/list").status_code == 308
    recorded(chest, 0)


def test_head_and_automatic_options_are_recorded(chest, tracked, serve, recorded):
    @tracked.get("/")
    @chest.track("n")
    def view():
        g.n = 1
        return "body"

    client = serve(tracked)
    head, options = client.head("/"), client.options("/")
    assert (head.text, options.headers["Allow"]) == ("", options.headers["Allow"])
    rows = recorded(chest, 2)
    assert [(r["method"], r["status_code"], r["variables"]) for r in rows] == [
        ("HEAD", 200, {"n": 1}),
        ("OPTIONS", 200, {}),
    ]
    assert [r["request_id"] for r in rows] == [
        head.headers["X-Request-ID"],
        options.headers["X-Request-ID"],
    ]


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
    assert journal() == b""
    if kind == "stream":
        assert next(body) == b"ab"
        assert journal() == b""  # nobody knows yet that this was all
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


def test_variables_of_before_and_after_request_functions(chest, tracked, serve, recorded):
    @tracked.before_request
    def before():
        g.before = request.path
        assert g.request_id == current_request_id()

    @tracked.after_request
    def after(response):
        g.after = response.status_code
        response.status_code = 202
        return response

    @tracked.teardown_request
    def teardown(error):
        g.torn_down = True

    @tracked.get("/x")
    @chest.track
    def view():
        return ""

    serve(tracked).get("/x")
    [row] = recorded(chest, 1)
    assert row["status_code"] == 202
    assert row["variables"] == {"before": "/x", "after": 200, "torn_down": True}


@pytest.mark.parametrize("first", ["chest", "application"])
def test_a_response_returned_by_before_request_is_recorded(chest, app, serve, recorded, first):
    if first == "chest":
        chest.init_app(app)

    @app.before_request
    def refuse():
        g.user = None
        return "log in first", 401

    @app.get("/")
    @chest.track("user")
    def view():
        raise AssertionError("not reached")

    if first == "application":
        chest.init_app(app)
    response = serve(app).get("/")
    [row] = recorded(chest, 1)
    assert (row["status_code"], row["variables"], row["endpoint"]) == (401, {"user": None}, "view")
    assert response.headers["X-Request-ID"] == row["request_id"]


def test_an_after_request_function_that_replaces_the_response(chest, tracked, serve, recorded):
    @tracked.after_request
    def replace(response):
        return Response("gone", 410)

    @tracked.get("/")
    @chest.track
    def view():
        return ""

    response = serve(tracked).get("/")
    [row] = recorded(chest, 1)
    assert row["status_code"] == 410
    assert response.headers["X-Request-ID"] == row["request_id"]


def test_an_after_request_function_that_raises(chest, tracked, serve, recorded):
    @tracked.after_request
    def fail(response):
        raise OutOfStockError

    @tracked.get("/")
    @chest.track
    def view():
        return ""

    assert serve(tracked).get("/").status_code == 500
    [row] = recorded(chest, 1)
    assert (row["status_code"], row["error"]) == (500, f"{__name__}.OutOfStockError")


@pytest.mark.parametrize("streamed", [True, False])
def test_a_teardown_function_that_raises_does_not_cost_the_record(
    chest, app, serve, recorded, streamed
):
    blueprint = Blueprint("b", __name__)

    @blueprint.teardown_request
    def fail(error):
        raise OutOfStockError

    @blueprint.get("/")
    @chest.track("n")
    def view():
        g.n = 1
        return Response(stream_with_context(iter(["a", "b"]))) if streamed else "a"

    chest.init_app(app)
    app.register_blueprint(blueprint)
    # Up to Flask 3.1.1 it raises at the end of the stream, and the client sees it broken off.
    with contextlib.suppress(httpx.RemoteProtocolError):
        serve(app).get("/")
    [row] = recorded(chest, 1)
    assert row["variables"] == {"n": 1}
    assert row["error"] == f"{__name__}.OutOfStockError"


def test_a_request_made_within_a_request_has_a_record_of_its_own(chest, tracked, serve, recorded):
    @tracked.get("/outer")
    @chest.track("outer", "late")
    def outer():
        g.outer = g.request_id
        inner = tracked.test_client().get("/inner")
        g.late = g.request_id == g.outer == current_request_id()
        return inner.headers["X-Request-ID"]

    @tracked.get("/inner")
    @chest.track("inner")
    def inner():
        g.inner = g.request_id
        return ""

    response = serve(tracked).get("/outer")
    first, second = recorded(chest, 2)
    assert (first["route"], second["route"]) == ("/outer", "/inner")
    assert first["request_id"] == response.headers["X-Request-ID"] == first["variables"]["outer"]
    assert second["request_id"] == response.text == second["variables"]["inner"]
    assert first["variables"]["late"] is True
    assert first["id"] != second["id"]


def test_a_request_context_pushed_within_a_request_leaves_its_record_alone(
    chest, tracked, serve, recorded
):
    @tracked.get("/")
    @chest.track("late")
    def view():
        with tracked.test_request_context("/other"):
            tracked.preprocess_request()
            assert url_for("view") == "/"
        g.late = True
        return ""

    serve(tracked).get("/")
    [row] = recorded(chest, 1)
    assert (row["path"], row["variables"]) == ("/", {"late": True})


def test_copied_request_contexts_do_not_record_again_or_early(chest, tracked, serve, recorded):
    def run(function):
        thread = threading.Thread(target=function)
        thread.start()
        thread.join()

    @tracked.get("/")
    @chest.track("late")
    def view():
        @copy_current_request_context
        def fine():
            assert request.path == "/"

        @copy_current_request_context
        def failing():
            abort(500)

        run(fine)
        fine()
        with pytest.raises(Exception, match="500"):
            failing()

        def lines():
            yield "a"
            run(copy_current_request_context(fine))
            g.late = "set while streaming"
            yield "b"

        return Response(stream_with_context(lines()))

    assert serve(tracked).get("/").text == "ab"
    [row] = recorded(chest, 1)
    assert (row["status_code"], row["error"]) == (200, None)
    assert row["variables"] == {"late": "set while streaming"}


def test_a_copied_context_that_outlives_the_request(chest, tracked, serve, recorded):
    answered, done = threading.Event(), threading.Event()

    @tracked.get("/")
    @chest.track("n")
    def view():
        g.n = 1

        @copy_current_request_context
        def later():
            answered.wait(10)
            done.set()

        threading.Thread(target=later).start()
        return ""

    serve(tracked).get("/")
    answered.set()
    assert done.wait(10)
    assert recorded(chest, 1)[0]["variables"] == {"n": 1}


def test_unmatched_urls_are_not_recorded_for_tracked_routes_alone(chest, tracked, serve, recorded):
    assert serve(tracked).get("/nowhere").status_code == 404
    recorded(chest, 0)


def test_app_wide_capture_takes_every_request_once(make_chest, app, serve, recorded):
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
        ConfigurationError, match=r"misplaced.*test_capture\.py:\d+.*below @app\.route"
    ):
        tracked.test_client().get("/")


def test_track_above_the_route_is_said_once_and_recorded_all_the_same(
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


def careless(view):
    """Decorate without functools.wraps."""

    def wrapper(*args, **kwargs):
        if request.args.get("refused"):
            return "no", 403
        return view(*args, **kwargs)

    wrapper.__name__ = view.__name__
    return wrapper


def careful(view):
    return functools.wraps(view)(careless(view))


def test_a_careful_decorator_above_track_changes_nothing(chest, tracked, serve, recorded, said):
    @tracked.get("/")
    @careful
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


def test_a_careless_decorator_above_track_is_said_and_the_view_recorded(
    chest, tracked, serve, recorded, said
):
    @tracked.get("/")
    @careless
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


@pytest.mark.parametrize(
    "value", [object(), float("nan"), "\0", "\ud800", {1: {2}}, lambda: None, type, 2**70]
)
def test_a_strange_value_costs_neither_the_request_nor_the_record(
    chest, tracked, serve, recorded, value
):
    @tracked.get("/")
    @chest.track("strange", "other")
    def view():
        g.strange, g.other = value, 1
        return "ok"

    assert serve(tracked).get("/").text == "ok"
    [row] = recorded(chest, 1)
    assert set(row["variables"]) == {"strange", "other"}


def test_an_object_that_a_pattern_caught_is_skipped_and_counted(chest, tracked, serve, recorded):
    class Session:
        def __repr__(self):
            raise AssertionError("never asked")

    @tracked.get("/")
    @chest.track
    def view():
        g.db, g.a = Session(), 1
        return ""

    serve(tracked).get("/")
    assert recorded(chest, 1)[0]["variables"] == {"a": 1}
    assert chest.stats().variables_skipped == 1


def test_a_fault_in_capture_never_costs_the_request(make_chest, app, serve, recorded, said):
    chest = make_chest(raise_errors=False)

    class Broken(Request):
        path = property(lambda self: 1 / 0, lambda self, value: None)

    app.request_class = Broken
    chest.init_app(app)

    @app.get("/")
    @chest.track
    def view():
        return "fine"

    assert serve(app).get("/").text == "fine"
    recorded(chest, 0)
    assert "Capture failed: ZeroDivisionError" in said()[0]
    assert chest.stats().dropped == {"capture": 1}


def test_strange_paths_are_recorded_safely(make_chest, app, serve, recorded):
    chest = make_chest(track_all=True)
    chest.init_app(app)
    client = serve(app)
    for path in ("/%00", "/%ff%fe", "/" + "a" * 20_000, "/%F0%9F%9A%80", "/a%0d%0ab"):
        client.get(path)
    rows = recorded(chest, 5)
    assert rows[0]["path"] == "/\ufffd"
    assert rows[2]["path"].endswith("…[cut, 20001 characters]")
    assert rows[3]["path"] == "/🚀"
    assert rows[4]["path"] == "/a\r\nb"


def test_the_trace_id_of_a_traceparent_header(chest, tracked, serve, recorded):
    @tracked.get("/")
    @chest.track
    def view():
        return ""

    client = serve(tracked)
    trace = "4bf92f3577b34da6a3ce929d0e0e4736"
    for header in (
        f"00-{trace}-00f067aa0ba902b7-01",
        "rubbish",
        f"00-{'0' * 32}-00f067aa0ba902b7-01",
    ):
        client.get("/", headers={"traceparent": header})
    assert [r["trace_id"] for r in recorded(chest, 3)] == [trace, None, None]


def test_several_threads_at_once_record_each_request_once(chest, tracked, serve, recorded):
    @tracked.get("/<int:n>")
    @chest.track("n")
    def view(n):
        g.n = n
        return ""

    base = str(serve(tracked).base_url)
    ids = []

    def visit(worker):
        with httpx.Client(base_url=base) as client:
            for number in range(50):
                response = client.get(f"/{worker * 50 + number}")
                ids.append(response.headers["X-Request-ID"])

    workers = [threading.Thread(target=visit, args=(worker,)) for worker in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    rows = recorded(chest, 200)
    assert sorted(r["variables"]["n"] for r in rows) == list(range(200))
    assert sorted(r["request_id"] for r in rows) == sorted(ids)
    assert len({r["id"] for r in rows}) == 200


def test_the_flask_test_client_in_a_with_block_records_once(chest, tracked, recorded):
    @tracked.get("/")
    @chest.track("a")
    def view():
        g.a = 1
        return ""

    with tracked.test_client() as client:
        client.get("/")
        assert len(recorded(chest)) == 1
    recorded(chest, 1)


def test_debug_and_testing_modes_raise_what_the_view_raised(chest, tracked, recorded):
    @tracked.get("/")
    @chest.track("a")
    def view():
        g.a = 1
        raise ZeroDivisionError

    tracked.testing = True
    with pytest.raises(ZeroDivisionError):
        tracked.test_client().get("/")
    assert recorded(chest, 1)[0]["error"] == "ZeroDivisionError"


def test_an_environ_handed_on_to_another_application(serve, chest, recorded):
    inner_app, outer_app = Flask("inner"), Flask("outer")
    chest.init_app(outer_app)
    chest.init_app(inner_app)

    @inner_app.get("/")
    @chest.track("n")
    def inner():
        g.n = "inner"
        return "inner"

    @outer_app.get("/")
    @chest.track("n")
    def outer():
        response = Response.from_app(inner_app, request.environ)
        g.n = "outer"
        return response

    client = serve(outer_app)
    assert client.get("/").text == "inner"
    with outer_app.app_context():
        rows = recorded(chest, 2)
    assert [(r["service"], r["variables"]) for r in rows] == [
        ("outer", {"n": "outer"}),
        ("inner", {"n": "inner"}),
    ]


def test_one_decorator_serves_an_unrelated_chest_of_the_app(make_chest, app, serve, recorded):
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


def test_capture_logs_nothing_at_all_on_the_good_path(chest, tracked, serve, recorded, said):

    @tracked.get("/")
    @chest.track
    def view():
        return ""

    serve(tracked).get("/")
    recorded(chest, 1)
    assert said() == []
