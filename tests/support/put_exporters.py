"""Exporters of fixed batches over HTTP, which know tokens alone, and the server of them."""

from __future__ import annotations

import http.client
import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from pydantic import BaseModel, ConfigDict

from flask_chest.errors import ExporterUnavailable
from flask_chest.exporter import Batching, Exporter
from flask_chest.testing import Backend


class PutServer(ThreadingHTTPServer):
    """Keeps the first body for each path that is put, and every body that is posted."""

    daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), _Handler)
        self.bodies = {}
        self._connections = set()
        self._thread = threading.Thread(target=self.serve_forever, args=(0.01,))
        self._thread.start()

    def get_request(self):
        connection, address = super().get_request()
        self._connections.add(connection)
        return connection, address

    def shutdown_request(self, request):
        self._connections.discard(request)
        super().shutdown_request(request)

    def close(self):
        self.shutdown()
        self._thread.join()
        for connection in tuple(self._connections):
            self.shutdown_request(connection)
        self.server_close()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        self._answer()

    def do_PUT(self):
        self.server.bodies.setdefault(self.path, self._body())
        self._answer()

    def do_POST(self):
        self.server.bodies[len(self.server.bodies)] = self._body()
        self._answer()

    def _body(self):
        body = self.rfile.read(size := int(self.headers["Content-Length"]))
        if len(body) < size:
            raise ConnectionError
        return body

    def _answer(self):
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def handle(self):
        try:
            super().handle()
        except OSError:
            self.close_connection = True

    def log_message(self, *_):
        pass


class PutConfig(BaseModel):
    host: str
    port: int
    connect_timeout_seconds: float = 3.0
    timeout_seconds: float = 10.0


class Put(Exporter):
    """Puts each batch under its token."""

    type = "put"
    config_model = PutConfig
    config: PutConfig
    batching = Batching(fixed=True)

    _connection = None

    def open(self):
        self._send("GET", "/", None)

    def export(self, batch):
        self._send("PUT", f"/list/{batch.token}", batch.lines)

    def _send(self, method, path, body):
        for is_last in (self._connection is None, True):  # once more, if it was lost while idle
            try:
                self._try(method, path, body)
                return
            except TimeoutError as error:
                raise self._unavailable(error) from error
            except (OSError, http.client.HTTPException) as error:
                if is_last:
                    raise self._unavailable(error) from error

    def _try(self, method, path, body):
        try:
            if self._connection is None:
                self._connection = http.client.HTTPConnection(
                    self.config.host, self.config.port, timeout=self.config.timeout_seconds
                )
            self._connection.request(method, path, body)
            with self._connection.getresponse() as answer:
                answer.read()
        except BaseException:
            self.close()
            raise

    def _unavailable(self, error):
        where = f"{self.config.host}:{self.config.port}"
        return ExporterUnavailable(f"{where}: {type(error).__name__}: {error}")

    def close(self):
        if self._connection is not None:
            self._connection.close()
        self._connection = None


class Posted(Put):
    """Does not say the token, so that a batch which comes again is there twice."""

    def export(self, batch):
        self._send("POST", "/list", batch.lines)


class PlaceConfig(BaseModel):
    model_config = ConfigDict(extra="forbid")

    host: str
    port: int


class WithoutTimeouts(Put):
    """Its configuration refuses what `ServerContract` sets."""

    config_model = PlaceConfig


class WithoutAddress(Put):
    """Does not say where the server is."""

    def _unavailable(self, error):
        return ExporterUnavailable(type(error).__name__)


class Deaf(Put):
    """Takes the timeouts, and waits longer."""

    def __init__(self, config):
        super().__init__(config.model_copy(update={"timeout_seconds": 12.0}))


class WithoutRetry(Put):
    """Gives up when a connection was lost."""

    def _send(self, method, path, body):
        try:
            self._try(method, path, body)
        except (OSError, http.client.HTTPException) as error:
            raise self._unavailable(error) from error


class OfAnotherError(Put):
    """Raises what is no `ExporterUnavailable`."""

    def _unavailable(self, error):
        return error


class OnServer(Backend):
    def __init__(self, exporter, server):
        self.exporter = exporter
        self.server = server
        self.config = {"host": "127.0.0.1", "port": server.server_port}

    def ids(self):
        bodies = self.server.bodies.values()
        return [json.loads(line)["id"] for body in bodies for line in body.splitlines()]
