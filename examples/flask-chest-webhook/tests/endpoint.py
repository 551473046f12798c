"""An HTTP endpoint in a thread that stores each record once."""

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Endpoint(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 64

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.arrived = threading.Condition()
        self.records = {}
        self.requests = []  # the headers of each request
        self.answers = []  # statuses of the next answers; meanwhile no records are stored
        self.refused = None  # a path whose records are refused
        self._thread = threading.Thread(target=self.serve_forever, args=(0.01,))
        self._thread.start()

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server_port}/records"

    def take(self, headers, records):
        with self.arrived:
            self.requests.append(headers)
            if self.answers:
                return self.answers.pop(0)
            if any(record["path"] == self.refused for record in records):
                return 422
            for record in records:
                self.records.setdefault(record["id"], record)
            self.arrived.notify_all()
            return 204

    def wait_for(self, count, timeout_seconds=20):
        with self.arrived:
            assert self.arrived.wait_for(lambda: len(self.records) >= count, timeout_seconds)
            return list(self.records.values())

    def close(self):
        self.shutdown()
        self._thread.join()
        self.server_close()


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"  # keeps connections open

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        status = self.server.take(self.headers, json.loads(body))
        self.send_response(status)
        if status == 307:
            self.send_header("Location", "/elsewhere")
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_):
        pass
