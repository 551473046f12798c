"""The overview: its numbers, tables and lists, and its controls."""

from __future__ import annotations

import re
from datetime import timedelta
from urllib.parse import parse_qsl, quote, urlencode, urlsplit

import pytest
from flask_chest_dashboard import asking
from flask_chest_dashboard.comparing import change, change_of_requests, period_before
from flask_chest_sqlite import SqliteStore
from playwright.sync_api import expect
from support.dashboard import DAY, HOSTILE, UNTIL, opened, seen, store_records, text_of
from support.rollup_host import Host

from flask_chest.rollup import Cubes, Declaration
from flask_chest.testing import make_record

DECLARED = Declaration(dimensions=(("tenant",),), measures=("cost_usd",), distinct=("user_id",))
HOURS = range(24)
SLOW = quote("route == '/slow'")
CUT = """[...document.querySelectorAll(".half .scroll")]
  .filter((each) => each.scrollWidth > each.clientWidth).map((each) => each.innerText)"""


def record(hours, route="/pay", duration_ms=100.0, status_code=200, **more):
    more.setdefault("variables", {})
    return make_record(
        started_at=UNTIL - timedelta(hours=hours, minutes=1),
        route=route,
        duration_ms=duration_ms,
        status_code=status_code,
        **more,
    )


@pytest.fixture
def two_days(shop, database):
    """Return a client of an application. On the last of two days it was slower, and failed."""
    store_records(
        database,
        *(record(hour) for hour in HOURS),
        *(record(hour, "/pay", 300.0, 500) for hour in HOURS[:8]),
        *(record(hour, "/slow", 900.0) for hour in HOURS[:10]),
        *(record(hour + 24) for hour in HOURS),
        *(record(hour + 24, "/slow", 3_000.0) for hour in HOURS[:10]),
        *(record(hour, None, 5.0, 404, method="PUT") for hour in HOURS[:3]),
    )
    return shop().test_client()


# -- Panels ------------------------------------------------------------------------------------


def test_the_numbers_are_against_the_time_before_in_words(two_days):
    text = text_of(two_days.get(f"/chest/overview/numbers?{DAY}"))
    assert "Requests 45 ▲ 32 % more than 34" in text
    assert "Error rate 17.8 % ▲ higher than 0 %" in text
    assert "p95 (95 % are faster) 900 ms ▼ 70 % faster than 3 s" in text
    assert "Compared with the day before" in text
    assert text.count("Failed: a status of 500 or more, or an exception.") == 1
    pay = quote("route == '/pay'")
    pay = text_of(two_days.get(f"/chest/overview/numbers?{DAY}&where={pay}"))
    assert "p95 (95 % are faster) 300 ms ▲ 3 times as slow as 100 ms" in pay
    html = two_days.get(f"/chest/overview/numbers?{DAY}").get_data(as_text=True)
    assert html.count('class="bad"') == 1
    assert html.count('class="good"') >= 1


def test_the_routes_are_sorted_by_each_column_and_against_the_time_before(two_days):
    def routes(sort):
        answer = two_days.get(f"/chest/overview/routes?{DAY}&sort={sort}")
        assert answer.status_code == 200
        body = text_of(answer).partition("Requests over time ")[2]
        return sorted(["/pay", "/slow", "no route"], key=body.index), body

    assert routes("")[0] == ["/pay", "/slow", "no route"]
    assert routes("-p95(duration_ms)")[0] == ["/slow", "/pay", "no route"]
    assert routes("p50(duration_ms)")[0] == ["no route", "/pay", "/slow"]
    order, body = routes("-change")
    assert order == ["/pay", "/slow", "no route"]  # of the last one, nothing is known before
    assert "▲ 3 times as slow" in body
    assert "▼ 70 % faster" in body
    assert "none before" in body
    wrong = two_days.get(f"/chest/overview/routes?{DAY}&sort=-x")
    assert wrong.status_code == 400
    assert "sort='-x' is none of route" in text_of(wrong)


def test_the_lists_have_the_slowest_and_the_newest_failed_requests(two_days):
    slowest = text_of(two_days.get(f"/chest/overview/slowest?{DAY}"))
    assert slowest.count("900 ms") == 10
    failures = two_days.get(f"/chest/overview/failures?{DAY}")
    assert text_of(failures).count("500") == 8
    assert "2024-05-20 09:59" in text_of(failures)
    only = two_days.get(f"/chest/overview/failures?{DAY}&where={SLOW}")
    assert "No request that the filters choose has failed in this time range." in text_of(only)


