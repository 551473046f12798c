"""A server that answers as those of language models do: `python upstream.py PORT`."""

from __future__ import annotations

import contextlib
import json
import sys
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if self.headers["Authorization"] != "Bearer upstream-key":
            self._send(401, "application/json", json.dumps({"error": "no such key"}))
        elif asked["model"] == "broken-1":
            self._send(503, "application/json", json.dumps({"error": "overloaded"}))
        elif asked["model"] == "endless-1":
            self._stream_until_nobody_listens(asked)
        elif asked.get("stream"):
            self._stream(asked)
        else:
            self._send(200, "application/json", json.dumps(self._whole(asked)))

    def _whole(self, asked):
        return {**_answer(asked), "usage": USAGE, "seen": self.headers["X-Request-ID"]}

    def _stream(self, asked):
        parts = [_answer(asked), _answer(asked)]
        if asked.get("stream_options", {}).get("include_usage"):
            parts.append({"choices": [], "usage": USAGE})
        lines = [f"data: {json.dumps(part)}\n\n" for part in parts] + ["data: [DONE]\n\n"]
        self._send(200, "text/event-stream", "".join(lines))

    def _stream_until_nobody_listens(self, asked):
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Connection", "close")
        self.end_headers()
        self.close_connection = True
        with contextlib.suppress(OSError):
            while True:
                self.wfile.write(f"data: {json.dumps(_answer(asked))}\n\n".encode())
                time.sleep(0.01)

    def _send(self, status, kind, text):
        body = text.encode()
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


USAGE = {"prompt_tokens": 1_000, "completion_tokens": 500, "total_tokens": 1_500}


def _answer(asked):
    return {"model": asked["model"], "choices": [{"message": {"content": "a secret answer"}}]}


if __name__ == "__main__":
    ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()
