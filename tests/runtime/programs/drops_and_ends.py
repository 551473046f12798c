"""Drops 1,467 records, and ends in the way that the first argument names."""

from __future__ import annotations

import logging
import multiprocessing
import sys

from flask import Flask

from flask_chest import FlaskChest


def work():
    app = Flask("shop", instance_path=sys.argv[2])
    chest = FlaskChest(app, exporters="sqlite:///<instance>/chest.sqlite3", track_all=True)
    app.get("/")(lambda: "")
    app.test_client().get("/")  # starts delivery, which is closed at the end
    for _ in range(1_467):
        app.extensions["flask_chest"].throttle.log(
            logging.ERROR, "full", "{number} dropped", number=1
        )
    if sys.argv[1] == "closed":
        chest.close()
    return app


if __name__ == "__main__":
    if sys.argv[1] == "multiprocessing":
        process = multiprocessing.get_context("fork").Process(target=work)
        process.start()
        process.join()
    else:
        kept = work()
