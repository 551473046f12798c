"""What it costs to send records to a collector over OTLP/HTTP: ours beside the SDK's own ways.

Run by `make bench-otlp`. The first table is about requests: each way serves in a process of its
own, in turns, as in `benchmarks.request`, and a collector in another process gets what it sends.
The CPU of a process includes its work in the background: encoding, compression and HTTP. The
second table is about encoding alone.
"""

from __future__ import annotations

import argparse
import gc
import os
import subprocess
import sys
import time
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from statistics import median
from typing import Any, Final

from flask_chest_otlp.log_records import LogEncoder
from flask_chest_otlp.metrics import MetricEncoder
from opentelemetry._logs import LogRecord, SeverityNumber
from opentelemetry.exporter.otlp.proto.common._log_encoder import encode_logs
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord as ProtoRecord
from opentelemetry.sdk._logs import ReadableLogRecord
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.util.instrumentation import InstrumentationScope

from benchmarks.peers.otlp import COLLECTOR
from benchmarks.request import ROOT, Way, measure
from benchmarks.shared import report
from benchmarks.shared.records import Records
from flask_chest.record import decode

PAGE: Final = report.DOCS / "explanation" / "otlp.md"

BARE: Final = "bare Flask"
OURS: Final = "Flask-Chest, exporter `otlp`"
WITH_METRICS: Final = "Flask-Chest, exporter `otlp` with `metrics`"
LOGS: Final = "the SDK: a log record in Flask's hooks"
SPANS: Final = "the SDK: its instrumentation of Flask, a span"

SIZE: Final = 1_000
"""Records in a batch, as by default."""

Encode = Callable[[], object]


def ways() -> list[Way]:
    """Return all ways, in the order of the table."""
    return [
        Way(BARE, "bare"),
        Way(OURS, "chest_otlp"),
        Way(WITH_METRICS, "chest_otlp_metrics"),
        Way(LOGS, "sdk_logs", number=4),
        Way(SPANS, "sdk_spans", number=4),
    ]


