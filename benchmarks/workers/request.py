"""Measured by `benchmarks.request`: a process that serves one application of `benchmarks.peers`.

It reads lines from stdin and answers each with a line of JSON on stdout: a number makes it serve
that many requests, and `end` makes it count what was recorded.
"""

from __future__ import annotations

import json
import os
import sys
import threading
import time
from pathlib import Path

from benchmarks.peers import apps
from benchmarks.shared.wsgi import cold, server

QUIET_SECONDS = 10.0
"""A peer is done when its count did not grow for so long."""

SETTLE_SECONDS = 3.0
WARM_UP = 50


def settle(threads: int) -> int:
    """Wait until the threads that a peer starts for each request have ended.

    They would slow the next turn down. Returns the number of threads that are left.
    """
    deadline = time.monotonic() + SETTLE_SECONDS
    while threading.active_count() > threads and time.monotonic() < deadline:
        time.sleep(0.001)
    return threading.active_count()


def count_up_to(expected: int, count: apps.Count) -> int:
    """Return how many requests are recorded, once that is all or the count stops growing."""
    found = count()
    deadline = time.monotonic() + QUIET_SECONDS
    while found < expected and time.monotonic() < deadline:
        time.sleep(0.1)
        if (now := count()) > found:
            found, deadline = now, time.monotonic() + QUIET_SECONDS
    return found


def main(variant: str, folder: Path) -> None:
    """Serve until stdin ends."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # peers print to stdout

    def answer(**values: object) -> None:
        print(json.dumps(values), file=answers, flush=True)

    watched: apps.Watched = getattr(apps, variant)(folder)
    serve = server(watched.app)
    served = 1 + cold(1)
    serve(1)
    if watched.count and (found := count_up_to(served, watched.count)) != served:
        raise RuntimeError(f"{variant} recorded {found} of the first {served} requests")
    threads = threading.active_count()
    serve(WARM_UP)
    served += WARM_UP + cold(WARM_UP)
    threads = settle(threads)
    answer(versions=apps.versions_of(watched))
    measured, serving = 0, 0.0
    began, began_here = time.process_time(), time.thread_time()
    for line in sys.stdin:
        if line == "end\n":
            break
        turn = time.thread_time()
        us = serve(int(line))
        serving += time.thread_time() - turn
        measured += int(line) + cold(int(line))
        threads = settle(threads)
        answer(us=us)
    between = time.thread_time() - began_here - serving  # reading and answering
    # Counting makes a tool deliver what is left, which is part of its cost.
    recorded = count_up_to(served + measured, watched.count) if watched.count else None
    cpu_us = (time.process_time() - began - between) / max(measured, 1) * 1e6
    answer(cpu_us=cpu_us, served=served + measured, recorded=recorded)


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
