"""An application with a dashboard, and a browser that looks at it."""

from __future__ import annotations

from contextlib import contextmanager

import pytest
from flask import Flask, g
from playwright.sync_api import expect, sync_playwright
from support.minimal_store import Plugin as MinimalPlugin

from tools.chromium import launch

_PATIENCE_MS = 60_000
_BROWSER = {"viewport": {"width": 1280, "height": 900}, "timezone_id": "Europe/Berlin"}
"""As of most viewers: in a zone that is not that of the server."""
_VIOLATIONS = """
window.violations = [];
document.addEventListener("securitypolicyviolation", function (event) {
  window.violations.push(event.violatedDirective + " " + event.blockedURI);
});
"""

expect.set_options(timeout=_PATIENCE_MS)


def pytest_collection_modifyitems(items):
    for item in items:
        if "chromium" in getattr(item, "fixturenames", ()):
            item.add_marker("browser")


@pytest.fixture(scope="module")
def chromium():
    """Return a browser. Of a module: while Playwright runs, its thread has a running event loop."""
    with sync_playwright() as playwright:
        browser = launch(playwright)
        yield browser
        browser.close()


class Watched:
    """A page of the browser, and all that went wrong on it.

    Attributes:
        page: Playwright's page.
        faults: What the console said, exceptions of the script, and requests that failed or went to
            another host. A test that expects one removes it.
    """

    def __init__(self, page, base):
        self.page, self.base, self.faults = page, base, []
        page.set_default_timeout(_PATIENCE_MS)
        page.add_init_script(_VIOLATIONS)
        page.on("console", self._said)
        page.on("pageerror", lambda error: self.faults.append(f"exception: {error}"))
        page.on("requestfailed", self._failed)
        page.on("request", self._asked)

    def _said(self, said):
        # A test that types at once is faster than the field that has the focus at first.
        if not said.text.startswith("Autofocus processing was blocked"):
            self.faults.append(f"console {said.type}: {said.text}")

    def _failed(self, request):
        # What is on its way when the viewer goes to another page ends with that.
        if "ERR_ABORTED" not in (request.failure or ""):
            self.faults.append(f"request failed: {request.url} {request.failure}")

    def _asked(self, request):
        if not request.url.startswith((self.base, "data:")):
            self.faults.append(f"request to another host: {request.url}")

    def go(self, path="/chest/"):
        """Open a page, and wait until all of its panels are there."""
        self.page.goto(self.base + path)
        self.settle()
        return self.page

    def settle(self):
        """Wait until all panels are there."""
        expect(self.page.locator("[aria-busy=true]")).to_have_count(0)

    def violations(self):
        """Return what the content security policy refused on the page that is open."""
        return self.page.evaluate("window.violations")


@pytest.fixture
def browse(chromium, serve):
    """Return a function that serves an application and opens a browser that looks at it.

    At the end of the test, nothing may have gone wrong on any page.
    """
    opened = []

    @contextmanager
    def context(app, **options):
        client = serve(app)
        base = str(client.base_url).rstrip("/")
        made = chromium.new_context(**{**_BROWSER, **options})
        if "timezone_id" not in options:  # as from the second page on
            zone = {"name": "chest_tz", "value": _BROWSER["timezone_id"], "url": f"{base}/chest/"}
            made.add_cookies([zone])
        try:
            watched = Watched(made.new_page(), base)
            opened.append(watched)
            yield watched
            assert watched.violations() == []
        finally:
            made.close()
            # What is on its way then would open what the test closes.
            assert client.answering.is_over(_PATIENCE_MS / 1_000)

    yield context
    for watched in opened:
        assert watched.faults == []


@pytest.fixture
def shop(make_chest, tmp_path):
    """Return a function that makes an application with a dashboard that anybody may look at.

    It has the routes ``/items/<n>``, which puts `user_id`, `tenant` and `cost_usd` on `g` and fails
    for each 17th item, and ``/pay``.
    """

    def make(**settings):
        app = Flask("shop")
        app.config["PROPAGATE_EXCEPTIONS"] = False
        given = {
            "dashboard_allow": lambda _request: True,
            "dashboard_file": str(tmp_path / "chest_dashboard.sqlite3"),
            "track_all": True,
            **settings,
        }
        chest = make_chest(**given)
        chest.init_app(app)

        @app.get("/items/<int:number>")
        def item(number):
            g.user_id = f"u-{number % 7}"
            g.tenant = ("acme", "globex", "initech")[number % 3]
            g.cost_usd = number / 100
            if number % 17 == 16:
                raise RuntimeError("the shelf is empty")
            return "ok"

        @app.post("/pay")
        def pay():
            g.user_id = "u-1"
            return "", 402

        app.chest = chest
        return app

    return make


@pytest.fixture
def visited(shop):
    """Return a function that makes such an application, of which items were asked for."""

    def make(items=40, **settings):
        app = shop(**settings)
        client = app.test_client()
        for number in range(items):
            client.get(f"/items/{number}")
        with app.app_context():
            assert app.chest.flush(60)
        return app

    return make


@pytest.fixture
def foreign(make_chest, tmp_path):
    """Return an application whose records are in a store of somebody else, and its class."""
    app, plugin = Flask("shop"), MinimalPlugin()
    app.config["PROPAGATE_EXCEPTIONS"] = False
    chest = make_chest(
        dashboard_allow=lambda _request: True,
        dashboard_file=str(tmp_path / "dashboard.sqlite3"),
        dashboard_refresh_seconds=1,
        track_all=True,
        exporters={"main": {"type": "minimal"}},
    )
    chest.register_plugin(plugin)
    chest.init_app(app)
    app.chest = chest
    app.get("/items/<int:number>")(lambda number: (str(number), 500 if number % 9 == 8 else 200))
    for number in range(30):
        app.test_client().get(f"/items/{number}")
    with app.app_context():
        assert chest.flush(60)
    return app, plugin.store
