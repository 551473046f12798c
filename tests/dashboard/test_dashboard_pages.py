"""Every page, with what strangers may send: nothing runs, nothing leaves, nothing breaks."""

from __future__ import annotations

import re
from contextlib import closing
from datetime import datetime, timedelta, timezone
from urllib.parse import parse_qs, quote, urlencode, urlsplit

import pytest
from axe_playwright_python.sync_playwright import Axe
from flask import Flask, g
from playwright.sync_api import expect
from support.dashboard import HIDDEN
from support.picky import Plugin
from werkzeug.exceptions import HTTPException
from werkzeug.security import generate_password_hash

from flask_chest import open_store
from flask_chest.testing import make_batch, make_record

SCRIPT = "<script>window.ran=1</script>"
IMAGE = "\"'><img src=x onerror=window.ran=1>"
ADDRESS = "javascript:window.ran=1//"
TEMPLATE = "{{7*7}}${7*7}{% raise %}"
ODD = "\u202eright to left\u202c\u200b\u200d\ufeff\x1b[31m"
FORMULA = '=HYPERLINK("http://evil.example/","x")'
LONG = "long" * 75
BROKEN = "a" * 400 + "\n\n\t  " + "b c " * 50
PAYLOADS = (SCRIPT, IMAGE, ADDRESS, TEMPLATE, ODD, FORMULA, LONG, BROKEN)
WIDTHS = (1280, 800, 390)
_PANELS = re.compile(r'data-panel="([^"]+)"')

SETTLED = """() => {
  const wide = document.documentElement.scrollWidth - document.documentElement.clientWidth;
  const inside = (each) => each.closest(".scroll, .plot, .hidden, pre, [hidden]");
  const seen = Array.from(document.querySelectorAll("main :is(a, button, summary, select, input, "
    + "h1, h2, td, th), header *"));
  const out = seen.filter((each) => {
    const box = each.getBoundingClientRect();
    return box.width && !inside(each) && (box.right > innerWidth + 1 || box.left < -1);
  });
  return [wide, out.slice(0, 3).map((each) => each.outerHTML.slice(0, 200))];
}"""
"""By how much the page is wider than the window, and what is cut at its edges."""

ADDRESSES = """(text) => Array.from(document.querySelectorAll("a[href^='/chest/']")).map((each) =>
  each.getAttribute("href")).concat(Array.from(document.querySelectorAll("form[method=get]")).map(
  function (form) {
    form.querySelectorAll("input").forEach((each) => {
      if (["text", "search"].includes(each.type) && !each.value) { each.value = text; }
    });
    return form.getAttribute("action") + "?" + new URLSearchParams(new FormData(form));
  }))"""
"""Where the links of a page lead to, and its forms when a text is typed into all fields."""

INTRUDERS = """() => Array.from(document.querySelectorAll(
  "main script, main img, main iframe, main object, main embed, main [style]:not(.u-wrap *):not("
  + ".u-wrap):not(.uplot *):not(.menu > *), [onerror], [onclick], [onload], [onmouseover]"
)).concat(Array.from(document.querySelectorAll("[href], [action], [src]")).filter((each) =>
  !/^(https?:|\\/|#|\\?)/.test(each.getAttribute("href") || each.getAttribute("action") ||
    each.getAttribute("src") || "/"))).map((each) => each.outerHTML.slice(0, 200))"""
"""Elements and addresses that no template of ours makes."""


def hostile_variables(payload):
    """Return variables with a payload as name and as value, at every place of a value."""
    return {
        payload[:200]: payload,
        "text": payload,
        "nested": {payload[:200]: [payload, {"deep": payload}]},
        "items": [payload, None, 1.5, float("inf"), True],
        "number": len(payload),
        "none": None,
        "user_id": payload,
        "tenant": payload,
    }


