"""A collector for tests: it checks each message with OpenTelemetry's own protobuf definitions."""

from __future__ import annotations

import gzip
import json
import re
import ssl
import threading
import time
from collections import deque
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import SimpleNamespace

from google.protobuf.message import DecodeError
from google.protobuf.unknown_fields import UnknownFieldSet
from opentelemetry.proto.collector.logs.v1 import logs_service_pb2 as logs
from opentelemetry.proto.collector.metrics.v1 import metrics_service_pb2 as metrics

PROTOBUF = "application/x-protobuf"
KINDS = {
    "/v1/logs": (logs.ExportLogsServiceRequest, logs.ExportLogsServiceResponse),
    "/v1/metrics": (metrics.ExportMetricsServiceRequest, metrics.ExportMetricsServiceResponse),
}


def answer(
    status,
    message="",
    *,
    after=None,
    body=None,
    kind=PROTOBUF,
    headers=(),
    wait=None,
    hangs_up=False,
):
    """Return an answer for `Receiver.script`.

    Args:
        message: Of the `google.rpc.Status` that is the body, unless there is a `body`.
        after: The header `Retry-After`.
        kind: The header `Content-Type`.
        headers: Further headers.
        wait: An event for which the answer waits.
        hangs_up: Whether the connection is closed instead.
    """
    if body is None:
        text = message.encode()
        body = b"\x12" + bytes([len(text)]) + text if text else b""  # of at most 127 bytes
    told = {"Content-Type": kind, **({"Retry-After": str(after)} if after else {}), **dict(headers)}
    return SimpleNamespace(status=status, body=body, headers=told, wait=wait, hangs_up=hangs_up)


def partial(rejected, message="", path="/v1/logs"):
    """Return the answer that some items were dropped."""
    made = KINDS[path][1]()
    field = "rejected_log_records" if path == "/v1/logs" else "rejected_data_points"
    setattr(made.partial_success, field, rejected)
    made.partial_success.error_message = message
    return answer(200, body=made.SerializeToString())


class Receiver(ThreadingHTTPServer):
    """Takes OTLP/HTTP on loopback.

    Attributes:
        requests: All requests: `path`, `headers`, `message`, `at` on the monotonic clock.
        script: Answers to the next requests that carry data. Of them, only a 2xx is kept.
        to_empty: The answer to empty requests instead of a success, or None.
        refuses: A function that says which log records are refused, with 400 for the request.
        max_bytes: Largest body after decompression; a larger one is answered with 413.
        faults: What was wrong with messages; `close` fails when there is one.
    """

    daemon_threads = True
    request_queue_size = 64

    def __init__(self, context: ssl.SSLContext | None = None):
        super().__init__(("127.0.0.1", 0), Handler)
        if context is not None:
            self.socket = context.wrap_socket(self.socket, server_side=True)
        self.scheme = "http" if context is None else "https"
        self.changed = threading.Condition()
        self.requests, self.faults = [], []
        self.taken = {path: [] for path in KINDS}
        self.script = deque()
        self.to_empty = self.refuses = self.token = None
        self.max_bytes = 20 * 2**20
        self._thread = threading.Thread(target=self.serve_forever, args=(0.01,))
        self._thread.start()

    def handle_error(self, request, client_address):
        """Say nothing of a client that went away."""

    @property
    def url(self):
        return f"{self.scheme}://127.0.0.1:{self.server_port}"

    def data(self, path="/v1/logs"):
        """Return the requests to a path that carried data."""
        return [r for r in self.requests if r.path == path and r.message.ByteSize()]

    def records(self):
        """Return all log records that were taken, with resource and scope, doubles as well."""
        return [
            SimpleNamespace(
                resource=plain(resource.resource.attributes),
                scope=scope.scope,
                schema_urls=(resource.schema_url, scope.schema_url),
                log=log,
                attributes=plain(log.attributes),
            )
            for message in list(self.taken["/v1/logs"])
            for resource in message.resource_logs
            for scope in resource.scope_logs
            for log in scope.log_records
        ]

    def ids(self):
        """Return the ID of each record once, as a backend that looks at `log.record.uid` has it."""
        return list(dict.fromkeys(record.attributes["log.record.uid"] for record in self.records()))

    def wait_for(self, condition, seconds=60):
        with self.changed:
            assert self.changed.wait_for(condition, seconds), "it never came"

    def take(self, request):
        """Check and keep a request; return its answer."""
        with self.changed:
            try:
                request.message = self._checked(request)
            except AssertionError as error:
                self.faults.append(str(error))
                return answer(400, str(error))
            self.requests.append(request)
            try:
                return self._answer(request)
            finally:
                self.changed.notify_all()

    def _answer(self, request):
        if self.token is not None and request.headers["Authorization"] != self.token:
            return answer(401, "who are you?")
        if not request.message.ByteSize():
            return self.to_empty or answer(200, body=b"")
        if len(request.body) > self.max_bytes:
            return answer(413, "too large")
        if self.script:
            told = self.script.popleft()
        elif self.refuses and any(map(self.refuses, _logs(request.message))):
            told = answer(400, "bad data")
        else:
            told = answer(200, body=KINDS[request.path][1]().SerializeToString())
        if told.status < 300:
            self.taken[request.path].append(request.message)
        return told

    def _checked(self, request):
        headers, path = request.headers, request.path
        assert path in KINDS, f"nobody listens at {path}"
        assert headers["Content-Type"] == PROTOBUF, headers["Content-Type"]
        assert headers["User-Agent"].startswith("flask-chest-otlp/"), headers["User-Agent"]
        encoding = headers["Content-Encoding"]
        assert encoding in (None, "gzip"), encoding
        request.body = gzip.decompress(request.body) if encoding else request.body
        kind, _ = KINDS[path]
        try:
            message = kind.FromString(request.body)
        except DecodeError as error:
            raise AssertionError(f"no {kind.__name__}: {error}") from error
        _check(message)
        return message

    def close(self):
        self.shutdown()
        self._thread.join()
        self.server_close()
        assert self.faults == []


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"  # keeps connections open
    timeout = 60

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        request = SimpleNamespace(
            path=self.path, headers=self.headers, body=body, at=time.monotonic(), message=None
        )
        told = self.server.take(request)
        if told.wait is not None:
            told.wait.wait(60)
        if told.hangs_up:
            self.close_connection = True
            return
        self.send_response(told.status)
        for name, value in told.headers.items():
            self.send_header(name, value)
        if "Content-Length" not in told.headers:
            self.send_header("Content-Length", str(len(told.body)))
        self.end_headers()
        self.wfile.write(told.body)
        self.close_connection |= "Connection" in told.headers

    def log_message(self, *_):
        pass


