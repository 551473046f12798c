"""An application for Flask-Chest 0.0.10, which runs it: `python old_shop.py FOLDER`.

It writes `shop.sqlite3`, of which `db.sqlite3` is a copy, and `names.json`: the public names of
0.0.10, each with its parameters.
"""

from __future__ import annotations

import importlib
import inspect
import itertools
import json
import pkgutil
import sys
from pathlib import Path

from flask import Flask, g
from flask_chest.decorator import flask_chest

import flask_chest as package
from flask_chest import FlaskChestSQLite

FOLDER = Path(sys.argv[1])
MODULES = ["flask_chest", "flask_chest.exporter.mysql"]  # that one is imported by nobody

app = Flask(__name__)
chest = FlaskChestSQLite(app=app, db_uri=str(FOLDER / "shop.sqlite3"))
number = itertools.count(1)
ORDER = ["user_id", "cart_total", "items", "is_paid", "coupon", "note", "digest"]


@app.get("/orders")
@flask_chest([chest], {"GET": ORDER}, lambda: f"order-{next(number)}")
def orders():
    g.user_id, g.cart_total, g.items, g.is_paid = "u-17", 24.5, 3, True
    g.coupon, g.note, g.digest = None, "für 007", b"\x00\xff"
    return "ok"


@app.get("/login")
@flask_chest([chest], {"GET": ["password", "session_id", "note"]}, lambda: "login-1")
def login():
    g.password, g.session_id = "hunter2", "s-4711"
    g.note = "Authorization: Bearer 7f0a1c9be2d84f6c9b1d"
    return "ok"


@flask_chest([chest], {"GET": ["step"]}, lambda: "inner")
def inner():
    g.step = "inner"
    return "ok"


@app.get("/outer")
@flask_chest([chest], {"GET": ["step", "other"]}, lambda: "outer")
def outer():
    inner()
    g.step, g.other = "outer", "x"
    return "ok"


@app.get("/odd")
@flask_chest(
    [chest], {"GET": ["large", "small", "infinite", "no_number", "zip"]}, lambda: "ü" * 300
)
def odd():
    g.large, g.small, g.zip = 2**62, 1e-7, "04109"
    g.infinite, g.no_number = float("inf"), float("nan")
    return "ok"


@app.get("/list")
@flask_chest([chest], {"GET": ["first", "items", "last"]}, lambda: "list-1")
def with_list():
    g.first, g.items, g.last = "a", [1, 2], "b"
    return "ok"


def public_names():
    """Return each public name of 0.0.10 with its parameters, or None."""
    found = {}
    walked = [each.name for each in pkgutil.walk_packages(package.__path__, "flask_chest.")]
    for name in sorted({*MODULES, *walked}):
        module = importlib.import_module(name)
        found[name] = None
        for key, value in vars(module).items():
            if key.startswith("_") or inspect.ismodule(value):
                continue
            home = getattr(value, "__module__", name)
            if not str(home).startswith("flask_chest"):
                continue
            found[f"{name}.{key}"] = _parameters(value)
            if inspect.isclass(value):
                for method, function in inspect.getmembers(value, inspect.isfunction):
                    if not method.startswith("_"):
                        found[f"{name}.{key}.{method}"] = _parameters(function)
    return found


def _parameters(value):
    if not callable(value):
        return None
    return [name for name in inspect.signature(value).parameters if name != "self"]


client = app.test_client()
for path in ("/orders", "/orders", "/login", "/outer", "/odd", "/list"):
    client.get(path)
chest.write([("step", "no request", None), ("step", "no request either", None)])
FlaskChestSQLite(app=app, name="more", db_uri=chest.db_uri)  # from here on, all use its table
client.get("/orders")
(FOLDER / "names.json").write_text(json.dumps(public_names(), indent=1, sort_keys=True) + "\n")
