"""The demo, as `make demo` runs it."""

from __future__ import annotations

import json
import os
import re
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent


@pytest.fixture(scope="module")
def output():
    """Run the demo twice: the second run starts from scratch."""
    for _ in range(2):
        result = subprocess.run(
            [sys.executable, "-m", "examples.shop.demo"],
            cwd=ROOT,
            env={**os.environ, "COLUMNS": "200"},
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
        assert result.returncode == 0, result.stdout + result.stderr
    return result.stdout


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


def test_the_commands_that_the_demo_prints_work(output):
    printed = re.findall(r"^\s*(\S*/bin/(?:flask|python) .*\S)\s*$", output, re.MULTILINE)
    assert len(printed) >= 4
    for command in printed:
        shown = subprocess.run(
            ["bash", "-c", command],
            cwd=ROOT,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert shown.returncode == 0, f"{command}\n{shown.stderr}"
        assert shown.stdout.strip(), command
