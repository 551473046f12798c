"""flask-sock: a WebSocket that is closed in the normal way."""

from flask import Flask, g
from flask_sock import Sock

from tests.compat.support import Case, check
from tests.compat.websocket import echo_one_word

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
        echo_one_word(str(client.base_url))
        record = case.only()
    check(record, path="/echo", error=None, variables={"messages": 1})
    return "a connection is one record, written at its end, without an error"
