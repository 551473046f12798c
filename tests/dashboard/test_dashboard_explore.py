"""Explore: questions from the URL, in a browser and without one."""

from __future__ import annotations

import html
import re

import pytest
from flask import g
from playwright.sync_api import expect

HOSTILE = "<script>alert(1)</script>\"'\u202e\u200b=1+1;" + "x" * 300


def text_of(app, panel="", /, code=200, **arguments):
    """Return the HTML of the page, or of one of its panels."""
    answer = app.test_client().get(f"/chest/explore{panel}", query_string=arguments)
    assert answer.status_code == code, answer.text
    return answer.text


def cells(text):
    """Return the texts of the cells of each row of the tables in a panel."""
    rows = re.findall(r"<tr.*?</tr>", text, re.DOTALL)
    found = [re.findall(r"<t[dh][ >].*?</t[dh]>", row, re.DOTALL) for row in rows]
    return [
        [
            html.unescape(" ".join(re.sub(r"<.*?>", " ", cell, flags=re.DOTALL).split()))
            for cell in row
        ]
        for row in found
    ]


def faults(text):
    """Return what is said at each field that is wrong, by what was typed there."""
    found = re.findall(
        r'<input name="[^"]*" value="([^"]*)"[^>]*aria-invalid="true"[^>]*>\s*'
        r"<pre[^>]*>(.*?)</pre>",
        text,
        re.DOTALL,
    )
    return {html.unescape(typed): html.unescape(said) for typed, said in found}


@pytest.mark.parametrize(
    "backend",
    [
        "sqlite",
        "postgres",
        *(pytest.param(one, marks=pytest.mark.slow) for one in ("mysql", "mongo")),
    ],
)
def test_every_database_answers(request, visited, backend):
    given = {} if backend == "sqlite" else {"exporters": {"main": request.getfixturevalue(backend)}}
    app = visited(40, **given)
    asked = {"since": "15m", "measure": ["count", "errors", "histogram(cost_usd)"], "by": "tenant"}
    assert cells(text_of(app, "/table", **asked))[1:] == [
        ["acme", "14", "1", ""],
        ["globex", "13", "1", ""],
        ["initech", "13", "0", ""],
    ]
    chart = cells(text_of(app, "/chart", **asked))
    assert chart[0] == ["From", "acme", "globex", "initech"]
    charted = [row for row in chart if len(row) == 4 and row[0] != "From"]
    assert sum(int(row[1]) for row in charted) == 14 + 1  # of the counts, and of the errors
    heatmap = text_of(app, "/chart", since="15m", kind="heatmap", of="cost_usd")
    assert "cost_usd, 40 requests" in heatmap
    differ = {"since": "15m", "differ": "part", "part": "cost_usd < 0.2"}
    assert "compared with all others" in text_of(app, "/differences", **differ)


def test_groups_beyond_the_lines_and_the_limit_are_the_rest(visited):
    app = visited(40)
    asked = {"since": "15m", "measure": "count", "by": "user_id", "limit": "3"}
    rows = cells(text_of(app, "/table", **asked))
    assert rows[-1] == ["4 more", "22"]
    chart = text_of(app, "/chart", **asked)
    assert 'data-role="rest">the rest (4)</th>' in chart
    assert "4 more groups are one line" in chart
    bars = cells(text_of(app, "/chart", kind="bars", **asked))
    assert [row[0] for row in bars] == ["u-0", "u-1", "u-2", "the rest (4)"]
    assert bars[-1][-1] == "22"
    one = text_of(app, "/chart", since="15m", kind="bars", measure=["count", "errors"])
    assert one.count('data-kind="bars"') == 2


def test_measures_that_are_no_numbers_are_in_the_table_alone(visited):
    app = visited(6)
    asked = {"since": "15m", "by": "tenant", "measure": ["top(user_id)", "histogram(cost_usd)"]}
    assert "the chart shows the count" in text_of(app, "/chart", **asked)
    assert "are no numbers. The table" in text_of(app, "/chart", kind="bars", **asked)
    assert cells(text_of(app, "/table", **asked))[1] == ["initech", "u-2", ""]
    asked["measure"] += ["count"]
    assert "no numbers" not in text_of(app, "/chart", **asked)


def test_the_examples_can_be_asked(visited):
    app = visited(3)
    text = re.search(r'class="muted examples">(.*?)</p>', text_of(app, since="15m"), re.DOTALL)[1]
    links = [html.unescape(each) for each in re.findall(r'href="([^"]*)"', text)]
    assert len(links) == 5
    client = app.test_client()
    for link in links:
        page = client.get(link).text
        assert "aria-invalid" not in page
        assert "examples" not in page
        for panel in re.findall(r'data-panel="([^"]*)"', page):
            assert client.get(html.unescape(panel)).status_code == 200, panel


