"""What writing a record takes: in a loop, and between requests as in production.

Run by `make bench-request`. The time of the same turns without a write is subtracted.
"""

from __future__ import annotations

import argparse
import mmap
import os
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

from benchmarks.peers import apps
from benchmarks.shared import report
from benchmarks.shared.wsgi import server

LINE: Final = b"x" * 399 + b"\n"
TURNS: Final = 400
REQUESTS: Final = 30
_ROOM: Final = 64 * 1024 * 1024

Write = Callable[[bytes], object]


def appended(folder: Path) -> Write:
    """One `write()` at the end of a file, as the journal does."""
    descriptor = os.open(folder / "appended", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    return lambda line: os.write(descriptor, line)


def mapped(folder: Path) -> Write:
    """A copy into a memory-mapped file whose blocks are allocated."""
    descriptor = os.open(folder / "mapped", os.O_RDWR | os.O_CREAT)
    os.posix_fallocate(descriptor, 0, _ROOM)
    memory = mmap.mmap(descriptor, _ROOM)
    at = 0

    def write(line: bytes) -> None:
        nonlocal at
        memory[at : at + len(line)] = line
        at += len(line)

    return write


def nothing(folder: Path) -> Write:
    """A system call that does almost nothing."""
    del folder
    descriptor = os.open(os.devnull, os.O_WRONLY)
    return lambda line: os.write(descriptor, line)


WAYS: Final = {
    "one `write()` at the end of a file": appended,
    "a mapped file": mapped,
    "a `write()` to /dev/null": nothing,
}


def main() -> None:
    """Measure, print, and write the part `writes` of docs/explanation/performance-request.md."""
    argparse.ArgumentParser(description=__doc__).parse_args()
    with tempfile.TemporaryDirectory() as path:
        folder = Path(path)
        serve = server(apps.bare(folder).app)
        writes: dict[str, Write] = {"": lambda line: line}
        writes |= {title: make(folder) for title, make in WAYS.items()}
        alone: dict[str, list[float]] = {title: [] for title in writes}
        between: dict[str, list[float]] = {title: [] for title in writes}
        for _ in range(TURNS):
            for title, write in writes.items():
                began = time.perf_counter()
                for _ in range(REQUESTS):
                    write(LINE)
                alone[title].append((time.perf_counter() - began) / REQUESTS * 1e6)
            for title, write in writes.items():
                taken = 0.0
                for _ in range(REQUESTS):
                    taken += serve(1)
                    began = time.perf_counter()
                    write(LINE)
                    taken += (time.perf_counter() - began) * 1e6
                between[title].append(taken / REQUESTS)
    rows = [
        [
            title,
            f"{statistics.median(alone[title]) - statistics.median(alone['']):.1f}",
            *report.over(between[title], between[""]).cells(sign=True),
        ]
        for title in WAYS
    ]
    head = ["", "us in a loop", "us between requests", "quartiles"]
    report.write("writes", report.table(head, rows))


if __name__ == "__main__":
    main()
