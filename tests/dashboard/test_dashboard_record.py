"""The page of one request."""

from __future__ import annotations

import json
import re
from datetime import datetime, timedelta, timezone
from html import unescape

import pytest
from flask import g
from playwright.sync_api import expect

from flask_chest.testing import make_batch, make_record
from flask_chest.testing.records import as_stored

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"


def details(client, record_id):
    return client.get(f"/chest/requests/{record_id}/details").text


def around(client, record_id, of):
    return client.get(f"/chest/requests/{record_id}/around/{of}").text


def text_of(html):
    return " ".join(unescape(re.sub(r"<[^>]*>", " ", html.replace("<wbr>", ""))).split())


@pytest.fixture
def one(shop):
    """Return a function that gives an application and the only record of it, of a view."""

    def make(view, *, headers=None, **settings):
        app = shop(**settings)
        app.add_url_rule("/one", view_func=view, endpoint="one")
        app.test_client().get("/one", headers=headers)
        with app.app_context():
            assert app.chest.flush(60)
        [record] = app.chest.store().records()
        return app, record

    return make


def test_everything_that_was_recorded_is_there(one):
    def view():
        g.tenant = "acme"
        g.cost = 0.1 + 0.2
        g.user = {"plan": "pro", "odd key": {"zip": 50667}, "tags": ["a", {"b": None}]}
        g.nothing = None
        g.is_new = True
        g.api_key = "sk-very-secret-4711"
        return "ok"

    app, record = one(view)
    client = app.test_client()
    page = details(client, record.id)
    text = text_of(page)
    for part in (
        "tenant acme", "cost 0.30000000000000004", "user.plan pro", "user['odd key'].zip 50667",
        'user.tags ["a", {"b": null}]', "nothing —", "is_new true",
        "api_key [redacted] masked before it was recorded", "Status 200", "route /one",
        f"request_id {record.request_id}", f"id {record.id}", f"instance {record.instance}",
    ):  # fmt: skip
        assert part in text, part
    assert "very-secret" not in page
    answer = client.get(f"/chest/requests/{record.id}.json")
    assert answer.headers["Content-Disposition"] == f'attachment; filename="{record.id}.json"'
    assert json.loads(answer.text) == record.as_data()
    assert "There is no other" in around(client, record.id, "request")
    assert "This request has no trace_id" in text_of(around(client, record.id, "trace"))
    assert "CHEST_DASHBOARD_USER_VARIABLE" in around(client, record.id, "user")


def stored(shop, **variables):
    """Return an application, and a record that another program has written."""
    app = shop()
    record = make_record(started_at=datetime.now(timezone.utc), variables=variables)
    app.chest.store().export(make_batch(record))
    return app, as_stored(record)


def test_a_value_of_megabytes_is_cut_and_is_whole_in_the_file(shop):
    rows = [{"n": number} for number in range(30_000)]
    app, record = stored(shop, body="<b>&" * 700_000, rows=rows)
    client = app.test_client()
    page = details(client, record.id)
    assert len(page) < 2_000_000
    assert "<b>&" not in page
    assert "2,700,000 more characters" in page
    assert len(client.get("/chest/requests/list?columns=body&columns=rows").text) < 50_000
    assert client.get(f"/chest/requests/{record.id}.json").json == record.as_data()


def test_thousands_of_variables_are_bounded(shop):
    app, record = stored(shop, **{f"v{number:04d}": number for number in range(700)})
    page = details(app.test_client(), record.id)
    assert "v0499" in page
    assert "v0500" not in page
    assert "There are more values" in page


def test_a_record_without_variables_and_a_job_have_a_page(shop):
    app = shop()
    client = app.test_client()
    client.get("/nowhere")
    with app.app_context():
        with pytest.raises(ZeroDivisionError), app.chest.record("nightly"):
            1 / 0  # noqa: B018 - the job fails
        assert app.chest.flush(60)
    job, lost = app.chest.store().records()
    page = text_of(details(client, job.id))
    assert "JOB nightly" in page
    assert "This request recorded no variable" in page
    assert "ZeroDivisionError" in page
    assert "Status" not in page
    assert "← Before" in page
    assert "After →" not in page
    assert "GET /nowhere" in text_of(details(client, lost.id))


def test_a_failed_request_leads_to_what_such_failures_have_in_common(shop):
    app = shop()
    client = app.test_client()
    now = datetime.now(timezone.utc)
    records = [
        make_record(
            started_at=now - timedelta(days=days, seconds=number),
            route="/pay",
            status_code=503 if number % 2 else 200,
            variables={"gateway": "adyen" if number % 2 else "stripe"},
        )
        for days in (0, 40)
        for number in range(1, 61)
    ]
    app.chest.store().export(make_batch(*records))
    failing = "since=1h&where=status_code+>=+500"
    stored_ones = [as_stored(each) for each in records]
    for bad, good in (stored_ones[:2], stored_ones[60:62]):
        page = client.get(f"/chest/requests/{bad.id}/details?{failing}").text
        [link] = re.findall(r'href="([^"]*)">What do such failures have in common', page)
        # Against the good ones, so without the filter, and at the time of the request.
        assert unescape(link).endswith("differ=failed#differ")
        question = unescape(link).partition("?")[2].partition("#")[0]
        differences = text_of(client.get(f"/chest/explore/differences?{question}").text)
        assert "gateway adyen 100 % 0 %" in differences
        [route] = re.findall(r'<div class="request-name">.*?<a href="([^"]*)"', page)
        assert "/pay" in client.get(unescape(route)).text
        assert "in common" not in details(client, good.id)


