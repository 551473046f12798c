"""A stream that is open when the process ends in an orderly way leaves one record."""

from __future__ import annotations

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
