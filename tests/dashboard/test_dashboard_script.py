"""The script: refreshing, failing, charts and menus, in a browser."""

from __future__ import annotations

import re
import time

import pytest
from flask import request
from playwright.sync_api import expect


@pytest.fixture
def disturbed(shop):
    """Return an application that refreshes each second, and whose panels can be made to fail.

    `app.answer` is what is answered instead of panels; `app.shells` counts the pages loaded.
    """
    app = shop(dashboard_refresh_seconds=1)
    app.answer, app.shells = None, 0

    @app.before_request
    def disturb():
        if request.path == "/chest/":
            app.shells += 1
        return app.answer if request.path.startswith("/chest/overview") else None

    visit(app, 40)
    return app


def forget(browser, text):
    """Remove what the browser says about answers that are meant to fail."""
    assert any(text in each for each in browser.faults)
    browser.faults = [each for each in browser.faults if text not in each]


def visit(app, items):
    client = app.test_client()
    for number in range(items):
        client.get(f"/items/{number}")
    with app.app_context():
        assert app.chest.flush(60)


@pytest.mark.slow
def test_a_refresh_keeps_what_is_open_where_the_focus_is_and_the_drawing(browse, disturbed):
    with browse(disturbed) as browser:
        page = browser.go("/chest/?since=15m")
        figure = page.locator("figure.chart").first
        summary = figure.get_by_text("Table")
        summary.press("Enter")
        drawing = figure.locator("canvas").element_handle()
        before = sum(map(int, figure.locator("td[data-v]").all_text_contents()))
        scroll = figure.locator(".scroll")
        scroll.evaluate("each => { each.scrollTop = 90; }")
        visit(disturbed, 5)
        cells = "cells => cells.reduce((sum, each) => sum + Number(each.dataset.v), 0)"
        page.wait_for_function(
            f"""() => ({cells})(Array.from(
                document.querySelectorAll("figure.chart")[0].querySelectorAll("td[data-v]")
            )) === {before + 5}"""
        )
        assert figure.locator("details").evaluate("each => each.open")
        assert summary.evaluate("each => each === document.activeElement")
        assert scroll.evaluate("each => each.scrollTop") == 90
        assert drawing.evaluate("each => each.isConnected")
        expect(page.locator("#live")).to_have_text(re.compile(r"Updated \d+ s ago"))


@pytest.mark.slow
def test_a_panel_that_fails_keeps_what_it_showed_and_says_so(browse, disturbed):
    with browse(disturbed) as browser:
        page = browser.go("/chest/?since=15m")
        panel = page.locator('[data-panel*="overview/charts"]')
        disturbed.answer = "<h1>Bad gateway</h1>", 502
        stale = panel.locator(".stale")
        expect(stale).to_contain_text("Something else than the dashboard answered, with status 502")
        expect(page.locator("#live")).to_contain_text("No answer")
        assert page.get_by_text("Bad gateway").count() == 0
        assert panel.locator("canvas").count() >= 2
        disturbed.answer = None
        expect(stale).to_have_count(0)  # after a longer while, as it fails no more
        forget(browser, "502")


def test_panels_that_never_came_say_their_reason_once_and_are_tried_again_together(
    browse, disturbed
):
    disturbed.answer = "<h1>Bad gateway</h1>", 200
    with browse(disturbed) as browser:
        page = browser.go("/chest/?since=15m&live=off")
        failed = page.locator(".panel .failed")
        same = failed.filter(has_text="For the same reason as above.")
        expect(same).to_have_count(page.locator("[data-panel]").count() - 1)
        expect(failed.first).to_contain_text("Something else than the dashboard answered")
        disturbed.answer = None
        page.get_by_role("button", name="Try again").click()
        expect(page.locator('[data-panel*="overview/charts"] canvas').first).to_be_visible()
        expect(failed).to_have_count(0)


def test_a_viewer_who_may_not_look_any_more_comes_to_the_log_in_once(browse, disturbed):
    disturbed.answer = "no", 403
    with browse(disturbed) as browser:
        page = browser.page
        page.goto(browser.base + "/chest/?since=15m&live=off")
        expect(page.get_by_text("You may not see this any more").first).to_be_visible()
        browser.settle()
        assert disturbed.shells == 2  # it was reloaded, and not again
        forget(browser, "403")


