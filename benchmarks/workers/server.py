"""Measured by `benchmarks.server`: an application, observed by the tool in the environment."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Final

from flask import Flask, g

from benchmarks.peers import by_hand

VARIANT: Final = "CHEST_BENCH_VARIANT"
FOLDER: Final = "CHEST_BENCH_FOLDER"

Answer = dict[str, object]


def order(order_id: int) -> Answer:
    """Put three variables on `g`, and answer with a little JSON."""
    g.user_id = "u-17"
    g.tenant = "acme"
    g.cost_cents = 12.5
    lines = [{"article": f"a-{number}", "count": 1, "cents": 499} for number in range(5)]
    return {"order": order_id, "state": "paid", "currency": "EUR", "lines": lines}


def bare(app: Flask) -> Callable[[int], Answer]:
    """Flask alone."""
    del app
    return order


def chest(app: Flask) -> Callable[[int], Answer]:
    """Flask-Chest records three variables, configured by the environment."""
    from flask_chest import FlaskChest

    return FlaskChest(app).track("user_id", "tenant", "cost_cents")(order)


def opentelemetry(app: Flask) -> Callable[[int], Answer]:
    """OpenTelemetry makes spans with three attributes; the exporter drops them."""
    from opentelemetry import trace
    from opentelemetry.instrumentation.flask import FlaskInstrumentor
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter

    provider = TracerProvider()
    provider.add_span_processor(BatchSpanProcessor(SpanExporter()))
    instrumentor = FlaskInstrumentor()
    instrumentor.instrument_app(app, tracer_provider=provider)  # type: ignore[no-untyped-call]

    def traced(order_id: int) -> Answer:
        span = trace.get_current_span()
        span.set_attribute("user_id", "u-17")
        span.set_attribute("tenant", "acme")
        span.set_attribute("cost_cents", 12.5)
        return order(order_id)

    return traced


def hooks(app: Flask) -> Callable[[int], Answer]:
    """Flask's hooks write a line of JSON that is delivered nowhere."""
    by_hand.in_hooks(app, Path(os.environ[FOLDER], f"{os.getpid()}.jsonl"))
    return order


VARIANTS: Final = {"bare": bare, "chest": chest, "hooks": hooks, "opentelemetry": opentelemetry}


def make_app() -> Flask:
    """Return the application of the variant."""
    app = Flask("shop")
    app.add_url_rule("/orders/<int:order_id>", "order", VARIANTS[os.environ[VARIANT]](app))
    return app
