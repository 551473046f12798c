"""How fast records are stored: our exporters beside the best that a user would write.

Run by `make bench-export`. The database servers sync to the disk at each commit. In each round all
ways of a database store the same new batch, in random order, each in a table of its own; the first
rounds are dropped. At the end every table is read, and must hold each record exactly once. Client
CPU is the time of this process, which includes SQLite's own work.

    python -m benchmarks.export --growth           # as the tables grow to 3,000,000 records
    python -m benchmarks.export --profile sqlite   # where the client's time goes
"""

from __future__ import annotations

import argparse
import cProfile
import gc
import os
import platform
import pstats
import random
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from importlib.metadata import version
from statistics import median, quantiles
from typing import Final, NamedTuple

from benchmarks.peers.drivers import Write
from benchmarks.shared.backends import BACKENDS, SQLALCHEMY, Backend
from benchmarks.shared.process import cpu_seconds
from benchmarks.shared.records import Records
from flask_chest.exporter import Batch
from flask_chest.store import Store
from flask_chest.testing.records import as_stored

OURS: Final = "Flask-Chest"
WARM_UP: Final = 10
"""Rounds that are dropped: they compile and prepare statements, and fill caches."""

SIZES: Final = (10_000, 100_000, 1_000_000, 3_000_000)
FILL: Final = 10_000
"""Records in a batch that only makes a table grow."""

MEASURED: Final = 30
"""Batches that are measured at each size, or profiled."""


class Sample(NamedTuple):
    """Cost of one record of a batch: time until it was stored, and CPU of this process."""

    seconds: float
    cpu_us: float


def timed(write: Write, batch: Batch) -> Sample:
    """Store a batch, after collecting the garbage of others."""
    gc.collect()
    began, began_cpu = time.perf_counter(), time.process_time()
    write(batch)
    cpu, took = time.process_time() - began_cpu, time.perf_counter() - began
    return Sample(took / len(batch), cpu / len(batch) * 1e6)


def verify(name: str, store: Store, given: int, last: Batch) -> None:
    """Check that a way stored what it was given.

    Raises:
        RuntimeError: It did not, so its figures mean nothing.
    """
    if (found := store.count()) != given:
        raise RuntimeError(f"{name}: {found} records are stored, {given} were given")
    expected = [as_stored(record) for record in reversed(last.records())]
    if store.query(limit=len(last)) != expected:
        raise RuntimeError(f"{name}: the newest records are not those that were given")


COMPARED: Final = tuple(name for name, backend in BACKENDS.items() if backend.ways)


# -- Beside others ---------------------------------------------------------------------------------


def compare(backend: Backend, url: str, rounds: int, size: int) -> dict[str, list[Sample]]:
    """Return the samples of each way, by name."""
    records = Records()
    samples: dict[str, list[Sample]] = {OURS: [], **{name: [] for name in backend.ways}}
    with ExitStack() as stack:
        stores: dict[str, Store] = {}
        writes: dict[str, Write] = {}
        for number, name in enumerate(samples):
            place = backend.place(url, number)
            stores[name] = store = stack.enter_context(opened(backend, url, number))
            writes[name] = (
                store.export if name == OURS else stack.enter_context(backend.ways[name](place))
            )
        for number in range(WARM_UP + rounds):
            batch = records.batch(size)
            for name in random.sample(list(writes), len(writes)):
                sample = timed(writes[name], batch)
                if number >= WARM_UP:
                    samples[name].append(sample)
        for name, write in writes.items():
            write(batch)  # a repeated batch changes nothing
            verify(name, stores[name], (WARM_UP + rounds) * size, batch)
    return samples


@contextmanager
def opened(backend: Backend, url: str, number: int) -> Iterator[Store]:
    """Open the store of a place."""
    store = backend.open(backend.place(url, number))
    try:
        yield store
    finally:
        store.close()


def figures(samples: Sequence[Sample]) -> str:
    """Return cells of a table: records per second, their quartiles, client CPU."""
    low, middle, high = (1 / s for s in reversed(quantiles([s.seconds for s in samples], n=4)))
    cpu = median(sample.cpu_us for sample in samples)
    return f"{middle:,.0f} | {low:,.0f}-{high:,.0f} | {cpu:.2f}"


class Verdict(NamedTuple):
    """A figure beside its target."""

    backend: str
    what: str
    figure: float
    wanted: str
    is_reached: bool


def verdicts(backend: Backend, samples: Mapping[str, list[Sample]]) -> Iterator[Verdict]:
    """Yield the targets of our exporter, and whether they are reached."""
    cpu = median(sample.cpu_us for sample in samples[OURS])
    most = backend.wanted_cpu_us
    yield Verdict(backend.title, "client CPU, us a record", cpu, f"<= {most:g}", cpu <= most)
    seconds = {name: median(s.seconds for s in found) for name, found in samples.items()}
    bulk = [seconds[name] for name in backend.ways if name.startswith(SQLALCHEMY)]
    own = {name: seconds[name] for name in backend.ways if not name.startswith(SQLALCHEMY)}
    if backend.wanted_gain is not None:
        gain = min(bulk) / seconds[OURS]
        what, least = "throughput / SQLAlchemy's", backend.wanted_gain
        yield Verdict(backend.title, what, gain, f">= {least:g}", gain >= least)
    best = min(own, key=lambda name: own[name])
    gain = own[best] / seconds[OURS]
    yield Verdict(backend.title, f"throughput / {best}", gain, ">= 1", gain >= 1)


