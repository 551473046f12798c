"""Under gevent, waiting for a disk or for a lock does not hold up other greenlets."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

PROGRAMS = Path(__file__).parent / "programs"


def assert_succeeds(program, path):
    result = subprocess.run(
        [sys.executable, "-m", "gevent.monkey", PROGRAMS / program, path],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert result.returncode == 0, result.stderr
    assert result.stderr == ""


def test_a_slow_disk_does_not_hold_up_other_greenlets(tmp_path):
    assert_succeeds("slow_disk.py", tmp_path / "chest")


def test_a_locked_sqlite_file_does_not_hold_up_other_greenlets(tmp_path):
    assert_succeeds("locked_database.py", tmp_path / "chest.sqlite3")
