"""A frozen application that registers its plugins, and prints what it recorded.

Arguments: the instance folder, the exporters, and the modules of the plugins.
"""

from __future__ import annotations

import ast
import importlib
import sys

from flask import Flask, g

from flask_chest import ChestError, FlaskChest

sys.frozen = True
app = Flask("shop", instance_path=sys.argv[1])
chest = FlaskChest(exporters=ast.literal_eval(sys.argv[2]), shutdown_seconds=60)
for name in sys.argv[3:]:
    chest.register_plugin(importlib.import_module(name))
try:
    chest.init_app(app)
except ChestError as error:
    sys.exit(str(error))


@app.get("/")
@chest.track
def index():
    g.number = 7
    return "ok"


app.test_client().get("/")
assert chest.flush(60)
[record] = chest.store().query()
chest.close()
plugins = [(plugin.name, plugin.origin, plugin.hooks) for plugin in chest.plugins()]
print((record.variables, plugins))