@pytest.mark.slow
def test_ten_thousand_routes_are_twenty_rows_and_the_rest(shop, database):
    store_records(
        database,
        *(record(2, f"/r/{number}", float(number), 200) for number in range(10_000)),
        *(record(3, "/often") for _ in range(30)),
    )
    client = shop().test_client()
    text = text_of(client.get(f"/chest/overview/routes?{DAY}"))
    assert text.count("/r/") == 19
    assert "9,981 other routes 9,981 0 %" in text
    assert "Show 1,000" in text
    assert text_of(client.get(f"/chest/overview/routes?{DAY}&routes=all")).count("/r/") == 999
    slow = text_of(client.get(f"/chest/overview/routes?{DAY}&sort=-p95(duration_ms)"))
    slowest = [int(number) for number in re.findall(r"/r/(\d+)", slow)]
    assert len(slowest) == 20
    assert min(slowest) > 9_500  # percentiles of so many are within 2.2 %
    assert "/r/9000" not in slow
    assert text_of(client.get(f"/chest/overview/routes?{DAY}&sort=-change")).count("/r/") == 19


def test_hostile_names_and_values_are_shown_as_they_are(shop, database):
    store_records(
        database,
        *(
            record(
                1,
                f"/{name}",
                method=name[:200],
                error=name,
                variables={"tenant": name, name: name, "user_id": {name: [name]}},
            )
            for name in HOSTILE
        ),
        record(1, None, variables={"tenant": "y" * 100_000, "user_id": None, "cost_usd": 1e300}),
    )
    with opened(database, DECLARED) as store:
        host = Host(store, cubes=Cubes.of(DECLARED))
        host.now = UNTIL
        host.lead()
    client = shop().test_client()
    for panel in ("numbers", "charts", "routes", "slowest", "failures", "dimensions"):
        answer = client.get(f"/chest/overview/{panel}?{DAY}")
        html = answer.get_data(as_text=True)
        assert answer.status_code == 200
        assert "<script>alert" not in html
        assert "<img" not in html
        if panel not in {"numbers", "charts"}:
            shown = text_of(answer)
            assert all(seen(name) in shown for name in HOSTILE if not name.startswith("x"))


def test_dimensions_and_measures_are_those_that_the_rollups_have(shop, database):
    empty = text_of(shop().test_client().get(f"/chest/overview/dimensions?{DAY}"))
    assert "There are no dimensions yet." in empty
    with opened(database, DECLARED) as store:
        host = Host(store, cubes=Cubes.of(DECLARED))
        host.now = UNTIL
        for tenant, cost in (("acme", 1.0), ("acme", 2.0), ("globex", 40.0)):
            variables = {"tenant": tenant, "cost_usd": cost, "user_id": f"u-{cost}"}
            host.deliver(timedelta(hours=2), duration_ms=9.0, variables=variables, weight=1.0)
        host.lead()
    client = shop().test_client()
    text = text_of(client.get(f"/chest/overview/dimensions?{DAY}"))
    assert "tenant tenant Requests ▼" in text
    assert text.index("acme 2") < text.index("globex 1")
    assert "40" in text
    costs = text_of(client.get(f"/chest/overview/dimensions?{DAY}&top=sum(cost_usd)"))
    assert costs.index("globex 1") < costs.index("acme 2")
    assert client.get(f"/chest/overview/dimensions?{DAY}&top=x").status_code == 400
    numbers = text_of(client.get(f"/chest/overview/numbers?{DAY}"))
    assert "cost_usd, sum 43" in numbers
    assert "user_id, different values 3" in numbers


def test_without_requests_the_overview_says_what_to_do(shop, database):
    client = shop().test_client()
    nothing = text_of(client.get(f"/chest/overview/numbers?{DAY}"))
    assert "No request has been recorded yet." in nothing
    assert '@chest.track("user_id", "cart_*")' in nothing
    store_records(database, record(24 * 60))
    client = shop().test_client()
    answer = client.get("/chest/overview/numbers?since=24h&where=a%20%3D%3D%201")
    assert "no request in this time range that the filters choose" in text_of(answer)
    assert "Look at the last 7 days" in text_of(answer)
    assert "Remove the filters" in text_of(answer)


def test_a_filter_that_chooses_nothing_is_said_in_each_panel_and_why_in_one(shop, database):
    with opened(database, DECLARED) as store:
        host = Host(store, cubes=Cubes.of(DECLARED))
        host.now = UNTIL
        for user in range(3):
            host.deliver(timedelta(hours=2), status_code=503, variables={"user_id": user})
        host.lead()
    client = shop().test_client()
    names = ("numbers", "charts", "routes", "slowest", "failures", "dimensions")

    def panels(where):
        query = f"{DAY}&where={quote(where)}"
        return [text_of(client.get(f"/chest/overview/{name}?{query}")) for name in names]

    never = "None of the newest 3 requests of this time has "
    for where, why in {
        "status >= 500": f"{never}status . Near: status_code",
        "user_id == '1'": "user_id is a number here: write 1.",
        "user_id == 7": None,
    }.items():
        said = panels(where)
        assert "No request that the filters choose has failed in this time range." in said[4]
        for text in (*said[:4], *said[5:]):
            assert "There is no request in this time range that the filters choose." in text, text
        assert sum("None of" in text or " here: " in text for text in said) == bool(why)
        assert why is None or why in said[0]


