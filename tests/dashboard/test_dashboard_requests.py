"""The list of requests."""

from __future__ import annotations

import csv
import io
import json
import re
from datetime import datetime, timedelta, timezone
from html import unescape
from urllib.parse import parse_qs, quote, urlsplit

import pytest
from flask import g
from playwright.sync_api import expect
from support.dashboard import opened
from support.rollup_host import Host

from flask_chest import query
from flask_chest.rollup import Cubes, Declaration
from flask_chest.testing import make_batch, make_record

LIST = "/chest/requests/list"


def column(html, place):
    """Return the texts of a column of the list."""
    rows = re.findall(r"<tr>\s*<td.*?</tr>", html, re.DOTALL)
    cells = [re.findall(r"<td.*?</td>", row, re.DOTALL)[place] for row in rows]
    return [" ".join(unescape(re.sub(r"<[^>]*>", "", cell)).split()) for cell in cells]


def arguments(html, rel):
    """Return the arguments of the link to the next or the previous page; None without one."""
    found = re.search(rf'rel="{rel}" href="([^"]*)"', html)
    return None if found is None else "?" + urlsplit(unescape(found[1])).query


def test_pages_lead_to_the_end_and_back_while_records_arrive(visited):
    app = visited(items=120)
    client = app.test_client()
    first = client.get(LIST).text
    assert arguments(first, "prev") is None
    assert column(first, 1) == ["GET /items/<int:number>"] * 50
    seen, page = column(first, 0), first
    for expected in (50, 20):
        client.get("/items/1")
        with app.app_context():
            assert app.chest.flush(60)
        page = client.get(LIST + arguments(page, "next")).text
        times = column(page, 0)
        assert len(times) == expected
        seen += times
    assert arguments(page, "next") is None
    assert len(seen) == 120
    assert seen == sorted(seen, reverse=True)
    middle = client.get(LIST + arguments(page, "prev")).text
    assert column(middle, 0) == seen[50:100]
    # Two are new: they are before the first page, and it begins behind them.
    again = client.get(LIST + arguments(middle, "prev")).text
    assert column(again, 0) == seen[:50]
    assert len(column(client.get(LIST + arguments(again, "prev")).text, 0)) == 50


def test_the_first_columns_are_variables_that_tell_the_requests_apart(shop, database):
    app = shop()
    now = datetime.now(timezone.utc)
    for number in range(6):
        variables = {
            "build": "b-1",
            "flags": ["x"],
            "tenant": f"t-{number % 2}",
            "app.host": number,
        }
        if number == 0:
            variables["gateway"] = "adyen"
        elif number < 3:
            variables["retries"] = 0
        record = make_record(
            started_at=now - timedelta(seconds=number),
            status_code=503 if number < 2 else 200,
            variables=variables,
        )
        app.chest.store().export(make_batch(record))

    def columns(where="", app=app):
        client = app.test_client()
        html = client.get(f"{LIST}?where={quote(where)}").text
        return re.findall(r'title="Order by (\w+)"', html)[5:8]

    # `gateway` is of failed ones alone, and of the others' names `build` is the same in all.
    assert columns() == ["gateway", "tenant", "retries"]
    assert columns("status_code >= 500") == ["tenant", "gateway", "retries"]
    assert columns("tenant == 't-1' and status_code < 500") == ["build", "flags", "tenant"]
    # What is declared goes before what tells as much, and facts stay behind.
    declared = Declaration(dimensions=(("app.host",),), measures=("retries",))
    with opened(database, declared) as store:
        Host(store, cubes=Cubes.of(declared)).lead()
    assert columns(app=shop()) == ["gateway", "retries", "tenant"]


def test_any_column_orders_the_list_and_any_variable_is_a_column(visited):
    client = visited(items=20).test_client()
    page = client.get(f"{LIST}?columns=cost_usd&columns=tenant&order=-cost_usd").text
    costs = column(page, 5)
    assert costs == [f"{n / 100:g}" if n else "0" for n in range(19, -1, -1)]
    assert set(column(page, 6)) == {"acme", "globex", "initech"}
    assert 'aria-sort="descending"' in page
    assert "order=cost_usd" in unescape(page)
    fields = client.get(f"{LIST}?columns=path&columns=started_at&columns=nothing").text
    assert column(fields, 5)[0] == "/items/19"
    assert column(fields, 6)[0].endswith("+00:00")
    assert set(column(fields, 7)) == {""}
    assert client.get(f"{LIST}?columns=").text.count("<th ") == 6


def test_the_list_goes_to_a_time(visited):
    app = visited(items=60)
    client = app.test_client()
    records = list(app.chest.store().records())
    page = client.get(f"{LIST}?at={quote(records[-1].started_at.isoformat())}").text
    assert column(page, 0)  # those of the same second, and before
    early = client.get(f"{LIST}?at=2020-01-31T12:00:00").text
    assert "no request from here on" in early
    assert "is no time" in client.get("/chest/requests?at=soon").text