# -- What a message must be ----------------------------------------------------------------------


def plain(attributes):
    """Return attributes as a dict of plain values."""
    return {each.key: value_of(each.value) for each in attributes}


def value_of(value):
    kind = value.WhichOneof("value")
    if kind == "array_value":
        return [value_of(each) for each in value.array_value.values]
    if kind == "kvlist_value":
        return plain(value.kvlist_value.values)
    return None if kind is None else getattr(value, kind)


def _logs(message):
    for resource in getattr(message, "resource_logs", ()):
        for scope in resource.scope_logs:
            yield from scope.log_records


def _check(message):
    """Check what the definitions cannot say: what the specification demands beside them."""
    _check_fields(message)
    is_logs = isinstance(message, logs.ExportLogsServiceRequest)
    resources = message.resource_logs if is_logs else message.resource_metrics
    for resource in resources:
        _check_attributes(resource.resource.attributes)
        assert plain(resource.resource.attributes)["service.name"]
        scopes = resource.scope_logs if is_logs else resource.scope_metrics
        assert scopes, "an empty envelope"
        for scope in scopes:
            assert scope.scope.name == "flask_chest"
            items = scope.log_records if is_logs else scope.metrics
            assert items, "an empty envelope"
            for item in items:
                (_check_log if is_logs else _check_metric)(item)


def _check_fields(message):
    """Check that no field is unknown, here and in all messages within."""
    assert len(UnknownFieldSet(message)) == 0, f"unknown fields in {type(message).__name__}"
    for field, content in message.ListFields():
        if field.message_type is not None:
            for each in content if field.is_repeated else [content]:
                _check_fields(each)


def _check_attributes(attributes):
    names = [each.key for each in attributes]
    assert all(names), "an attribute without a name"
    assert len(set(names)) == len(names), f"an attribute twice: {sorted(names)}"


def _check_log(log):
    assert log.observed_time_unix_nano >= log.time_unix_nano
    assert log.severity_number in (9, 13, 17)
    assert log.severity_text == {9: "INFO", 13: "WARN", 17: "ERROR"}[log.severity_number]
    assert re.fullmatch(r"[a-z_]+(\.[a-z_]+)+", log.event_name)
    assert len(log.trace_id) in (0, 16), "a trace ID has 16 bytes"
    assert log.trace_id != bytes(16), "a trace ID of zeros is invalid"
    assert log.span_id == b""
    _check_attributes(log.attributes)


def _check_metric(metric):
    assert metric.unit == "s"
    assert metric.description
    histogram = metric.exponential_histogram
    assert histogram.aggregation_temporality == 1, "delta"
    keys = [json.dumps(plain(point.attributes), sort_keys=True) for point in histogram.data_points]
    assert keys, "an empty envelope"
    assert len(set(keys)) == len(keys), "two points of one series"
    for point in histogram.data_points:
        _check_attributes(point.attributes)
        assert point.start_time_unix_nano < point.time_unix_nano
        assert point.count == point.zero_count + sum(point.positive.bucket_counts)
        assert not point.negative.bucket_counts
        assert 0 <= point.min <= point.max