@pytest.mark.parametrize(
    "record_id", ["01a22766-6dea-749f-8f88-d01c92a1991d", "nonsense", "<b>", "x" * 9_000]
)
def test_a_record_that_is_not_there_is_said(shop, record_id):
    client = shop().test_client()
    assert client.get(f"/chest/requests/{record_id}").status_code == 200
    page = details(client, record_id)
    assert "There is no request with this ID" in page
    assert "purged or erased" in page
    assert "<b>" not in page
    assert len(page) < 50_000
    assert "not there" in around(client, record_id, "user")
    assert client.get(f"/chest/requests/{record_id}.json").status_code == 404
    assert client.get(f"/chest/requests/{record_id}/around/all").status_code == 404


def test_a_record_that_waits_for_the_database_is_said(shop):
    app = shop(export_interval_seconds=3_600)
    client = app.test_client()
    with app.app_context():
        assert app.chest.flush(60)
    client.get("/items/1")
    page = details(client, "01a22766-6dea-749f-8f88-d01c92a1991d")
    assert "1 record waits to be delivered" in text_of(page)


def test_requests_of_the_same_user_trace_and_id_are_around_it(shop):
    app = shop(dashboard_user_variable="tenant", request_id_header="X-Request-ID")
    client = app.test_client()
    for number in range(75):
        headers = {}
        if number % 5 == 0:
            headers["traceparent"] = f"00-{TRACE}-{number + 1:016x}-01"
        if number in {20, 60}:
            headers["X-Request-ID"] = "r-same"
        client.get(f"/items/{number}", headers=headers)
    with app.app_context():
        assert app.chest.flush(60)
    records = list(app.chest.store().records(order_by="started_at"))
    paths = [each.path for each in records]

    def found(number, of):
        page = around(client, records[number].id, of)
        marked = re.search(r'<tr aria-current="true">.*?</tr>', page, re.DOTALL)[0]
        assert records[number].id in marked
        ids = re.findall(r"/chest/requests/([0-9a-f-]{36})", page)
        return [paths.index(each.path) for each in records if each.id in ids]

    assert found(39, "user") == list(range(9, 72, 3))  # ten before, ten after
    assert found(0, "user") == list(range(0, 33, 3))
    assert found(70, "trace") == list(range(20, 75, 5))
    assert found(20, "request") == [20, 60]


@pytest.mark.parametrize(
    ("pattern", "address"),
    [
        ("https://tempo.example/t/{trace_id}", f"https://tempo.example/t/{TRACE}"),
        ('http://x.example/"><b>?{trace_id}', f'http://x.example/"><b>?{TRACE}'),
    ],
)
def test_the_trace_has_a_link_to_the_tracing_system(one, pattern, address):
    headers = {"traceparent": f"00-{TRACE}-00f067aa0ba902b7-01"}
    app, record = one(lambda: "ok", headers=headers, dashboard_trace_url=pattern)
    page = details(app.test_client(), record.id)
    [link] = re.findall(r'<a [^>]*href="([^"]*)" rel="noreferrer noopener">Open the trace', page)
    assert unescape(link) == address
    assert "<b>" not in page


@pytest.mark.slow
def test_the_page_in_a_browser(browse, one):
    def view():
        g.user_id = "<script>alert(1)</script>"
        g.note = "\u202e" + "line\n" * 100
        setattr(g, "<img src=x onerror=alert(1)>", {"<b>": "\u200b"})
        setattr(g, "n" * 200, "w" * 900)
        return "ok"

    app, record = one(view)
    app.test_client().get("/one")
    with app.app_context():
        assert app.chest.flush(60)
    with browse(app, viewport={"width": 390, "height": 800}) as browser:
        page = browser.go("/chest/requests?since=1h")
        page.locator(f"a[href*='{record.id}']").click()
        expect(page.locator(".request-name")).to_contain_text("GET")
        browser.settle()
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        expect(page.get_by_text('"\\u200b"')).to_be_visible()
        same = page.locator("section", has=page.get_by_role("heading", name="Of the same user"))
        expect(same.locator("tr[aria-current]")).to_contain_text("this request")
        expect(same.locator("tbody tr")).to_have_count(2)
        page.locator("details.menu[data-name=status_code] summary").first.click()
        differs = page.get_by_role("link", name="What differs here")
        expect(differs).to_have_attribute("href", re.compile(r"status_code.*200.*#differ$"))
        page.locator("details.menu[data-name=user_id] summary").first.click()
        page.get_by_role("link", name="Only this").click()
        expect(page.locator("table.requests tbody tr")).to_have_count(2)
        page.go_back()
        expect(page.locator(".request-name")).to_contain_text("GET")
        page.get_by_role("link", name="After").click()
        expect(page.get_by_role("link", name="After")).to_have_count(0)
        browser.settle()
