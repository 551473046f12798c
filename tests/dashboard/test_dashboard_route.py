"""The page of a route: its panels, its distribution, its variables."""

from __future__ import annotations

import re
import sys
from datetime import timedelta
from html import unescape
from urllib.parse import quote, urlencode

import pytest
from flask_chest_dashboard.charts.distribution import MOST_BARS, Distribution
from flask_chest_dashboard.scope import Scope
from flask_chest_dashboard.variables import rows
from hypothesis import given, settings
from hypothesis import strategies as st
from playwright.sync_api import expect
from support.dashboard import DAY, HOSTILE, UNTIL, store_records, text_of

from flask_chest import query
from flask_chest.memory_store import MemoryStore
from flask_chest.testing import make_batch, make_record
from flask_chest.testing.records import as_stored

PANELS = ("overview/numbers", "overview/charts", "route/durations", "overview/slowest",
          "overview/failures", "route/variables")  # fmt: skip


def record(minutes, route="/pay", **fields):
    given = {"duration_ms": 100.0, "status_code": 200, "method": "POST", "variables": {}, **fields}
    return make_record(started_at=UNTIL - timedelta(minutes=minutes), route=route, **given)


def arguments(route, method=""):
    given = {name: value for name, value in Scope.of(route, method).arguments().items() if value}
    return f"{DAY}&{urlencode(given)}"


def test_each_panel_is_about_the_route_alone(shop, database):
    store_records(
        database,
        *(record(5, variables={"tenant": f"t-{number % 3}"}) for number in range(30)),
        *(record(6, status_code=503, error="shop.Failed", duration_ms=7.0) for _ in range(4)),
        *(record(7, method="GET", duration_ms=5_000.0) for _ in range(3)),
        *(record(8, "/other", duration_ms=9_000.0, status_code=500) for _ in range(20)),
        record(9, None, method="GET", status_code=404),
    )
    client = shop().test_client()

    def panel(name, route="/pay", method="POST", more=""):
        answer = client.get(f"/chest/{name}?{arguments(route, method)}{more}")
        assert answer.status_code == 200, text_of(answer)
        return text_of(answer)

    assert "Requests 34" in panel("overview/numbers")
    assert "Requests 37" in panel("overview/numbers", method="")
    assert "Requests 1 " in panel("overview/numbers", route=None, method="GET")
    narrow = panel("overview/numbers", more=f"&where={quote('status_code < 500')}")
    assert "Requests 30" in narrow
    assert "9 s" not in panel("overview/slowest")
    assert panel("overview/failures").count("503") == 4
    durations = panel("route/durations")
    assert "p95 100 ms" in durations
    assert "200 30 88.2 % 503 4 11.8 %" in durations
    variables = panel("route/variables")
    assert "Of the newest 34 requests." in variables
    assert "tenant 88.2 % 3 t-0 33.3 % t-1 33.3 % t-2 33.3 %" in variables
    assert "no request" in panel("overview/charts", route="/nowhere")
    for name in PANELS:
        nothing = panel(name, route="/nowhere")
        assert re.search("o request of this route (has failed )?in this time range[.]", nothing)


def test_a_filter_that_chooses_nothing_of_a_route_is_said_in_each_panel_and_why_in_one(
    shop, database
):
    store_records(
        database,
        *(record(5, status_code=503, variables={"cart": number}) for number in range(3)),
        record(5, "/other", variables={"tenant": "acme"}),
    )
    client = shop().test_client()

    def panels(where):
        query = f"{arguments('/pay', 'POST')}&{urlencode({'where': where})}"
        return [text_of(client.get(f"/chest/{name}?{query}")) for name in PANELS]

    never = "None of the newest 3 requests of this route and time has "
    for where, why in {
        "tenant == 'acme'": f"{never}tenant",
        "cart == '1'": "cart is a number here: write 1.",
        "duration > 1": f"{never}duration . Near: duration_ms",
        "status_code == 404": None,
    }.items():
        said = panels(where)
        for text in said:
            assert "request of this route" in text
            assert "that the filters choose" in text
        assert sum("None of" in text or " here: " in text for text in said) == bool(why)
        assert why is None or why in said[0]


def test_the_page_leads_to_what_its_requests_have_in_common(shop):
    client = shop().test_client()
    html = client.get("/chest/route?route=/pay&method=POST").get_data(as_text=True)
    links = [unescape(link) for link in re.findall(r'href="([^"]*)"', html)]
    for kind in ("failed", "slow"):
        [differ] = [link for link in links if f"differ={kind}" in link]
        assert "where=route+%3D%3D+'/pay'" in differ
        assert differ.endswith("#differ")
        page = client.get(differ).get_data(as_text=True)
        # Above the panels that come later, so that it stays where the link has led to.
        assert page.index('id="differ"') < page.index("explore/chart")
        assert page.index("explore/differences") < page.index("explore/chart")
    none = text_of(client.get("/chest/route"))
    assert "No route is chosen" in none
    unmatched = client.get("/chest/route?unmatched=yes")
    assert "Requests that no route matched" in text_of(unmatched)
    # Panels of a page without a route are those of all requests, and no page asks for them.
    assert "data-panel" not in client.get("/chest/route").get_data(as_text=True)


