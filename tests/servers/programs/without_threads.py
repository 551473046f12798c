"""An application under a uWSGI that has no threads.

From 2.0.27 on, uWSGI always has threads, so the flag that it shows is set here.
"""

import sys

uwsgi = sys.modules.get("uwsgi")
if uwsgi and uwsgi.version_info[:3] > (2, 0, 26):
    uwsgi.has_threads = 0

from tracked import app  # noqa: E402 - Flask-Chest reads the flag

__all__ = ["app"]
