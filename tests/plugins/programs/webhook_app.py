"""An application whose records go to the webhook in HOOK."""

import os

from flask import Flask, g, request

from flask_chest import FlaskChest

app = Flask(__name__)
chest = FlaskChest(
    app,
    exporters={"hook": {"type": "webhook", "url": os.environ["HOOK"], "token": "hunter2"}},
    export_interval_seconds=0.1,
    retry_seconds=0.1,
)


@app.get("/orders/<int:number>")
@chest.track
def order(number):
    g.number, g.ip = number, request.remote_addr
    return ""
