"""An application whose records, plugin and exporter all hold characters that a terminal obeys."""

from flask import Flask, g
from pydantic import BaseModel

from flask_chest import Exporter, FlaskChest, hookimpl

HOSTILE = (
    "a"
    + "".join(
        map(chr, [*range(0x20), *range(0x7F, 0xA0), 0x61C, 0x200E, 0x200F, *range(0x2028, 0x202F)])
    )
    + "\u2066\u2067\u2068\u2069"
    + "z"
)


class NoConfig(BaseModel):
    pass


class Broken(Exporter):
    type = "broken"
    config_model = NoConfig

    def open(self):
        raise OSError(f"no answer from https://shop:hunter2@db with password=hunter2: {HOSTILE}")

    def export(self, batch):
        pass

    def close(self):
        pass


class Plugin:
    @hookimpl
    def chest_exporters(self):
        return [Broken]


app = Flask(__name__)
chest = FlaskChest(
    exporters={"main": "sqlite:///<instance>/chest.sqlite3", "broken": {"type": "broken"}},
    shutdown_seconds=0,
)
chest.register_plugin(Plugin(), f"bad{HOSTILE}")
chest.init_app(app)


@app.get("/hello", endpoint="hello")
@chest.track
def hello():
    g.user = HOSTILE
    return ""


with app.app_context():
    app.add_url_rule(
        f"/{HOSTILE.replace(chr(0), '')}", view_func=chest.track(lambda: ""), endpoint="odd"
    )


@app.cli.command("make-records")
def make_records():
    client = app.test_client()
    client.get("/hello")
    client.get("/hello", headers={"X-Request-ID": "x"})
