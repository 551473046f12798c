"""A server that speaks as much of OpenAI's protocol as docs/how-to/llm-costs.md uses."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

USAGE = {"prompt_tokens": 1000, "completion_tokens": 500}


class Handler(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        assert self.path == "/chat/completions"
        assert self.headers["Authorization"] == "Bearer sk-secret"
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.send_response(200)
        self.end_headers()
        if not asked.get("stream"):
            message = {"role": "assistant", "content": "Good day"}
            answer = {"choices": [{"message": message}], "usage": USAGE}
            self.wfile.write(json.dumps(answer).encode())
            return
        assert asked["stream_options"] == {"include_usage": True}
        parts = [{"choices": [{"delta": {"content": text}}]} for text in ("Good ", "day")]
        for part in (*parts, {"choices": [], "usage": USAGE}):
            self.wfile.write(f"data: {json.dumps(part)}\n\n".encode())
        self.wfile.write(b"data: [DONE]\n\n")

    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def provider() -> Iterator[str]:
    """Serve in the `with` block; yield the base URL."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = False
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
