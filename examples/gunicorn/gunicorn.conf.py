"""Settings of gunicorn. Flask-Chest needs none of them to be right; these fit together."""

from __future__ import annotations

import os

wsgi_app = "app:app"
bind = os.environ.get("BIND", "127.0.0.1:8000")

# All workers write to one journal, and one of them delivers for all: one connection to the database
# for each exporter, however many workers there are.
workers = 3
threads = 4
worker_class = "gthread"

# A new worker goes on where the old one was. The jitter keeps them from ending all at once.
max_requests = 10_000
max_requests_jitter = 1_000

# Slowest request + CHEST_SHUTDOWN_SECONDS (2) + 1 must fit into it, and it must fit into the grace
# period of what stops gunicorn: docs/how-to/shutdown.md.
graceful_timeout = 20

# A heartbeat on a disk stops a worker whenever the disk does.
worker_tmp_dir = "/dev/shm"  # noqa: S108 - the folder of the system for this

# From 25.1 on, gunicorn makes a socket for gunicornc in a home folder: an error where none is.
# An older gunicorn passes over the setting.
control_socket_disable = True
