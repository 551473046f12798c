"""How many instructions a request takes, which says the same on any busy machine.

Run by `make bench-instructions`. Each way serves the same requests under valgrind's callgrind,
which counts what the thread that serves them executes; what the kernel does is not counted.
"""

from __future__ import annotations

import gc
import os
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Final

from benchmarks import report, request_apps
from benchmarks.request_worker import cold, server

REQUESTS: Final = 200
WAYS: Final = {
    "bare": "bare Flask",
    "chest_untracked": "Flask-Chest, route not tracked",
    "chest": "Flask-Chest, 3 variables",
    "chest_20": "Flask-Chest, 20 variables",
    "middleware": "by hand: a middleware that does nothing",
    "least": "by hand: the variables as JSON, and little more",
    "hooks": "by hand: a line of JSON in Flask's hooks",
    "prometheus": "prometheus_flask_exporter",
    "opentelemetry": "OpenTelemetry, 3 attributes",
}
BASES: Final = {"chest_20": "bare_20"}


def serve(variant: str, folder: Path) -> None:
    """Serve requests, counted once what is made once has been made. Ends the process."""
    watched: request_apps.Watched = getattr(request_apps, variant)(folder)
    requests = server(watched.app)
    requests(REQUESTS)
    time.sleep(3.0)  # other threads may still import something, and set off the garbage collector
    gc.collect()
    control = ["callgrind_control", "--instr=on", str(os.getpid())]
    subprocess.run(control, check=True, stdout=subprocess.DEVNULL)
    requests(REQUESTS)
    os._exit(0)


def instructions(variant: str) -> float:
    """Return the instructions of one request."""
    with tempfile.TemporaryDirectory() as path:
        out = Path(path) / "out"
        subprocess.run(
            [  # noqa: S607 - the one on the PATH
                "valgrind",
                "--tool=callgrind",
                "--instr-atstart=no",
                "--separate-threads=yes",
                f"--callgrind-out-file={out}",
                *(sys.executable, "-m", "benchmarks.instructions", variant, path),
            ],
            check=True,
            capture_output=True,
            env={**os.environ, "PYTHONHASHSEED": "0"},
        )
        counted = out.with_name("out-01").read_text()
        found = re.search(r"^(?:summary|totals): *(\d+)", counted, re.MULTILINE)
    if found is None:
        raise RuntimeError("callgrind counted nothing")
    return int(found[1]) / (REQUESTS + cold(REQUESTS))


def main() -> int:
    """Count, print a table in Markdown, and write it into docs/performance.md."""
    found = {variant: instructions(variant) for variant in (*WAYS, *BASES.values())}
    over = {way: found[way] - found[BASES.get(way, "bare")] for way in WAYS}
    rows = [
        [
            title,
            f"{found[way]:,.0f}",
            f"{over[way]:+,.0f}",
            f"{over[way] / over['opentelemetry']:.3f}",
        ]
        for way, title in WAYS.items()
    ]
    table = report.table(["", "instructions", "over bare", "of what OpenTelemetry adds"], rows)
    text = f"{report.machine('flask-chest', 'opentelemetry-sdk')}\n\n{table}"
    report.write("instructions", text)
    return 0


if __name__ == "__main__":
    if len(sys.argv) > 1:
        serve(sys.argv[1], Path(sys.argv[2]))
    sys.exit(main())
