"""Settings of gunicorn that have no command line option."""

from __future__ import annotations

control_socket_disable = True  # in newer versions it gives the master a second thread


def worker_exit(server, worker):
    """Called in a worker that ends regularly, after its last request."""
    if worker.booted:
        from tests.storm import app  # noqa: PLC0415 - the master must not import it

        app.send_counters()
