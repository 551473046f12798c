"""Records 30 requests, and ends while each batch takes half a second."""

from __future__ import annotations

import signal
import sys
import time

from flask import Flask
from flask_chest_sqlite import SqliteStore

from flask_chest import FlaskChest

export = SqliteStore.export


def slowly(self, batch):
    print("delivers", flush=True)
    time.sleep(0.5)
    export(self, batch)


SqliteStore.export = slowly
signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
app = Flask("shop", instance_path=sys.argv[1])
chest = FlaskChest(app, export_interval_seconds=1_000, batch_records=10, shutdown_seconds=20.0)


@app.get("/")
@chest.track
def view():
    return "ok"


client = app.test_client()
for _ in range(30):
    client.get("/")