def test_a_database_that_is_away_and_a_wrong_filter_are_said_in_each_panel(shop):
    away = {"main": "postgresql://chest@127.0.0.1:1/chest"}
    client = shop(exporters=away).test_client()
    assert client.get("/chest/").status_code == 200
    for panel in ("numbers", "charts", "routes", "slowest", "failures", "dimensions"):
        answer = client.get(f"/chest/overview/{panel}?{DAY}")
        assert answer.status_code == 503
        assert "The database cannot be reached now." in text_of(answer)
    for panel in ("numbers", "charts", "routes", "slowest", "failures"):
        answer = client.get(f"/chest/overview/{panel}?{DAY}&where=a%20%3D")
        assert answer.status_code == 400
        assert "the filter cannot be read here" in text_of(answer)


# -- Rollups -----------------------------------------------------------------------------------


@pytest.mark.slow
def test_the_records_are_read_only_where_the_rollups_end(shop, database, monkeypatch):
    monkeypatch.setattr(asking, "EXACT", 0)  # as if there were more records
    with opened(database, DECLARED) as store:
        host = Host(store, cubes=Cubes.of(DECLARED))
        host.now = UNTIL
        variables = {"tenant": "acme", "cost_usd": 1.0, "user_id": "u-1"}
        for day in (0, 1, 2):
            ages = [timedelta(days=day, hours=h, minutes=m) for h in (1, 2) for m in (5, 20)]
            host.deliver(*ages, variables=variables)
        host.lead()
    # The newest ones wait for the leader.
    host_record = record(0, variables=variables)
    store_records(database, host_record)
    questions = []
    asked = SqliteStore.measure

    def measure(store, *measures, **options):
        questions.append((measures, options))
        return asked(store, *measures, **options)

    monkeypatch.setattr(SqliteStore, "measure", measure)
    client = shop().test_client()
    for panel in ("numbers", "charts", "routes", "slowest", "failures", "dimensions"):
        answer = client.get(f"/chest/overview/{panel}?{DAY}")
        assert answer.status_code == 200, text_of(answer)
    assert len(questions) <= 12
    with opened(database) as store:
        for measures, options in questions:
            said = asked(store, *measures, **{**options, "explain": True})[0]["explain"]
            assert any(each.startswith("rollups by the ") for each in said), (measures, options)
            # Before the last hour, none comes from the records.
            earlier = {**options, "until": UNTIL - timedelta(hours=1), "explain": True}
            if earlier["since"] < earlier["until"]:
                said = asked(store, *measures, **earlier)[0]["explain"]
                assert "from the records" not in said, (measures, options)


# -- Words -------------------------------------------------------------------------------------


@pytest.mark.opens_nothing
@pytest.mark.parametrize(
    ("kind", "now", "before", "text", "tone"),
    [
        ("count", 112, 100, "12 % more", ""),
        ("count", 50, 100, "50 % fewer", ""),
        ("count", 0, 100, "100 % fewer", ""),
        ("share", 0.02, 0.01, "2 times as high", "bad"),
        ("share", 0.015, 0.01, "50 % higher", "bad"),
        ("share", 0.0149, 0.01, "49 % higher", ""),
        ("share", 0.52, 0.5, "4 % higher", ""),
        ("share", 0.01, 0.0, "higher", "bad"),
        ("share", 0.004, 0.0, "higher", ""),
        ("share", 0.0, 0.0, "about the same", ""),
        ("share", 0.0, 0.01, "100 % lower", "good"),
        ("ms", 100.1, 100.0, "about the same", ""),
        ("ms", 101.5, 100.0, "1.5 % slower", ""),
        ("ms", 105.0, 100.0, "5 % slower", "bad"),
        ("ms", 96.0, 100.0, "4 % faster", ""),
        ("ms", 167.0, 100.0, "67 % slower", "bad"),
        ("ms", 199.4, 100.0, "99 % slower", "bad"),
        ("ms", 199.6, 100.0, "2 times as slow", "bad"),
        ("ms", 320.0, 100.0, "3.2 times as slow", "bad"),
        ("count", 250, 100, "2.5 times as many", ""),
        ("ms", 90.0, 100.0, "10 % faster", "good"),
        ("ms", 1_234_567.0, 100.0, "12,346 times as slow", "bad"),
        ("sum", 1.0, -1.0, "more", ""),
        ("sum", -2.0, 1.0, "less", ""),
        ("ms", None, 100.0, "no data", ""),
        ("ms", 100.0, None, "nothing to compare with", ""),
    ],
)
def test_a_change_is_said_in_words_and_by_what_it_means(kind, now, before, text, tone):
    found = change(kind, now, before)
    assert (found.text, found.tone) == (text, tone)


