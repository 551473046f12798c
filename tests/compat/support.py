"""What each case shares: a chest, a server, and the records that are left in the database."""

from __future__ import annotations

import json
import sqlite3
import threading
import time
from contextlib import contextmanager
from pathlib import Path

import httpx
from flask import Flask, g, stream_with_context
from werkzeug.serving import make_server

from flask_chest import FlaskChest


class Case:
    """One application with one chest, in one process.

    Args:
        folder: Where the journal and the database are.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.database = folder / "chest.sqlite3"
        self.chest: FlaskChest | None = None

    def make_chest(self, **settings) -> FlaskChest:
        self.chest = FlaskChest(
            exporters={"main": f"sqlite:///{self.database}"},
            journal=str(self.folder / "journal"),
            export_interval_seconds=60.0,
            raise_errors=True,
            **settings,
        )
        return self.chest

    @contextmanager
    def client(self, served):
        """Serve a WSGI callable with werkzeug's server, and give an HTTP client."""
        server = make_server("127.0.0.1", 0, served, threaded=True)
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            with httpx.Client(base_url=f"http://127.0.0.1:{server.server_port}") as client:
                yield client
        finally:
            server.shutdown()
            thread.join()
            server.server_close()

    def records(self, expected: int) -> list[dict]:
        """Return all records in the order of their start, once `expected` are there."""
        assert self.chest is not None
        return read(self.database, expected, lambda: self.chest.flush(10))

    def only(self) -> dict:
        """Return the one record that there is."""
        [record] = self.records(1)
        stats = self.chest.stats()
        assert not stats.dropped, stats.dropped
        assert not stats.capture_errors
        return record


def add_routes(app: Flask, chest: FlaskChest) -> None:
    """Add `/plain`, `/stream` and `/fails`, which `ask` asks for."""

    @app.get("/<what>")
    @chest.track("user_id", "late")
    def index(what):
        g.user_id = "u-1"
        if what == "fails":
            raise RuntimeError("no")
        if what == "plain":
            return "ok"

        def parts():
            yield "a"
            g.late = 1
            yield "b"

        return app.response_class(stream_with_context(parts()))


def ask(case: Case, served) -> list[dict]:
    """Ask once for each route of `add_routes`, check the records, and return them."""
    with case.client(served) as client:
        answers = [client.get(f"/{what}") for what in ("plain", "stream", "fails")]
    assert [answer.status_code for answer in answers] == [200, 200, 500]
    assert answers[1].text == "ab"
    plain, stream, failed = records = case.records(3)
    check(plain, status_code=200, error=None, variables={"user_id": "u-1"})
    check(stream, status_code=200, error=None, variables={"user_id": "u-1", "late": 1})
    check(failed, status_code=500, error="RuntimeError", variables={"user_id": "u-1"})
    return records


def read(database: Path, expected: int, flush=lambda: None) -> list[dict]:
    """Return the rows of a database, once `expected` are there; fail when there are others."""
    deadline = time.monotonic() + 30
    while True:
        flush()
        rows = []
        if database.exists():
            connection = sqlite3.connect(database)
            connection.row_factory = sqlite3.Row
            try:
                rows = [
                    dict(r)
                    for r in connection.execute(
                        "SELECT * FROM chest_records ORDER BY started_at, id"
                    )
                ]
            except sqlite3.OperationalError:
                pass
            finally:
                connection.close()
        if len(rows) >= expected or time.monotonic() > deadline:
            break
        time.sleep(0.05)
    for row in rows:
        row["variables"] = json.loads(row["variables"])
    assert len(rows) == expected, rows
    return rows


def check(record: dict, **expected) -> None:
    """Assert on some fields of a record, and that the others make sense."""
    found = {name: record[name] for name in expected}
    assert found == expected, record
    assert 0 <= record["duration_ms"] < 60_000
    assert record["method"]
