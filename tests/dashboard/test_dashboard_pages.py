"""Every page, with what strangers may send: nothing runs, nothing leaves, nothing breaks."""

from __future__ import annotations

from contextlib import closing
from datetime import datetime, timedelta, timezone
from urllib.parse import urlsplit

import pytest
from axe_playwright_python.sync_playwright import Axe
from flask import g
from werkzeug.exceptions import HTTPException

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

SETTLED = """() => {
  const wide = document.documentElement.scrollWidth - document.documentElement.clientWidth;
  const inside = (each) => each.closest(".scroll, .plot, .hidden, pre, [hidden]");
  const seen = Array.from(document.querySelectorAll("main a, main button, main summary, main select, "
    + "main input, main h1, main h2, main td, main th, header *"));
  const out = seen.filter((each) => {
    const box = each.getBoundingClientRect();
    return box.width && !inside(each) && (box.right > innerWidth + 1 || box.left < -1);
  });
  return [wide, out.slice(0, 3).map((each) => each.outerHTML.slice(0, 200))];
}"""
"""By how much the page is wider than the window, and what is cut at its edges."""

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
def hostile(shop, database):
    """Return an application that strangers have sent everything to."""
    app = shop()

    @app.route("/stranger/<path:what>", methods=["GET", "POST"])
    def stranger(what):
        payload = PAYLOADS[int(what.partition("/")[0])]
        for name, found in hostile_variables(payload).items():
            setattr(g, name, found)
        g.huge = payload * (1_000_000 // len(payload))
        raise type(
            payload[:60], (HTTPException if "post" in what else RuntimeError,), {"code": 418}
        )

    client = app.test_client()
    for number, payload in enumerate(PAYLOADS):
        client.get(f"/stranger/{number}/{payload}", headers={"User-Agent": SCRIPT})
        client.post(f"/stranger/{number}/post")
        with app.app_context(), app.chest.record(payload, text=payload):
            pass
    with app.app_context():
        assert app.chest.flush(60)
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
        self.seen, self.faults, self.waiting = set(), [], ["/chest/?since=1h"]
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
        """Open one page of each kind after another, and yield its address."""
        done = set()
        while self.waiting:
            address = self.waiting.pop(0)
            endpoint = self.endpoint(address)
            if endpoint is None or endpoint in done:
                continue
            done.add(endpoint)
            answer = self.app.test_client().get(address)
            if answer.status_code not in {200, 302}:
                self.faults.append((address, answer.status_code))
                continue
            if answer.mimetype != "text/html" or "attachment" in str(answer.headers):
                self.seen.add(endpoint)
                assert SCRIPT not in answer.headers.get("Content-Disposition", "")
                continue
            self.browser.go(address)
            yield address
            open_menus = "all => all.forEach((each) => { each.open = true; })"
            self.browser.page.locator("details").evaluate_all(open_menus)
            links = "all => all.map((each) => each.getAttribute('href'))"
            self.waiting += self.browser.page.locator("a[href^='/chest/']").evaluate_all(links)

    def missed(self):
        """Return the endpoints that can be asked for by GET, and that were not."""
        return {
            rule.endpoint
            for rule in self.app.url_map.iter_rules()
            if rule.endpoint.startswith("chest_dashboard.") and "GET" in rule.methods
        } - self.seen


def faults_of(page, theme):
    """Return what axe finds that is serious or critical."""
    page.emulate_media(color_scheme=theme)
    found = (
        Axe()
        .run(
            page,
            options={"resultTypes": ["violations"]}
            if theme == "light"
            else {"resultTypes": ["violations"], "runOnly": ["color-contrast"]},
        )
        .response["violations"]
    )
    return [
        (each["id"], node["html"][:200], node["any"][0]["message"] if node["any"] else "")
        for each in found
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


def test_what_strangers_send_runs_nowhere_and_breaks_no_page(browse, hostile):
    found = {}
    with browse(hostile) as browser:
        walk = Walk(hostile, browser)
        page = browser.page
        for address in walk.pages():
            wrong = [
                *page.evaluate(INTRUDERS),
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