def test_a_name_that_no_request_has_is_said_with_those_near(visited):
    app = visited(12)

    def said(**asked):
        text = text_of(app, "/table", since="15m", **asked)
        found = re.findall(r"<p class=.muted.>((?:None of|\w+ is a) .*?)</p>", text)
        return [html.unescape(re.sub("<.*?>", "", each)) for each in found]

    start = "None of the newest 12 requests of this time has "
    assert said(measure=["sum(cost_us)", "count"], by="tennant") == [
        f"{start}tennant. Near: tenant",
        f"{start}cost_us. Near: cost_usd",
    ]
    assert said(measure=["sum(tenant)", "errors", "share(cost_usd > 1e9)"], by="route") == []
    assert said(where=["tennant == 'acme'", "cost_usd > 0"]) == [f"{start}tennant. Near: tenant"]
    assert said(where="tenant == 'acme' and cost_us > 1", by="tennant") == [
        f"{start}cost_us. Near: cost_usd"
    ]
    assert said(where="cost_usd == '1'") == ["cost_usd is a number here: write 1."]
    assert said(where="tennant == 'acme' or method == 'GET'") == []
    assert said(where="cost_usd > 1e9") == []


def test_a_table_is_ordered_by_links(visited):
    app = visited(40)
    asked = {"since": "15m", "measure": ["count", "max(cost_usd)"], "by": "tenant"}
    table = text_of(app, "/table", **asked)
    assert 'aria-sort="descending"' in table
    for order, first in {"-max(cost_usd)": "max(cost_usd)", "tenant": "count"}.items():
        # What orders the groups is next to them, with its bars, and the file is as it was asked.
        other = text_of(app, "/table", order=order, **asked)
        heads = re.findall(r"<th scope=\"col\".*?</th>", other, re.DOTALL)
        assert first in re.sub("<[^>]*>", "", heads[1])
        rows = re.findall(r"<tr>\s*<td.*?</tr>", other, re.DOTALL)
        bars = ["meter" in cell for cell in re.findall("<td.*?</td>", rows[0], re.DOTALL)]
        assert bars == [False, True, False]
        file = text_of(app, "/table.csv", order=order, **asked)
        assert file.startswith('"tenant","count","max(cost_usd)"')
    links = [html.unescape(each) for each in re.findall(r'<th[^>]*><a href="([^"]*)"', table)]
    assert [re.search(r"order=([^&]*)", each)[1] for each in links] == [
        *("tenant", "count", "-max(cost_usd)")
    ]
    client = app.test_client()
    page = client.get(links[2])
    assert '<option value="-max(cost_usd)" selected>' in page.text
    panel = re.search(r'data-panel="([^"]*/table[^"]*)"', page.text)[1]
    found = cells(client.get(html.unescape(panel)).text)
    assert [row[1] for row in found[1:]] == ["0.39", "0.38", "0.37"]
    stale = text_of(app, measure="count", order="-max(cost_usd)")
    assert "order" not in re.search(r'data-panel="([^"]*/table[^"]*)"', stale)[1]


def test_a_wrong_question_is_said_at_its_field_and_keeps_what_was_typed(visited):
    app = visited(1)
    text = text_of(
        app,
        measure=["count", "coutn", HOSTILE],
        by=["tenant", "a b"],
        every="7m",
        limit="1001",
        of="path",
        differ="part",
        part="x ==",
    )
    said = faults(text)
    assert {each: line.split("\n")[0] for each, line in said.items() if each != HOSTILE} == {
        "coutn": "there is no measure 'coutn': write count",
        "a b": "the name in `by` cannot be read here: invalid syntax; a name with blanks or signs "
        "in it is written variables['...']",
        "7m": "every='7m': a day has no whole number of these. Write 6m or 8m",
        "1001": "write a number of groups from 1 to 1,000",
        "path": "histogram is of numbers, and the field 'path' is a text. Its different values: "
        "distinct(path); the most frequent: top(path)",
    }
    assert HOSTILE in said
    assert "<script>alert" not in text
    assert 'value="count"' in text
    assert "explore/chart" not in text
    text = text_of(app, differ="part", part="x ==")
    assert list(faults(text)) == ["x =="]
    assert "explore/chart" in text
    assert "explore/differences" not in text


@pytest.mark.parametrize(
    ("asked", "longer"),
    [
        ({"since": "7d", "every": "1s"}, "1,500. Choose 15m or longer"),
        ({"since": "7d", "every": "5m", "by": "route"}, "400. Choose 30m or longer"),
        ({"since": "1990-01-01", "every": "1d"}, "1,500. Choose 1mo or longer"),
    ],
)
def test_too_many_points_are_refused_with_the_interval_to_choose(shop, asked, longer):
    app = shop()
    [(typed, said)] = faults(text_of(app, **asked)).items()
    assert typed == asked["every"]
    assert longer in said
    assert longer in html.unescape(text_of(app, "/chart", code=400, **asked))
    chosen = {**asked, "every": longer.split()[-3]}
    assert not faults(text_of(app, **chosen))


def test_groups_and_measures_are_bounded(shop):
    app = shop()
    text = text_of(app, by=list("abcdefghijk"))
    assert "there are 11 groups, and at most 10 are shown" in text
    text = text_of(app, measure=[f"p{n}(duration_ms)" for n in range(1, 9)])
    assert "there are 8 measures, and at most 6 are shown" in text
    assert "another column of this name" in html.unescape(text_of(app, measure="count", by="count"))
    assert "cannot be read" not in text_of(
        app, kind="nonsense", differ="nonsense", order="nonsense"
    )


