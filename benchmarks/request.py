"""What tracking adds to a request: microseconds over bare Flask, beside other tools.

Run by `make bench-request`. Each way runs in a process of its own, so that no tool disturbs
another, and 0.0.10 in an environment of its own. The processes serve in turns, in random order, as
machines are noisy. All are restarted a few times, as one process may be slower than its twin for
its whole life. The WSGI application is called directly, so that no server is measured.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import socketserver
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from benchmarks.peers.apps import SINK
from benchmarks.shared import report
from benchmarks.shared.charts import Bar, bar_chart
from benchmarks.shared.report import Spread

ROOT: Final = Path(__file__).resolve().parent.parent
OLD: Final = ROOT / ".venv-bench-0.0.10" / "bin" / "python"
# The repository is last on the path: 0.0.10 has the same name, and what is installed must win.
_BOOT: Final = """
import pathlib, sys
sys.path.append(sys.argv[1])
from benchmarks.workers.request import main
main(sys.argv[2], pathlib.Path(sys.argv[3]))
"""


@dataclass
class Way:
    """A way to serve the request, and its measurements.

    Attributes:
        variant: Function in `benchmarks.peers.apps`.
        base: Title of the way that it is compared with.
        number: Requests in a turn. A turn takes two or three milliseconds, unless one request
            takes longer: the scheduler rarely preempts a process earlier.
        us: Microseconds of a request in each turn.
        cpu_us: CPU time of the whole process a request, of each generation.
    """

    title: str
    variant: str
    base: str = "bare Flask"
    python: Path = Path(sys.executable)
    number: int = 10
    us: list[float] = field(default_factory=list)
    cpu_us: list[float] = field(default_factory=list)
    served: int = 0
    recorded: int | None = None
    versions: dict[str, str] = field(default_factory=dict)


OURS: Final = "Flask-Chest, 3 variables"
OPENTELEMETRY: Final = "OpenTelemetry, 3 attributes"
PROMETHEUS: Final = "prometheus_flask_exporter"
BARE_20: Final = "bare Flask, 20 variables"
BARE_OLD: Final = "bare Flask of 0.0.10"


def ways() -> list[Way]:
    """Return all ways, in the order of the table."""
    return [
        Way("bare Flask", "bare"),
        Way("Flask-Chest, route not tracked", "chest_untracked"),
        Way(OURS, "chest"),
        Way(f'{OURS}, journal "memory"', "chest_memory"),
        Way(BARE_20, "bare_20"),
        Way("Flask-Chest, 20 variables", "chest_20", BARE_20, number=5),
        Way("by hand: a middleware that does nothing", "middleware"),
        Way("by hand: the variables as JSON, and little more", "least"),
        Way("by hand: a line of JSON in Flask's hooks", "hooks"),
        Way("plain logging to a file, 3 values", "log_file"),
        Way(PROMETHEUS, "prometheus"),
        Way("python-logstash-async, 3 values", "logstash", number=6),
        Way("Sentry, 3 tags", "sentry", number=2),
        Way(OPENTELEMETRY, "opentelemetry", number=4),
        Way("Flask-MonitoringDashboard", "dashboard", number=1),
        Way("flask-profiler", "profiler", number=1),
        Way(BARE_OLD, "bare", BARE_OLD, OLD),
        Way("Flask-Chest 0.0.10, 3 variables", "chest_old", BARE_OLD, OLD, number=1),
    ]


# -- Workers -------------------------------------------------------------------------------------


class Worker:
    """The process of a way.

    Raises:
        RuntimeError: It does not start, or its tool does not record.
    """

    def __init__(self, way: Way, folder: Path, sink: int) -> None:
        self.way = way
        self._folder = folder / way.title.replace(" ", "-").replace('"', "")
        self._folder.mkdir()
        arguments = [str(ROOT), way.variant, str(self._folder)]
        with (self._folder / "stderr").open("wb") as errors:
            self._process = subprocess.Popen(
                [str(way.python), "-c", _BOOT, *arguments],
                cwd=self._folder,
                env={**os.environ, "CHEST_BENCH_SINK": str(sink)},
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                text=True,
            )

    def start(self) -> None:
        """Wait until it has warmed up."""
        self.way.versions = self._read()["versions"]

    def serve(self) -> None:
        """Make it serve a turn."""
        self._ask(str(self.way.number))
        self.way.us.append(self._read()["us"])

    def end(self) -> None:
        """Make it count what was recorded."""
        self._ask("end")
        ended = self._read()
        self.way.cpu_us.append(ended["cpu_us"])
        self.way.served += ended["served"]
        if ended["recorded"] is not None:
            self.way.recorded = (self.way.recorded or 0) + ended["recorded"]

    def close(self) -> None:
        """End the process."""
        if self._process.stdin and self._process.stdout:
            self._process.stdin.close()
            self._process.stdout.close()
        try:
            self._process.wait(15)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def _ask(self, line: str) -> None:
        if self._process.stdin is None:
            raise RuntimeError("no pipe")
        self._process.stdin.write(f"{line}\n")
        self._process.stdin.flush()

    def _read(self) -> dict[str, Any]:
        line = self._process.stdout.readline() if self._process.stdout else ""
        if not line:
            errors = (self._folder / "stderr").read_text("utf-8", "replace")
            raise RuntimeError(f"{self.way.title} has ended:\n{errors[-2000:]}")
        answer: dict[str, Any] = json.loads(line)
        return answer


@contextmanager
def sink(folder: Path) -> Iterator[int]:
    """Run a server that writes all it receives into a file; give its port."""
    path = folder / SINK

    class Receiver(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            for line in self.rfile:
                with path.open("ab") as file:
                    file.write(line)

    with socketserver.TCPServer(("127.0.0.1", 0), Receiver) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.1})
        thread.start()
        try:
            yield server.server_address[1]
        finally:
            server.shutdown()
            thread.join()


def measure(found: Sequence[Way], rounds: int, seconds: float) -> list[Way]:
    """Start a process of each way, and let them serve in turns for at most `seconds`.

    Returns the ways that could be started.
    """
    shuffled = random.Random(1)  # noqa: S311 - an order, no secret
    with (
        tempfile.TemporaryDirectory(prefix="chest-bench-", ignore_cleanup_errors=True) as path,
        sink(Path(path)) as port,
        ExitStack() as stack,
    ):
        workers = []
        for way in found:
            try:
                worker = Worker(way, Path(path), port)
                stack.callback(worker.close)
                worker.start()
            except (OSError, RuntimeError) as error:
                print(f"LEFT OUT: {way.title}: {error}", file=sys.stderr)
            else:
                workers.append(worker)
        deadline = time.monotonic() + seconds
        for _ in range(rounds):
            if time.monotonic() > deadline:
                break
            for worker in shuffled.sample(workers, len(workers)):
                worker.serve()
        for worker in workers:
            worker.end()
    return [worker.way for worker in workers]


# -- Report --------------------------------------------------------------------------------------


def check(way: Way) -> None:
    """Check that Flask-Chest recorded each tracked request.

    Raises:
        RuntimeError: Some were not recorded.
    """
    is_ours = way.variant.startswith("chest") and way.recorded is not None
    if is_ours and way.recorded != way.served:
        raise RuntimeError(f"{way.title}: {way.recorded} of {way.served} requests are recorded")


def added(way: Way, by_title: dict[str, Way]) -> Spread | None:
    """Return what a way adds to its base; None for a base."""
    base = by_title[way.base]
    return None if way.variant.startswith("bare") else report.over(way.us, base.us)


HEAD: Final = (
    "",
    "median, us a request",
    "quartiles",
    "over bare",
    "quartiles",
    "CPU, us a request",
    "recorded",
)


def rows(found: Sequence[Way]) -> Iterator[list[str]]:
    """Yield the rows of the table."""
    by_title = {way.title: way for way in found}
    for way in found:
        more = added(way, by_title)
        cells = [way.title, *report.spread(way.us).cells()]
        cells += more.cells(sign=True) if more else ["", ""]
        cells.append(f"{report.spread(way.cpu_us).middle:,.0f}")
        cells.append("" if way.recorded is None else f"{100 * way.recorded / way.served:.4g}%")
        yield cells


def comparison(found: Sequence[Way], costs: dict[str, Spread]) -> str:
    """Return a sentence that compares what is added to a request, in time and in CPU."""
    cpu = {way.title: report.spread(way.cpu_us).middle for way in found}
    more = {way.title: cpu[way.title] - cpu[way.base] for way in found}
    parts = [
        f"{costs[OURS].middle / costs[title].middle:.2f} of what {title.partition(',')[0]} adds "
        f"({more[OURS] / more[title]:.2f} in CPU)"
        for title in (OPENTELEMETRY, PROMETHEUS)
        if title in costs
    ]
    return (
        f"{OURS} and every default on, adds {', and '.join(parts)}. "
        "CPU includes the work in the background."
    )


def markdown(found: Sequence[Way]) -> str:
    """Return the part of the page."""
    by_title = {way.title: way for way in found}
    costs = {way.title: more for way in found if (more := added(way, by_title))}
    versions = {name: number for way in found for name, number in way.versions.items()}
    old = {way.title: way.versions for way in found if way.python == OLD}
    for name in ("flask", "flask-chest"):
        versions.pop(name, None)
    text = [report.machine("flask-chest", others=versions)]
    if BARE_OLD in old:
        text[0] += f" Flask-Chest 0.0.10 requires Flask {old[BARE_OLD]['flask']}."
    turns, number = len(found[0].us), found[0].number
    text.append(
        f"{turns} turns of each, of {number} requests where they are fast: so short that other "
        "work on the machine disturbs few of them."
    )
    text.append(report.table(HEAD, rows(found)))
    bars = [Bar.of(title, more) for title, more in costs.items()]
    limit = 1.2 * costs[OPENTELEMETRY].middle if OPENTELEMETRY in costs else None
    chart = bar_chart(
        "request",
        "Added to a request",
        bars,
        "us over bare Flask",
        ours="Flask-Chest,",
        limit=limit,
    )
    text.append(chart)
    text += [comparison(found, costs)] if OURS in costs else []
    return "\n\n".join(text)


def main() -> int:
    """Measure, print, and write the part `request` of docs/explanation/performance-request.md."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--generations", type=int, default=3, help="how often all are started")
    parser.add_argument("--rounds", type=int, default=300, help="turns of each process")
    parser.add_argument("--seconds", type=float, default=50, help="limit of each generation")
    parser.add_argument(
        "--only",
        nargs="*",
        help="variants, beside the bare ones; performance-request.md is left alone",
    )
    options = parser.parse_args()
    wanted = {*options.only, "bare", "bare_20"} if options.only else None
    found = [way for way in ways() if wanted is None or way.variant in wanted]
    for _ in range(options.generations):
        found = measure(found, options.rounds, options.seconds)
    for way in found:
        check(way)
    if options.only:
        print(report.table(HEAD, rows(found)))
        return 0
    report.write("request", markdown(found))
    return 0


if __name__ == "__main__":
    sys.exit(main())
