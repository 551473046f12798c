"""Serves three requests, and ends.

Arguments: the instance folder, and the exporter.
"""

from __future__ import annotations

import sys

from flask import Flask, g

from flask_chest import FlaskChest

app = Flask("shop", instance_path=sys.argv[1])
chest = FlaskChest(app, exporters={"main": sys.argv[2]}, shutdown_seconds=20.0)


@app.get("/")
@chest.track
def index():
    g.number = 1
    return "ok"


for _ in range(3):
    app.test_client().get("/")
