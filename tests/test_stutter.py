"""The tool that makes a machine slow for tests."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

TOOL = Path(__file__).parents[1] / "tools" / "stutter.py"
CHILD = """
import os, sys, time
before = time.monotonic()
while True:
    time.sleep(0.01)
    now = time.monotonic()
    if now - before > 0.3:
        os._exit(7)
    before = now
"""
PARENT = f"""
import subprocess, sys
sys.exit(subprocess.run([sys.executable, "-c", {CHILD!r}]).returncode)
"""


def test_a_process_that_a_command_started_stands_still_and_goes_on():
    command = [sys.executable, TOOL, "--seed", "1", sys.executable, "-c", PARENT]
    found = subprocess.run(command, timeout=120, check=False, capture_output=True, text=True)
    assert (found.returncode, found.stderr) == (7, "stutter: seed 1\n")
