"""A process that serves requests to one of the applications when `request.py` asks for it.

It reads lines from stdin and answers each with a line of JSON on stdout: a number lets it serve so
many requests, and `end` lets it count what was recorded.
"""

from __future__ import annotations

import json
import os
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

from flask import Flask
from werkzeug.test import EnvironBuilder

from benchmarks import request_apps

QUIET_SECONDS = 10.0
"""A peer that has recorded nothing more for so long is done."""

SETTLE_SECONDS = 3.0
WARM_UP = 50

COLD = 5
"""Requests before each turn that are not measured: another process had the core."""


def server(app: Flask) -> Callable[[int], float]:
    """Return what serves a number of requests, and gives the microseconds that one took."""
    builder = EnvironBuilder("/", headers=[("User-Agent", "bench/1.0"), ("Accept", "*/*")])
    environ = {**builder.get_environ(), "REMOTE_ADDR": "127.0.0.1"}

    def start_response(status: str, headers: object, exc_info: object = None) -> None:
        del headers, exc_info
        if not status.startswith("200"):
            raise RuntimeError(status)

    def run(number: int) -> None:
        for _ in range(number):
            body = app(dict(environ), start_response)  # type: ignore[arg-type]
            for _chunk in body:
                pass
            getattr(body, "close", lambda: None)()

    def serve(number: int) -> float:
        run(COLD)
        began = time.perf_counter()
        run(number)
        return (time.perf_counter() - began) / number * 1e6

    return serve


def settle(threads: int) -> int:
    """Wait until the threads that a peer starts for each request have ended.

    The next turn would be slower for them. Returns the number of threads that stay.
    """
    deadline = time.monotonic() + SETTLE_SECONDS
    while threading.active_count() > threads and time.monotonic() < deadline:
        time.sleep(0.001)
    return threading.active_count()


def count_up_to(expected: int, count: request_apps.Count) -> int:
    """Return how many requests were recorded, as soon as it is all of them or grows no more."""
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
    os.dup2(2, 1)  # peers print

    def answer(**values: object) -> None:
        print(json.dumps(values), file=answers, flush=True)

    watched: request_apps.Watched = getattr(request_apps, variant)(folder)
    serve = server(watched.app)
    serve(1)
    if watched.count and (found := count_up_to(COLD + 1, watched.count)) != COLD + 1:
        raise RuntimeError(f"{variant} has recorded {found} of the first requests")
    threads = threading.active_count()
    served = 2 * COLD + 1 + WARM_UP
    serve(WARM_UP)
    threads = settle(threads)
    answer(versions=request_apps.versions_of(watched))
    measured, began = 0, time.process_time()
    for line in sys.stdin:
        if line == "end\n":
            break
        us = serve(int(line))
        measured += COLD + int(line)
        threads = settle(threads)
        answer(us=us)
    # Counting lets a tool deliver what it still has, which is a part of what it costs.
    recorded = count_up_to(served + measured, watched.count) if watched.count else None
    cpu_us = (time.process_time() - began) / max(measured, 1) * 1e6
    answer(cpu_us=cpu_us, served=served + measured, recorded=recorded)


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
