"""Serves requests with OpenTelemetry, and prints the traces that it saw and that it recorded.

Arguments: the exporter, the journal's folder, and a traceparent.
"""

from __future__ import annotations

import json
import sys

from flask import Flask
from opentelemetry import trace
from opentelemetry.instrumentation.flask import FlaskInstrumentor
from opentelemetry.sdk.trace import TracerProvider

from flask_chest import FlaskChest

provider = TracerProvider()
trace.set_tracer_provider(provider)
app = Flask("traced")
app.config["PROPAGATE_EXCEPTIONS"] = False
FlaskInstrumentor().instrument_app(app, tracer_provider=provider)
chest = FlaskChest(app, exporters={"main": sys.argv[1]}, journal=sys.argv[2], track_all=True)
seen = []


@app.get("/")
def view():
    seen.append(f"{trace.get_current_span().get_span_context().trace_id:032x}")
    return ""


@app.get("/fails")
def fails():
    view()
    raise ZeroDivisionError


client = app.test_client()
client.get("/")
client.get("/", headers={"traceparent": sys.argv[3]})
client.get("/fails")
assert chest.flush(10)
rows = chest.store().query(newest_first=False)
chest.close()
print(json.dumps([seen, [row.trace_id for row in rows]]))
