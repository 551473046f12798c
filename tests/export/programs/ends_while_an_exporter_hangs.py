"""Records for two exporters, of which one hangs in the method that is given."""

from __future__ import annotations

import sys
import threading

from flask import Flask
from pydantic import BaseModel

from flask_chest import FlaskChest, hookimpl
from flask_chest.exporter import Exporter

where = sys.argv[1]


class NoConfig(BaseModel):
    pass


class Hanging(Exporter):
    type = "hanging"
    config_model = NoConfig

    def _enter(self, method):
        if method == where:
            print("hangs", flush=True)
            threading.Event().wait()

    def open(self):
        self._enter("open")

    def export(self, batch):
        self._enter("export")
        if where == "close":
            print("hangs", flush=True)

    def close(self):
        self._enter("close")


class Plugin:
    @hookimpl
    def chest_exporters(self):
        return [Hanging]


chest = FlaskChest(
    exporters={"hanging": {"type": "hanging"}, "main": "sqlite:///<instance>/chest.sqlite3"},
    export_interval_seconds=0.05,
)
chest.register_plugin(Plugin())
app = Flask("shop", instance_path=sys.argv[2])
chest.init_app(app)


@app.get("/")
@chest.track
def view():
    return "ok"


client = app.test_client()
for _ in range(20):
    client.get("/")
sys.stdin.readline()