def test_charts_show_iso_times_of_the_viewers_zone_and_a_part_becomes_the_range(browse, visited):
    with browse(visited(), timezone_id="Asia/Kathmandu", locale="en-US") as browser:
        page = browser.go("/chest/?since=15m")
        figure = page.locator("figure.chart").first
        assert figure.get_attribute("data-zone") in {"Asia/Kathmandu", "Asia/Katmandu"}
        box = page.locator(".u-over").first.bounding_box()
        page.mouse.move(box["x"] + box["width"] - 8, box["y"] + 40)
        shown = figure.locator(".u-legend .u-series").first.locator(".u-value")
        expect(shown).to_have_text(re.compile(r"^\d{4}-\d\d-\d\d [0-2]\d:\d\d$"))
        rows = figure.locator("details tbody th")
        assert shown.text_content() in rows.all_text_contents()
        page.mouse.move(box["x"] + 40, box["y"] + 40)
        page.mouse.down()
        page.mouse.move(box["x"] + 140, box["y"] + 40, steps=3)
        page.mouse.up()
        page.wait_for_url("**until=**")
        browser.settle()
        ends = dict(re.findall(r"(since|until)=([\d-]+T[\d%A]+Z)", page.url))
        assert ends["since"] < ends["until"]


@pytest.mark.slow
def test_menus_are_whole_by_keyboard(browse, visited):
    with browse(visited()) as browser:
        page = browser.go("/chest/?since=15m")
        menu = page.locator(".controls .menu").first
        menu.locator("summary").press("Enter")
        expect(menu).to_have_attribute("open", "")
        inside = menu.locator("input:not([type=hidden])").first
        inside.press("Escape")
        assert menu.get_attribute("open") is None
        assert menu.locator("summary").evaluate("each => each === document.activeElement")
        menu.locator("summary").press("Enter")
        page.locator("#theme").focus()
        assert menu.get_attribute("open") is None
        page.keyboard.press("Enter")
        dark = page.evaluate("document.documentElement.dataset.theme")
        page.reload()
        assert page.evaluate("document.documentElement.dataset.theme") == dark == "dark"
        browser.settle()  # no panel is on its way when the server stops


@pytest.mark.slow
def test_a_slow_part_is_asked_for_less_often(browse, shop):
    app = shop(dashboard_refresh_seconds=1)
    asked = []

    @app.before_request
    def delay():
        if request.path == "/chest/overview/charts":
            asked.append(time.monotonic())
            time.sleep(0.5)

    with browse(app) as browser:
        browser.go("/chest/?since=15m")
        deadline = time.monotonic() + 60
        while len(asked) < 3:
            assert time.monotonic() < deadline
            browser.page.wait_for_timeout(50)
    first, second, third = asked[:3]
    assert second - first > 3
    assert third - second > 3


@pytest.mark.slow
def test_a_page_that_somebody_uses_or_does_not_see_is_not_refreshed(browse, disturbed):
    asked = []
    hide = (
        "hidden => Object.defineProperty(document, 'hidden', {value: hidden, configurable: true})"
    )
    with browse(disturbed) as browser:
        page = browser.go("/chest/")
        page.on("request", lambda found: asked.append(found.url))
        menu = page.locator(".controls details.menu").first
        for begin, end in (
            (lambda: page.evaluate(hide, True), lambda: page.evaluate(hide, False)),
            (menu.locator("summary").click, menu.locator("summary").click),
        ):
            begin()
            browser.settle()
            number = len(asked)
            # It is refreshed each second otherwise.
            expect(page.locator("#live")).to_have_text(re.compile("Updated [3-9] s ago"))
            assert len(asked) == number
            end()
            with page.expect_request("**/chest/overview/**"):
                pass
        browser.settle()


@pytest.mark.slow
def test_the_choice_of_columns_is_left_by_escape_and_by_a_click_elsewhere(browse, visited):
    with browse(visited()) as browser:
        page = browser.go("/chest/requests?since=15m")
        form = page.locator(".columns form")
        summary = page.locator(".columns summary")
        summary.click()
        form.get_by_label("Another").fill("user.plan")
        expect(form).to_be_visible()
        page.keyboard.press("Escape")
        expect(form).to_be_hidden()
        expect(summary).to_be_focused()
        summary.click()
        expect(form.get_by_label("Another")).to_have_value("user.plan")
        page.locator(".range").first.click(position={"x": 2, "y": 2})
        expect(form).to_be_hidden()
