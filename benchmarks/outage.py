"""What an outage of the database costs: latency of requests, memory of the process, and the drain.

Run by `make bench-outage`. The latency is that of one client of gunicorn with two workers, in
blocks that take turns: the database is up, refuses connections, does not answer, and is up again,
which shows the noise. Memory and drain are those of one process that records while the database is
down, and delivers when it is back.
"""

from __future__ import annotations

import argparse
import contextlib
import http.client
import os
import random
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from benchmarks.shared.gunicorn import ROOT, gunicorn, until
from benchmarks.shared.postgres import stored
from benchmarks.workers.outage import Result, read_result
from flask_chest.testing import Relay
from tools.servers import PostgresServer

BLOCK_SECONDS: Final = 1.5
SETTINGS: Final = {
    "FLASK_CHEST_EXPORT_INTERVAL_SECONDS": "0.2",
    "FLASK_CHEST_RETRY_MAX_SECONDS": "0.2",
    "FLASK_CHEST_JOURNAL_MAX_BYTES": str(16 * 1024**3),
}


def relayed(url: str, relay: Relay) -> str:
    """Return the URL of a PostgreSQL database through the relay."""
    parts = urlsplit(url)
    place = f"{parts.netloc.rpartition('@')[0]}@{relay.address[0]}:{relay.address[1]}"
    return f"{parts._replace(netloc=place).geturl()}?timeout_seconds=1&connect_timeout_seconds=1"


def environment(folder: Path, url: str) -> dict[str, str]:
    """Return the settings of a worker with its journal in a folder."""
    journal = str(folder / "chest")
    return {**SETTINGS, "FLASK_CHEST_EXPORTERS": url, "FLASK_CHEST_JOURNAL": journal}


# -- Latency -------------------------------------------------------------------------------------


@contextlib.contextmanager
def served(folder: Path, url: str) -> Iterator[http.client.HTTPConnection]:
    """Serve the worker's application, and connect to it."""
    options = ["--workers=2", "--worker-class=gthread", "--threads=2"]
    application, log = "benchmarks.workers.outage:make_app()", folder / "gunicorn.log"
    with gunicorn(application, options, environment(folder, url), log) as running:
        yield http.client.HTTPConnection("127.0.0.1", running.port, timeout=10)


def block(client: http.client.HTTPConnection) -> list[float]:
    """Send requests for `BLOCK_SECONDS`; return the milliseconds of each."""
    taken = []
    end = time.perf_counter() + BLOCK_SECONDS
    while (begun := time.perf_counter()) < end:
        client.request("GET", "/")
        response = client.getresponse()
        response.read()
        if response.status != 200:
            raise RuntimeError(f"status {response.status}")
        taken.append((time.perf_counter() - begun) * 1000)
        time.sleep(0.0005)  # a client that uses a whole core measures itself
    return taken


