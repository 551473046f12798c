"""What tracking costs under a server: requests per second and latency, beside OpenTelemetry.

Run by `make bench-server`. gunicorn serves a small JSON response, and wrk requests it on the same
machine. All variants run at the same time and are loaded in turns. Flask-Chest delivers to a
PostgreSQL on this machine that syncs each commit; at the end it must hold all records.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import random
import shutil
import subprocess
import sys
import tempfile
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, NamedTuple

from benchmarks.shared import report
from benchmarks.shared.charts import Bar, bar_chart
from benchmarks.shared.gunicorn import ROOT, gunicorn, until
from benchmarks.shared.postgres import server_version, stored
from benchmarks.shared.process import cpu_seconds
from benchmarks.workers.server import FOLDER, VARIANT
from tools.servers import PostgresServer

WORKERS: Final = {
    "gthread": ["--worker-class=gthread", "--workers=2", "--threads=4"],
    "gevent": ["--worker-class=gevent", "--workers=2"],
}
TITLES: Final = {
    "bare": "bare Flask",
    "chest": "Flask-Chest, 3 variables",
    "hooks": "by hand: a line of JSON in Flask's hooks",
    "opentelemetry": "OpenTelemetry, 3 attributes",
}
CONNECTIONS: Final = 8
STEADY_WAIT_MS: Final = 25
"""Pause of each connection under steady load: 300 requests per second, which all can serve."""

# The default interval is longer than a turn: others would pay for the delivery.
SETTINGS: Final = {"FLASK_CHEST_EXPORT_INTERVAL_SECONDS": "0.5"}


class Turn(NamedTuple):
    """What one run of wrk measured."""

    rate: float
    p50_ms: float
    p99_ms: float


@dataclass
class Served:
    """A running gunicorn, and its measurements.

    Attributes:
        answered: Requests of wrk that were answered.
        cpu_us: CPU time of its processes a request, from each full load until all is delivered.
        late: Share of a turn's records that were not delivered at its end.
    """

    title: str
    url: str
    process: int
    database: str | None
    full: list[Turn] = field(default_factory=list)
    steady: list[Turn] = field(default_factory=list)
    cpu_us: list[float] = field(default_factory=list)
    late: list[float] = field(default_factory=list)
    answered: int = 0


@contextlib.contextmanager
def served(folder: Path, variant: str, options: Sequence[str], database: str) -> Iterator[Served]:
    """Serve a variant of the application."""
    environment = {
        **SETTINGS,
        VARIANT: variant,
        FOLDER: str(folder),
        "FLASK_CHEST_EXPORTERS": database,
        "FLASK_CHEST_JOURNAL": str(folder / "chest"),
    }
    application, log = "benchmarks.workers.server:make_app()", folder / f"{variant}.log"
    with gunicorn(application, options, environment, log) as running:
        url = f"http://127.0.0.1:{running.port}/orders/7"
        until(lambda: answers(url), f"gunicorn answers: {variant}")
        yield Served(
            TITLES[variant], url, running.process, database if variant == "chest" else None
        )


def answers(url: str) -> bool:
    """Return whether a URL answers with 200."""
    try:
        with urllib.request.urlopen(url, timeout=5) as response:  # noqa: S310 - our own server
            return bool(response.status == 200)
    except (OSError, urllib.error.URLError):
        return False


def load(served: Served, seconds: int, wait_ms: int | None = None) -> Turn:
    """Load a server as much as possible, or with a pause before each request."""
    waiting = [str(wait_ms)] if wait_ms else []
    command = ["wrk", "--threads=1", f"--connections={CONNECTIONS}", f"--duration={seconds}s"]
    script = ["--script", str(ROOT / "benchmarks" / "workers" / "wrk.lua")]
    done = subprocess.run(
        [*command, *script, served.url, "--", *waiting],
        stdout=subprocess.PIPE,
        text=True,
        check=True,
        timeout=seconds + 30,
    )
    found = json.loads(done.stdout.splitlines()[-1])
    if found["errors"] or not found["requests"]:
        raise RuntimeError(f"{served.title}: {found}")
    served.answered += found["requests"]
    return Turn(found["requests"] / found["seconds"], found["p50_ms"], found["p99_ms"])


def settle(served: Served) -> int:
    """Wait until all is delivered; return how many records were not at the call."""
    if served.database is None:
        return 0
    url = served.database
    before = stored(url)[0]
    until(lambda: stored(url)[0] >= served.answered, "all records are delivered")
    return max(served.answered - before, 0)


def measure(options: argparse.Namespace, kind: str, folder: Path, database: str) -> list[Served]:
    """Load all variants in turns under one kind of workers."""
    shuffled = random.Random(1)  # noqa: S311 - an order, no secret
    folder.mkdir()
    with contextlib.ExitStack() as stack:
        all_served = [
            stack.enter_context(served(folder, variant, WORKERS[kind], database))
            for variant in TITLES
        ]
        for one in all_served:
            load(one, 1)
            settle(one)
        for _ in range(options.rounds):
            for one in shuffled.sample(all_served, len(all_served)):
                cpu, before = cpu_seconds(one.process), one.answered
                one.full.append(load(one, options.seconds))
                number = one.answered - before
                late = settle(one)
                if one.database:
                    one.late.append(late / number)
                one.cpu_us.append((cpu_seconds(one.process) - cpu) / number * 1e6)
            for one in shuffled.sample(all_served, len(all_served)):
                one.steady.append(load(one, options.steady_seconds, STEADY_WAIT_MS))
                settle(one)
    return all_served


def check(served: Served) -> str:
    """Return a sentence with the number of records, after a check that each is stored once.

    Raises:
        RuntimeError: Some are missing or duplicated.
    """
    count, ids = stored(served.database or "")
    if count != ids or count < served.answered:
        raise RuntimeError(f"{count} rows, {ids} IDs; {served.answered} requests were answered")
    return f"{served.answered:,} were answered and {count:,} are in PostgreSQL"


# -- Report --------------------------------------------------------------------------------------


def rows(kind: str, found: Sequence[Served]) -> Iterator[list[str]]:
    """Yield the rows of the table."""
    base = found[0]
    for served in found:
        rates = [turn.rate for turn in served.full]
        cells = [kind, served.title, *report.spread(rates).cells(0)]
        to_bare = [rate / turn.rate for rate, turn in zip(rates, base.full, strict=True)]
        low, middle, high = report.spread(to_bare)
        cells.append("" if served is base else f"{middle:.2f} ({low:.2f}-{high:.2f})")
        cells += report.spread(turn.p99_ms for turn in served.full).cells()
        cells.append(f"{report.spread(served.cpu_us).middle:,.0f}")
        cells.append(f"{report.spread(turn.p50_ms for turn in served.steady).middle:.2f}")
        cells += report.spread(turn.p99_ms for turn in served.steady).cells()
        yield cells


def markdown(
    found: Mapping[str, Sequence[Served]], proofs: Sequence[str], postgres: str, seconds: int
) -> str:
    """Return the part of the page."""
    served = [each for kind in found.values() for each in kind]
    steady = report.spread(turn.rate for each in served for turn in each.steady)
    late = report.spread(100 * share for each in served for share in each.late)
    head = ["workers", "", "requests/s", "quartiles", "to bare", "p99 ms", "quartiles"]
    head += ["CPU, us a request", "steady: p50 ms", "p99 ms", "quartiles"]
    bars = [
        Bar.of(f"{each.title} ({kind})", report.spread(turn.rate for turn in each.full))
        for kind, all_served in found.items()
        for each in all_served
    ]
    cells = (row for kind, each in found.items() for row in rows(kind, each))
    versions = {"PostgreSQL": postgres}
    packages = ("flask-chest", "gunicorn", "gevent", "psycopg", "opentelemetry-sdk")
    how = (
        f"{len(served[0].full)} turns of {seconds} seconds each, {CONNECTIONS} connections without "
        f"a pause between requests. Steady load is {steady.middle:,.0f} requests a second for all. "
        "CPU is that of gunicorn's processes until all is delivered."
    )
    proof = (
        f"Of the requests to Flask-Chest {', and '.join(proofs)}. At the end of a turn "
        f"{late.middle:.1f}% of its records were still to be delivered (quartiles "
        f"{late.low:.1f}-{late.high:.1f}), with `CHEST_EXPORT_INTERVAL_SECONDS` at 0.5."
    )
    return "\n\n".join(
        [
            report.machine(*packages, others=versions),
            how,
            report.table(head, cells, texts=2),
            bar_chart("server", "Under gunicorn, two workers", bars, "requests a second"),
            proof,
        ]
    )


def main() -> int:
    """Measure, print, and write the part `server` of docs/explanation/performance-server.md."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=4)
    parser.add_argument("--seconds", type=int, default=3, help="of a turn under full load")
    parser.add_argument("--steady-seconds", type=int, default=2)
    options = parser.parse_args()
    if shutil.which("wrk") is None:
        print("wrk is not installed; `make bench-server` installs it", file=sys.stderr)
        return 1
    found: dict[str, list[Served]] = {}
    proofs = []
    with (
        tempfile.TemporaryDirectory(prefix="chest-bench-") as path,
        PostgresServer(durable=True) as server,
    ):
        for kind in WORKERS:
            with server.database() as url:
                found[kind] = measure(options, kind, Path(path) / kind, url)
                proofs += [f"({kind}) {check(each)}" for each in found[kind] if each.database]
                postgres = server_version(url)
    report.write("server", markdown(found, proofs, postgres, options.seconds))
    return 0


if __name__ == "__main__":
    sys.exit(main())