def report_comparison(names: Sequence[str], rounds: int, size: int) -> None:
    """Measure, and print a table of all ways and a table of the targets."""
    print(f"{rounds} rounds of {size:,} records, {len(Records().batch(size).lines) // size} bytes")
    print("\n| database | way | records/s | quartiles | client CPU, us a record |")
    print("|---|---|---|---|---|")
    found: list[Verdict] = []
    for backend in (BACKENDS[name] for name in names):
        with backend.running() as (url, _):
            samples = compare(backend, url, rounds, size)
            title = backend.version(url)
        for name, measured in samples.items():
            print(f"| {title} | {name} | {figures(measured)} |", flush=True)
        found += verdicts(backend, samples)
    print("\n| database | figure | measured | target | reached |")
    print("|---|---|---|---|---|")
    for verdict in found:
        title, what, figure, wanted, is_reached = verdict
        print(f"| {title} | {what} | {figure:.2f} | {wanted} | {'yes' if is_reached else 'NO'} |")


# -- As the table grows ----------------------------------------------------------------------------


def report_growth(
    names: Sequence[str], sizes: Sequence[int], size: int, minutes: float, *, random_ids: bool
) -> None:
    """Print what a record costs when a table holds a number of them already."""
    print(f"{MEASURED} batches of {size:,} records at each size; CPU in us a record\n")
    print("| database | records stored | records/s | quartiles | client CPU | server CPU |")
    print("|---|---|---|---|---|---|")
    for backend in (BACKENDS[name] for name in names):
        with backend.running() as (url, server), opened(backend, url, 0) as store:
            records = Records(random_request_ids=random_ids)
            deadline = time.monotonic() + minutes * 60
            given = 0
            for target in sizes:
                while given < target and time.monotonic() < deadline:
                    store.export(records.batch(min(FILL, target - given)))
                    given += min(FILL, target - given)
                batches = [records.batch(size) for _ in range(MEASURED)]
                began = cpu_seconds(server)
                measured = [timed(store.export, batch) for batch in batches]
                cpu_us = (cpu_seconds(server) - began) / (MEASURED * size) * 1e6
                title = f"{backend.version(url)} | {given:,}"
                cells = f"{figures(measured)} | {f'{cpu_us:.1f}' if cpu_us else '-'}"
                print(f"| {title} | {cells} |", flush=True)
                given += MEASURED * size
                if given < target:
                    print(f"| {backend.title} | stopped after {minutes:g} minutes | | | | |")
                    break
            verify(backend.title, store, given, batches[-1])


# -- Where the time goes ---------------------------------------------------------------------------


def report_profile(name: str, size: int) -> None:
    """Print the functions of our exporter that take most CPU time of this process."""
    backend = BACKENDS[name]
    profiler = cProfile.Profile(time.process_time)
    with backend.running() as (url, _), opened(backend, url, 0) as store:
        records = Records()
        for number in range(WARM_UP + MEASURED):
            batch = records.batch(size)
            if number >= WARM_UP:
                profiler.enable()
            store.export(batch)
            profiler.disable()
    print(f"{backend.title}: {MEASURED} batches of {size:,} records")
    pstats.Stats(profiler).strip_dirs().sort_stats("tottime").print_stats(15)


def machine() -> str:
    """Return the versions of what is measured with."""
    drivers = [backend.driver for backend in BACKENDS.values() if backend.driver is not None]
    packages = ("SQLAlchemy", "pydantic_core", *drivers)
    return ", ".join(
        (
            f"Python {platform.python_version()}",
            *(f"{name} {version(name)}" for name in packages),
            f"{os.cpu_count()} cores",
        )
    )


def main() -> int:
    """Measure what the arguments select."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--backends", nargs="+", choices=COMPARED, default=list(COMPARED))
    parser.add_argument("--rounds", type=int, default=40)
    parser.add_argument("--batch", type=int, default=1_000, help="records in a batch")
    parser.add_argument("--growth", action="store_true", help="measure as the tables grow")
    parser.add_argument("--sizes", nargs="+", type=int, default=SIZES, help="with --growth")
    parser.add_argument(
        "--minutes", type=float, default=10, help="with --growth: limit for each database"
    )
    parser.add_argument("--random-request-ids", action="store_true", help="with --growth")
    parser.add_argument("--profile", choices=BACKENDS, help="show where the client's time goes")
    given = parser.parse_args()
    print(machine(), end="\n\n")
    if given.profile:
        report_profile(given.profile, given.batch)
    elif given.growth:
        report_growth(
            given.backends,
            given.sizes,
            given.batch,
            given.minutes,
            random_ids=given.random_request_ids,
        )
    else:
        report_comparison(given.backends, given.rounds, given.batch)
    return 0


if __name__ == "__main__":
    sys.exit(main())
