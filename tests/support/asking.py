"""A shop with two weeks of requests in a database, made by a real application."""

from __future__ import annotations

import itertools
import time

from flask import Flask, abort, g

from flask_chest import FlaskChest
from flask_chest.runtime.clock import clock

DAY = 24 * 3600
TENANTS = ("acme", "globex", "initech")
USERS = [f"u-{number}" for number in range(6)]
OLD, NEW = "2026.11.1", "2026.11.2"


class Times:
    """The clocks of the application, which a test sets."""

    def __init__(self):
        self.now_ns = time.time_ns()
        self.passed_ns = 0
        self.time_ns = lambda: self.now_ns
        self.monotonic_ns = lambda: self.passed_ns

    def pass_ms(self, milliseconds):
        self.passed_ns += int(milliseconds * 1e6)


def make_shop(folder, url, times, release):
    """Return the application and its FlaskChest."""
    app = Flask("shop", root_path=str(folder))
    chest = FlaskChest(
        exporters={"main": url},
        journal=str(folder / f"journal-{release}"),
        release=release,
        service="shop",
        testing="deliver",
    )

    @app.get("/products/<int:number>")
    @chest.track("user_id", "tenant", "model", "cost_usd")
    def product(number):
        g.user_id, g.tenant = USERS[number % 6], TENANTS[number % 3]
        g.model = "large" if number % 4 == 0 else "small"
        g.cost_usd = 0.25 if g.model == "large" else 0.01
        times.pass_ms(800 if g.model == "large" and release == NEW else 20 + number)
        return "ok"

    @app.post("/checkout/<int:number>")
    @chest.track("user_id", "tenant", "cart_total", "note", "plan")
    def checkout(number):
        g.user_id, g.tenant = USERS[number % 6], TENANTS[number % 3]
        g.cart_total = number * 12.5
        g.plan = {"name": "pro" if number % 2 else "free"}
        g.note = '=HYPERLINK("http://evil")\x1b[2J 東京'
        times.pass_ms(100)
        if g.tenant == "globex" and release == NEW:
            abort(502)
        return "ok"

    chest.init_app(app)
    return app, chest


def record_two_weeks(folder, url):
    """Record 20 requests on each of the last 14 days: 12 of /products, 8 of /checkout."""
    real = clock.time_ns, clock.monotonic_ns
    times = Times()
    began = times.now_ns
    clock.time_ns, clock.monotonic_ns = times.time_ns, times.monotonic_ns
    try:
        for release, days in ((OLD, range(13, 6, -1)), (NEW, range(6, -1, -1))):
            app, chest = make_shop(folder, url, times, release)
            client = app.test_client()
            for day, number in itertools.product(days, range(20)):
                times.now_ns = began - (day * DAY + (20 - number) * 60) * 10**9
                if number < 12:
                    client.get(f"/products/{number}")
                else:
                    client.post(
                        f"/checkout/{number}", headers={"X-Request-ID": f"r-{day}-{number}"}
                    )
            assert chest.flush(60)
            chest.close()
    finally:
        clock.time_ns, clock.monotonic_ns = real
