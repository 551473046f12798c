"""Ways to send what a request did to a collector over OTLP/HTTP: ours, and those of the SDK.

The collector is `benchmarks.workers.otlp_receiver`, whose URL is in the environment. Each way has a
path of its own there, and the records of its process are told by it.
"""

from __future__ import annotations

import json
import os
import time
import urllib.request
from pathlib import Path
from typing import Final

from flask import Response, g, request

from benchmarks.peers.apps import NAMES, Count, Watched, serving, view

COLLECTOR: Final = "CHEST_BENCH_COLLECTOR"
"""The collector's URL in the environment."""

_SDK: Final = ("opentelemetry-sdk", "opentelemetry-exporter-otlp-proto-http")


def own_url() -> str:
    """Return the URL of the collector for this process."""
    return f"{os.environ[COLLECTOR]}/{os.getpid()}"


def received() -> dict[str, int]:
    """Return how many records of this process have arrived, and how large they were."""
    with urllib.request.urlopen(own_url()) as answer:  # noqa: S310 - on loopback
        found: dict[str, int] = json.load(answer)
    return found


def arrived() -> int:
    """Return how many records of this process have arrived."""
    return received()["records"]


def chest(folder: Path, *, metrics: bool = False) -> Watched:
    """Flask-Chest with every default, and the exporter `otlp`."""
    from flask import Flask

    from flask_chest import FlaskChest

    app = Flask("shop")
    entry = {"type": "otlp", "url": own_url(), "metrics": metrics}
    extension = FlaskChest(app, exporters={"main": entry}, journal=str(folder / "journal"))
    app.add_url_rule("/", "view", extension.track(*NAMES)(view))

    def count() -> int:
        with app.app_context():
            if not extension.flush(timeout=60):
                raise RuntimeError("Flask-Chest has not delivered within a minute")
        return arrived()

    return Watched(app, count, ["flask-chest", "urllib3"])


def sdk_logs(folder: Path) -> Watched:
    """The SDK's logs: in Flask's hooks, one log record with the attributes that ours has."""
    from opentelemetry._logs import LogRecord, SeverityNumber
    from opentelemetry.exporter.otlp.proto.http import Compression
    from opentelemetry.exporter.otlp.proto.http._log_exporter import OTLPLogExporter
    from opentelemetry.sdk._logs import LoggerProvider
    from opentelemetry.sdk._logs.export import BatchLogRecordProcessor

    del folder
    provider = LoggerProvider()
    url = f"{own_url()}/v1/logs"
    provider.add_log_record_processor(
        BatchLogRecordProcessor(OTLPLogExporter(endpoint=url, compression=Compression.Gzip))
    )
    logger = provider.get_logger("shop")
    app = serving(view)

    @app.before_request
    def begin() -> None:
        g.began = time.time_ns()

    @app.after_request
    def end(response: Response) -> Response:
        now = time.time_ns()
        rule = request.url_rule
        logger.emit(
            LogRecord(
                timestamp=g.began,
                observed_timestamp=now,
                severity_text="INFO",
                severity_number=SeverityNumber.INFO,
                event_name="shop.request",
                attributes={
                    "http.request.method": request.method,
                    "http.route": rule.rule if rule else "",
                    "http.response.status_code": response.status_code,
                    "url.path": request.path,
                    "log.record.uid": os.urandom(16).hex(),
                    "shop.endpoint": request.endpoint or "",
                    "shop.duration_ms": (now - g.began) / 1e6,
                    **{name: g.get(name) for name in NAMES},
                },
            )
        )
        return response

    return Watched(app, _flushed(provider), _SDK)


def sdk_spans(folder: Path) -> Watched:
    """The SDK's spans: OpenTelemetry's instrumentation of Flask, and three attributes."""
    from opentelemetry import trace
    from opentelemetry.exporter.otlp.proto.http import Compression
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.instrumentation.flask import FlaskInstrumentor
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor

    del folder
    provider = TracerProvider()
    url = f"{own_url()}/v1/traces"
    provider.add_span_processor(
        BatchSpanProcessor(OTLPSpanExporter(endpoint=url, compression=Compression.Gzip))
    )

    def traced() -> str:
        span = trace.get_current_span()
        span.set_attribute("user_id", "u-17")
        span.set_attribute("tenant", "acme")
        span.set_attribute("cost_cents", 12.5)
        return view()

    app = serving(traced)
    FlaskInstrumentor().instrument_app(app, tracer_provider=provider)  # type: ignore[no-untyped-call] # OpenTelemetry types it in part
    return Watched(app, _flushed(provider), (*_SDK, "opentelemetry-instrumentation-flask"))


def _flushed(provider: object) -> Count:
    """Return a function that flushes a provider of the SDK, and counts what has arrived."""

    def count() -> int:
        getattr(provider, "force_flush")()  # noqa: B009 - of two classes without a common base
        return arrived()

    return count
