"""Each page, in a browser, on each database."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import expect

PAGES = {
    "overview": "/chest/?since=15m",
    "explore": "/chest/explore?since=15m&measure=count&measure=p95(duration_ms)&by=tenant",
    "route": "/chest/route?since=15m&route=%2Fitems%2F%3Cint%3Anumber%3E",
    "requests": "/chest/requests?since=15m&where=tenant+%3D%3D+'acme'",
    "delivery": "/chest/delivery",
}


# The contracts ask each store what the pages ask. `make test` looks at the pages on one store;
# `make test-slow` on all.
STORES = [
    "sqlite",
    *(
        pytest.param(name, marks=pytest.mark.slow)
        for name in ("postgres", "mysql", "mongo", "clickhouse", "lake")
    ),
]


@pytest.fixture(params=STORES)
def exporter(request, database, tmp_path):
    """Return the URL of an empty database."""
    if request.param == "sqlite":
        return f"sqlite:///{database}"
    if request.param == "lake":
        return f"parquet:///{tmp_path / 'lake'}"
    return request.getfixturevalue(request.param)


def test_every_page_shows_what_was_recorded(browse, visited, exporter):
    app = visited(items=60, exporters={"main": exporter})
    with browse(app) as browser:

        def go(name):
            page = browser.go(PAGES[name])
            expect(page.locator(".failed")).to_have_count(0)
            assert browser.violations() == []
            return page

        page = go("overview")
        requests = page.locator("figure.chart").first
        values = requests.locator("td[data-v]").evaluate_all("cells => cells.map(c => c.dataset.v)")
        assert 60 in {sum(map(float, values)), *map(float, values)} or sum(map(float, values)) >= 60
        expect(page.locator("main")).to_contain_text("/items/<int:number>")

        page = go("explore")
        for tenant in ("acme", "globex", "initech"):
            expect(page.locator("main")).to_contain_text(tenant)

        go("route")
        go("delivery")
        page = go("requests")
        expect(page.locator("main tbody tr")).to_have_count(20)
        page.locator("main tbody tr a").first.click()
        browser.settle()
        expect(page).to_have_url(re.compile(r"/chest/requests/[0-9a-f-]{36}"))
        expect(page.locator("main")).to_contain_text("acme")
