"""An application whose exporter takes a fifth of a second for each record, and notes its ID."""

import time
from pathlib import Path

from flask import Flask, g
from pydantic import BaseModel

from flask_chest import Exporter, FlaskChest, hookimpl


class NoConfig(BaseModel):
    pass


class Slow(Exporter):
    type = "slow"
    config_model = NoConfig

    def open(self):
        pass

    def export(self, batch):
        time.sleep(0.2)
        with Path(app.instance_path, "delivered").open("a") as file:
            file.writelines(f"{record['id']}\n" for record in batch.records())

    def close(self):
        pass


class Plugin:
    @hookimpl
    def chest_exporters(self):
        return [Slow]


app = Flask(__name__)
chest = FlaskChest(exporters={"main": {"type": "slow"}}, batch_records=1)
chest.register_plugin(Plugin())
chest.init_app(app)


@app.get("/hello/<name>")
@chest.track
def hello(name):
    g.user = name
    return name
