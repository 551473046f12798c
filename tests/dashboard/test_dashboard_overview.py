"""The overview, in a browser."""

from __future__ import annotations

from playwright.sync_api import expect


def test_the_overview_draws_the_requests_and_has_their_table(browse, visited):
    with browse(visited()) as browser:
        page = browser.go("/chest/?since=15m")
        expect(page.locator(".u-wrap")).to_have_count(2)
        requests = page.locator("figure", has_text="Requests").first
        requests.get_by_text("Table").click()
        cells = requests.locator("td[data-v]").all_text_contents()
        assert sum(map(int, cells)) == 40
