"""flask-sock: a WebSocket that is closed in the normal way."""

from contextlib import suppress

from flask import Flask, g
from flask_sock import Sock
from simple_websocket import Client, ConnectionClosed

from tests.compat.support import Case, check

DISTRIBUTIONS = ("flask-sock",)


def run(folder):
    case = Case(folder)
    chest = case.make_chest()
    app = Flask("shop")
    sock = Sock(app)

    @sock.route("/echo")
    @chest.track("messages")
    def echo(ws):
        g.messages = 0
        while (data := ws.receive()) != "end":
            g.messages += 1
            ws.send(data)

    chest.init_app(app)
    with case.client(app) as client:
        ws = Client(str(client.base_url).replace("http", "ws").rstrip("/") + "/echo")
        ws.send("a")
        assert ws.receive() == "a"
        ws.send("end")
        with suppress(ConnectionClosed):  # the server, whose handler has ended, may have been first
            ws.close()
        record = case.only()
    check(record, path="/echo", error=None, variables={"messages": 1})
    return "a connection is one record, written at its end, without an error"
