"""How fast questions are answered: by each store, by SQL written by hand, and by DuckDB on Parquet.

Run by `make bench-query`. Each database gets the records of 30 days by its own bulk load, its
rollups are built, and the questions of `benchmarks.shared.questions` are asked in turn. Servers run
with their default settings. Results are kept in benchmarks/results/query.json, and written into
docs/explanation/query-performance.md: those of stores that were not run remain as they are.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from datetime import datetime, timezone
from functools import partial
from pathlib import Path
from typing import Final

from sqlalchemy import create_engine, text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import OperationalError

from benchmarks.peers import by_sql
from benchmarks.peers.drivers import COLUMNS
from benchmarks.shared import report
from benchmarks.shared.backends import BACKENDS, Backend
from benchmarks.shared.history import History
from benchmarks.shared.loading import load
from benchmarks.shared.query_page import ORDER, markdown, part_of
from benchmarks.shared.query_results import Found, Measured, Peak, keep, key
from benchmarks.shared.questions import FOURTEEN, TARGETS, with_sql
from flask_chest.errors import QueryTimeout
from flask_chest.rollup import Declaration, rebuild
from flask_chest.rollup.keeping import maintainer
from flask_chest.store import Store

ROOT: Final = Path(__file__).parent.parent
RUNS: Final = 5
BUDGET_SECONDS: Final = 15.0
"""No further run of a question begins after so long."""

TIMEOUT_SECONDS: Final = 120
MOST_OF_MONGO: Final = 30_000
"""SecantusDB scans documents in Python: more records show how slow that is, and nothing else."""

MEMORY_RECORDS: Final = (20_000, 200_000)
"""Memory is measured with so many records, which shows whether it grows with them."""


DECLARED: Final = Declaration(
    dimensions=(("tenant",), ("model",)), measures=("cost_usd",), distinct=("user_id",)
)
INDEXED: Final = ("user_id",)


# -- Time ----------------------------------------------------------------------------------------


def timed(ask: Callable[[], object]) -> Found:
    """Return how long each run of a question took."""
    times: list[float] = []
    began = time.perf_counter()
    while len(times) < RUNS and time.perf_counter() - began < BUDGET_SECONDS:
        start = time.perf_counter()
        try:
            ask()
        except (QueryTimeout, OperationalError):
            return Found([], f"given up after {time.perf_counter() - start:.0f} s")
        times.append((time.perf_counter() - start) * 1_000)
    return Found(times)


def ask_all(store: Store, history: History, name: str) -> dict[str, Found]:
    """Ask a store all questions."""
    found = {}
    for question in (*TARGETS, *FOURTEEN):
        answer = timed(partial(question.ask, store, history))
        found[question.title] = answer
        _say(f"{name}: {question.title}: {answer.cell(question.limit(name))} ms")
    return found


def ask_by_hand(url: str, history: History, name: str) -> dict[str, Found]:
    """Ask a SQL database the questions with a target, in SQL."""
    found = {}
    target = make_url(url)
    if name != "sqlite":
        driver = {"postgres": "postgresql+psycopg", "mysql": "mysql+pymysql"}[name]
        target = target.set(drivername=driver)
    engine = create_engine(target, isolation_level="AUTOCOMMIT")
    try:
        with engine.connect() as connection:
            if name == "postgres":
                connection.execute(text(f"SET statement_timeout = {TIMEOUT_SECONDS * 1_000}"))
            if name == "mysql":
                connection.execute(text(f"SET max_statement_time = {TIMEOUT_SECONDS}"))
            for question in with_sql():
                statement = by_sql.statement(question.by_hand or "", name, history)
                ask = partial(connection.exec_driver_sql, statement.replace("%", "%%"))
                answer = timed(lambda ask=ask: ask().fetchall())  # type: ignore[misc] # mypy infers no default's type
                found[question.title] = answer
                _say(f"{name}, by hand: {question.title}: {answer.cell()} ms")
    finally:
        engine.dispose()
    return found


def ask_duckdb(history: History, path: Path, folder: Path) -> Measured:
    """Ask DuckDB the same, of Parquet with a column for each variable."""
    import duckdb  # noqa: PLC0415 - in the environment of the benchmarks alone

    parquet = folder / "history.parquet"
    types = {"user_id": "VARCHAR", "tenant": "VARCHAR", "plan": "VARCHAR", "region": "VARCHAR"}
    types |= {"model": "VARCHAR", "cost_usd": "DOUBLE", "cart_total": "DOUBLE"}
    columns = ", ".join(f"CAST(variables ->> '$.{n}' AS {t}) AS {n}" for n, t in types.items())
    names = dict.fromkeys(COLUMNS, "VARCHAR")
    names |= {"status_code": "INTEGER", "started_at": "TIMESTAMP"}
    names |= {"duration_ms": "DOUBLE", "weight": "DOUBLE", "variables": "JSON"}
    with closing(duckdb.connect()) as connection:
        connection.execute(
            f"COPY (SELECT * EXCLUDE variables, {columns} FROM read_csv('{path}', delim='\t', "
            f"quote='', escape='', nullstr='\\N', header=false, columns={names})) "
            f"TO '{parquet}' (FORMAT parquet)"
        )
        connection.execute(f"CREATE VIEW chest_records AS FROM read_parquet('{parquet}')")
        found = {}
        for question in with_sql():
            statement = by_sql.statement(question.by_hand or "", "duckdb", history)
            ask = partial(connection.execute, statement)
            found[question.title] = timed(lambda ask=ask: ask().fetchall())  # type: ignore[misc] # as above
            _say(f"duckdb: {question.title}: {found[question.title].cell()} ms")
    parquet.unlink()
    return Measured(f"DuckDB {duckdb.__version__} on Parquet", history.count, when(), found)


# -- Memory --------------------------------------------------------------------------------------


def peak(*arguments: str) -> Peak:
    """Return the most memory that a worker had, and how long it took."""
    start = time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.workers.query", *arguments],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    return Peak(int(done.stdout) / 1024, time.perf_counter() - start)


def memory(url: str, history: History, folder: Path) -> dict[str, list[Peak]]:
    """Return the peak of reading and of each export, with few and with many records."""
    found: dict[str, list[Peak]] = {"`records`": []}
    for records in MEMORY_RECORDS:
        most = str(min(records, history.count))
        found["`records`"].append(peak("records", url, most))
        for form in ("csv", "jsonl", "parquet"):
            target = folder / f"exported.{form}"
            command = ["--store", url, "export", "--limit", most]
            exported = peak(*command, "--output", str(target))
            found.setdefault(f"`export` to {form}", []).append(exported)
            target.unlink()
    return found


# -- One store -----------------------------------------------------------------------------------


@contextmanager
def filled(backend: Backend, url: str, path: Path) -> Iterator[tuple[Store, float, float]]:
    """Give an open store with the records of a file, and the seconds of the load and rollups."""
    fields = {"url": url, "query_timeout_seconds": TIMEOUT_SECONDS}
    store = backend.store(backend.store.config_model.model_validate(fields))
    store.rollups, store.indexed_variables = DECLARED, INDEXED
    store.open()
    try:
        start = time.perf_counter()
        load(store, url, path)
        loaded = time.perf_counter()
        store.index_variables()
        indexed = time.perf_counter()
        began = time.process_time()
        if (keeper := maintainer(store)) is not None:
            rebuild(keeper)
        _say(f"rollups: {time.process_time() - began:.0f} s of CPU, without that of a server")
        yield store, loaded - start, time.perf_counter() - indexed
    finally:
        store.close()


def measure(name: str, history: History, cache: Path) -> Measured:
    """Fill a database, and ask it everything."""
    backend = BACKENDS[name]
    path = history.file(cache)
    with (
        backend.running() as (url, _),
        tempfile.TemporaryDirectory(prefix="chest-query-") as folder,
    ):
        if backend.server is None:
            url = f"{url}/history{backend.suffix}"  # noqa: PLW2901 - a folder's becomes a file's
        with filled(backend, url, path) as (store, load_seconds, rollup_seconds):
            _say(f"{name}: loaded in {load_seconds:.0f} s, rolled up in {rollup_seconds:.0f} s")
            answers = ask_all(store, history, name)
            by_hand = ask_by_hand(url, history, name) if name in by_sql.DATABASES else {}
            used = memory(url, history, Path(folder))
        title = backend.version(url)
    return Measured(
        title,
        history.count,
        when(),
        answers,
        load_seconds=load_seconds,
        rollup_seconds=rollup_seconds,
        by_hand=by_hand,
        memory=used,
    )


def when() -> str:
    """Return the day, and the load of the machine."""
    return f"{datetime.now(timezone.utc):%Y-%m-%d}, load {os.getloadavg()[0]:.1f}"


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def main() -> None:
    """Measure, and write the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--records", type=int, default=3_000_000)
    parser.add_argument("--store", choices=ORDER, action="append")
    parser.add_argument("--cache", type=Path, help="folder in which the records are kept")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="chest-history-") as temporary:
        cache = options.cache or Path(temporary)
        history = History.of(options.records)
        bound = ask_duckdb(history, history.file(cache), Path(temporary))
        write("duckdb", bound)
        for name in options.store or ORDER:
            most = min(options.records, MOST_OF_MONGO) if name == "mongo" else options.records
            write(name, measure(name, History.of(most), cache))


def write(name: str, measured: Measured) -> None:
    """Write what was measured of one store, so that no later fault loses it."""
    part = part_of(name, measured.records)
    if part is None:
        _say(f"{name}: no page has a column for {measured.records:,} records")
        return
    found = keep({key(name, measured.records): measured})
    report.write(part, f"{report.machine()}\n\n{markdown(part, found)}")


if __name__ == "__main__":
    main()
