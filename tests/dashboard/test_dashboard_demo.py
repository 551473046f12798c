"""`make demo SERVE=1`: the shop with its dashboard, and customers who shop."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time

import pytest
from playwright.sync_api import expect
from support.installing import ROOT


def printed(process, pattern):
    """Return what the demo prints next that matches a pattern."""
    for line in process.stdout:
        if found := re.search(pattern, line):
            return found
    raise AssertionError(process.stderr.read())


@pytest.mark.slow
def test_the_demo_serves_a_dashboard_that_shows_its_customers(chromium, tmp_path):
    process = subprocess.Popen(
        [sys.executable, "-m", "examples.shop.demo", "--serve"],
        cwd=ROOT,
        env={**os.environ, "COLUMNS": "200", "SHOP_FOLDER": str(tmp_path)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    context = chromium.new_context()
    try:
        address = printed(process, r"dashboard: (http://\S+)")[1]
        user, password = printed(process, r"User: (\S+) +password: (\S+)").groups()
        page = context.new_page()
        page.goto(address)
        page.get_by_label("User").fill(user)
        page.get_by_label("Password").fill(password)
        page.get_by_role("button", name="Log in").click()
        expect(page.locator("main")).to_contain_text("/checkout", timeout=60_000)

        def requests():
            page.goto(address.replace("/chest/", "/chest/explore").replace("?", "?measure=count&"))
            cell = page.get_by_role("region", name="Totals").locator("tbody td").last
            return int(cell.text_content(timeout=60_000).replace(",", ""))

        before = requests()
        assert before >= 400
        deadline = time.monotonic() + 60
        while requests() <= before:  # the customers go on
            assert time.monotonic() < deadline
    finally:
        context.close()
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=60)
    assert process.returncode == 0
