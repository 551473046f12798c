"""Programs that the contracts run in other processes: see `Backend.start`."""

from __future__ import annotations

import os
import sys
import warnings
from collections.abc import Callable

from pydantic_core import from_json, to_json

from flask_chest.exporter import Batch, Exporter
from flask_chest.runtime import fork


def export_twice(new: Callable[[], Exporter]) -> None:
    """Print "ready", read records as one JSON array, and export each of them two times."""
    print("ready", flush=True)  # noqa: T201 - the contract waits for it
    records = from_json(sys.stdin.readline())
    exporter = new()
    exporter.open()
    for _ in range(2):
        for record in records:
            exporter.export(Batch(to_json(record) + b"\n", 1))
    exporter.close()


def export_from_parent_and_child(new: Callable[[], Exporter]) -> None:
    """Read three records, one a line. Export the first, the second in a forked child, the third."""
    # Drivers have threads, of which Python warns at a fork.
    warnings.filterwarnings("ignore", ".*fork.*", DeprecationWarning)
    first, second, third = sys.stdin.buffer.read().splitlines(keepends=True)
    exporter = new()
    exporter.open()
    exporter.export(Batch(first, 1))
    child = os.fork()
    if not child:
        fork.keep(exporter)
        own = new()
        own.open()
        own.export(Batch(second, 1))
        own.close()
        raise SystemExit
    _, status = os.waitpid(child, 0)
    if status:
        raise ChildProcessError(f"the child ended with status {status}")
    exporter.export(Batch(third, 1))
    exporter.close()
