"""What delivery costs, from the journal on disk to the commit in each database.

Run by `make bench-delivery`, and with `--short` by `make bench`. A worker process delivers a
backlog with the default settings, in batches of 1,000 records, and measures its own CPU time and
memory. Servers sync to the disk at each commit. Databases take turns. At the end every record must
be in the database exactly once.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from statistics import median
from typing import Final, NamedTuple, TypeAlias

from benchmarks.shared import charts, report
from benchmarks.shared.backends import BACKENDS, Backend
from benchmarks.shared.process import cpu_seconds
from benchmarks.shared.records import Records
from benchmarks.workers.delivery import JOURNAL_BYTES, Drain, read_drain
from flask_chest.journal import DiskJournal
from flask_chest.record import uuid7
from flask_chest.runtime.counters import Counters
from flask_chest.runtime.log import Throttle

ROOT: Final = Path(__file__).parent.parent

SHORT: Final = {name: {10_000: 3, 100_000: 1} for name in ("sqlite", "postgres", "mysql")} | {
    "mongo": {10_000: 3}
}
"""By database: how often a backlog of each size is delivered."""

LONG: Final = {name: {10_000: 5, 100_000: 3, 1_000_000: 1} for name in BACKENDS}
LONG["sqlite"] = {**LONG["sqlite"], 10_000_000: 1}
del LONG["mongo"][1_000_000]  # SecantusDB cannot count them within `timeout_seconds`


class Delivered(NamedTuple):
    """One delivered backlog."""

    drain: Drain
    server_cpu_seconds: float


Results: TypeAlias = dict[str, dict[int, list[Delivered]]]
"""Delivered backlogs by database and size."""


@contextmanager
def running(backend: Backend) -> Iterator[tuple[str, int | None]]:
    """Run a server as `Backend.running` does, but without dropping the database.

    SecantusDB drops millions of documents more slowly than it stores them.
    """
    if backend.server is None or os.environ.get(backend.server.variable) is not None:
        with backend.running() as found:
            yield found
        return
    with backend.server(durable=True) as server:
        server.create("delivery")
        yield server.url("delivery"), server.process.pid if server.process is not None else None


def write_backlog(folder: Path, number: int) -> None:
    """Write records into a journal, and leave it as a killed process would."""
    line = Records().batch(1).lines
    old = json.loads(line)["id"].encode()
    shape = line.replace(b"%", b"%%").replace(old, b"%b")
    places = line.count(old)
    journal = DiskJournal(
        folder, ["main"], Counters(), Throttle(), max_bytes=JOURNAL_BYTES, fsync="never"
    )
    for _ in range(number):
        identity = uuid7().encode()
        if not journal.append(shape % ((identity,) * places)):
            raise RuntimeError("the journal has no room")
    journal.close()


def deliver(backend: Backend, url: str, server: int | None, number: int, place: int) -> Delivered:
    """Deliver a new backlog to a place of its own.

    Raises:
        RuntimeError: The number of stored records is wrong.
    """
    target = backend.place(url, place)
    prefix = f"?{backend.prefix_field}={target.prefix}" if backend.prefix_field else ""
    with tempfile.TemporaryDirectory(prefix="chest-delivery-") as folder:
        write_backlog(Path(folder), number)
        began = cpu_seconds(server)
        done = subprocess.run(
            [
                *(sys.executable, "-m", "benchmarks.workers.delivery"),
                *(f"{target.url}{prefix}", folder, str(number)),
            ],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            text=True,
            check=True,
        )
        spent = cpu_seconds(server) - began
    store = backend.open(target)
    try:
        if (found := store.count()) != number:
            raise RuntimeError(f"{backend.title}: {found} rows of {number} records")
    finally:
        store.close()
    return Delivered(read_drain(done.stdout), spent)


def _remove(place: Path) -> None:
    """Delete a folder, or a file with those that SQLite has beside it."""
    if place.is_dir():
        shutil.rmtree(place)
    for file in place.parent.glob(f"{place.name}*"):
        file.unlink()


def measure(plan: Mapping[str, Mapping[int, int]]) -> tuple[dict[str, str], Results]:
    """Return the version of each database, and what was delivered to it by size."""
    found: Results = {name: {size: [] for size in sizes} for name, sizes in plan.items()}
    with ExitStack() as stack:
        servers = {name: stack.enter_context(running(BACKENDS[name])) for name in plan}
        turns = [
            (turn, size, name)
            for name, sizes in plan.items()
            for size, times in sizes.items()
            for turn in range(times)
        ]
        random.shuffle(turns)
        turns.sort(key=lambda turn: (turn[1], turn[0]))
        for place, (_, size, name) in enumerate(turns):
            url, server = servers[name]
            delivered = deliver(BACKENDS[name], url, server, size, place)
            found[name][size].append(delivered)
            drain = delivered.drain
            print(
                f"{name} {size:,}: {drain.rate:,.0f} records/s, "
                f"{drain.cpu_us:.2f} us of CPU a record, "
                f"{drain.rss_before:.0f} to {drain.rss_most:.0f} MiB",
                file=sys.stderr,
                flush=True,
            )
            if BACKENDS[name].server is None:
                _remove(Path(BACKENDS[name].place(url, place).url.partition(":///")[2]))
        titles = {name: BACKENDS[name].version(servers[name][0]) for name in plan}
    return titles, found


HEAD: Final = (
    *("database", "backlog", "records/s", "slowest-fastest tenth"),
    *("CPU of the process, us a record", "CPU of the server"),
    "RSS MiB: before, most in the first tenth, most",
)


def chart(lines: Mapping[str, Sequence[tuple[float, float]]]) -> str:
    """Draw the cost of a record by the size of the backlog."""
    return charts.line_chart(
        "delivery",
        "What a record costs the application's process, by the size of the backlog",
        lines,
        "records in the backlog",
        "us of CPU a record",
        log_x=True,
    )


def page(titles: Mapping[str, str], found: Results, load: float, turns: str, *, draws: bool) -> str:
    """Return the part of docs/explanation/performance-delivery.md. With `draws`, draw its chart."""
    rows, lines = [], {}
    for name, sizes in found.items():
        points = []
        for size, all_delivered in sizes.items():
            drains = [delivered.drain for delivered in all_delivered]
            cpu = median(drain.cpu_us for drain in drains)
            server = median(each.server_cpu_seconds for each in all_delivered) / size * 1e6
            tenths = [rate for drain in drains for rate in drain.tenths if size > 10_000]
            rss = zip(*((d.rss_before, d.rss_early, d.rss_most) for d in drains), strict=True)
            points.append((float(size), cpu))
            rows.append(
                (
                    titles[name],
                    f"{size:,}",
                    f"{median(drain.rate for drain in drains):,.0f}",
                    f"{min(tenths):,.0f}-{max(tenths):,.0f}" if tenths else "",
                    f"{cpu:.1f}",
                    f"{server:.1f}" if server else "",
                    ", ".join(f"{median(sizes):.0f}" for sizes in rss),
                )
            )
        lines[titles[name]] = points
    drivers = [each.driver for name, each in BACKENDS.items() if name in found and each.driver]
    batch = Records().batch(100)
    return "\n\n".join(
        (
            report.machine("SQLAlchemy", "pydantic-core", *drivers),
            (
                f"Records of {len(batch.lines) // len(batch)} bytes, batches of 1,000. {turns} "
                f"The load of the machine was {load:.1f} before the start."
            ),
            report.table(HEAD, rows),
            "Every record was in each database exactly once: lost 0, duplicated 0.",
            *([chart(lines)] if draws else []),
        )
    )


def main() -> None:
    """Measure, print, and write the part `delivery` of docs/explanation/performance-delivery.md."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--short", action="store_true", help="no backlog above 100,000 records")
    parser.add_argument("--backends", nargs="+", choices=BACKENDS, default=list(SHORT))
    given = parser.parse_args()
    load = os.getloadavg()[0]
    plan = {name: (SHORT if given.short else LONG)[name] for name in given.backends}
    times: dict[int, int] = {}
    for sizes in plan.values():
        times |= sizes
    turns = ", ".join(f"{size:,} records {count}x" for size, count in times.items())
    titles, found = measure(plan)
    text = page(titles, found, load, f"Medians: {turns}.", draws=not given.short)
    if given.short:  # docs/explanation/performance-delivery.md shows the long backlogs
        print(text)
    else:
        report.write("delivery", text)


if __name__ == "__main__":
    main()
