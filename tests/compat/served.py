"""The application that the cases of servers serve: `tests.compat.served:app`."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from flask import Flask, g, send_file

from flask_chest import FlaskChest
from tests.compat.support import add_routes

folder = Path(os.environ["CHEST_COMPAT_FOLDER"])
chest = FlaskChest(
    exporters={"main": f"sqlite:///{folder}/chest.sqlite3"},
    journal=str(folder / "journal"),
    export_interval_seconds=0.2,
)
app = Flask("shop")
add_routes(app, chest)


@app.get("/file")
@chest.track("user_id")
def file():
    g.user_id = "u-1"
    return send_file(__file__)


if "flask_sock" in os.environ.get("CHEST_COMPAT_WITH", ""):
    from flask_sock import Sock

    @Sock(app).route("/echo")
    @chest.track("messages")
    def echo(ws):
        g.messages = 0
        while (data := ws.receive()) != "end":
            g.messages += 1
            ws.send(data)


chest.init_app(app)

if "a2wsgi" in sys.modules or os.environ.get("CHEST_COMPAT_WITH") == "a2wsgi":
    from a2wsgi import WSGIMiddleware

    asgi = WSGIMiddleware(app)
if os.environ.get("CHEST_COMPAT_WITH") == "asgiref":
    from asgiref.wsgi import WsgiToAsgi

    asgi = WsgiToAsgi(app)

if __name__ == "__main__":  # cheroot has no command for a port that it is given
    from cheroot.wsgi import Server

    server = Server(("127.0.0.1", int(sys.argv[1])), app)
    import signal

    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    try:
        server.start()
    finally:
        server.stop()
