"""An application to be served."""

from __future__ import annotations

import os

from flask import Flask, g

from flask_chest import FlaskChest

app = Flask(__name__)
chest = FlaskChest(app)


@app.get("/")
@chest.track("worker")
def index() -> str:
    g.worker = os.getpid()
    return "ok"