def test_a_place_that_cannot_be_read_is_said(shop):
    client = shop().test_client()
    for place in (
        "x", "[", "1", "null", "{}", "[[]]", '[0,"2026-01-31T12:00:00",""]', '[0,1,""]',
        '[0,"2026-01-31T12:00:00Z","x"]', '[9,"2026-01-31T12:00:00+00:00",""]',
        '["01a22766-6dea-749f-8f88-d01c92a1991d"]', "[" * 7_000,
    ):  # fmt: skip
        for argument in ("after", "before"):
            answer = client.get(LIST, query_string={argument: place})
            assert answer.status_code == 400, place
            assert "Begin with the newest records" in answer.text


def test_a_value_of_another_type_is_no_place(shop):
    client = shop().test_client()
    for order, place in (
        ("route", '[0,1,""]'),
        ("status_code", '[1,"x",""]'),
        ("tenant", '[0,NaN,""]'),
        ("tenant", '[0,1e999,""]'),
        ("tenant", '[0,9223372036854775808,""]'),
        ("tenant", '[0,true,""]'),
        ("tenant", '[1,"\\u0000",""]'),
        ("tenant", '[1,"\\ud800",""]'),
        ("tenant", '[2,1,""]'),
        ("tenant", '[3,1,""]'),
    ):
        answer = client.get(LIST, query_string={"order": order, "after": place})
        assert answer.status_code == 400, place


def test_an_id_is_found_at_any_time(visited):
    app = visited(items=3)
    client = app.test_client()
    [record, *_] = app.chest.store().records()
    for text in (record.request_id, record.id.upper()):
        page = client.get("/chest/requests/found", query_string={"find": text, "since": "1s"}).text
        assert f"/chest/requests/{record.id}" in page
    nothing = client.get("/chest/requests/found?find=%3Cb%3E").text
    assert "No request has this ID" in nothing
    assert "<b>" not in nothing


def test_a_trace_is_found_in_the_time_range(visited):
    app = visited(items=1)
    client = app.test_client()
    trace = "4bf92f3577b34da6a3ce929d0e0e4736"
    client.get("/items/1", headers={"traceparent": f"00-{trace}-00f067aa0ba902b7-01"})
    with app.app_context():
        assert app.chest.flush(60)
    page = client.get(f"/chest/requests/found?find={trace}").text
    assert "Of the trace" in page
    assert page.count("<time ") == 1
    assert "in the time range" in client.get(f"/chest/requests/found?find={'f' * 32}").text


def test_the_list_is_a_file_of_csv_or_of_json_lines(visited):
    app = visited(items=30)
    client = app.test_client()
    with app.app_context():
        with app.chest.record("=cmd", formula="=1+1", inner={"a": 1}):
            pass
        assert app.chest.flush(60)
    where = quote("route == '=cmd' or tenant == 'acme'")
    answer = client.get(
        f"/chest/requests.csv?where={where}&columns=formula&columns=inner&columns=tenant"
    )
    assert answer.headers["Content-Disposition"] == 'attachment; filename="requests.csv"'
    rows = list(csv.DictReader(io.StringIO(answer.text, newline="")))
    assert len(rows) == 11
    assert (rows[0]["route"], rows[0]["formula"], rows[0]["inner"]) == (
        "'=cmd",
        "'=1+1",
        '{"a": 1}',
    )
    assert rows[1]["tenant"] == "acme"
    assert {len(row["started_at"]) for row in rows} == {32}, "a reader of columns needs one form"
    lines = client.get(f"/chest/requests.jsonl?where={where}").text.splitlines()
    assert [json.loads(each)["id"] for each in lines] == [row["id"] for row in rows]
    assert json.loads(lines[0])["variables"] == {"formula": "=1+1", "inner": {"a": 1}}
    wrong = client.get("/chest/requests.csv?where=nonsense")
    assert wrong.status_code == 400
    # Each of them has given its place back, also where nobody reads it.
    for _ in range(4):
        with client.get("/chest/requests.jsonl") as answer:
            assert answer.status_code == 200
    held = [client.get("/chest/requests.csv") for _ in range(3)]
    assert [each.status_code for each in held] == [200, 200, 503]
    for each in held:
        each.close()


def test_an_empty_list_names_the_variables_of_its_filter_that_no_request_has(visited):
    client = visited(3).test_client()

    def said(where):
        page = client.get(LIST, query_string={"since": "15m", "where": where}).text
        return [unescape(each) for each in re.findall(r"None of .*", re.sub("<.*?>", "", page))]

    assert said("tennant == 'acme'") == [
        "None of the newest 3 requests of this time has tennant. Near: tenant"
    ]
    assert said("tenant == 'nobody'") == []
    assert said("status >= 500") == [
        "None of the newest 3 requests of this time has status. Near: status_code"
    ]
    assert said("duration > 1")[0].endswith("has duration. Near: duration_ms")


