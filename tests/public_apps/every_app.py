"""A pytest plugin, beside `watch`, for suites that create an application for nearly each test.

It notes at the WSGI interface what each request asked for and got. When `EVERY_APP_TRACKED` is set,
every Flask application gets a FlaskChest of its own as it is created, as its authors would do in a
factory, and each record is noted.
"""

from __future__ import annotations

import contextvars
import functools
import gc
import logging
import os
import weakref

import pytest
import watch
from flask import Flask, request

served = []  # number of the application, method, path, status, error, request ID
records = []  # the same
faults = []  # number of the application, what went wrong
numbers = weakref.WeakKeyDictionary()  # of applications, in the order of their creation
chests = weakref.WeakKeyDictionary()
busy = {}  # by number: the applications that have served since the last test
created = 0

watch.more.update(served=served, records=records, faults=faults)


def attach(app):
    from flask_chest import FlaskChest  # noqa: PLC0415 - the untracked run must not import it
    from flask_chest.testing import RecordingExporter  # noqa: PLC0415 - the same

    recording = RecordingExporter()
    chest = FlaskChest(track_all=True, journal="memory", exporters={"main": {"type": "recording"}})
    chest.register_plugin(recording)
    chest.init_app(app)
    chests[app] = chest, recording


if tracked := bool(os.environ.get("EVERY_APP_TRACKED")):
    logging.getLogger("flask_chest").addHandler(watch.Listener(logging.WARNING))

create, serve, fail = Flask.__init__, Flask.__call__, Flask.handle_exception


@functools.wraps(create)
def create_noted(app, *arguments, **named):
    global created  # noqa: PLW0603 - a count of one process
    create(app, *arguments, **named)
    numbers[app] = created
    created += 1
    if tracked:
        attach(app)


@functools.wraps(serve)
def serve_noted(app, environ, start_response):
    number = numbers[app]
    busy[number] = app
    path = environ.get("SCRIPT_NAME", "") + "/" + environ["PATH_INFO"].lstrip("/")
    path = path.encode("latin-1").decode("utf-8", "replace")
    noted = [number, environ["REQUEST_METHOD"], path, None, None, None]
    served.append(noted)
    environ["every_app.noted"] = noted

    def note_start(status, headers, *more):
        ids = [value for name, value in headers if name == "X-Request-ID"]
        noted[3], noted[5] = int(status.split()[0]), ",".join(ids) or None
        return start_response(status, headers, *more)

    return serve(app, environ, note_start)


@functools.wraps(fail)
def fail_noted(app, error):
    request.environ["every_app.noted"][4] = type(error).__qualname__
    return fail(app, error)


Flask.__init__, Flask.__call__, Flask.handle_exception = create_noted, serve_noted, fail_noted


def settle(number, chest, recording):
    """Deliver what an application left, note it, and end its threads."""
    asked = sum(each[0] == number for each in served) - sum(each[0] == number for each in records)
    if chest.stats(process=True).recorded < asked:
        gc.collect()  # ends a response that nobody closed
    if not chest.flush(60):
        faults.append([number, "not delivered"])
    now = chest.stats(process=True)
    found = recording.records
    recording.clear()
    records.extend([number, r.method, r.path, r.status_code, r.error, r.request_id] for r in found)
    if now.dropped or now.plugin_errors or now.capture_errors:
        faults.append([number, repr(now)])
    chest.close()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_teardown():
    try:
        return (yield)
    finally:
        for number, app in busy.items():
            if app in chests:
                # A context that the test left open would name another application.
                contextvars.Context().run(settle, number, *chests[app])
        busy.clear()