@pytest.mark.opens_nothing
def test_durations_of_few_requests_are_not_compared():
    assert change_of_requests(900.0, 100.0, 9, 1_000).text == "too few to compare"
    assert change_of_requests(900.0, None, 9, 0).text == "none before"
    assert change_of_requests(200.0, 100.0, 10, 10).text == "2 times as slow"
    day = timedelta(days=1)
    assert period_before("1 hour", day) == "the hour before"
    assert period_before("24 hours", day) == "the 24 hours before"
    assert period_before("", day) == "the day before"
    assert period_before("", timedelta(hours=30)) == "the 30 hours before"
    assert period_before("", timedelta(seconds=61)) == "as much time before"


# -- In a browser ------------------------------------------------------------------------------


def reached(browser, **arguments):
    """Wait until the address has exactly these arguments, and all panels are there."""
    wanted = sorted(parse_qsl(urlencode(arguments, doseq=True)))
    browser.page.wait_for_url(lambda url: sorted(parse_qsl(urlsplit(url).query)) == wanted)
    browser.settle()


def nothing_is_cut(page):
    """Check that the narrow panels show all of their tables."""
    for width in (390, 1280):
        page.set_viewport_size({"width": width, "height": 900})
        assert page.evaluate(CUT) == []
        expect(page.locator(".short .what").first).to_contain_text("/items/<int:number>")


@pytest.mark.slow
def test_all_choices_are_in_the_address_and_can_be_made_by_keyboard(browse, visited):
    acme, below = "tenant == 'acme'", "status_code < 500"
    with browse(visited(), timezone_id="Asia/Tokyo") as browser:
        page = browser.go("/chest/?since=15m")
        expect(page.locator(".zones [aria-current]")).to_have_text("Asia/Tokyo")  # at once
        expect(page.locator(".u-wrap")).to_have_count(3)
        requests = page.locator("figure", has_text="Requests, and those that failed")
        requests.get_by_text("Table").click()
        cells = requests.locator("tr td:nth-child(2)[data-v]").all_text_contents()
        assert sum(map(int, cells)) == 40
        nothing_is_cut(page)

        # A filter that cannot be read keeps what was typed, and says where it is wrong.
        field = page.get_by_label("Add a filter")
        field.fill("tenant = 'acme'")
        field.press("Enter")
        expect(page.get_by_role("alert")).to_contain_text("tenant = 'acme'")
        expect(field).to_have_value("tenant = 'acme'")
        expect(field).to_have_attribute("aria-invalid", "true")
        field.fill(acme)
        field.press("Enter")
        reached(browser, since="15m", where=[acme])
        field.fill(below)
        field.press("Enter")
        reached(browser, since="15m", where=[acme, below])
        expect(page.locator("#main .numbers").first).to_contain_text("13")
        page.get_by_label(f"Remove the filter {below}").press("Enter")
        reached(browser, since="15m", where=[acme])

        # Pausing, sorting and the other zone: all is kept on another page and on the way back.
        page.get_by_role("link", name="Live", exact=True).click()
        reached(browser, since="15m", where=[acme], live="off")
        page.get_by_role("link", name="Error rate").press("Enter")
        reached(browser, since="15m", where=[acme], live="off", sort="-error_rate")
        head = page.get_by_role("columnheader", name="Error rate").first
        expect(head).to_have_attribute("aria-sort", "descending")
        page.get_by_role("link", name="UTC").click()
        chosen = {"since": "15m", "where": [acme], "live": "off", "tz": "UTC"}
        reached(browser, **chosen, sort="-error_rate")
        page.get_by_role("link", name="GET /items/<int:number>").click()
        reached(browser, **chosen, route="/items/<int:number>", method="GET")
        page.go_back()
        reached(browser, **chosen, sort="-error_rate")
        page.get_by_role("link", name="Asia/Tokyo").click()
        reached(browser, since="15m", where=[acme], live="off", sort="-error_rate")

        # A range of one's own, in the time zone of the browser.
        page.get_by_text("From… to…").click()
        page.get_by_label("From", exact=True).fill("2024-05-20T09:00")
        page.get_by_label("To, or empty for now").fill("2024-05-20T10:00")
        page.get_by_role("button", name="Show").click()
        expect(page.locator("summary[aria-current]")).to_have_text(
            re.compile(r"2024-05-20 09:00 \S 2024-05-20 10:00")
        )
        expect(page.locator("#main")).to_contain_text("There is no request in this time range")
        browser.settle()
