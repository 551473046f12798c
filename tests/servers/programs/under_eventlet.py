"""Serves an application under eventlet and asks it, as the standard input says what to do.

Each line is a number of requests, or ``flush``. Each is answered by a line of JSON.
"""

import warnings

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # eventlet announces its end
    import eventlet

    eventlet.monkey_patch()

import json
import sys
import time
import urllib.request

from eventlet import tpool, wsgi
from flask import Flask, g

from flask_chest import FlaskChest

folder, central = sys.argv[1:]
app = Flask("shop", instance_path=folder)
chest = FlaskChest(
    app,
    exporters={"main": "sqlite:///<instance>/chest.sqlite3", "central": central},
    export_interval_seconds=0.1,
    shutdown_seconds=60.0,
)


@app.get("/<int:number>")
@chest.track
def index(number):
    g.number = number
    time.sleep(0.01)
    g.after = number
    return str(number)


listener = eventlet.listen(("127.0.0.1", 0))
port = listener.getsockname()[1]
serving = eventlet.spawn(wsgi.server, listener, app, log_output=False)
pool = eventlet.GreenPool()


def ask(number):
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/{number}", timeout=60) as answer:
        return answer.read().decode()


while line := tpool.execute(sys.stdin.readline).strip():
    shown = chest.flush(60) if line == "flush" else list(pool.imap(ask, range(int(line))))
    sys.stdout.write(f"{json.dumps(shown)}\n")
    sys.stdout.flush()

serving.kill()
chest.close()
listener.close()
