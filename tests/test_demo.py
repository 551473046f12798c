"""The demo, as `make demo` runs it."""

from __future__ import annotations

import json
import os
import re
import sqlite3
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent


def run_demo():
    return subprocess.run(
        [sys.executable, "-m", "examples.shop.demo"],
        cwd=ROOT,
        env={**os.environ, "COLUMNS": "160"},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def test_the_demo_records_every_request_and_shows_what_was_recorded():
    result = run_demo()
    assert result.returncode == 0, result.stdout + result.stderr
    sent, stored = re.search(r"(\d+) requests sent, (\d+) records in", result.stdout).groups()
    assert sent == stored
    assert int(sent) >= 300
    connection = sqlite3.connect(ROOT / "demo" / "chest.sqlite3")
    try:
        rows = connection.execute(
            "SELECT status_code, variables, route FROM chest_records"
        ).fetchall()
    finally:
        connection.close()
    assert len(rows) == int(sent)
    assert {200, 302, 404, 409, 500} <= {status for status, _, _ in rows}
    assert all(isinstance(json.loads(variables), dict) for _, variables, _ in rows)
    commands = re.findall(r"^\s*(\S*\.venv/bin/\S+ .*|sqlite3 .*)$", result.stdout, re.MULTILINE)
    assert len(commands) >= 3


def test_the_commands_that_the_demo_prints_work():
    result = run_demo()
    printed = re.findall(
        r"^\s*((?:\S*\.venv/bin/)(?:flask|python) .*\S)\s*$", result.stdout, re.MULTILINE
    )
    assert printed
    for command in printed:
        shown = subprocess.run(
            ["bash", "-c", command],
            cwd=ROOT,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert shown.returncode == 0, f"{command}\n{shown.stderr}"
        assert shown.stdout.strip(), command
