"""Reads all records of a store, and prints the most memory that this process had, in KiB.

Arguments: `records`, the URL, and the most records; or those of `flask-chest`.
"""

from __future__ import annotations

import contextlib
import re
import runpy
import sys
from pathlib import Path

from flask_chest import open_store


def read(url: str, most: int) -> None:
    """Read records, the newest first."""
    store = open_store(url)
    try:
        for _ in store.records(limit=most):
            pass
    finally:
        store.close()


def main() -> None:
    """Read them, or run the command."""
    if sys.argv[1] == "records":
        read(sys.argv[2], int(sys.argv[3]))
    else:
        with contextlib.suppress(SystemExit):
            runpy.run_module("flask_chest", run_name="__main__", alter_sys=True)
    # Not ru_maxrss, which begins with the memory of the process that started this one.
    status = Path("/proc/self/status").read_text("ascii")
    print(re.findall(r"^VmHWM:\s+(\d+) kB$", status, re.MULTILINE)[0])


if __name__ == "__main__":
    main()
