"""Records a number of requests, and ends within a deadline while batches are slow."""

from __future__ import annotations

import os
import sys
import time

from flask import Flask
from flask_chest_sqlite import SqliteStore

from flask_chest import FlaskChest

export = SqliteStore.export


def slowly(self, batch):
    time.sleep(float(os.environ.get("SLOWLY", "0")))
    export(self, batch)


SqliteStore.export = slowly
app = Flask("shop", instance_path=sys.argv[1])
chest = FlaskChest(
    app, export_interval_seconds=1_000, batch_records=100, shutdown_seconds=float(sys.argv[3])
)


@app.get("/")
@chest.track
def view():
    return "ok"


client = app.test_client()
for _ in range(int(sys.argv[2])):
    print(client.get("/").headers["X-Request-ID"])
