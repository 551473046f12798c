"""How many instructions a request takes, independent of the load on the machine.

Run by `make bench-instructions`. Each way serves the same requests under valgrind's callgrind,
which counts the instructions of the serving thread, without those of the kernel.
"""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Final

from benchmarks.shared import report
from benchmarks.shared.wsgi import cold
from benchmarks.workers.instructions import REQUESTS

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


def instructions(variant: str) -> float:
    """Return the instructions of one request.

    Raises:
        RuntimeError: callgrind counted nothing.
    """
    with tempfile.TemporaryDirectory() as path:
        out = Path(path) / "out"
        subprocess.run(
            [  # noqa: S607 - valgrind from the PATH
                "valgrind",
                "--tool=callgrind",
                "--instr-atstart=no",
                "--separate-threads=yes",
                f"--callgrind-out-file={out}",
                *(sys.executable, "-m", "benchmarks.workers.instructions", variant, path),
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
    """Count, print, and write `instructions` of docs/explanation/performance-instructions.md."""
    argparse.ArgumentParser(description=__doc__).parse_args()
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
    sys.exit(main())
