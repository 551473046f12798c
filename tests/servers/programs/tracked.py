"""The application that the servers run. `Serving` copies it; the other programs import it."""

import json
import os

from flask import Flask, g

from flask_chest import FlaskChest

app = Flask(__name__)
chest = FlaskChest(app, exporters=json.loads(os.environ["EXPORTERS"]))


@app.get("/")
@chest.track("pid")
def view():
    g.pid = os.getpid()
    return str(g.pid)
