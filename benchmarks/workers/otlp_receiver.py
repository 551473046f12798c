"""A collector for `benchmarks.otlp`: keeps what it gets, and counts it when it is asked.

It prints its URL, and serves until its stdin ends. A POST to ``/<process>/v1/logs`` is answered at
once, so that it takes as little as possible of the machine. A GET of ``/<process>`` counts the log
records and spans in all bodies that came for that process.
"""

from __future__ import annotations

import gzip
import json
import sys
import threading
from collections import defaultdict
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Final

from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

_received: Final[dict[str, list[tuple[str, bytes]]]] = defaultdict(list)


def _items(signal: str, body: bytes) -> int:
    """Return the number of log records or spans in a body."""
    if signal == "logs":
        logs = ExportLogsServiceRequest.FromString(body).resource_logs
        return sum(len(scope.log_records) for resource in logs for scope in resource.scope_logs)
    if signal == "traces":
        traces = ExportTraceServiceRequest.FromString(body).resource_spans
        return sum(len(scope.spans) for resource in traces for scope in resource.scope_spans)
    return 0


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        """Keep the body."""
        body = self.rfile.read(int(self.headers["Content-Length"]))
        _, process, _, signal = self.path.split("/")
        _received[process].append((signal, body))
        self._answer(b"", "application/x-protobuf")

    def do_GET(self) -> None:
        """Count."""
        bodies = _received[self.path.strip("/")]
        found = {
            "records": sum(_items(signal, gzip.decompress(body)) for signal, body in bodies),
            "bytes": sum(len(body) for _, body in bodies),
            "requests": len(bodies),
        }
        self._answer(json.dumps(found).encode(), "application/json")

    def _answer(self, body: bytes, kind: str) -> None:
        self.send_response(200)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Log nothing."""


def main() -> None:
    """Serve until stdin ends."""
    with ThreadingHTTPServer(("127.0.0.1", 0), _Handler) as server:
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        print(f"http://127.0.0.1:{server.server_port}", flush=True)
        sys.stdin.read()
        server.shutdown()


if __name__ == "__main__":
    main()
