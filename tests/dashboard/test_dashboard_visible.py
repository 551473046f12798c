"""Characters that reorder or hide text: pages show them, and filters have them as they are."""

from __future__ import annotations

import json
from urllib.parse import urlencode

import pytest
from flask import g
from playwright.sync_api import expect
from support.dashboard import HIDDEN

VALUE = "x\u202e\u00fcn\u00ef\u2066\u200b"
SHOWN = "x\\u202e\u00fcn\u00ef\\u2066\\u200b"
TEXTS = """() => {
  const found = [document.title];
  const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walk.nextNode()) { found.push(walk.currentNode.data); }
  document.querySelectorAll("*").forEach((each) => ["title", "aria-label", "placeholder"].forEach(
    (name) => found.push(each.getAttribute(name) || "")));
  return found.join("\\n");
}"""
"""All that a page shows or says."""


@pytest.fixture
def told(shop):
    """Return an application that was told such a value in each place where a client may."""
    app = shop(rollups={"dimensions": ["tenant"]})

    @app.get("/say/<path:word>")
    def say(word):
        g.tenant = g.user_id = word
        g.long = f"{word}\n" * 50
        g.inner = {word: [word]}
        setattr(g, f"name {word}", 1)
        raise type(word, (RuntimeError,), {})

    client = app.test_client()
    for number in range(3):
        client.get(f"/say/{VALUE}", headers={"X-Request-ID": f"{VALUE}{number}"})
        client.get(f"/{VALUE}")
    with app.app_context():
        assert app.chest.flush(60)
        app.said = next(each for each in app.chest.store().records() if each.route is not None)
    return app


@pytest.mark.parametrize(
    ("page", "asked"),
    [
        ("", {"where": f"tenant == {VALUE!r} or tenant == '{VALUE}'"}),
        pytest.param("route", {"route": f"/{VALUE}", "method": "GET"}, marks=pytest.mark.slow),
        ("requests", {"columns": ["tenant", "long", "inner", f"variables['name {VALUE}']"]}),
        ("explore", {"by": ["tenant", "path"], "measure": ["count", "top(tenant)"]}),
        pytest.param(
            "explore",
            {"by": "tenant", "kind": "bars", "differ": "part", "part": f"tenant=='{VALUE}'"},
            marks=pytest.mark.slow,
        ),
        pytest.param("explore", {"where": f"tenant = '{VALUE}'"}, marks=pytest.mark.slow),
        ("requests/{id}", {}),
    ],
)
def test_every_page_shows_what_reorders_or_hides_text(browse, told, page, asked):
    with browse(told) as browser:
        path = page.format(id=told.said.id)
        opened = browser.go(f"/chest/{path}?{urlencode({'since': '1h', **asked}, doseq=True)}")
        opened.locator("details").evaluate_all(
            "all => all.forEach((each) => { each.open = true; })"
        )
        text = opened.evaluate(TEXTS)
        assert HIDDEN.findall(text) == []
        assert "\\u202e" in text or "x?\u00fcn\u00ef" in text  # in what cannot be read
        browser.faults[:] = [each for each in browser.faults if "status of 400" not in each]


def test_the_filter_of_a_value_that_hides_something_chooses_it(browse, told):
    with browse(told) as browser:
        page = browser.go("/chest/explore?since=1h&by=tenant")
        expect(page.locator(".u-legend").first).to_contain_text(SHOWN)
        page.locator(".totals").get_by_text(SHOWN).click()
        page.get_by_role("link", name="Requests with it").click()
        browser.settle()
        expect(page.locator(".chip code").first).to_contain_text("\\u202e")
        expect(page.locator("table.requests tbody tr")).to_have_count(3)


def test_a_form_keeps_a_text_that_hides_something_as_it_is(told):
    client = told.test_client()
    where = f"tenant == '{VALUE}'"
    page = client.get("/chest/requests", query_string={"where": where, "find": VALUE}).text
    assert page.count(f'value="{VALUE}"') == 1
    assert f'value="tenant == &#39;{VALUE}&#39;"' in page
    rows = client.get("/chest/requests.jsonl", query_string={"where": where}).text.splitlines()
    assert [json.loads(each)["variables"]["tenant"] for each in rows] == [VALUE] * 3
