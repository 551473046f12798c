"""What the start of an application takes: milliseconds over bare Flask, in fresh processes.

Run by `make bench-startup`. The processes take turns in random order, as machines are noisy. Each
finds cached bytecode, as an installed application does. No server is needed: an application starts
without its databases.
"""

from __future__ import annotations

import argparse
import os
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from benchmarks.shared import report
from benchmarks.shared.charts import Bar, bar_chart
from benchmarks.shared.report import over, spread

_FLASK: Final = """
import sys
from flask import Flask
app = Flask("shop", instance_path=sys.argv[1])
"""
_CHEST: Final = f"{_FLASK}from flask_chest import FlaskChest\n"
_INIT: Final = f'{_CHEST}FlaskChest(app, exporters={{"main": %r}})\n'
_OPENTELEMETRY: Final = f"""{_FLASK}
from opentelemetry import trace
from opentelemetry.instrumentation.flask import FlaskInstrumentor
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, ConsoleSpanExporter
provider = TracerProvider()
provider.add_span_processor(BatchSpanProcessor(ConsoleSpanExporter()))
trace.set_tracer_provider(provider)
FlaskInstrumentor().instrument_app(app)
"""


@dataclass
class Way:
    """A way to start, and its measurements.

    Attributes:
        wall_ms: From the start of the process to its end.
        cpu_ms: User and system time.
        peak_mib: Peak of the resident memory.
    """

    title: str
    code: str
    wall_ms: list[float] = field(default_factory=list)
    cpu_ms: list[float] = field(default_factory=list)
    peak_mib: list[float] = field(default_factory=list)

    def start(self, environment: Mapping[str, str], *, is_measured: bool = True) -> None:
        """Start a process that ends when the application is ready."""
        with tempfile.TemporaryDirectory() as folder:
            began = time.perf_counter()
            process = subprocess.Popen(
                [sys.executable, "-c", self.code, folder], env=environment, cwd=folder
            )
            _, status, usage = os.wait4(process.pid, 0)
            wall_ms = (time.perf_counter() - began) * 1e3
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            raise RuntimeError(f"{self.title}: exit code {process.returncode}")
        if is_measured:
            self.wall_ms.append(wall_ms)
            self.cpu_ms.append((usage.ru_utime + usage.ru_stime) * 1e3)
            self.peak_mib.append(usage.ru_maxrss / 1024)


def ways() -> list[Way]:
    """Return the ways to start, bare Flask first."""
    urls = {
        "SQLite, the default": "sqlite:///<instance>/chest.sqlite3",
        "PostgreSQL": "postgresql://shop:secret@db.example/shop",
        "MySQL": "mysql://shop:secret@db.example/shop",
        "MongoDB": "mongodb://shop:secret@db.example/shop",
    }
    return [
        Way("bare Flask", _FLASK),
        Way("Flask-Chest, imported", _CHEST),
        *(Way(f"Flask-Chest, {name}", _INIT % url) for name, url in urls.items()),
        Way("OpenTelemetry", _OPENTELEMETRY),
    ]


def page(found: list[Way], rounds: int) -> str:
    """Return the part of docs/explanation/performance-start.md."""
    bare = found[0]
    rows = []
    for way in found:
        added = [] if way is bare else over(way.wall_ms, bare.wall_ms).cells(sign=True)
        rows.append([
            way.title,
            *spread(way.wall_ms).cells(),
            *(added or ("", "")),
            spread(way.cpu_ms).cells(0)[0],
            spread(way.peak_mib).cells()[0],
        ])  # fmt: skip
    head = (
        "", "median, ms", "quartiles", "over bare", "quartiles", "CPU, ms", "peak memory, MiB",
    )  # fmt: skip
    chart = bar_chart(
        "startup",
        "Added to the start of an application",
        [Bar.of(way.title, over(way.wall_ms, bare.wall_ms)) for way in found[1:]],
        "milliseconds over bare Flask, median and quartiles",
    )
    versions = report.machine(
        "flask-chest", "pydantic", "opentelemetry-sdk", "opentelemetry-instrumentation-flask"
    )
    return f"{versions}\n\n{rounds} rounds.\n\n{report.table(head, rows)}\n\n{chart}\n"


def main() -> None:
    """Measure, print, and write the part `startup` of docs/explanation/performance-start.md."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=40)
    rounds: int = parser.parse_args().rounds
    found = ways()
    with tempfile.TemporaryDirectory() as cache:
        environment = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith("FLASK_CHEST_") and name != "PYTHONDONTWRITEBYTECODE"
        }
        environment["PYTHONPYCACHEPREFIX"] = cache
        for way in found:
            way.start(environment, is_measured=False)
        for _ in range(rounds):
            for way in random.sample(found, len(found)):
                way.start(environment)
    report.write("startup", page(found, rounds))


if __name__ == "__main__":
    main()
