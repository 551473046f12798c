"""How fast the dashboard is, and what an open one costs the application.

Run by `make bench-dashboard`. Each database gets the records of 30 days, as for `make bench-query`.
gunicorn serves an application with a dashboard on it. Pages are loaded as a browser loads them: the
page, then its panels, two at a time. Then wrk loads the application in turns, with nobody, with one
viewer and with ten viewers of the overview, which refreshes itself.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
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

PAGE: Final = report.DOCS / "dashboard-performance.md"
STORES: Final = ("sqlite", "postgres", "mysql")
VIEWERS: Final = (0, 1, 10)
WORKERS: Final = ["--worker-class=gthread", "--workers=2", "--threads=4"]
FORGOTTEN_SECONDS: Final = 2.5
"""After so long, an answer that viewers share is asked for again."""

_FILTER: Final = quote("tenant == 't-7'")


def addresses(history: History) -> dict[str, str]:
    """Return the addresses of the pages that are measured."""
    until = history.until.strftime("%Y-%m-%dT%H:%M:%SZ")
    day = f"since={history.until - DAY:%Y-%m-%dT%H:%M:%SZ}&until={until}"
    month = f"since={history.since:%Y-%m-%dT%H:%M:%SZ}&until={until}"
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
    """What viewers cost: turns of wrk with so many of them."""

    viewers: int
    turns: list[Turn] = field(default_factory=list)


@dataclass
class Measured:
    """What was measured with one database.

    Attributes:
        title: Product and version.
        pages: Milliseconds until the first panel and until all, by page.
        costs: Turns of wrk, by number of viewers.
        waited: Records that were not delivered at the end of a turn, by number of viewers.
    """

    title: str
    pages: dict[str, list[tuple[float, float]]]
    costs: list[Cost]
    waited: dict[int, list[int]]


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


def pages(
    served: Served, asked: Mapping[str, str], runs: int
) -> dict[str, list[tuple[float, float]]]:
    """Load each page some times; return milliseconds until the first panel, and until all."""
    found: dict[str, list[tuple[float, float]]] = {title: [] for title in asked}
    with httpx.Client(base_url=served.title, timeout=120, trust_env=False) as client:
        for _ in range(runs):
            for title, path in asked.items():
                first, whole = look(client, path)
                found[title].append((first * 1_000, whole * 1_000))
                _say(f"{title}: {first * 1_000:.0f} ms, all {whole * 1_000:.0f} ms")
            time.sleep(FORGOTTEN_SECONDS)
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


def cost(served: Served, rounds: int, seconds: int) -> tuple[list[Cost], dict[int, list[int]]]:
    """Load the application in turns with more and with fewer viewers."""
    costs = [Cost(viewers) for viewers in VIEWERS]
    waited: dict[int, list[int]] = {viewers: [] for viewers in VIEWERS}
    load(served, 2, STEADY_WAIT_MS)
    for number in range(rounds):
        for each in costs if number % 2 else reversed(costs):
            with watched(served, each.viewers):
                each.turns.append(load(served, seconds, STEADY_WAIT_MS))
                waited[each.viewers].append(waiting(served))
            _say(f"{each.viewers} viewers: {each.turns[-1]}")
    return costs, waited


def measure(name: str, options: argparse.Namespace, cache: Path) -> Measured:
    """Fill a database, and measure the dashboard on it."""
    backend, history = BACKENDS[name], History.of(options.records)
    path = history.file(cache)
    with backend.running() as (url, _), tempfile.TemporaryDirectory(prefix="chest-dash-") as folder:
        if backend.server is None:
            url = f"{url}/history.sqlite3"  # noqa: PLW2901 - a folder's becomes a file's
        with filled(backend, url, path):
            _say(f"{name}: filled")
        with served(url, Path(folder)) as running:
            shown = pages(running, addresses(history), options.runs)
            costs, waited = cost(running, options.rounds, options.seconds)
        return Measured(backend.version(url), shown, costs, waited)


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
            str(one.viewers),
            f"{median(turn.rate for turn in one.turns):,.0f}",
            f"{median(turn.p50_ms for turn in one.turns):.2f}",
            *report.spread(turn.p99_ms for turn in one.turns).cells(2),
            f"{_change(one, each.costs[0]):+.1f} %",
            f"{median(each.waited[one.viewers]):,.0f}",
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
        "nobody and with viewers of the overview, in turns."
    )
    parts = [report.machine("flask-chest", "gunicorn"), how, report.table(head, loads, texts=1)]
    return "\n\n".join([*parts, turns, report.table(cost_head, costs, texts=2)])


def _ms(times: Sequence[tuple[float, float]]) -> tuple[str, str]:
    return f"{median(t[0] for t in times):,.0f}", f"{median(t[1] for t in times):,.0f}"


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