def latency(folder: Path, rounds: int) -> None:
    """Print latencies while the database is down beside those while it is up."""
    shuffled = random.Random(1)  # noqa: S311 - an order, no secret
    blocks: dict[str, list[list[float]]] = {"up": [], "refused": [], "silent": [], "up again": []}
    with (
        PostgresServer(durable=True) as server,
        server.database() as url,
        Relay("127.0.0.1", server.port) as relay,
        served(folder, relayed(url, relay)) as client,
    ):
        until(lambda: _answers(client), "gunicorn answers")
        block(client)
        until(lambda: stored(url)[0] > 0, "records arrive")
        for _ in range(rounds):
            for state in shuffled.sample(list(blocks), len(blocks)):
                if state == "refused":
                    relay.cut()
                elif state == "silent":
                    relay.stall()
                time.sleep(0.3)  # records in delivery arrive
                before = stored(url)[0]
                blocks[state].append(block(client))
                is_up = state.startswith("up")
                arrived = stored(url)[0] - before
                if (arrived < len(blocks[state][-1]) // 2) if is_up else arrived:
                    raise RuntimeError(f"{state}: {arrived} records arrived")
                relay.restore()
                relay.resume()
                if not is_up:
                    asked = stored(url)[0]
                    until(lambda: stored(url)[0] > asked, "delivery resumes")  # noqa: B023 - called at once
    print("\n| the database | requests | p50 ms | p99 ms | p50 / up | p99 / up |")
    print("|---|---|---|---|---|---|")
    for state, measured in blocks.items():
        cells = [f"{sum(map(len, measured)):,}"]
        cells += [f"{statistics.median(quantile(b, q) for b in measured):.2f}" for q in (50, 99)]
        for q in (50, 99):
            ratios = [
                quantile(b, q) / quantile(u, q) for b, u in zip(measured, blocks["up"], strict=True)
            ]
            low, middle, high = statistics.quantiles(ratios, n=4)
            cells.append("" if state == "up" else f"{middle:.2f} ({low:.2f}-{high:.2f})")
        print(f"| {state} | {' | '.join(cells)} |")


def quantile(values: list[float], percent: int) -> float:
    """Return a percentile."""
    return sorted(values)[min(len(values) * percent // 100, len(values) - 1)]


def _answers(client: http.client.HTTPConnection) -> bool:
    try:
        client.request("GET", "/")
        client.getresponse().read()
    except OSError:
        client.close()
        return False
    return True


# -- Memory and drain ----------------------------------------------------------------------------


def record(folder: Path, url: str, number: int, come_back: Callable[[], object]) -> Result:
    """Let a process record while the database is down, and deliver when it is back."""
    worker = subprocess.Popen(
        [sys.executable, "-m", "benchmarks.workers.outage", str(number)],
        cwd=ROOT,
        env={**os.environ, **environment(folder, url)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,  # warnings about the outage
        text=True,
    )
    with worker:
        if worker.stdin is None or worker.stdout is None:
            raise RuntimeError("no pipes")
        worker.stdout.readline()
        come_back()
        worker.stdin.write("go\n")
        worker.stdin.flush()
        return read_result(worker.stdout.readline())


def backlog_postgres(folder: Path, number: int) -> Result:
    """Record while connections to PostgreSQL are refused."""
    with (
        PostgresServer(durable=True) as server,
        server.database() as url,
        Relay("127.0.0.1", server.port) as relay,
    ):
        relay.cut()
        result = record(folder, relayed(url, relay), number, relay.restore)
        check(stored(url), number)
        return result


def backlog_sqlite(folder: Path, number: int) -> Result:
    """Record while another process holds the lock of the SQLite file."""
    path = folder / "chest.sqlite3"
    locking = sqlite3.connect(path, isolation_level=None)
    locking.execute("PRAGMA journal_mode = WAL")
    locking.execute("BEGIN IMMEDIATE")
    url = f"sqlite:///{path}?busy_timeout_seconds=0.1"
    result = record(folder, url, number, lambda: locking.execute("ROLLBACK"))
    found = locking.execute("SELECT count(*), count(DISTINCT id) FROM chest_records").fetchone()
    locking.close()
    check(found, number)
    return result


def check(found: tuple[int, int], number: int) -> None:
    """Check that every record is stored exactly once.

    Raises:
        RuntimeError: Some are missing or duplicated.
    """
    if found != (number, number):
        raise RuntimeError(f"{found[0]} rows and {found[1]} IDs of {number} records")


def backlogs(numbers: list[int]) -> None:
    """Print memory, and the rates of the drain, for each size of the backlog."""
    print(
        "\n| database | backlog | RSS MiB before, after, drained | records/s | "
        "in each tenth, thousands/s |"
    )
    print("|---|---|---|---|---|")
    for name, run in (("PostgreSQL", backlog_postgres), ("SQLite", backlog_sqlite)):
        for number in numbers:
            with tempfile.TemporaryDirectory(prefix="chest-outage-") as folder:
                result = run(Path(folder), number)
            rss = ", ".join(f"{size:.1f}" for size in result.rss)
            tenths = " ".join(f"{rate / 1000:.0f}" for rate in result.tenths)
            print(f"| {name} | {number:,} | {rss} | {result.rate:,.0f} | {tenths} |", flush=True)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=12)
    parser.add_argument("--records", type=int, nargs="*", default=[10_000, 100_000, 1_000_000])
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="chest-outage-") as folder:
        if options.rounds > 0:
            latency(Path(folder), options.rounds)
    backlogs(options.records)


if __name__ == "__main__":
    main()