def test_an_empty_list_says_which_variable_has_another_type(visited):
    client = visited(3).test_client()

    def said(where):
        page = client.get(LIST, query_string={"since": "15m", "where": where}).text
        return [unescape(each) for each in re.findall(r"<p class=.muted.>(.* here.*?)</p>", page)]

    assert said("tenant == 1") == ["tenant is a text here: write '1'."]
    assert said("tenant == '1'") == []


def test_an_empty_list_says_what_to_do(shop):
    client = shop().test_client()
    assert "There was no request in this time" in client.get(LIST).text
    where = quote("tenant == 'nobody'")
    page = client.get(f"{LIST}?where={where}").text
    assert "No request of this time fits" in page
    assert client.get("/chest/requests?order=<script>").status_code == 400
    assert (
        client.get(f"/chest/requests?{'&'.join(f'columns=a{n}' for n in range(21))}").status_code
        == 400
    )


def odd_shop(shop):
    """Return an application whose newest records are odd: a job, no route, markup, long names."""
    app = shop()

    @app.get("/odd/<path:name>")
    def odd(name):
        g.tenant = '"><img src=x onerror=alert(1)>'
        g.note = "\u202eabc\u200b\n"
        setattr(g, "<b>", "x" * 2_000)
        g.nothing = None
        return "", 204

    client = app.test_client()
    for number in range(60):
        client.get(f"/items/{number}")
    client.get(f"/odd/{'y' * 300}")
    client.get("/nowhere")
    with app.app_context():
        with app.chest.record("nightly", rows=3):
            pass
        assert app.chest.flush(60)
    return app


@pytest.mark.slow
def test_the_list_in_a_browser(browse, shop):
    with browse(odd_shop(shop)) as browser:
        page = browser.go("/chest/requests?since=1h&columns=tenant&columns=note&order=-started_at")
        rows = page.locator("table.requests tbody tr")
        expect(rows).to_have_count(50)
        expect(rows.nth(0)).to_contain_text("JOB nightly")
        expect(rows.nth(1)).to_contain_text("/nowhere")
        expect(rows.nth(2)).to_contain_text('"><img src=x onerror=alert(1)>')
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        filter_by_menu(browser, page, rows)
        turn_pages(browser, page, rows)
        choose_columns(browser, page)


def filter_by_menu(browser, page, rows):
    """Choose from a menu by keyboard: the filter applies to the list, whose columns stay."""
    menu = page.locator("details.menu[data-name=tenant] summary", has_text="acme").first
    menu.focus()
    page.keyboard.press("Enter")
    only = page.get_by_role("link", name="Only this")
    expect(only).to_be_visible()
    page.keyboard.press("Escape")
    expect(only).to_be_hidden()
    expect(menu).to_be_focused()
    page.keyboard.press("Enter")
    explore = page.get_by_role("link", name="Break down by tenant").get_attribute("href")
    assert parse_qs(urlsplit(explore).query) == {"since": ["1h"], "by": ["tenant"]}
    page.get_by_role("link", name="All but this").click()
    expect(rows).to_have_count(43)
    asked = parse_qs(urlsplit(page.url).query)
    assert asked["where"] == [query.others_of("tenant", "acme")]
    assert asked["columns"] == ["tenant", "note"]


def turn_pages(browser, page, rows):
    """Turn pages, which survive a reload. Only the first one refreshes itself."""
    panel = page.locator("[data-panel]")
    browser.go("/chest/requests?since=1h")
    page.get_by_role("link", name="Older").first.click()
    expect(rows).to_have_count(13)
    expect(panel).to_have_attribute("data-live", "off")
    page.reload()
    expect(rows).to_have_count(13)
    page.get_by_role("link", name="Newer", exact=False).first.click()
    expect(rows).to_have_count(50)
    page.get_by_role("link", name="Newest").first.click()
    expect(panel).to_have_attribute("data-live", "on")
    browser.settle()


def choose_columns(browser, page):
    """Choose other columns, and order by one."""
    heads = page.locator("table.requests thead th")
    page.get_by_text("Columns", exact=True).click()
    page.get_by_label("cost_usd").uncheck()
    page.get_by_label("Another").fill("nothing")
    page.get_by_role("button", name="Show").click()
    expect(heads.filter(has_text="nothing")).to_have_count(1)
    expect(heads.filter(has_text="cost_usd")).to_have_count(0)
    page.get_by_role("link", name="Duration").click()
    expect(page.locator("th[aria-sort=descending]")).to_contain_text("Duration")
    expect(heads.filter(has_text="nothing")).to_have_count(1)
    browser.settle()
