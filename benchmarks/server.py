"""What tracking costs under a server: requests a second and latency, beside OpenTelemetry.

Run by `make bench-server`. gunicorn serves a small JSON answer, and wrk asks for it on the same
machine. All variants run at the same time and are loaded in turn. Flask-Chest delivers to a
PostgreSQL on this machine that syncs each commit; at the end all records have to be there.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import random
import shutil
import socket
import subprocess
import sys
import tempfile
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, NamedTuple

import psycopg

from benchmarks import report
from benchmarks.export import server_cpu
from benchmarks.outage import stored, until
from benchmarks.report import Bar
from benchmarks.server_app import FOLDER, VARIANT
from tools.servers import PostgresServer

ROOT: Final = Path(__file__).resolve().parent.parent
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
"""What each connection waits under steady load: 300 requests a second, which all can serve."""

# The default interval is longer than a turn: the delivery would be paid by the others.
SETTINGS: Final = {"FLASK_CHEST_EXPORT_INTERVAL_SECONDS": "0.5"}


class Turn(NamedTuple):
    """What one run of wrk has measured."""

    rate: float
    p50_ms: float
    p99_ms: float


@dataclass
class Served:
    """A running gunicorn, and what was measured of it.

    Attributes:
        answered: Requests that were answered to wrk.
        cpu_us: CPU of its processes, a request, from each full load until all is delivered.
        late: Share of a turn's records that was not yet delivered at its end.
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
def gunicorn(folder: Path, variant: str, options: Sequence[str], database: str) -> Iterator[Served]:
    """Serve a variant of the application."""
    with socket.create_server(("127.0.0.1", 0), backlog=2048) as listener:
        listener.set_inheritable(True)
        # Else an answer may wait 40 ms for the client to say that it has the headers.
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        arguments = [*options, f"--bind=fd://{listener.fileno()}", f"--chdir={ROOT}"]
        with (folder / f"{variant}.log").open("wb") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", "gunicorn", *arguments, "benchmarks.server_app:make_app()"],
                env={
                    **os.environ,
                    **SETTINGS,
                    VARIANT: variant,
                    FOLDER: str(folder),
                    "FLASK_CHEST_EXPORTERS": database,
                    "FLASK_CHEST_JOURNAL": str(folder / "chest"),
                },
                pass_fds=[listener.fileno()],
                stdout=log,
                stderr=log,
            )
        url = f"http://127.0.0.1:{listener.getsockname()[1]}/orders/7"
        try:
            until(lambda: answers(url), f"gunicorn answers: {variant}")
            wanted = database if variant == "chest" else None
            yield Served(TITLES[variant], url, process.pid, wanted)
        finally:
            process.terminate()
            try:
                process.wait(30)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def answers(url: str) -> bool:
    """Say whether a URL is answered."""
    try:
        with urllib.request.urlopen(url, timeout=5) as response:  # noqa: S310 - our own server
            return bool(response.status == 200)
    except (OSError, urllib.error.URLError):
        return False


def load(served: Served, seconds: int, wait_ms: int | None = None) -> Turn:
    """Load a server for some seconds: as much as it can, or with a pause before each request."""
    waiting = [str(wait_ms)] if wait_ms else []
    command = ["wrk", "--threads=1", f"--connections={CONNECTIONS}", f"--duration={seconds}s"]
    script = ["--script", str(ROOT / "benchmarks" / "wrk.lua")]
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
    """Wait until all is delivered; return how many records were not when it was called."""
    if served.database is None:
        return 0
    url = served.database
    before = stored(url)[0]
    until(lambda: stored(url)[0] >= served.answered, "all records are delivered")
    return max(served.answered - before, 0)


def measure(options: argparse.Namespace, kind: str, folder: Path, database: str) -> list[Served]:
    """Load all variants in turn under one kind of workers."""
    shuffled = random.Random(1)  # noqa: S311 - an order, no secret
    folder.mkdir()
    with contextlib.ExitStack() as stack:
        all_served = [
            stack.enter_context(gunicorn(folder, variant, WORKERS[kind], database))
            for variant in TITLES
        ]
        for served in all_served:
            load(served, 1)
            settle(served)
        for _ in range(options.rounds):
            for served in shuffled.sample(all_served, len(all_served)):
                cpu, before = server_cpu(served.process), served.answered
                served.full.append(load(served, options.seconds))
                number = served.answered - before
                late = settle(served)
                if served.database:
                    served.late.append(late / number)
                served.cpu_us.append((server_cpu(served.process) - cpu) / number * 1e6)
            for served in shuffled.sample(all_served, len(all_served)):
                served.steady.append(load(served, options.steady_seconds, STEADY_WAIT_MS))
                settle(served)
    return all_served


def check(served: Served) -> str:
    """Return a sentence that says that all records are in the database, each once.

    Raises:
        RuntimeError: They are not.
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
        f"{len(served[0].full)} turns of {seconds} seconds each, {CONNECTIONS} connections, each "
        f"of which asks again at once. Steady load is {steady.middle:,.0f} requests a second for "
        "all. CPU is that of gunicorn's processes until all is delivered."
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
            report.bar_chart("server", "Under gunicorn, two workers", bars, "requests a second"),
            proof,
        ]
    )


def main() -> int:
    """Measure, print, and write the part `server` of docs/performance.md."""
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
                with psycopg.connect(url) as connection:
                    version = connection.info.server_version
    postgres = f"{version // 10_000}.{version % 10_000}"
    report.write("server", markdown(found, proofs, postgres, options.seconds))
    return 0


if __name__ == "__main__":
    sys.exit(main())