@contextmanager
def collector() -> Iterator[None]:
    """Run the collector, and name it in the environment."""
    with subprocess.Popen(
        [sys.executable, "-m", "benchmarks.workers.otlp_receiver"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        cwd=ROOT,
        text=True,
    ) as process:
        if process.stdin is None or process.stdout is None:
            raise RuntimeError("no pipe")
        os.environ[COLLECTOR] = process.stdout.readline().strip()
        try:
            yield
        finally:
            process.stdin.close()


# -- Requests ------------------------------------------------------------------------------------

HEAD: Final = (
    "",
    "median, us a request",
    "over bare",
    "quartiles",
    "CPU, us a request",
    "over bare",
    "arrived",
)


def rows(found: Sequence[Way]) -> Iterator[list[str]]:
    """Yield the rows of the table of requests."""
    bare = found[0]
    bare_cpu = median(bare.cpu_us)
    for way in found:
        cells = [way.title, f"{median(way.us):,.1f}"]
        cells += ["", ""] if way is bare else report.over(way.us, bare.us).cells(sign=True)
        cpu = median(way.cpu_us)
        cells += [f"{cpu:,.0f}", "" if way is bare else f"{cpu - bare_cpu:+,.0f}"]
        cells.append("" if way.recorded is None else f"{100 * way.recorded / way.served:.4g}%")
        yield cells


def comparison(found: Sequence[Way]) -> str:
    """Return a sentence that compares what is added to a request, in time and in CPU."""
    by_title = {way.title: way for way in found}
    bare = by_title[BARE]

    def added(title: str) -> tuple[float, float]:
        way = by_title[title]
        cpu = median(way.cpu_us) - median(bare.cpu_us)
        return report.over(way.us, bare.us).middle, cpu

    ours = added(OURS)
    parts = []
    for title, what in ((LOGS, "the SDK's log record"), (SPANS, "the SDK's span")):
        theirs = added(title)
        parts.append(
            f"{ours[0] / theirs[0]:.2f} of what {what} adds ({ours[1] / theirs[1]:.2f} in CPU)"
        )
    return f"Flask-Chest adds to a request {', and '.join(parts)}."


# -- Encoding ------------------------------------------------------------------------------------


def by_messages(records: Sequence[Any]) -> bytes:
    """Encode records with the messages of the library `protobuf`."""
    request = ExportLogsServiceRequest()
    scope = request.resource_logs.add().scope_logs.add()
    for record in records:
        attributes = [KeyValue(key=k, value=_any(v)) for k, v in _attributes(record).items()]
        scope.log_records.append(
            ProtoRecord(
                time_unix_nano=1,
                observed_time_unix_nano=2,
                severity_number=9,  # type: ignore[arg-type] # an enum is an integer
                severity_text="INFO",
                attributes=attributes,
                event_name="flask_chest.request",
            )
        )
    made: bytes = request.SerializeToString()
    return made


def _any(value: object) -> AnyValue:
    if isinstance(value, str):
        return AnyValue(string_value=value)
    return AnyValue(double_value=value) if isinstance(value, float) else AnyValue(int_value=value)  # type: ignore[arg-type] # one of the three


def _attributes(record: Any) -> dict[str, Any]:  # noqa: ANN401 - a record, with any values
    return {
        "log.record.uid": record["id"],
        "http.request.method": record["method"],
        "http.route": record["route"],
        "http.response.status_code": record["status_code"],
        "url.path": record["path"],
        "flask_chest.request_id": record["request_id"],
        "flask_chest.endpoint": record["endpoint"],
        "flask_chest.duration_ms": record["duration_ms"],
        "flask_chest.weight": record["weight"],
        **record["variables"],
    }


def of_the_sdk(records: Sequence[Any]) -> list[ReadableLogRecord]:
    """Return records as the SDK has them, before it encodes them."""
    resource, scope = Resource({"service.name": "shop"}), InstrumentationScope("shop")
    return [
        ReadableLogRecord(
            LogRecord(
                timestamp=1,
                observed_timestamp=2,
                severity_text="INFO",
                severity_number=SeverityNumber.INFO,
                event_name="flask_chest.request",
                attributes=_attributes(record),
            ),
            resource,
            scope,
        )
        for record in records
    ]


def cpu_us(encode: Encode, rounds: int) -> float:
    """Return the median CPU time of a record, in microseconds."""
    found = []
    for _ in range(rounds):
        gc.collect()
        began = time.process_time()
        encode()
        found.append((time.process_time() - began) / SIZE * 1e6)
    return median(found)


def encodings(rounds: int) -> Iterator[list[str]]:
    """Yield the rows of the table of encoding."""
    batch = Records().batch(SIZE)
    records = decode(batch.to_json())
    ours, metrics = LogEncoder({}, "", has_body=False), MetricEncoder({})
    message = ours.request(records)
    theirs = of_the_sdk(records)

    def compressed(level: int) -> bytes:
        compressor = zlib.compressobj(level, zlib.DEFLATED, 31)
        return compressor.compress(message) + compressor.flush()

    def sdk() -> bytes:
        made: bytes = encode_logs(theirs).SerializeToString()
        return made

    for title, encode in (
        ("decode the journal's lines", lambda: decode(batch.to_json())),
        ("encode log records", lambda: ours.request(records)),
        ("the same with the messages of `protobuf`", lambda: by_messages(records)),
        ("the same as the SDK does it", sdk),
        ("encode exponential histograms", lambda: metrics.request(records)),
        ("gzip, level 1", lambda: compressed(1)),
        ("gzip, level 6", lambda: compressed(6)),
    ):
        made = encode()
        size = f"{len(made) / SIZE:,.0f}" if isinstance(made, bytes) else ""
        yield [title, f"{cpu_us(encode, rounds):.1f}", size]


def main() -> int:
    """Measure, print, and write the part `otlp` of docs/explanation/otlp.md."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--generations", type=int, default=3, help="how often all are started")
    parser.add_argument("--rounds", type=int, default=300, help="turns of each process")
    parser.add_argument("--seconds", type=float, default=40, help="limit of each generation")
    options = parser.parse_args()
    found = ways()
    with collector():
        for _ in range(options.generations):
            found = measure(found, options.rounds, options.seconds)
    versions = {name: number for way in found for name, number in way.versions.items()}
    for name in ("flask", "flask-chest"):
        versions.pop(name, None)
    text = [
        report.machine("flask-chest", others=versions),
        report.table(HEAD, rows(found)),
        comparison(found),
        report.table((f"a batch of {SIZE:,}", "CPU, us a record", "bytes a record"), encodings(15)),
    ]
    report.write("otlp", "\n\n".join(text), PAGE)
    return 0


if __name__ == "__main__":
    sys.exit(main())
