"""What Explore shows, as Python and as a command: both give the rows that are shown."""

from __future__ import annotations

import html
import json
import re
import shlex
import subprocess
from datetime import datetime, timezone

import pytest
from flask_chest_dashboard.explore.asked import Asked, quoted
from playwright.sync_api import expect
from support.commands import run_alone

QUESTIONS = (
    {},
    {"by": "tenant", "limit": "2", "where": ["tenant != 'acme'", "cost_usd >= 0.05"]},
    {"by": ["tenant", "variables['odd name']"], "order": "tenant", "tz": "Europe/Berlin"},
    {"by": "tenant", "order": "-max(cost_usd)", "measure": ["count", "max(cost_usd)"]},
    {"kind": "heatmap", "of": "cost_usd", "every": "1m"},
    {"where": "user_id != 'it\\'s \"$HOME\" `id`'", "measure": "share(tenant == 'acme')"},
)


def offered(client, panel, **arguments):
    """Return the Python, the command, and the rows of a panel."""
    text = client.get(f"/chest/explore/{panel}", query_string=arguments).text
    found = [
        html.unescape(re.search(f'<pre id="{panel}-{each}">(.*?)</pre>', text, re.DOTALL)[1])
        for each in ("python", "command")
    ]
    file = html.unescape(re.search(r'href="([^"]*\.jsonl[^"]*)" download', text)[1])
    return *found, [json.loads(line) for line in client.get(file).text.splitlines()]


@pytest.mark.parametrize("panel", ["table", "chart"])
def test_python_and_the_command_give_the_rows_that_are_shown(visited, database, monkeypatch, panel):
    app = visited(40)
    client = app.test_client()
    with app.app_context():
        store = app.chest.store()
    for question in QUESTIONS:
        python, command, rows = offered(client, panel, since="15m", **question)
        assert rows
        assert eval(python, {"store": store}) == rows
        flask, chest, *words = shlex.split(command)
        assert (flask, chest) == ("flask", "chest")
        done = run_alone(
            monkeypatch,
            ["--store", f"sqlite:///{database}", *words, "--format", "json"],
            0,
        )
        assert [json.loads(line) for line in done.stdout.splitlines()] == rows


@pytest.mark.parametrize(
    "text",
    ["it's", "\x1b[2J\r", "a\nb", "\u202eש \\ '", "\N{GRINNING FACE}\x9f1", "-rf", "", "$(id)"],
)
def test_a_shell_reads_a_word_as_it_was_and_a_terminal_obeys_nothing_in_it(text):
    word = quoted(text)
    assert word.isprintable()
    done = subprocess.run(
        ["bash", "-c", f"printf %s {word}"], capture_output=True, check=True, timeout=60
    )
    assert done.stdout.decode() == text
    now = datetime(2026, 1, 31, tzinfo=timezone.utc)
    asked = Asked((f"count{text}",), now, now, where=text, order_by=f"-{text}")
    assert asked.command().isprintable()
    assert asked.python().replace("\n", "").isprintable()
    assert f"--order-by={quoted('-' + text)}" in asked.command()


@pytest.mark.slow
def test_a_button_copies_what_the_panel_shows(browse, visited):
    permissions = ["clipboard-read", "clipboard-write"]
    with browse(visited(5), permissions=permissions) as browser:
        page = browser.go("/chest/explore?since=15m&live=off")
        table = page.locator("section[aria-label=Totals]")
        table.get_by_text("Copy or download").click()
        table.get_by_role("button", name="Copy as command").click()
        expect(table.get_by_role("button", name="Copied")).to_be_visible()
        copied = page.evaluate("navigator.clipboard.readText()")
        assert copied == table.locator("#table-command").inner_text()
        assert copied.startswith("flask chest measure count 'p95(duration_ms)' --since 20")
        page.get_by_role("button", name="Copy as URL").click()
        expect(page.get_by_role("button", name="Copied").first).to_be_visible()
        with page.expect_download() as download:
            table.get_by_role("link", name="CSV").click()
        assert re.fullmatch(r"explore-table-.*\.csv", download.value.suggested_filename)
