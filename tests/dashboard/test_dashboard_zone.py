"""What the browser's time zone does to pages, in a browser."""

from __future__ import annotations

import re

import pytest
from flask_chest_dashboard import choices
from playwright.sync_api import expect
from werkzeug.security import generate_password_hash

from flask_chest.errors import QueryError

PASSWORD = "a long enough one"
ZONES = (
    "Europe/Berlin",
    *(pytest.param(name, marks=pytest.mark.slow) for name in ("America/New_York", "Asia/Kolkata")),
)


@pytest.fixture
def locked(shop):
    """Return an application whose dashboard asks for a password."""
    return shop(
        dashboard_allow=None,
        dashboard_user="ops",
        dashboard_password_hash=generate_password_hash(PASSWORD, "scrypt:1024:8:1"),
    )


def count_loads(browser):
    """Return the methods and statuses of all pages that are loaded from now on."""
    found = []

    def note(response):
        if response.request.is_navigation_request():
            found.append((response.request.method, response.status))

    browser.page.on("response", note)
    return found


def wait_a_little(browser):
    """Wait until what the page would do by itself is done: nothing, if it loads no page."""
    browser.settle()
    browser.page.wait_for_timeout(700)


def expect_faults(browser, *statuses):
    """Remove what the console says of a page with a status that is no success."""
    browser.faults[:] = [
        fault
        for fault in browser.faults
        if not any(f"status of {one}" in fault for one in statuses)
    ]


@pytest.mark.parametrize("zone", ZONES)
def test_a_viewer_of_any_zone_logs_in(browse, locked, zone):
    with browse(locked, timezone_id=zone) as browser:
        loads = count_loads(browser)
        page = browser.go("/chest/requests?since=7d")
        expect(page).to_have_title(re.compile("^Log in"))
        wait_a_little(browser)
        assert loads == [("GET", 303), ("GET", 200)]

        loads.clear()
        page.get_by_label("User").fill("ops")
        page.get_by_label("Password").fill("wrong")
        page.keyboard.press("Enter")
        expect(page.get_by_role("alert")).to_have_text("User or password is wrong.")
        wait_a_little(browser)
        assert loads == [("POST", 403)]  # it was not sent again

        loads.clear()
        page.get_by_label("Password").fill(PASSWORD)
        page.keyboard.press("Enter")
        expect(page).to_have_url(f"{browser.base}/chest/requests?since=7d")
        wait_a_little(browser)
        assert loads == [("POST", 303), ("GET", 200)]
        named = page.evaluate("Intl.DateTimeFormat().resolvedOptions().timeZone")
        assert page.locator("body").get_attribute("data-zone") == named
        expect_faults(browser, 403)


@pytest.mark.parametrize(
    "path",
    ["/chest/?tz=Nowhere", pytest.param("/chest/nothing", marks=pytest.mark.slow)],
)
def test_a_page_that_says_what_is_wrong_is_loaded_once(browse, visited, path):
    with browse(visited(), timezone_id="Europe/Berlin") as browser:
        loads = count_loads(browser)
        browser.go(path)
        wait_a_little(browser)
        assert len(loads) == 1
        assert loads[0][1] in {400, 404}
        expect_faults(browser, 400, 404)


def test_so_is_one_for_those_who_may_not_look(browse, visited):
    with browse(visited(dashboard_allow=lambda: False), timezone_id="Europe/Berlin") as browser:
        loads = count_loads(browser)
        browser.go()
        wait_a_little(browser)
        assert loads == [("GET", 403)]
        expect_faults(browser, 403)


def test_the_first_page_is_loaded_again_once_and_each_further_one_not(browse, visited):
    with browse(visited(), timezone_id="Europe/Berlin") as browser:
        loads = count_loads(browser)
        parts = []
        browser.page.on("request", lambda asked: parts.append(asked.url))
        page = browser.go("/chest/?since=15m&live=off")
        expect(page.locator("body")).to_have_attribute("data-zone", "Europe/Berlin")
        browser.settle()
        asked = [url for url in parts if "/overview/" in url]
        assert len(asked) == len(set(asked)) > 3  # none for the page that is given up
        browser.go("/chest/requests")
        wait_a_little(browser)
        assert loads == [("GET", 200)] * 3


@pytest.mark.slow
def test_a_zone_that_the_server_does_not_know_is_sent_once(browse, visited, monkeypatch):
    def refuse(name):
        raise QueryError(f"{name} is not known here")

    monkeypatch.setattr(choices, "_checked_zone", refuse)
    with browse(visited(), timezone_id="Asia/Tokyo") as browser:
        loads = count_loads(browser)
        page = browser.go("/chest/?since=15m")
        wait_a_little(browser)
        assert len(loads) == 2
        assert page.locator("body").get_attribute("data-zone") == "UTC"


@pytest.mark.slow
def test_a_viewer_who_has_travelled_sees_the_new_zone_on_the_first_page(browse, visited):
    with browse(visited(), timezone_id="Asia/Tokyo") as browser:
        browser.page.context.add_cookies(
            [{"name": "chest_tz", "value": "Europe/Berlin", "url": f"{browser.base}/chest/"}]
        )
        page = browser.go("/chest/?since=15m")
        expect(page.locator("body")).to_have_attribute("data-zone", "Asia/Tokyo")
