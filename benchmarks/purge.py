"""How long a writer waits while many records are purged.

Run by `make bench-purge`. One process purges, and another one stores a batch of ten records again
and again. Its longest waits are compared with those of the same writer before the purge, and with
those during a purge in one transaction, as it was once.
"""

from __future__ import annotations

import argparse
import io
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Final

from flask_chest_mysql import MysqlConfig, MysqlStore
from flask_chest_postgres import PostgresConfig, PostgresStore
from flask_chest_sql import SqlStore
from flask_chest_sqlite import SqliteConfig, SqliteStore

from flask_chest.testing import make_batch, make_record
from tools.servers import MariaServer, PostgresServer

START: Final = datetime(2024, 1, 1, tzinfo=timezone.utc)
BEFORE: Final = START + timedelta(days=30)
BATCH: Final = 5_000
BACKENDS: Final = ("sqlite", "postgres", "mysql")
BOUND_MS: Final = 50
"""Longest wait that a purge may cause, on a machine that is not busy."""

_IN_ONE: Final = """
with store.reading() as connection, store.transaction(connection):
    n = delete(connection, before, 10**9)
"""
_IN_STEPS: Final = "n = store.purge(before=before)"
_PROGRAM: Final = """
import sys, time
from datetime import datetime
from benchmarks.purge import store_of
store = store_of(sys.argv[1])
store.open()
longest, delete_oldest = 0.0, store.delete_oldest
def delete(*arguments):
    global longest
    began = time.perf_counter()
    n = delete_oldest(*arguments)
    longest = max(longest, time.perf_counter() - began)
    return n
store.delete_oldest = delete
before = datetime.fromisoformat(sys.argv[2])
began = time.perf_counter()
{work}
print(n, time.perf_counter() - began, longest * 1000, flush=True)
store.close()
"""


def store_of(url: str) -> SqlStore:
    """Return the store that a URL names."""
    if url.startswith("sqlite"):
        return SqliteStore(SqliteConfig.model_validate({"url": url, "busy_timeout_seconds": 60.0}))
    if url.startswith("postgresql"):
        return PostgresStore(PostgresConfig.model_validate({"url": url}))
    return MysqlStore(MysqlConfig.model_validate({"url": url}))


def fill(store: SqlStore, count: int) -> None:
    """Store records of 30 days."""
    for first in range(0, count, BATCH):
        seconds = 86_400 * 29 / count
        store.export(
            make_batch(
                *(
                    make_record(
                        started_at=START + timedelta(seconds=(first + n) * seconds),
                        request_id=f"r-{(first + n) * 2_654_435_761 % 2**32:08x}",
                        variables={"user_id": first + n, "pad": "x" * 150},
                    )
                    for n in range(min(BATCH, count - first))
                )
            )
        )


def write_once(store: SqlStore) -> float:
    """Return the milliseconds that a batch of ten records takes."""
    now = datetime.now(timezone.utc)
    batch = make_batch(*(make_record(started_at=now) for _ in range(10)))
    began = time.perf_counter()
    store.export(batch)
    return (time.perf_counter() - began) * 1_000


def _write_and_rest(store: SqlStore) -> float:
    wait = write_once(store)
    time.sleep(0.002)
    return wait


def measure(url: str, count: int, work: str) -> None:
    """Fill a database, purge it, and show how long the writer waited."""
    store = store_of(url)
    store.open()
    fill(store, count)
    alone = sorted(_write_and_rest(store) for _ in range(1_000))
    with subprocess.Popen(
        [sys.executable, "-c", _PROGRAM.format(work=work), url, BEFORE.isoformat()],
        stdout=subprocess.PIPE,
        text=True,
    ) as purging:
        waits = []
        while purging.poll() is None:
            waits.append(_write_and_rest(store))
        number, seconds, longest = (purging.stdout or io.StringIO()).read().split()
    waits.sort()
    store.close()
    print(
        f"  purged {int(number):,} records in {float(seconds):.1f} s, the longest statement"
        f" {float(longest):.1f} ms, load {os.getloadavg()[0]:.0f} on {os.cpu_count()} cores\n"
        f"    a write during the purge: {_shown(waits)}\n"
        f"    a write without a purge:  {_shown(alone)}",
        flush=True,
    )


def _shown(waits: list[float]) -> str:
    """Return what is worth knowing of waits, in ms and in order."""
    late = sum(wait > BOUND_MS for wait in waits) / len(waits)
    most = waits[int(len(waits) * 0.99)]
    return (
        f"{statistics.median(waits):.1f} ms (median), {most:.1f} ms (99 %),"
        f" {waits[-1]:.1f} ms (longest of {len(waits):,}), {late:.2%} over {BOUND_MS} ms"
    )


@contextmanager
def databases(name: str) -> Iterator[str]:
    """Give the URL of an empty database."""
    if name == "sqlite":
        with tempfile.TemporaryDirectory() as folder:
            yield f"sqlite:///{Path(folder) / 'chest.sqlite3'}"
    else:
        kind = PostgresServer if name == "postgres" else MariaServer
        with kind() as server, server.database() as url:
            yield url


def main() -> None:
    """Measure all backends, in one transaction and in steps."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--records", type=int, default=300_000)
    parser.add_argument("--backend", choices=BACKENDS, action="append")
    options = parser.parse_args()
    for name in options.backend or BACKENDS:
        for how, work in (("in one transaction", _IN_ONE), ("in steps", _IN_STEPS)):
            print(f"{name}, {how}:", flush=True)
            with databases(name) as url:
                measure(url, options.records, work)


if __name__ == "__main__":
    main()
