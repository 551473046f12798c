"""The application that gunicorn runs; it is copied as `app.py`."""

import json
import os

from flask import Flask, g

from flask_chest import FlaskChest

app = Flask(__name__)
app.config["CHEST_MONITOR_OPEN"] = "all"
chest = FlaskChest(app, exporters=json.loads(os.environ["EXPORTERS"]), track_all=True)


@app.get("/")
def view():
    g.pid = os.getpid()
    return str(g.pid)
