"""An application for PyInstaller, with a plugin that it registers itself."""

from __future__ import annotations

import sys

import flask_chest_sqlite.hooks
from flask import Flask, g

from flask_chest import FlaskChest

app = Flask("shop", instance_path=sys.argv[1])
chest = FlaskChest()
chest.register_plugin(flask_chest_sqlite.hooks)
chest.init_app(app)


@app.get("/")
@chest.track
def index():
    g.number = 7
    return "ok"


app.test_client().get("/")
assert chest.flush(60)
[record] = chest.store().query()
print(sys.frozen, record.variables, [plugin.origin for plugin in chest.plugins()])
chest.close()
