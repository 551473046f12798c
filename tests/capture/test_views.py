"""Every kind of view is recorded: async, method views, class views, those of blueprints."""

from __future__ import annotations

import asyncio
import inspect

from flask import Blueprint, Flask, g
from flask.views import MethodView, View


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
