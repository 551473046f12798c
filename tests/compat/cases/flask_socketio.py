"""Flask-SocketIO: a middleware of its own around `app.wsgi_app`."""

from flask import Flask, g
from flask_socketio import SocketIO

from tests.compat.support import Case, check

DISTRIBUTIONS = ("flask-socketio",)


def run(folder):
    case = Case(folder)
    chest = case.make_chest()
    app = Flask("shop")
    app.secret_key = "k"
    socketio = SocketIO(app, async_mode="threading")

    @app.get("/")
    @chest.track("user_id")
    def index():
        g.user_id = "u-1"
        return "ok"

    @socketio.on("message")
    def message(data):
        socketio.send(f"got {data}")

    chest.init_app(app)
    with case.client(app) as client:
        assert client.get("/").text == "ok"
        assert client.get("/socket.io/?EIO=4&transport=polling").status_code == 200
    check(case.only(), path="/", status_code=200, variables={"user_id": "u-1"})
    live = socketio.test_client(app)
    live.send("hello")
    assert live.get_received()[0]["args"] == "got hello"
    return "routes are recorded; its own polling requests are none of Flask's"
