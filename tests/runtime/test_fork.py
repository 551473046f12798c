"""Forks wait for what must not be cut in two, but not for ever."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

PROGRAMS = Path(__file__).parent / "programs"


def test_a_fork_waits_for_held_off_blocks_and_imports_but_not_for_ever():
    # Python 3.12 warns of every fork in a process with threads, which is what is tested here.
    subprocess.run(
        [sys.executable, "-W", "ignore::DeprecationWarning", PROGRAMS / "fork_waits.py"],
        check=True,
        timeout=120,
    )


def test_a_fork_waits_for_a_block_that_logs_whatever_was_imported_first():
    subprocess.run(
        [
            *(sys.executable, "-W", "ignore::DeprecationWarning"),
            PROGRAMS / "fork_waits_for_logging.py",
        ],
        check=True,
        timeout=240,
    )