@pytest.fixture
def hostile(make_chest, database, tmp_path):
    """Return an application that strangers have sent everything to.

    One exporter has refused some of it, and each payload is the name of a saved view.
    """
    app = Flask(SCRIPT, instance_path=str(tmp_path))
    app.config["PROPAGATE_EXCEPTIONS"] = False
    picky = {"type": "picky", "path": str(tmp_path / "picky.sqlite3")}
    chest = make_chest(
        dashboard_allow=lambda _request: True,
        dashboard_manage=True,
        dashboard_file=str(tmp_path / "dashboard.sqlite3"),
        track_all=True,
        rollups={"dimensions": ["tenant"], "measures": ["number"]},
        store="main",
        exporters={"main": f"sqlite:///{database}", "picky": picky},
    )
    chest.register_plugin(Plugin())
    chest.init_app(app)

    @app.route("/stranger/<path:what>", methods=["GET", "POST"])
    def stranger(what):
        payload = PAYLOADS[int(what.partition("/")[0])]
        for name, found in hostile_variables(payload).items():
            setattr(g, name, found)
        g.huge = payload * (1_000_000 // len(payload))
        g.bad = payload  # the one exporter refuses it
        raise type(
            payload[:60], (HTTPException if "post" in what else RuntimeError,), {"code": 418}
        )

    client = app.test_client()
    token = re.search(r'name="csrf_token" value="([^"]+)"', client.get("/chest/").text)[1]
    for number, payload in enumerate(PAYLOADS):
        client.get(f"/stranger/{number}/{payload}", headers={"User-Agent": SCRIPT})
        client.post(f"/stranger/{number}/post")
        view = {"name": payload[:100], "page": "explore", "query": urlencode({"where": payload})}
        client.post("/chest/views", data={"csrf_token": token, **view})
        with app.app_context(), chest.record(payload, text=payload):
            pass
    with app.app_context():
        assert chest.flush(60)
    now = datetime.now(timezone.utc)
    records = (
        make_record(
            **dict.fromkeys(("route", "endpoint", "path", "error", "request_id"), payload),
            **dict.fromkeys(("service", "instance", "trace_id"), payload[:100]),
            method=payload[:10],
            started_at=now - timedelta(seconds=number),
            variables=hostile_variables(payload),
        )
        for number, payload in enumerate(PAYLOADS)
    )
    fill(database, records)
    return app


def fill(database, records):
    with closing(open_store(f"sqlite:///{database}")) as store:
        store.export(make_batch(*records))


class Walk:
    """Goes from page to page by links, and once to each kind of page.

    Attributes:
        seen: Endpoints that were asked for, as pages, panels or links.
        faults: Addresses of pages that failed, with their status.
    """

    def __init__(self, app, browser):
        self.app, self.browser = app, browser
        self.seen, self.faults, self.waiting = set(), [], ["/chest", "/chest/?since=1h"]
        self._routes = app.url_map.bind("localhost")
        browser.page.on("request", lambda request: self.seen.add(self.endpoint(request.url)))

    def endpoint(self, url):
        """Return the endpoint of a URL; None when it is none of the dashboard's."""
        try:
            name = self._routes.match(urlsplit(url).path)[0]
        except HTTPException:
            return None
        return name if name.startswith("chest_dashboard.") else None

    def pages(self):
        """Open pages until each kind of page and of panel was there; yield each address."""
        done = set()
        while self.waiting:
            address = self.waiting.pop(0)
            endpoint = self.endpoint(address)
            kind = endpoint, frozenset(parse_qs(urlsplit(address).query))
            if endpoint is None or kind in done:
                continue
            done.add(kind)
            answer = self.app.test_client().get(address)
            if answer.status_code == 303:
                self.seen.add(endpoint)
                self.waiting.append(answer.headers["Location"])
            elif answer.status_code not in {200, 400}:
                self.faults.append((address, answer.status_code))
            elif answer.mimetype != "text/html" or "Content-Disposition" in answer.headers:
                self.seen.add(endpoint)
                assert SCRIPT not in answer.headers.get("Content-Disposition", "")
            elif {endpoint, *map(self.endpoint, _PANELS.findall(answer.text))} - self.seen:
                self.browser.go(address)
                yield address
                open_menus = "all => all.forEach((each) => { each.open = true; })"
                self.browser.page.locator("details").evaluate_all(open_menus)
                self.waiting += self.browser.page.evaluate(ADDRESSES, SCRIPT)

    def missed(self):
        """Return the endpoints that can be asked for by GET, and that were not."""
        return (
            {
                rule.endpoint
                for rule in self.app.url_map.iter_rules()
                if rule.endpoint.startswith("chest_dashboard.") and "GET" in rule.methods
            }
            - self.seen
            - {"chest_dashboard.nothing"}  # for all other addresses
        )


def faults_of(page, theme):
    """Return what axe finds that is serious or critical, in the first rows of each table."""
    page.emulate_media(color_scheme=theme)
    rows = {"exclude": [["tbody tr:nth-child(n+5)"]]}
    rules = {"runOnly": ["color-contrast"]} if theme == "dark" else {}
    found = Axe().run(page, context=rows, options={"resultTypes": ["violations"], **rules})
    return [
        (each["id"], node["html"][:200], node["failureSummary"])
        for each in found.response["violations"]
        if each["impact"] in {"serious", "critical"}
        for node in each["nodes"][:3]
    ]


def broken(page):
    """Return what is wider than the page at one of the widths."""
    found = []
    for width in WIDTHS:
        page.set_viewport_size({"width": width, "height": 900})
        wide, out = page.evaluate(SETTLED)
        if wide > 0 or out:
            found.append((width, wide, out))
    return found


@pytest.mark.slow
def test_what_strangers_send_runs_nowhere_and_breaks_no_page(browse, hostile):
    found = {}
    with browse(hostile) as browser:
        walk = Walk(hostile, browser)
        page = browser.page
        for address in walk.pages():
            wrong = [
                *page.evaluate(INTRUDERS),
                *HIDDEN.findall(page.locator("body").inner_text()),
                *browser.violations(),
                *broken(page),
                *faults_of(page, "light"),
                *faults_of(page, "dark"),
            ]
            assert page.evaluate("window.ran") is None, address
            if wrong:
                found[address] = wrong
    assert (walk.faults, found) == ([], {})
    assert walk.missed() == set()


@pytest.mark.parametrize(
    "count", [1, *(pytest.param(n, marks=pytest.mark.slow) for n in (0, 10_000))]
)
def test_pages_look_right_without_records_with_one_and_with_many_routes(
    browse, shop, database, count
):
    app = shop()
    now = datetime.now(timezone.utc)
    fill(
        database,
        (
            make_record(
                route=f"/shelf-{number}/<int:item>",
                path=f"/shelf-{number}/7",
                started_at=now - timedelta(minutes=1, milliseconds=number),
                variables={"tenant": f"t-{number}"},
            )
            for number in range(count)
        ),
    )
    with browse(app) as browser:
        for path in ("?routes=all", "explore?by=route", "requests", "delivery"):
            page = browser.go(f"/chest/{path}")
            assert broken(page) == [], path
            assert page.locator(".failed").count() == 0
            assert page.locator("*").count() < 25_000
            if count == 0 and path != "delivery":
                expect(page.locator(".empty").first).to_be_visible()
            page.set_viewport_size({"width": 1280, "height": 900})


@pytest.mark.slow
def test_pages_for_those_who_may_not_look_are_sound_too(browse, shop):
    app = shop(
        dashboard_allow=None,
        dashboard_user="<script>",
        dashboard_password_hash=generate_password_hash("secret", "pbkdf2:sha256:1"),
    )
    with browse(app) as browser:
        page = browser.go("/chest/nothing?next=" + quote(SCRIPT))
        expect(page.get_by_role("heading", name="Log in")).to_be_visible()
        page.get_by_label("User").fill(SCRIPT)
        page.get_by_label("Password").fill("wrong")
        page.get_by_role("button", name="Log in").click()
        expect(page.get_by_role("alert")).to_be_visible()
        assert [each for each in browser.faults if "status of 403" not in each] == []
        browser.faults.clear()
        wrong = [*page.evaluate(INTRUDERS), *broken(page)]
        assert [*wrong, *faults_of(page, "light"), *faults_of(page, "dark")] == []
