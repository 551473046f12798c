"""Where a tracked request spends its steps: executed bytecodes by function.

Run by `make bench-instructions`. The counts are the same in each run.
"""

from __future__ import annotations

import argparse
import collections
import os
import sys
import tempfile
from pathlib import Path
from types import FrameType
from typing import Any, Final

from benchmarks.peers import apps
from benchmarks.shared import report
from benchmarks.shared.wsgi import cold, server

REQUESTS: Final = 50


def steps(variant: str, folder: Path) -> dict[str, float]:
    """Return the bytecodes of one request by function."""
    requests = server(getattr(apps, variant)(folder).app)
    requests(200)  # fill caches
    found: collections.Counter[str] = collections.Counter()

    def trace(frame: FrameType, event: str, argument: object) -> Any:  # noqa: ANN401 - itself
        del argument
        frame.f_trace_opcodes, frame.f_trace_lines = True, False
        if event == "opcode":
            code = frame.f_code
            found[f"{'/'.join(Path(code.co_filename).parts[-2:])} {code.co_name}"] += 1
        return trace

    sys.settrace(trace)
    try:
        requests(REQUESTS)
    finally:
        sys.settrace(None)
    return {name: count / (REQUESTS + cold(REQUESTS)) for name, count in found.items()}


def main() -> None:
    """Count, print, and write the part `steps` of docs/explanation/performance-instructions.md."""
    argparse.ArgumentParser(description=__doc__).parse_args()
    with tempfile.TemporaryDirectory() as path:
        found = []
        for way in ("bare", "chest_untracked", "chest"):
            folder = Path(path, way)
            folder.mkdir()
            found.append(steps(way, folder))
    bare, untracked, tracked = found
    total = sum(bare.values())
    added = {name: count - bare.get(name, 0.0) for name, count in tracked.items()}
    rows = [
        [f"`{name}`", f"{count:.0f}"]
        for name, count in sorted(added.items(), key=lambda each: -each[1])
        if count >= 1
    ]
    sums = [sum(counts.values()) - total for counts in (untracked, tracked)]
    text = (
        f"Bytecodes of a request: bare Flask {total:,.0f}; a route that is not tracked adds "
        f"{sums[0]:,.0f}, a tracked one with three variables {sums[1]:,.0f}:\n\n"
        + report.table(["function", "bytecodes"], rows)
    )
    report.write("steps", text)
    sys.stdout.flush()
    os._exit(0)  # without a last delivery, as the folder is gone


if __name__ == "__main__":
    main()