def test_what_can_be_typed_has_the_variables_of_the_newest_requests(shop):
    app = shop()

    @app.get("/odd")
    def odd():
        g.plan = {"name": "pro", "seats": 3}
        setattr(g, HOSTILE, 1)
        setattr(g, 'o"dd', 1)
        return ""

    app.test_client().get("/odd")
    with app.app_context():
        assert app.chest.flush(60)
    text = html.unescape(text_of(app, "/names", since="15m"))
    for each in ("sum(plan.seats)", "distinct(plan.name)", "plan.name", "sum(variables['o\"dd'])"):
        assert f'<option value="{each}">' in text
    assert "sum(plan.name)" not in text
    assert "<script>" not in text


def test_the_slow_the_failed_and_a_filter_are_compared_with_all_others(shop):
    app = shop()

    @app.get("/buy/<int:number>")
    def buy(number):
        g.model = "large" if number % 4 == 0 else "small"
        g.cart = number
        if number % 4 == 0:
            return "", 502
        return "" if number % 3 else ("", 404)

    client = app.test_client()
    for number in range(100):
        client.get(f"/buy/{number}")
    with app.app_context():
        assert app.chest.flush(60)
    rows = cells(text_of(app, "/differences", since="15m", differ="failed"))
    assert rows[1] == ["model", "large", "100 %", "0 %", ""]
    where = {"since": "15m", "where": "model == 'small'"}
    text = text_of(app, "/differences", differ="filters", **where)
    assert "Requests with these filters, compared with all others" in text
    assert ["status_code", "200", "66.7 %", "0 %", ""] in cells(text)
    # Of the requests with the filter: 50 of them have another status.
    text = text_of(app, "/differences", differ="part", part="status_code == 404", **where)
    assert ["endpoint", "buy"] not in [row[:2] for row in cells(text)]
    assert "compared with all others" in text
    assert "The slowest 5 %, above" in text_of(app, "/differences", since="15m", differ="slow")
    said = text_of(app, "/differences", code=400, since="15m", differ="filters")
    assert "there is no filter" in said
    said = text_of(app, "/differences", code=400, since="15m", differ="slow", where="tenant == 1")
    assert "no such request in this time" in said
    assert "more than chance" in text_of(app, "/differences", differ="failed", where="tenant == 1")


def choose(page, value, what):
    """Open the menu of a value in the table, and click on what it offers."""
    found = page.locator(".totals").get_by_text(value)
    found.scroll_into_view_if_needed()
    # Menus close when the page is scrolled, which it is told in the next frame.
    page.evaluate("new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))")
    found.click()
    page.get_by_role("link", name=what).click()


def test_questions_are_chosen_and_values_are_clicked(browse, shop):
    app = shop()

    @app.get("/say")
    def say():
        g.said = HOSTILE
        return ""

    client = app.test_client()
    client.get("/say")
    for number in range(34):
        client.get(f"/items/{number}")
    with app.app_context():
        assert app.chest.flush(60)
    with browse(app) as browser:
        page = browser.go("/chest/explore?since=1h&live=off")
        expect(page.locator(".u-wrap")).to_have_count(2)
        page.get_by_label("Group by another").fill("tenant")
        page.get_by_label("Another measure").fill("sum(cost_usd)")
        page.get_by_label("Interval").fill("5m")
        page.get_by_role("button", name="Ask").click()
        browser.settle()
        expect(page.locator(".u-wrap")).to_have_count(3)
        expect(page.locator(".totals tbody tr")).to_have_count(4)  # and without a tenant
        assert page.get_by_label("Measure", exact=True).nth(2).input_value() == "sum(cost_usd)"

        choose(page, "globex", "Only this")
        browser.settle()
        expect(page.locator(".totals tbody tr")).to_have_count(1)
        expect(page.locator(".chip code")).to_have_text("tenant == 'globex'")
        assert page.get_by_label("Interval").input_value() == "5m"

        choose(page, "globex", "What differs here")
        browser.settle()
        expect(page.get_by_text("compared with all others")).to_be_visible()
        page.go_back()
        page.go_back()
        browser.settle()
        expect(page.locator(".chip")).to_have_count(0)
        expect(page.locator(".totals tbody tr")).to_have_count(4)

        page.get_by_label("Group by", exact=True).fill("said")
        page.get_by_label("Measure", exact=True).first.fill("coutn")
        page.get_by_role("button", name="Ask").click()
        expect(page.get_by_role("alert")).to_contain_text("write count")
        page.get_by_label("Measure", exact=True).first.fill("count")
        page.get_by_role("button", name="Ask").click()
        browser.settle()
        choose(page, "<script>", re.compile("^Only"))
        browser.settle()
        expect(page.locator(".totals tbody tr")).to_have_count(1)
        page.get_by_label("Chart").select_option("heatmap")
        page.get_by_role("button", name="Ask").click()
        browser.settle()
        page.locator(".heat a").first.click()
        expect(page).to_have_url(re.compile("/chest/requests.*duration_ms"))
        browser.settle()
