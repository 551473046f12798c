"""End a process, in an orderly way, while a stream is open: `open_stream.py FOLDER HOW`."""

from __future__ import annotations

import sys

from flask import Flask, g, stream_with_context
from werkzeug.test import EnvironBuilder

from flask_chest import FlaskChest

folder, how = sys.argv[1:]
app = Flask("shop")
chest = FlaskChest(
    app,
    exporters={"main": f"sqlite:///{folder}/chest.sqlite3"},
    journal=f"{folder}/journal",
    export_interval_seconds=60.0,
)


@app.get("/events")
@chest.track("sent")
def view():
    def parts():
        for number in range(1_000_000):
            g.sent = number
            yield f"data: {number}\n\n"

    return app.response_class(stream_with_context(parts()), mimetype="text/event-stream")


body = app.wsgi_app(EnvironBuilder("/events").get_environ(), lambda *_: None)
chunks = iter(body)
for _ in range(2):
    print(next(chunks).decode(), end="", flush=True)
if how == "exits":
    sys.exit(0)
