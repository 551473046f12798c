"""What gunicorn cannot be told on its command line."""

from __future__ import annotations

control_socket_disable = True  # it brings the master of newer versions a thread


def worker_exit(server, worker):
    """Called in a worker that ends in good order, after its last request."""
    if worker.booted:
        from tests.storm import app  # noqa: PLC0415 - the master may not have it

        app.tell_counters()
