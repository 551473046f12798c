"""What tracking adds to a request: microseconds over bare Flask, beside OpenTelemetry.

Run by `make bench`. All variants are called in turn within one run, many times over, because
machines are noisy; each figure is the median of the rounds, with the quartiles. The WSGI
application is called directly, so that no server is measured.
"""

from __future__ import annotations

import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

from flask import Flask, g
from werkzeug.test import EnvironBuilder

from flask_chest import FlaskChest

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import ReadableSpan

ROUNDS = 60
REQUESTS = 100


def view() -> str:
    """Put three variables on `g`, as a tracked route does."""
    g.user_id = "u-17"
    g.tenant = "acme"
    g.cost_cents = 12.5
    return "ok"


def bare() -> Flask:
    """Return an application that nobody watches."""
    app = Flask("bare")
    app.add_url_rule("/", view_func=view)
    return app


def chest(folder: Path, name: str, *, is_tracked: bool, journal: str = "") -> Flask:
    """Return an application with Flask-Chest, every default on; it exports after the run."""
    app = Flask(name)
    extension = FlaskChest(
        app,
        exporters={"main": f"sqlite:///{folder / name}.sqlite3"},
        journal=journal or str(folder / name),
        export_interval_seconds=3600,
    )
    track = extension.track("user_id", "tenant", "cost_cents")
    app.add_url_rule("/", "view", track(view) if is_tracked else view)
    return app


def opentelemetry() -> Flask:
    """Return an application with OpenTelemetry's instrumentation and an exporter that drops."""
    from opentelemetry import trace  # noqa: PLC0415 - a peer, which may be missing
    from opentelemetry.instrumentation.flask import FlaskInstrumentor  # noqa: PLC0415
    from opentelemetry.sdk.trace import TracerProvider  # noqa: PLC0415
    from opentelemetry.sdk.trace.export import (  # noqa: PLC0415
        BatchSpanProcessor,
        SpanExporter,
        SpanExportResult,
    )

    class Dropping(SpanExporter):
        def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
            del spans
            return SpanExportResult.SUCCESS

    provider = TracerProvider()
    provider.add_span_processor(BatchSpanProcessor(Dropping()))

    def traced() -> str:
        span = trace.get_current_span()
        span.set_attribute("user_id", "u-17")
        span.set_attribute("tenant", "acme")
        span.set_attribute("cost_cents", 12.5)
        return "ok"

    app = Flask("traced")
    app.add_url_rule("/", view_func=traced)
    FlaskInstrumentor().instrument_app(  # type: ignore[no-untyped-call]
        app, tracer_provider=provider
    )
    return app


def requester(app: Flask) -> Callable[[], float]:
    """Return what serves `REQUESTS` requests and gives the microseconds that one of them took."""
    environ = EnvironBuilder("/").get_environ()

    def start_response(status: str, headers: object, exc_info: object = None) -> None:
        del status, headers, exc_info

    def serve() -> float:
        began = time.perf_counter()
        for _ in range(REQUESTS):
            body = app.wsgi_app(dict(environ), start_response)  # type: ignore[arg-type]
            for _chunk in body:
                pass
            getattr(body, "close", lambda: None)()
        return (time.perf_counter() - began) / REQUESTS * 1e6

    return serve


def main() -> int:
    """Measure and print a table in Markdown."""
    with tempfile.TemporaryDirectory() as path:
        folder = Path(path)
        apps = {
            "bare Flask": bare(),
            "Flask-Chest, route not tracked": chest(folder, "untracked", is_tracked=False),
            "Flask-Chest, 3 variables": chest(folder, "tracked", is_tracked=True),
            'Flask-Chest, 3 variables, journal "memory"': chest(
                folder, "memory", is_tracked=True, journal="memory"
            ),
        }
        try:
            apps["OpenTelemetry, 3 attributes"] = opentelemetry()
        except ImportError:
            print("OpenTelemetry is not installed; `make bench` installs it", file=sys.stderr)
        requesters = {name: requester(app) for name, app in apps.items()}
        for serve in requesters.values():
            serve()
            serve()
        times: dict[str, list[float]] = {name: [] for name in apps}
        for _ in range(ROUNDS):
            for name, serve in requesters.items():
                times[name].append(serve())
        for app in apps.values():
            if "flask_chest" in app.extensions:
                app.extensions["flask_chest"].close()
    base = statistics.median(times["bare Flask"])
    print(f"Python {sys.version.split()[0]}, Flask {version('flask')}; microseconds a request\n")
    print("| | median | quartiles | over bare |")
    print("|---|---|---|---|")
    for name, measured in times.items():
        low, middle, high = statistics.quantiles(measured, n=4)
        print(f"| {name} | {middle:.1f} | {low:.1f}-{high:.1f} | {middle - base:+.1f} |")
    return 0


if __name__ == "__main__":
    sys.exit(main())
