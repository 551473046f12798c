"""The application in a pod. `Container` copies it; all settings come from the environment."""

import errno
import json
import os
import tempfile

from flask import Flask, g

from flask_chest import FlaskChest

app = Flask(__name__)
chest = FlaskChest(app)


@app.get("/")
@chest.track("pid", "text")
def view():
    g.pid = os.getpid()
    g.text = "x" * 2_000
    return str(g.pid)


@app.get("/host")
def host():
    """Say who runs this, where they may write, and what was dropped."""
    places = [app.root_path, "/", "/tmp", "/var/tmp", "/dev/shm"]
    return json.dumps(
        {
            "user": os.getuid(),
            "writable": [place for place in places if _is_writable(place)],
            "dropped": chest.stats().dropped,
        }
    )


def _is_writable(place):
    try:
        with tempfile.TemporaryFile(dir=place):
            return True
    except OSError as error:
        return error.errno != errno.EROFS
