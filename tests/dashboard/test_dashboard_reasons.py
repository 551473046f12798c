"""Why parts of a page are missing: said once, where it is seen, with a button; in a browser."""

from __future__ import annotations

from contextlib import contextmanager

import pytest
from playwright.sync_api import expect

from flask_chest import ExporterUnavailable

EXPLORE = "/chest/explore?since=15m&by=route"
ROUTE = "/chest/route?since=15m&route=%2Fitems%2F%3Cint%3Anumber%3E"
SAME = "For the same reason as above."
AWAY = "The database cannot be reached now."


@pytest.fixture
def outage(foreign, browse):
    """Return a function that opens a page while the database is away.

    It yields the page, and a function that brings the database back.
    """
    app, store = foreign

    @contextmanager
    def during(path):
        store.error = ExporterUnavailable("cannot connect to db.example: refused")

        def end():
            store.error = None

        with browse(app) as browser:
            try:
                yield browser.go(path), end
                browser.settle()
            finally:
                browser.faults = [each for each in browser.faults if "503" not in each]

    return during


def seen(page, text):
    return page.get_by_text(text).filter(visible=True)


def buttons(page):
    return page.get_by_role("button", name="Try again").filter(visible=True)


def shows_once(page, panel):
    """Expect that one panel that is seen says why, and has the button."""
    expect(seen(page, AWAY)).to_have_count(1)
    expect(buttons(page)).to_have_count(1)
    expect(panel.get_by_text(AWAY)).to_be_visible()
    expect(buttons(panel)).to_be_visible()


@pytest.mark.parametrize(
    "path",
    [
        pytest.param(f"{EXPLORE}&differ=failed", id="differences"),
        pytest.param(ROUTE, id="route"),
        pytest.param(EXPLORE, id="explore", marks=pytest.mark.slow),
        pytest.param("/chest/requests?since=15m", id="requests", marks=pytest.mark.slow),
    ],
)
def test_a_page_says_once_that_the_database_is_away_and_one_button_brings_all_back(outage, path):
    with outage(f"{path}&live=off") as (page, end):
        panels = page.locator("[data-panel].panel")
        shows_once(page, panels.first)
        expect(seen(page, SAME)).to_have_count(panels.count() - 1)
        end()
        buttons(page).click()
        expect(page.locator(".failed")).to_have_count(0)
        expect(page.locator(".skeleton")).to_have_count(0)


@pytest.mark.slow
def test_a_part_that_is_not_refreshed_keeps_the_reason_and_a_button_when_others_are_back(outage):
    with outage(f"{EXPLORE}&differ=failed") as (page, end):
        names = page.locator("#explore-names option").count()
        assert names > 5
        end()
        with page.expect_response(lambda each: "/explore/names" in each.url and each.ok):
            pass  # nobody sees it, and it has no button
        expect(page.locator("#explore-names option")).to_have_count(names)
        expect(seen(page, SAME)).to_have_count(0)
        differences = page.locator('[data-panel*="explore/differences"]')
        shows_once(page, differences)
        buttons(page).click()
        expect(page.locator(".failed")).to_have_count(0)


@pytest.mark.slow
def test_the_next_part_with_the_same_reason_says_it_when_the_one_above_is_back(outage):
    with outage(ROUTE) as (page, end):
        panels = page.locator("[data-panel]")
        last = panels.last
        last.evaluate("each => { each.dataset.live = 'off'; }")
        shows_once(page, panels.first)
        end()
        shows_once(page, last)
        expect(seen(page, SAME)).to_have_count(0)
        buttons(page).click()
        expect(page.locator(".failed")).to_have_count(0)


@pytest.mark.slow
def test_a_button_that_has_the_focus_keeps_it_when_its_part_fails_again(outage):
    with outage("/chest/requests?since=15m&live=off") as (page, end):
        buttons(page).focus()
        with page.expect_response("**/requests/list**"):
            page.keyboard.press("Enter")
        expect(page.locator("[aria-busy=true]")).to_have_count(0)
        expect(buttons(page)).to_be_focused()
        end()
