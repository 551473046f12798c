"""One process of an application whose records are kept for 90 days. It runs until stdin ends.

Arguments: the folder. It prints a line for each number of records that its retention has deleted.
"""

from __future__ import annotations

import sys
import threading
import time

from flask import Flask

from flask_chest import FlaskChest
from flask_chest.export import retention

retention.FIRST_SECONDS = retention.INTERVAL_SECONDS = 0.1

folder = sys.argv[1]
app = Flask("shop", instance_path=folder)
chest = FlaskChest(
    app,
    exporters=f"sqlite:///{folder}/chest.sqlite3",
    journal=f"{folder}/journal",
    export_interval_seconds=0.1,
    retention="90d",
)
with chest.record("begin"):
    pass
print("begun", flush=True)


def watch():
    seen = 0
    while True:
        purged = chest.stats(process=True).exporters["main"].purged
        if purged != seen:
            seen = purged
            print(purged, flush=True)
        time.sleep(0.02)


threading.Thread(target=watch, daemon=True).start()
sys.stdin.read()
