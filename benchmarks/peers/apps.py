"""Applications with one view, each observed by one tool.

Every view puts the same three variables on `g`, as that is the application's own work. A tool that
can record values gets them; the others record the request alone. Each tool is set up as the first
example of its documentation shows. What it would send over a network is dropped, or sent to a
loopback port.
"""

from __future__ import annotations

import importlib
import logging
import os
import sqlite3
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

from flask import Flask, g

SINK: Final = "sink"
"""File with what the loopback sink received; the sink's port is in the environment."""

Count = Callable[[], int]


@dataclass
class Watched:
    """An application that one tool observes.

    Attributes:
        count: Returns how many requests the tool has recorded; None where it keeps and sends none.
        versions: Distributions that are measured.
    """

    app: Flask
    count: Count | None = None
    versions: Sequence[str] = ()


def view() -> str:
    """Put three variables on `g`."""
    g.user_id = "u-17"
    g.tenant = "acme"
    g.cost_cents = 12.5
    return "ok"


def view_of_20() -> str:
    """Put twenty variables on `g`: texts, numbers, a list and a dict."""
    view()
    g.model = "large-2"
    g.region = "eu-central-1"
    g.plan = "business"
    g.currency = "EUR"
    g.language = "de"
    g.campaign = "autumn"
    g.cart_id = "c-88123"
    g.cart_items = 3
    g.cart_total = 74.9
    g.tokens_in = 512
    g.tokens_out = 128
    g.cached = False
    g.retries = 0
    g.queue_ms = 1.25
    g.score = 0.93
    g.tags = ["new", "mobile"]
    g.shipping = {"method": "express", "days": 1}
    return "ok"


NAMES: Final = ("user_id", "tenant", "cost_cents")
NAMES_OF_20: Final = (
    *NAMES,
    *(name for name in view_of_20.__code__.co_names if name not in {"view", "g"}),
)


def serving(function: Callable[[], str]) -> Flask:
    """Return an application with one route."""
    app = Flask("shop")
    app.add_url_rule("/", "view", function)
    return app


# -- Flask alone, and Flask-Chest ----------------------------------------------------------------


def bare(folder: Path) -> Watched:
    """Flask alone."""
    del folder
    return Watched(serving(view))


def bare_20(folder: Path) -> Watched:
    """Flask alone, with twenty variables."""
    del folder
    return Watched(serving(view_of_20))


def chest(
    folder: Path,
    function: Callable[[], str] = view,
    names: Sequence[str] = (*NAMES,),
    *,
    is_tracked: bool = True,
    **settings: object,
) -> Watched:
    """Flask-Chest with every default; only the paths are set."""
    from flask_chest import FlaskChest

    app = Flask("shop")
    settings = {"journal": str(folder / "journal"), **settings}
    extension = FlaskChest(app, exporters=f"sqlite:///{folder}/chest.sqlite3", **settings)
    app.add_url_rule("/", "view", extension.track(*names)(function) if is_tracked else function)

    def count() -> int:
        with app.app_context():
            if not extension.flush(timeout=60):
                raise RuntimeError("Flask-Chest has not delivered within a minute")
            return extension.store().count()

    return Watched(app, count if is_tracked else None, ["flask-chest"])


def chest_untracked(folder: Path) -> Watched:
    """Flask-Chest on a route that is not tracked."""
    return chest(folder, is_tracked=False)


def chest_20(folder: Path) -> Watched:
    """Flask-Chest with twenty variables."""
    return chest(folder, view_of_20, NAMES_OF_20)


def chest_memory(folder: Path) -> Watched:
    """Flask-Chest without a disk in the data path."""
    return chest(folder, journal="memory")


def chest_old(folder: Path) -> Watched:
    """Flask-Chest 0.0.10, in an environment of its own."""
    chests = importlib.import_module("flask_chest")  # that release, which has no types
    decorator = importlib.import_module("flask_chest.decorator")
    app = Flask("shop")
    path = folder / "old.sqlite3"
    store = chests.FlaskChestSQLite(app, db_uri=str(path))
    tracked = decorator.flask_chest([store], {"GET": NAMES})(view)
    app.add_url_rule("/", "view", tracked)
    return Watched(app, rows(path, "flask_chest", each=len(NAMES)), ["flask-chest"])


# -- By hand -------------------------------------------------------------------------------------


def middleware(folder: Path) -> Watched:
    """A middleware that does nothing."""
    from benchmarks.peers import by_hand

    del folder
    app = serving(view)
    by_hand.nothing(app)
    return Watched(app)


def hooks(folder: Path) -> Watched:
    """A line of JSON, in Flask's hooks."""
    from benchmarks.peers import by_hand

    app, path = serving(view), folder / "hooks.jsonl"
    by_hand.in_hooks(app, path)
    return Watched(app, lambda: lines(path))


def least(folder: Path) -> Watched:
    """A line of JSON with hardly more than the variables."""
    from benchmarks.peers import by_hand

    app, path = serving(view), folder / "least.jsonl"
    by_hand.least(app, path)
    return Watched(app, lambda: lines(path))


# -- Others --------------------------------------------------------------------------------------


def profiler(folder: Path) -> Watched:
    """flask-profiler: a row in SQLite, with URL, headers and body, and no variables."""
    peer = importlib.import_module("flask_profiler")
    app = serving(view)
    path = folder / "profiler.sqlite3"
    storage = {"engine": "sqlite", "FILE": str(path)}
    app.config["flask_profiler"] = {"enabled": True, "storage": storage}
    peer.init_app(app)
    return Watched(app, rows(path, "measurements"), ["flask-profiler"])


