"""The demo, as `make demo` runs it."""

from __future__ import annotations

import json
import re
import sqlite3
import sys

import pytest
from support.installing import ROOT, run


@pytest.fixture(scope="module")
def output():
    """Run the demo twice: the second run starts from scratch."""
    command = (sys.executable, "-m", "examples.shop.demo")
    run(*command, cwd=ROOT, COLUMNS="200")
    return run(*command, cwd=ROOT, COLUMNS="200")


@pytest.mark.slow
def test_the_demo_records_every_request_that_it_sent(output):
    sent, stored = re.search(r"(\d+) requests sent, (\d+) records in", output).groups()
    assert sent == stored
    assert int(sent) >= 300
    connection = sqlite3.connect(ROOT / "demo" / "chest.sqlite3")
    try:
        rows = connection.execute("SELECT status_code, variables FROM chest_records").fetchall()
    finally:
        connection.close()
    assert len(rows) == int(sent)
    assert {200, 302, 404, 409, 500} <= {status for status, _ in rows}
    assert all(isinstance(json.loads(variables), dict) for _, variables in rows)


@pytest.mark.slow
def test_the_commands_that_the_demo_prints_work(output):
    printed = re.findall(r"^\s*(\S*/bin/(?:flask|python) .*\S)\s*$", output, re.MULTILINE)
    assert len(printed) >= 4
    for command in printed:
        assert run("bash", "-c", command, cwd=ROOT).strip(), command
