"""How fast the dashboard is, and what an open one costs the application.

Run by `make bench-dashboard`. Each database gets the records of 30 days, as for `make bench-query`.
gunicorn serves an application with a dashboard on it. Pages are loaded as a browser loads them: the
page, then its panels, two at a time. Then wrk loads the application in turns: with nobody; with one
viewer and with ten of the overview, which refreshes itself; and with ten of the same dashboard in
an application of its own. What the last ones cost is the machine's: all share its processors.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from statistics import median
from typing import Final
from urllib.parse import quote

import httpx

from benchmarks.query import DECLARED, INDEXED, filled
from benchmarks.server import STEADY_WAIT_MS, Served, Turn, answers, load
from benchmarks.shared import report
from benchmarks.shared.backends import BACKENDS
from benchmarks.shared.gunicorn import ROOT, gunicorn, until
from benchmarks.shared.history import History
from benchmarks.shared.questions import DAY
from benchmarks.workers.dashboard import look

PAGE: Final = report.DOCS / "explanation" / "dashboard-performance.md"
STORES: Final = ("sqlite", "postgres", "mysql")
KINDS: Final = ((0, False), (1, False), (10, False), (10, True))
"""How many viewers, and whether they look at a dashboard in an application of its own."""

WORKERS: Final = ["--worker-class=gthread", "--workers=2", "--threads=4"]
_FILTER: Final = quote("tenant == 't-7'")


def addresses(history: History, run: int) -> dict[str, str]:
    """Return the addresses of the pages that are measured: in each run other minutes."""
    end, earlier = history.until - timedelta(minutes=run), timedelta(minutes=run)
    until = f"{end:%Y-%m-%dT%H:%M:%SZ}"
    day = f"since={end - DAY:%Y-%m-%dT%H:%M:%SZ}&until={until}"
    month = f"since={history.since - earlier:%Y-%m-%dT%H:%M:%SZ}&until={until}"
    percentile = quote("p95(duration_ms)")
    return {
        "Overview, one day": f"/chest/?{day}",
        "Overview, 30 days": f"/chest/?{month}",
        "Explore: count and p95 by tenant, 30 days": (
            f"/chest/explore?{month}&measure=count&measure={percentile}&by=tenant"
        ),
        "Explore: count by region, one day": f"/chest/explore?{day}&measure=count&by=region",
        "Route, one day": f"/chest/route?{day}&route=/checkout",
        "Requests of a tenant, one day": f"/chest/requests?{day}&where={_FILTER}",
        "Delivery": "/chest/delivery",
    }


@dataclass
class Cost:
    """What viewers cost: turns of wrk with so many of them.

    Attributes:
        viewers: How many.
        apart: Whether they look at an application of its own.
        turns: Of wrk.
        waited: Records that were not delivered at the end of each turn.
    """

    viewers: int
    apart: bool
    turns: list[Turn] = field(default_factory=list)
    waited: list[int] = field(default_factory=list)


@dataclass
class Measured:
    """What was measured with one database.

    Attributes:
        title: Product and version.
        pages: Milliseconds until the first panel and until all, by page.
        costs: Of viewers.
    """

    title: str
    pages: dict[str, list[tuple[float, float]]]
    costs: list[Cost]


@contextmanager
def served(url: str, folder: Path) -> Iterator[Served]:
    """Serve the application with the records of a database."""
    declared = {
        "dimensions": DECLARED.dimensions,
        "measures": DECLARED.measures,
        "distinct": DECLARED.distinct,
    }
    environment = {
        "FLASK_CHEST_EXPORTERS": url,
        "FLASK_CHEST_JOURNAL": str(folder / "chest"),
        "FLASK_CHEST_EXPORT_INTERVAL_SECONDS": "1",
        "FLASK_CHEST_ROLLUPS": json.dumps(declared),
        "FLASK_CHEST_INDEXED_VARIABLES": json.dumps(INDEXED),
    }
    application, log = "benchmarks.workers.dashboard:make_app()", folder / "gunicorn.log"
    with gunicorn(application, WORKERS, environment, log) as running:
        base = f"http://127.0.0.1:{running.port}"
        until(lambda: answers(f"{base}/orders/7"), f"gunicorn answers: {log.read_text()[-2000:]}")
        yield Served(base, f"{base}/orders/7", running.process, None)


def pages(served: Served, history: History, runs: int) -> dict[str, list[tuple[float, float]]]:
    """Load each page some times; return milliseconds until the first panel, and until all."""
    found: dict[str, list[tuple[float, float]]] = {}
    with httpx.Client(base_url=served.title, timeout=120, trust_env=False) as client:
        for run in range(runs):
            for title, path in addresses(history, run).items():
                first, whole = look(client, path)
                found.setdefault(title, []).append((first * 1_000, whole * 1_000))
                _say(f"{title}: {first * 1_000:.0f} ms, all {whole * 1_000:.0f} ms")
    return found


@contextmanager
def watched(served: Served, viewers: int) -> Iterator[None]:
    """Let so many viewers look at the overview."""
    if not viewers:
        yield
        return
    command = [sys.executable, "-m", "benchmarks.workers.dashboard", served.title, str(viewers)]
    process = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE)
    try:
        yield
    finally:
        process.communicate(timeout=120)


def waiting(served: Served) -> int:
    """Return how many records wait for the exporter."""
    text = httpx.get(f"{served.title}/waiting", timeout=60, trust_env=False).text
    return int(text)


def cost(served: Served, apart: Served, rounds: int, seconds: int) -> list[Cost]:
    """Load the application in turns with more and with fewer viewers."""
    costs = [Cost(*kind) for kind in KINDS]
    load(served, 2, STEADY_WAIT_MS)
    for number in range(rounds):
        for each in costs if number % 2 else reversed(costs):
            with watched(apart if each.apart else served, each.viewers):
                each.turns.append(load(served, seconds, STEADY_WAIT_MS))
                each.waited.append(waiting(served))
            _say(f"{_viewers(each)} viewers: {each.turns[-1]}")
    return costs


def measure(name: str, options: argparse.Namespace, cache: Path) -> Measured:
    """Fill a database, and measure the dashboard on it."""
    backend, history = BACKENDS[name], History.of(options.records)
    path = history.file(cache)
    with backend.running() as (url, _), tempfile.TemporaryDirectory(prefix="chest-dash-") as folder:
        if backend.server is None:
            url = f"{url}/history.sqlite3"  # noqa: PLW2901 - a folder's becomes a file's
        with filled(backend, url, path):
            _say(f"{name}: filled")
        here, there = Path(folder, "here"), Path(folder, "apart")
        here.mkdir()
        there.mkdir()
        with served(url, here) as running:
            shown = pages(running, history, options.runs)
            with served(url, there) as apart:
                costs = cost(running, apart, options.rounds, options.seconds)
        return Measured(backend.version(url), shown, costs)


# -- Report --------------------------------------------------------------------------------------


def markdown(found: Sequence[Measured], options: argparse.Namespace) -> str:
    """Return the part of the page."""
    loads = [
        [title, *(cell for each in found for cell in _ms(each.pages[title]))]
        for title in found[0].pages
    ]
    head = ["page", *(f"{each.title}: {what}" for each in found for what in ("first", "all"))]
    costs = [
        [
            each.title,
            _viewers(one),
            f"{median(turn.rate for turn in one.turns):,.0f}",
            f"{median(turn.p50_ms for turn in one.turns):.2f}",
            *report.spread(turn.p99_ms for turn in one.turns).cells(2),
            f"{_change(one, each.costs[0]):+.1f} %",
            f"{median(one.waited):,.0f}",
        ]
        for each in found
        for one in each.costs
    ]
    cost_head = ["database", "viewers", "requests/s", "p50 ms", "p99 ms", "quartiles"]
    cost_head += ["p99 against none", "records that wait"]
    how = (
        f"{options.records:,} records. Median of {options.runs} loads, in ms: until the first part "
        "of the page with data, and until all of it."
    )
    turns = (
        f"Steady load by wrk, {options.rounds} turns of {options.seconds} seconds each, with "
        "nobody and with viewers of the overview, in turns. Apart: of a dashboard in an "
        "application of its own, on the same machine."
    )
    parts = [report.machine("flask-chest", "gunicorn"), how, report.table(head, loads, texts=1)]
    return "\n\n".join([*parts, turns, report.table(cost_head, costs, texts=2)])


def _ms(times: Sequence[tuple[float, float]]) -> tuple[str, str]:
    return f"{median(t[0] for t in times):,.0f}", f"{median(t[1] for t in times):,.0f}"


def _viewers(cost: Cost) -> str:
    return f"{cost.viewers}{', apart' if cost.apart else ''}"


def _change(one: Cost, base: Cost) -> float:
    """Return by how many percent the median p99 is above that without viewers."""
    mine, other = (median(turn.p99_ms for turn in each.turns) for each in (one, base))
    return (mine / other - 1) * 100


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def main() -> None:
    """Measure, and write the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--records", type=int, default=3_000_000)
    parser.add_argument("--store", choices=STORES, action="append")
    parser.add_argument("--runs", type=int, default=5, help="loads of each page")
    parser.add_argument("--rounds", type=int, default=6, help="turns of wrk with as many viewers")
    parser.add_argument("--seconds", type=int, default=10, help="of a turn")
    parser.add_argument("--cache", type=Path, help="folder in which the records are kept")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="chest-history-") as temporary:
        cache = options.cache or Path(temporary)
        found = [measure(name, options, cache) for name in options.store or STORES]
    report.write("dashboard", markdown(found, options), PAGE)


if __name__ == "__main__":
    main()
