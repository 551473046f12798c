"""Flask-SocketIO: a middleware of its own around `app.wsgi_app`, and handlers of events."""

import logging
import threading
from contextlib import contextmanager

import socketio as clients
from flask import Flask, g
from flask_socketio import SocketIO
from werkzeug.serving import make_server

from tests.compat.support import Case, check

DISTRIBUTIONS = ("flask-socketio",)


def run(folder):
    for number, (transport, is_inside) in enumerate(
        (transport, is_inside)
        for transport in ("polling", "websocket")
        for is_inside in (True, False)
    ):
        _handle_events(folder / str(number), transport, is_inside=is_inside)
    return (
        "routes are recorded; its own requests are none of Flask's. `@chest.track` on a handler of "
        "events is said once, `@chest.job` records it"
    )


def _handle_events(folder, transport, *, is_inside):
    """Connect, send and disconnect with a real client, by one transport.

    Args:
        folder: Where the journal and the database are.
        transport: ``polling`` or ``websocket``.
        is_inside: Whether Flask-SocketIO's middleware is inside of Flask-Chest's.
    """
    folder.mkdir()
    case = Case(folder)
    chest = case.make_chest()
    app = Flask("shop")
    app.secret_key = "k"
    if not is_inside:
        chest.init_app(app)
    # A client that polls may leave without a word, as its sender can end before it has sent that;
    # the server sees it by the ping that is not answered.
    server = SocketIO(app, async_mode="threading", ping_interval=1, ping_timeout=10)
    if is_inside:
        chest.init_app(app)
    handled = {name: threading.Event() for name in ("connect", "message", "paid", "disconnect")}

    @app.get("/")
    @chest.track("user_id")
    def index():
        g.user_id = "u-1"
        return "ok"

    for name, event in handled.items():

        def handler(*_arguments, name=name, event=event):
            g.user_id = name
            event.set()

        handler.__name__ = handler.__qualname__ = f"on_{name}"
        server.on(name)(chest.track("user_id")(handler))

    @server.on("shipped")
    @chest.job("user_id")
    def on_shipped(user_id):
        g.user_id = user_id
        return "recorded"

    with _said() as said, _serving(app) as url:
        client = clients.Client()
        client.connect(url, transports=[transport])
        assert client.transport() == transport
        client.send("hello")
        client.emit("paid", {})
        client.emit("paid", {})
        assert client.call("shipped", "u-2", timeout=30) == "recorded"
        assert handled["message"].wait(30)
        assert handled["paid"].wait(30)
        client.disconnect()
        client.wait()
        assert handled["connect"].wait(30)
        assert handled["disconnect"].wait(60)
        with case.client(app) as http:
            assert http.get("/").text == "ok"
    for name in handled:
        [message] = [each for each in said if f"on_{name} " in each]
        assert "chest.job" in message
    job, route = case.records(2)
    check(job, method="JOB", route="on_shipped", variables={"user_id": "u-2"})
    check(route, path="/", status_code=200, variables={"user_id": "u-1"})


@contextmanager
def _said():
    """Give the list of what Flask-Chest logs in the block."""
    said = []
    handler = logging.Handler(logging.WARNING)
    handler.emit = lambda record: said.append(record.getMessage())
    logging.getLogger("flask_chest").addHandler(handler)
    try:
        yield said
    finally:
        logging.getLogger("flask_chest").removeHandler(handler)


@contextmanager
def _serving(app):
    server = make_server("127.0.0.1", 0, app, threaded=True)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
