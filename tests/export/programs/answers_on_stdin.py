"""An application that answers each line of its standard input, to be run under libfaketime."""

from __future__ import annotations

import json
import sys
import threading
import time

from flask import Flask, g

from flask_chest import FlaskChest

# libfaketime now and then gives the kernel a moment to sleep until that it refuses as invalid.
time.sleep = lambda seconds: threading.Event().wait(seconds)
app = Flask("shop", instance_path=sys.argv[1])
chest = FlaskChest(app, export_interval_seconds=0.1, raise_errors=True)


@app.get("/")
@chest.track("number")
def view():
    g.number = number
    return "ok"


client, number = app.test_client(), 0
for line in sys.stdin:  # a word, and what is said to it
    if line == "ask\n":
        number += 1
        said = client.get("/").headers["X-Request-ID"]
    elif line == "time\n":
        said = time.time()
    elif line == "stats\n":
        stats = chest.stats()
        main = stats.exporters["main"]
        said = [main.pending_bytes, main.lag_seconds, main.failures, stats.dropped]
    elif line == "flush\n":
        said = chest.flush(60)
    print(json.dumps(said), flush=True)
