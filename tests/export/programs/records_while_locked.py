"""Records many requests, and prints how much memory it has before, meanwhile and after."""

from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path

from flask import Flask, g
from werkzeug.test import EnvironBuilder

from flask_chest import FlaskChest

app = Flask("shop")
chest = FlaskChest(app)
PAD = "x" * 300


@app.get("/")
@chest.track("user_id", "pad")
def view():
    g.user_id = "u-17"
    g.pad = PAD
    return "ok"


def ask(times):
    environ = EnvironBuilder(path="/").get_environ()
    for _ in range(times):
        for _ in app.wsgi_app(dict(environ), lambda *_: lambda _: None):
            pass


def say(**what):
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    print(json.dumps({"mib": pages * os.sysconf("SC_PAGE_SIZE") / 1024**2, **what}), flush=True)
    sys.stdin.readline()


with app.app_context():
    ask(2_000)
    while not chest.stats().exporters["main"].failures:  # the driver is imported, in its thread
        time.sleep(0.01)
    say()
    ask(int(sys.argv[1]))
    stats = chest.stats().exporters["main"]
    say(waiting=stats.pending_bytes, failures=stats.failures)
    arrived = chest.flush(60)
    say(arrived=arrived)
