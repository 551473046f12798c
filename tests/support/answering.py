"""`Answering`: whether a server answers a request now."""

from __future__ import annotations

import threading

from werkzeug.serving import WSGIRequestHandler


class Answering:
    """Counts the requests that a server is answering. Each is within a `with` block."""

    def __init__(self):
        self._changed, self._requests = threading.Condition(), 0

    def __enter__(self):
        with self._changed:
            self._requests += 1

    def __exit__(self, *_error):
        with self._changed:
            self._requests -= 1
            self._changed.notify_all()

    def is_over(self, seconds):
        """Wait until there is no request; return whether there is none."""
        with self._changed:
            return self._changed.wait_for(lambda: not self._requests, seconds)


class Handler(WSGIRequestHandler):
    """Counts what it answers in `answering` of its server.

    An application could not: a response is not closed when its client resets the connection.
    """

    def run_wsgi(self):
        with self.server.answering:
            super().run_wsgi()
