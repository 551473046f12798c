"""A stream that is open when the process ends in an orderly way leaves one record."""

from __future__ import annotations

import gc
import itertools
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from flask import Flask, g, stream_with_context
from werkzeug.test import EnvironBuilder

PROGRAMS = Path(__file__).parent / "programs"


def events(chest, app, stop):
    @app.get("/events")
    @chest.track("user_id", "sent")
    def view():
        g.user_id = "u-1"

        def parts():
            for number in range(1_000_000):
                g.sent = number
                yield f"data: {number}\n\n"
                if stop.is_set():
                    return

        return app.response_class(stream_with_context(parts()), mimetype="text/event-stream")


def test_closing_the_chest_records_the_streams_that_are_open_once(make_chest, recorded):
    chest, app, stop = make_chest(), Flask("shop"), threading.Event()
    events(chest, app, stop)
    chest.init_app(app)
    body = app.wsgi_app(EnvironBuilder("/events").get_environ(), lambda *_: None)
    chunks = iter(body)
    assert [next(chunks) for _ in range(3)][2] == b"data: 2\n\n"
    chest.close()
    [row] = recorded(chest, 1)
    assert (row["path"], row["status_code"], row["error"]) == ("/events", 200, None)
    assert row["variables"] == {"user_id": "u-1", "sent": 2}
    next(chunks)
    body.close()
    assert len(recorded(chest, 1)) == 1


@pytest.mark.parametrize("how", ["returns", "exits"])
@pytest.mark.slow
def test_the_end_of_the_process_records_the_streams_that_are_open(tmp_path, how):
    done = subprocess.run(
        [sys.executable, PROGRAMS / "open_stream.py", tmp_path, how],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.stdout == "data: 0\n\ndata: 1\n\n", done.stderr
    chest = Flask("reader")
    from flask_chest import FlaskChest  # noqa: PLC0415 - reads what the other process left

    reader = FlaskChest(
        chest,
        exporters={"main": f"sqlite:///{tmp_path}/chest.sqlite3"},
        journal=str(tmp_path / "journal"),
    )
    try:
        assert reader.flush(60)
        [record] = reader.store().query()
    finally:
        reader.close()
    assert (record.path, record.status_code, record.variables) == ("/events", 200, {"sent": 1})


def read_one_and_forget(body):
    next(iter(body))


def keep_the_iterator_alone(body):
    chunks = itertools.chain(body, [b"the middleware's own"])
    del body
    next(chunks)


def leave_a_generator(body):
    chunks = (chunk.upper() for chunk in body)
    del body
    next(chunks)
    chunks.close()


def leave_a_cycle(body):
    holder = [iter(body)]
    holder.append(holder)
    next(holder[0])


@pytest.mark.parametrize(
    "drop",
    [
        lambda body: None,
        read_one_and_forget,
        keep_the_iterator_alone,
        leave_a_generator,
        leave_a_cycle,
    ],
)
@pytest.mark.parametrize("how", ["flush", "the next request", "close"])
def test_a_body_that_nobody_closes_is_recorded(make_chest, recorded, drop, how):
    chest, app = make_chest(), Flask("shop")
    events(chest, app, threading.Event())
    app.add_url_rule("/other", "other", lambda: "ok")
    chest.init_app(app)
    drop(app.wsgi_app(EnvironBuilder("/events").get_environ(), lambda *_: None))
    gc.collect()
    if how == "the next request":
        app.wsgi_app(EnvironBuilder("/nowhere").get_environ(), lambda *_: None)
        body = app.wsgi_app(EnvironBuilder("/events").get_environ(), lambda *_: None)
        assert chest.stats().recorded == 1
        body.close()
    elif how == "close":
        chest.close()
        assert chest.stats().recorded == 1
    rows = recorded(chest, 2 if how == "the next request" else 1)
    assert {(row["path"], row["status_code"], row["error"]) for row in rows} == {
        ("/events", 200, None)
    }


def test_a_stream_in_a_middleware_that_keeps_the_iterator_alone_is_recorded_at_the_end(
    make_chest, recorded
):
    chest, app, stop = make_chest(), Flask("shop"), threading.Event()
    events(chest, app, stop)
    chest.init_app(app)
    chunks = iter(app.wsgi_app(EnvironBuilder("/events").get_environ(), lambda *_: None))
    next(chunks)
    gc.collect()
    chest.close()
    [row] = recorded(chest, 1)
    assert row["variables"] == {"user_id": "u-1", "sent": 0}
    stop.set()
    assert list(chunks) == []
    assert len(recorded(chest, 1)) == 1


@pytest.mark.parametrize("is_made_before", [False, pytest.param(True, marks=pytest.mark.slow)])
def test_bodies_that_nobody_closes_do_not_pile_up(make_chest, is_made_before):
    chest, app = make_chest(), Flask("shop")
    events(chest, app, threading.Event())
    served = app.wsgi_app
    chest.init_app(app)
    served = served if is_made_before else app.wsgi_app
    for _ in range(8):
        read_one_and_forget(served(EnvironBuilder("/events").get_environ(), lambda *_: None))
        gc.collect()
    assert chest.stats().recorded == 7
