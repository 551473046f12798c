"""What is left of answered requests when a process is killed, and when the collector is away.

Run by `make bench-survival`, which writes docs/explanation/comparison.md. A process answers
requests with each tool, as the first example of its documentation shows. **Killed**: it gets
`kill -9` right after its last answer, and is started again. **Away**: nothing listens where the
tool sends, until five seconds after the last answer. Then the tool has as long as it takes.
"""

from __future__ import annotations

import argparse
import gzip
import os
import re
import signal
import socket
import socketserver
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Final

from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from benchmarks.peers.otlp import COLLECTOR
from benchmarks.shared import report

PAGE: Final = report.DOCS / "explanation" / "comparison.md"
_ROOT: Final = Path(__file__).resolve().parents[1]
_QUIET_SECONDS: Final = 70.0
"""A tool is done when nothing has arrived for so long; Flask-Chest's longest pause is 60."""

_AFTER: Final = 2
"""Requests to the process that takes the place of the killed one: a tool may need one to begin."""


@dataclass
class Tool:
    """A way to record requests. `file` counts what is on this machine; None: what was sent."""

    name: str
    variant: str
    file: Callable[[Path], int] | None = None


class Collector:
    """Counts what arrives over OTLP, Sentry's envelopes and lines of Logstash."""

    def __init__(self, port: int) -> None:
        self.count = 0
        self._lock = threading.Lock()
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def handle(self) -> None:
                first = self.rfile.peek(4)[:4]  # type: ignore[attr-defined] # it is buffered
                if first == b"POST":
                    super().handle()
                    return
                for _ in self.rfile:
                    outer.add(1)

            def do_POST(self) -> None:
                body = self._body()
                outer.add(_items(self.path, body))
                self.send_response(200)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def _body(self) -> bytes:
                raw = self.rfile.read(int(self.headers["Content-Length"]))
                is_gzip = self.headers.get("Content-Encoding") == "gzip"
                return gzip.decompress(raw) if is_gzip else raw

            def log_message(self, *_: object) -> None:
                """Log nothing."""

        class Server(socketserver.ThreadingTCPServer):
            allow_reuse_address = True
            daemon_threads = True

        self._server = Server(("127.0.0.1", port), Handler)
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def add(self, number: int) -> None:
        """Count what has arrived."""
        with self._lock:
            self.count += number

    def close(self) -> None:
        """Listen no more."""
        self._server.shutdown()
        self._server.server_close()


def _items(path: str, body: bytes) -> int:
    """Return how many requests a message is about."""
    if path.endswith("/v1/logs"):
        logs = ExportLogsServiceRequest.FromString(body).resource_logs
        return sum(len(scope.log_records) for each in logs for scope in each.scope_logs)
    if path.endswith("/v1/traces"):
        traces = ExportTraceServiceRequest.FromString(body).resource_spans
        return sum(len(scope.spans) for each in traces for scope in each.scope_spans)
    return len(re.findall(rb'"type": ?"transaction"[^\n]*\n\{', body))


def _lines(folder: Path) -> int:
    return (folder / "requests.log").read_bytes().count(b"\n")


def _rows(file: str, table: str) -> Callable[[Path], int]:
    def count(folder: Path) -> int:
        with closing(sqlite3.connect(folder / file)) as connection:
            return int(connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0])

    return count


TOOLS: Final = (
    Tool("Flask-Chest, to SQLite", "chest", _rows("chest.sqlite3", "chest_records")),
    Tool("Flask-Chest, to a collector", "chest_otlp"),
    Tool("plain logging, to a file", "log_file", _lines),
    Tool("flask-profiler, to SQLite", "profiler", _rows("profiler.sqlite3", "measurements")),
    Tool("python-logstash-async", "logstash"),
    Tool("OpenTelemetry, spans to a collector", "sdk_spans"),
    Tool("Sentry, transactions", "sentry"),
)


@contextmanager
def running(tool: Tool, folder: Path, number: int, rate: float) -> Iterator[None]:
    """Run the process. In the context it has answered everything; at the end it is killed."""
    command = [sys.executable, "-m", "benchmarks.workers.survival", tool.variant, str(folder)]
    with subprocess.Popen(
        [*command, str(number), str(rate)],
        cwd=_ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as process:
        if process.stdout is None or process.stdout.readline() != "answered\n":
            raise RuntimeError(f"{tool.name} has not served")
        try:
            yield
        finally:
            process.send_signal(signal.SIGKILL)


def settled(count: Callable[[], int], expected: int) -> int:
    """Return the count when it is all, or has not grown for long."""
    found, since = count(), time.monotonic()
    while found < expected and time.monotonic() - since < _QUIET_SECONDS:
        time.sleep(0.2)
        if (now := count()) > found:
            found, since = now, time.monotonic()
    return found


def killed(tool: Tool, folder: Path, number: int) -> int:
    """Return how many requests are recorded after a kill and a new start."""
    port = int(os.environ["CHEST_BENCH_SINK"])
    with closing(Collector(port)) as collector:
        with running(tool, folder, number, 200.0):
            pass  # killed at once
        with running(tool, folder, _AFTER, 200.0):
            kept = tool.file
            count = settled(lambda: kept(folder) if kept else collector.count, number + _AFTER)
            return count - _AFTER


def away(tool: Tool, folder: Path, number: int) -> int:
    """Return how many requests arrive at a collector that comes after the last answer."""
    with running(tool, folder, number, 500.0):
        time.sleep(5.0)
        with closing(Collector(int(os.environ["CHEST_BENCH_SINK"]))) as collector:
            return settled(lambda: collector.count, number)


def main() -> None:
    """Measure, and write the page."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--killed", type=int, default=1_000, help="requests before the kill")
    parser.add_argument("--away", type=int, default=5_000, help="requests during the outage")
    options = parser.parse_args()
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    os.environ["CHEST_BENCH_SINK"] = str(port)
    os.environ[COLLECTOR] = f"http://127.0.0.1:{port}"
    rows = []
    for tool in TOOLS:
        found = []
        for measure, number in ((killed, options.killed), (away, options.away)):
            if measure is away and tool.file:
                found.append("nothing is sent")
                continue
            with tempfile.TemporaryDirectory(prefix="chest-bench-") as folder:
                own = Path(folder) / "tool"
                own.mkdir()
                found.append(f"{measure(tool, own, number):,}")
        print(tool.name, *found, sep=": ", flush=True)
        rows.append([tool.name, *found])
    head = ["", f"killed: of {options.killed:,}", f"away: of {options.away:,}"]
    report.write("survival", f"{report.machine()}\n\n{report.table(head, rows)}", PAGE)


if __name__ == "__main__":
    main()
