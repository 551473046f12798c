"""A pytest plugin for the tests of a public application, which run in a process of their own.

It reports the outcome of each test and each request that Flask began. When `WATCH_TRACKED` names
the package, it attaches Flask-Chest to the application first, as its authors would.
"""

from __future__ import annotations

import functools
import gc
import json
import logging
import os
import threading
import time
import weakref
from pathlib import Path

import pytest
from flask import request, request_started

outcomes = {}
requests = []
said = []
more = {}  # what another plugin adds to the report
stats = {}  # by number of the application
apps = weakref.WeakKeyDictionary()  # must not keep an application alive


def note_request(_app, **_):
    requests.append([request.method, request.path])


request_started.connect(note_request)


class Listener(logging.Handler):
    def emit(self, record):
        said.append(f"{record.levelname} {record.getMessage()}")


def attach(package):
    from flask_chest import FlaskChest  # noqa: PLC0415 - the untracked run must not import it

    chest = FlaskChest(track_all=True, testing="deliver")
    logging.getLogger("flask_chest").addHandler(Listener(logging.WARNING))

    def init(app):
        chest.init_app(app)
        apps[app] = len(stats)
        stats[apps[app]] = {}
        return app

    def note_stats():
        for app, number in list(apps.items()):
            with app.app_context():
                now = chest.stats(process=True)
            stats[number] = {
                "recorded": now.recorded,
                "dropped": now.dropped,
                "plugin_errors": now.plugin_errors,
                "capture_errors": now.capture_errors,
            }

    module = __import__(package)
    if package == "flaskr":
        create_app = module.create_app

        @functools.wraps(create_app)
        def create_tracked_app(*arguments, **named):
            return init(create_app(*arguments, **named))

        module.create_app = create_tracked_app
    else:
        init(module.app)
    return note_stats


def nothing():
    pass


tracked = os.environ.get("WATCH_TRACKED")
note_stats = attach(tracked) if tracked else nothing


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_teardown():
    note_stats()


def pytest_runtest_logreport(report):
    if report.when == "call" or report.outcome != "passed":
        outcomes[f"{report.nodeid} {report.when}"] = report.outcome


def idle_threads():
    """Return the names of threads that belong to no living application."""
    deadline = time.monotonic() + 60
    while True:
        gc.collect()
        threads = [t.name for t in threading.enumerate() if t is not threading.main_thread()]
        if len(threads) <= 3 * len(apps) or time.monotonic() > deadline:
            return threads[3 * len(apps) :]
        time.sleep(0.02)


def pytest_sessionfinish():
    report = {
        "outcomes": outcomes,
        "requests": requests,
        "said": said,
        "stats": list(stats.values()),
        "idle_threads": idle_threads(),
        **more,
    }
    Path(os.environ["WATCH_REPORT"]).write_text(json.dumps(report), "utf-8")
