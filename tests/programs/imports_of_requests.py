"""Serves requests of many kinds, and prints what they imported.

Prints it before and after a flush. Argument: the instance folder.
"""

from __future__ import annotations

import logging
import sys
import threading
from datetime import datetime
from decimal import Decimal
from uuid import uuid4

from flask import Flask, Response, g

from flask_chest import FlaskChest

logging.getLogger("flask_chest").addHandler(logging.NullHandler())  # says what is masked
app = Flask("shop", instance_path=sys.argv[1])
chest = FlaskChest(
    app,
    export_interval_seconds=1_000,
    sample_rate={"sampled": 0.5},
    keep_slower_than_ms=10_000.0,
    max_records_per_second=1_000,
    opt_out="header:DNT",
    redact_with="hash",
    redact_key="key",
)


@app.get("/")
@chest.track
def index():
    g.update = None
    g.number, g.password, g.when, g.key = 1, "secret", datetime.now(), uuid4()
    g.amount, g.set, g.object, g.bytes = Decimal("1.5"), {1, 2}, object(), b"x"
    g.text = "card 4111 1111 1111 1111, a@b.example"
    return "ok"


@app.get("/sampled")
@chest.track("number", request_id="ulid")
def sampled():
    return "ok"


@app.get("/fails")
@chest.track
def fails():
    return "no", 500


@app.get("/stream")
@chest.track
def stream():
    return Response(iter(["a", "b"]))


imports = []


def note(event, arguments):
    if event == "import":
        imports.append((arguments[0], threading.current_thread().name))


plain = Flask("plain")
plain.get("/")(lambda: "ok")
plain.test_client().get("/")  # what Flask and the test client import themselves
client = app.test_client()
sys.addaudithook(note)
traceparent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
for headers in ({}, {"DNT": "1"}, {"traceparent": traceparent}, {"X-Request-ID": "theirs"}):
    for path in ("/", "/sampled", "/fails", "/stream", "/nowhere"):
        client.get(path, headers=headers)
print([name for name, thread in imports if thread == "MainThread"])
assert chest.flush(30)
print("sqlalchemy" in sys.modules, chest.stats().exporters["main"].pending_bytes)
print([name for name, thread in imports if thread == "MainThread"])