def test_hostile_names_and_values_are_shown_as_they_are(shop, database):
    store_records(
        database,
        *(
            record(1, f"/{name}", variables={name: name, "a": {name: [name]}, "b": "y" * 10**6})
            for name in HOSTILE
        ),
    )
    client = shop().test_client()
    for name in HOSTILE:
        page = client.get(f"/chest/route?{arguments(f'/{name}', 'POST')}")
        for answer in (
            page,
            *(client.get(f"/chest/{each}?{arguments(f'/{name}', 'POST')}") for each in PANELS),
        ):
            html = answer.get_data(as_text=True)
            assert answer.status_code == 200
            assert "<script>alert" not in html
            assert "<img" not in html.replace('<img src="/chest/', "")
            assert len(html) < 100_000
    for wrong in ("x" * 9_000, "\0", "\ud800"):
        address = f"/chest/overview/numbers?{DAY}&route={quote(wrong, errors='surrogatepass')}"
        assert client.get(address).status_code in {200, 400}


# -- Distribution ------------------------------------------------------------------------------


@pytest.mark.opens_nothing
@settings(max_examples=80, deadline=None)
@given(st.lists(st.floats(0, 1e9).map(lambda value: value if value > 1e-6 else 0.0), max_size=60))
def test_the_bars_have_every_request_once(durations):
    store = MemoryStore(10**9)
    store.export(make_batch(*(record(1, duration_ms=each) for each in durations)))
    [row] = store.measure("histogram(duration_ms)", "p50(duration_ms)")
    found = Distribution.of(row["histogram(duration_ms)"] or [], {"p50": row["p50(duration_ms)"]})
    assert found.total == len(durations)
    assert len(found.bars) <= MOST_BARS + 1
    assert all(bar.lower < bar.upper for bar in found.bars if bar.upper)
    # The filter of each bar chooses its requests, up to rounding at its ends.
    for bar in found.bars:
        where = " and ".join(f"({each})" for each in bar.conditions)
        matching = list(store.records(where))
        edges = [v for v in durations for end in (bar.lower, bar.upper) if abs(v - end) <= v * 1e-9]
        assert abs(len(matching) - bar.weight) <= len(edges)
    assert ("<path" in found.svg()) is bool(durations)
    assert len(found.axis()) == (5 if durations else 0)


@pytest.mark.opens_nothing
def test_the_largest_and_the_smallest_durations_have_bars():
    durations = [sys.float_info.max, 1e300, 1.0, 1e-300]
    store = MemoryStore(10**9)
    store.export(make_batch(*(record(1, duration_ms=each) for each in durations)))
    [row] = store.measure("histogram(duration_ms)", "p95(duration_ms)")
    found = Distribution.of(row["histogram(duration_ms)"], {"p95": row["p95(duration_ms)"]})
    assert found.total == len(durations)
    assert all(bar.lower < bar.upper for bar in found.bars if bar.upper)
    assert "<path" in found.svg()


# -- Variables ---------------------------------------------------------------------------------


@pytest.mark.opens_nothing
def test_variables_are_counted_by_type_and_numbers_are_ranges():
    values = [1, 1.0, True, "1", None, {"a": 1}, {"b": 2}, ["x"], "y" * 10_000]
    found = rows(
        [
            *(as_stored(record(1, variables={"odd name": value})) for value in values),
            *(
                as_stored(record(1, variables={"cost": number / 4, "route": "r"}))
                for number in range(91)
            ),
        ]
    )
    by_name = {row.name: row for row in found}
    assert list(by_name) == ["cost", "variables['route']", "variables['odd name']"]
    assert by_name["cost"].spread == (0.0, 11.25, 22.5)
    odd = by_name["variables['odd name']"]
    assert odd.share == 0.09
    assert odd.distinct == 7
    assert odd.values[0] == (1, 2 / 9) or odd.values[0] == (query.OBJECT, 2 / 9)
    assert odd.spread is None


@pytest.mark.slow
def test_a_route_is_whole_by_keyboard_and_on_a_phone(browse, visited):
    app = visited()
    with browse(app, viewport={"width": 390, "height": 800}, has_touch=True) as browser:
        page = browser.go("/chest/?since=15m")
        page.get_by_role("link", name="GET /items/<int:number>").press("Enter")
        expect(page.get_by_role("heading", level=1)).to_have_text("GET /items/<int:number>")
        browser.settle()
        expect(page.locator(".distribution rect").first).to_be_attached()
        durations = page.get_by_role("region", name="Durations and status codes")
        durations.locator("details > summary", has_text="Table").press("Enter")
        expect(durations.get_by_role("link", name=re.compile("to")).first).to_be_visible()
        width = page.evaluate("document.documentElement.scrollWidth")
        assert width <= 390
        page.get_by_role("link", name="What do failed requests have in common?").press("Enter")
        page.wait_for_url(re.compile("explore.*differ=failed"))
        browser.settle()
