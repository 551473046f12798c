"""Serves requests for `benchmarks.survival`, until it is killed.

`python -m benchmarks.workers.survival VARIANT FOLDER NUMBER RATE` serves so many requests, so many
a second, prints a line, and then waits, as a server without visitors does.
"""

from __future__ import annotations

import os
import sys
import threading
import time
from pathlib import Path

from benchmarks.peers import apps, otlp
from benchmarks.shared.wsgi import server


def sentry(folder: Path) -> apps.Watched:
    """Sentry: a transaction with three tags, all sampled, to the collector."""
    import sentry_sdk

    del folder

    def traced() -> str:
        for name, value in {"user_id": "u-17", "tenant": "acme", "cost_cents": 12.5}.items():
            sentry_sdk.set_tag(name, value)
        return apps.view()

    address = os.environ[otlp.COLLECTOR].removeprefix("http://")
    sentry_sdk.init(f"http://key@{address}/1", traces_sample_rate=1.0)
    return apps.Watched(apps.serving(traced), versions=["sentry-sdk"])


VARIANTS = {
    "chest": apps.chest,
    "chest_otlp": apps.chest_otlp,
    "log_file": apps.log_file,
    "logstash": apps.logstash,
    "profiler": apps.profiler,
    "sdk_spans": apps.sdk_spans,
    "sentry": sentry,
}


def main(variant: str, folder: Path, number: int, rate: float) -> None:
    """Serve, say so, and wait."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # peers print to stdout
    watched = VARIANTS[variant](folder)
    builder = server(watched.app)
    began = time.monotonic()
    for served in range(0, number, 2):
        builder(1)  # two requests: one that fills the caches, and one
        time.sleep(max(0.0, began + served / rate - time.monotonic()))
    print("answered", file=answers, flush=True)
    threading.Event().wait()


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), int(sys.argv[3]), float(sys.argv[4]))