def dashboard(folder: Path) -> Watched:
    """Flask-MonitoringDashboard: a thread that writes a row into SQLite, and no variables."""
    peer = importlib.import_module("flask_monitoringdashboard")
    app = serving(view)
    path = folder / "dashboard.sqlite3"
    peer.config.database_name = f"sqlite:///{path}"
    peer.bind(app)
    return Watched(app, rows(path, "Request"), ["flask-monitoringdashboard"])


def opentelemetry(folder: Path) -> Watched:
    """OpenTelemetry: a span with three attributes, in batches, to an exporter that drops them."""
    from opentelemetry import trace
    from opentelemetry.instrumentation.flask import FlaskInstrumentor
    from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult

    del folder
    seen = 0

    class Dropping(SpanExporter):
        def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
            nonlocal seen
            seen += sum(set(NAMES) <= set(span.attributes or ()) for span in spans)
            return SpanExportResult.SUCCESS

    def traced() -> str:
        span = trace.get_current_span()
        span.set_attribute("user_id", "u-17")
        span.set_attribute("tenant", "acme")
        span.set_attribute("cost_cents", 12.5)
        return view()

    def count() -> int:
        provider.force_flush()
        return seen

    provider = TracerProvider()
    provider.add_span_processor(BatchSpanProcessor(Dropping()))
    app = serving(traced)
    instrumentor = FlaskInstrumentor()
    instrumentor.instrument_app(app, tracer_provider=provider)  # type: ignore[no-untyped-call] # OpenTelemetry types it in part
    return Watched(app, count, ["opentelemetry-sdk", "opentelemetry-instrumentation-flask"])


def chest_otlp(folder: Path) -> Watched:
    """Flask-Chest with the exporter `otlp`."""
    from benchmarks.peers import otlp

    return otlp.chest(folder)


def chest_otlp_metrics(folder: Path) -> Watched:
    """Flask-Chest with the exporter `otlp`, which sends durations, too."""
    from benchmarks.peers import otlp

    return otlp.chest(folder, metrics=True)


def sdk_logs(folder: Path) -> Watched:
    """OpenTelemetry's SDK: a log record a request, over OTLP."""
    from benchmarks.peers import otlp

    return otlp.sdk_logs(folder)


def sdk_spans(folder: Path) -> Watched:
    """OpenTelemetry's SDK: a span a request, over OTLP."""
    from benchmarks.peers import otlp

    return otlp.sdk_spans(folder)


def sentry(folder: Path) -> Watched:
    """Sentry: a transaction with three tags, all sampled, to a transport that drops it."""
    peer: Any = importlib.import_module("sentry_sdk")
    transport: Any = importlib.import_module("sentry_sdk.transport")
    del folder
    seen = 0

    class Dropping(transport.Transport):  # type: ignore[misc] # the class comes from a module imported by its name
        def capture_envelope(self, envelope: Any) -> None:  # noqa: ANN401 - its own
            nonlocal seen
            event = envelope.get_transaction_event()
            seen += event is not None and set(NAMES) <= set(event["tags"])

    def traced() -> str:
        peer.set_tag("user_id", "u-17")
        peer.set_tag("tenant", "acme")
        peer.set_tag("cost_cents", 12.5)
        return view()

    peer.init("http://key@127.0.0.1:9/1", traces_sample_rate=1.0, transport=Dropping)
    return Watched(serving(traced), lambda: seen, ["sentry-sdk"])


def prometheus(folder: Path) -> Watched:
    """prometheus_flask_exporter: a counter and a histogram in memory, and no variables."""
    peer = importlib.import_module("prometheus_flask_exporter")
    del folder
    app = serving(view)
    metrics = peer.PrometheusMetrics(app)

    def count() -> int:
        labels = {"method": "GET", "status": "200"}
        return int(metrics.registry.get_sample_value("flask_http_request_total", labels) or 0)

    return Watched(app, count, ["prometheus-flask-exporter"])


def logstash(folder: Path) -> Watched:
    """python-logstash-async: a log line with three values, queued in SQLite, sent to the sink."""
    peer = importlib.import_module("logstash_async.handler")
    handler = peer.AsynchronousLogstashHandler(
        "127.0.0.1", int(os.environ["CHEST_BENCH_SINK"]), str(folder / "logstash.sqlite3")
    )
    sink = folder.parent / SINK

    def count() -> int:
        handler.flush()
        time.sleep(2.5)  # its thread checks for a flush every two seconds
        return lines(sink)

    return Watched(serving(logged(handler)), count, ["python-logstash-async"])


def log_file(folder: Path) -> Watched:
    """Plain logging: a line with three values."""
    path = folder / "requests.log"
    handler = logging.FileHandler(path)
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s %(message)s"))
    return Watched(serving(logged(handler)), lambda: lines(path))


def logged(handler: logging.Handler) -> Callable[[], str]:
    """Return a view that logs three values."""
    logger = logging.getLogger("shop.requests")
    logger.setLevel(logging.INFO)
    logger.propagate = False
    logger.addHandler(handler)

    def logging_view() -> str:
        extra = {"user_id": "u-17", "tenant": "acme", "cost_cents": 12.5}
        logger.info("user_id=%s tenant=%s cost_cents=%s", *extra.values(), extra=extra)
        return view()

    return logging_view


# -- Counting ------------------------------------------------------------------------------------


def rows(path: Path, table: str, *, each: int = 1) -> Count:
    """Return a function that counts requests, each of which adds `each` rows to a table."""

    def count() -> int:
        connection = sqlite3.connect(path)
        try:
            return int(connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0]) // each
        finally:
            connection.close()

    return count


def lines(path: Path) -> int:
    """Return the number of lines of a file."""
    return path.read_bytes().count(b"\n") if path.exists() else 0


def versions_of(watched: Watched) -> dict[str, str]:
    """Return the versions of Flask and of what is measured, by name."""
    return {name: version(name) for name in ("flask", *watched.versions)}
