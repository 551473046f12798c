"""One record a request, complete and right, whatever the view does, over real HTTP."""

from __future__ import annotations

import asyncio
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
    abort,
    g,
    redirect,
    url_for,
)
from flask.views import MethodView, View


class OutOfStockError(Exception):
    pass


UUID7 = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")


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


def test_a_tracked_handler_records_the_error_of_a_view_that_is_not_tracked(
    chest, tracked, serve, recorded
):
    @tracked.errorhandler(500)
    @chest.track
    def handle(error):
        return "sorry", 503

    @tracked.get("/")
    def view():
        raise ZeroDivisionError

    trace = "4bf92f3577b34da6a3ce929d0e0e4736"
    headers = {"traceparent": f"00-{trace}-00f067aa0ba902b7-01"}
    assert serve(tracked).get("/", headers=headers).status_code == 503
    [row] = recorded(chest, 1)
    assert (row["status_code"], row["error"]) == (503, "ZeroDivisionError")
    assert row["trace_id"] == trace


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


def test_capture_logs_nothing_at_all_on_the_good_path(chest, tracked, serve, recorded, said):

    @tracked.get("/")
    @chest.track
    def view():
        return ""

    serve(tracked).get("/")
    recorded(chest, 1)
    assert said() == []
