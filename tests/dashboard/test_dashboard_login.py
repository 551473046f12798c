"""Log in, in a browser."""

from __future__ import annotations

import re

from flask_chest_dashboard import attempts
from playwright.sync_api import expect
from werkzeug.security import generate_password_hash

PASSWORD = "a long enough one"


def try_password(page, password):
    page.get_by_label("User").fill("ops")
    page.get_by_label("Password").fill(password)
    page.keyboard.press("Enter")


def test_log_in_wrong_right_too_often_and_out(browse, shop):
    app = shop(
        dashboard_allow=None,
        dashboard_user="ops",
        dashboard_password_hash=generate_password_hash(PASSWORD, "scrypt:1024:8:1"),
    )
    app.get("/link")(lambda: '<link rel="icon" href="data:,"><a href="/chest/requests">Look</a>')
    with browse(app) as browser:
        page = browser.go("/chest/requests?since=7d")
        expect(page).to_have_title(re.compile("^Log in · shop"))
        expect(page.get_by_label("User")).to_be_focused()
        try_password(page, "wrong")
        alert = page.get_by_role("alert")
        expect(alert).to_have_text("User or password is wrong.")
        expect(page.get_by_label("User")).to_have_value("ops")
        expect(page.get_by_label("Password")).to_be_focused()
        expect(page.get_by_label("Password")).to_have_value("")
        try_password(page, PASSWORD)
        expect(page).to_have_url(browser.base + "/chest/requests?since=7d")
        browser.settle()

        # A link on another site is followed without the cookie, at first.
        here, elsewhere = browser.base, browser.base.replace("127.0.0.1", "localhost")
        page.goto(f"{elsewhere}/link")
        page.evaluate("address => document.links[0].href = address", f"{here}/chest/requests")
        page.get_by_text("Look").click()
        expect(page).to_have_url(f"{here}/chest/requests")
        browser.settle()

        page.get_by_role("button", name="Log out").click()
        expect(page).to_have_url(f"{here}/chest/login")
        page.goto(f"{here}/chest/")
        expect(page.get_by_label("User")).to_be_visible()
        for _ in range(attempts.OF_ADDRESS):
            try_password(page, "wrong")
            expect(page.get_by_label("Password")).to_have_value("")  # the next page is there
            expect(alert).to_have_text("User or password is wrong.")
        try_password(page, PASSWORD)
        expect(alert).to_have_text(re.compile(r"Too many attempts\. Try again in 15 minutes\."))
        names = {cookie["name"] for cookie in page.context.cookies()}
        assert {"chest_csrf"} <= names <= {"chest_csrf", "chest_tz"}
        # The console says that a page was refused, and that is all.
        expected = re.compile(r"status of (403|429)|request to another host: \S+/link$")
        browser.faults[:] = [each for each in browser.faults if not expected.search(each)]
