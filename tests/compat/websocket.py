"""A WebSocket client that says one word, and stays until the server has closed the connection."""

from __future__ import annotations

import pytest
from simple_websocket import Client, ConnectionClosed


def echo_one_word(url: str) -> None:
    """Send a word to `/echo` of a server, get it back, and ask for the end of the connection.

    The handler closes when it is told the end. A client that closed too would do so now before
    the server, now after it, and now on a socket that its own thread is just closing.
    """
    ws = Client(url.rstrip("/").replace("http", "ws") + "/echo")
    ws.send("a")
    assert ws.receive(timeout=30) == "a"
    ws.send("end")
    with pytest.raises(ConnectionClosed) as closed:
        ws.receive(timeout=30)  # nothing else comes
    assert closed.value.reason == 1000  # normal closure
