"""`Relay`: a TCP relay that can cut, stall and restore connections to a server."""

from __future__ import annotations

import contextlib
import functools
import select
import socket
import threading
from collections.abc import Callable
from types import TracebackType

from typing_extensions import Self

_CHUNK = 65_536


class Relay:
    """Relays connections from the loopback interface to a server, in a `with` block.

    Args:
        host: Host of the server.
        port: TCP port of the server.

    Attributes:
        address: Host and port on which the relay listens.
        connections: Number of accepted connections.
        waits: Number of round trips to the server, for each connection.
    """

    def __init__(self, host: str, port: int) -> None:
        self._server = (host, port)
        self._lock = threading.Lock()
        self._open: set[socket.socket] = set()
        self._flows = threading.Event()
        self._flows.set()
        self._threads: list[threading.Thread] = []
        self._listener: socket.socket | None = None
        self.connections = 0
        self.waits: list[int] = []

    def __enter__(self) -> Self:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.address: tuple[str, int] = self._listener.getsockname()[:2]
        self._accept(self._listener)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.resume()
        self.cut()
        for thread in self._threads:
            thread.join()

    def cut(self) -> None:
        """Close all connections, and refuse new ones."""
        listener, self._listener = self._listener, None
        if listener is not None:
            _end(listener)
        self.drop()

    def drop(self) -> None:
        """Close all connections. New ones are accepted."""
        with self._lock:
            for each in self._open:
                with contextlib.suppress(OSError):
                    each.shutdown(socket.SHUT_RDWR)

    def restore(self) -> None:
        """Accept connections again, on the same address."""
        if self._listener is None:
            self._listener = socket.create_server(self.address)
            self._accept(self._listener)

    def stall(self) -> None:
        """Stop relaying data. Connections stay open, and new ones are accepted."""
        self._flows.clear()

    def resume(self) -> None:
        """Relay data again, including what arrived in the meantime."""
        self._flows.set()

    def _accept(self, listener: socket.socket) -> None:
        def run() -> None:
            while True:
                try:
                    client, _ = listener.accept()
                except OSError:  # closed
                    return
                self.waits.append(0)
                self._start(functools.partial(self._relay, client, self.connections))
                self.connections += 1

        self._start(run)

    def _start(self, run: Callable[[], None]) -> None:
        thread = threading.Thread(target=run, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _relay(self, client: socket.socket, number: int) -> None:
        with contextlib.ExitStack() as stack:
            stack.callback(self._forget, client)
            with self._lock:
                self._open.add(client)
            self._flows.wait()
            if self._listener is None:  # cut while it was accepted
                return
            try:
                server = socket.create_connection(self._server)
            except OSError:
                return
            stack.callback(self._forget, server)
            with self._lock:
                self._open.add(server)
            other = {client: server, server: client}
            is_asked = False
            while True:
                for readable in select.select(list(other), (), ())[0]:
                    try:
                        data = readable.recv(_CHUNK)
                        self._flows.wait()
                        if not data:
                            return
                        if readable is server and is_asked:
                            self.waits[number] += 1
                        is_asked = readable is client
                        other[readable].sendall(data)
                    except OSError:
                        return

    def _forget(self, one: socket.socket) -> None:
        with self._lock:
            self._open.discard(one)
        _end(one)


def _end(one: socket.socket) -> None:
    with contextlib.suppress(OSError):  # it may be closed already
        one.shutdown(socket.SHUT_RDWR)
    one.close()
