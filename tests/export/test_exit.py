"""How processes end, while a database is well, refuses or says nothing, and exporters hang."""

from __future__ import annotations

import contextlib
import os
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from support.serving import Serving, gunicorn, until, waitress

from flask_chest.journal import MemoryJournal
from flask_chest.runtime.counters import Counters
from flask_chest.runtime.log import Throttle
from flask_chest.testing import Relay

PROGRAMS = Path(__file__).parent / "programs"

PATIENCE_SECONDS = 2.0  # CHEST_SHUTDOWN_SECONDS, as it is by default
BOUND_SECONDS = PATIENCE_SECONDS + 20.0  # what a busy machine may add; a hang takes 30 or more


@pytest.fixture
def relay(postgres):
    parts = urlsplit(postgres)
    with Relay(parts.hostname, parts.port) as relay:
        yield relay


@pytest.fixture
def behind(postgres, relay):
    """Return the URL of the database behind the relay; its store waits long for an answer."""
    parts = urlsplit(postgres)
    place = f"{parts.netloc.rpartition('@')[0]}@{relay.address[0]}:{relay.address[1]}"
    return f"{parts._replace(netloc=place).geturl()}?timeout_seconds=60&connect_timeout_seconds=60"


TROUBLES = {"refuses": Relay.cut, "says nothing": Relay.stall}
ENDS = {"SIGTERM": signal.SIGTERM, "SIGINT": signal.SIGINT}


@pytest.mark.parametrize(
    ("trouble", "end"),
    [
        pytest.param(TROUBLES[trouble], ENDS[end], id=f"{trouble}-{end}", marks=marks)
        for trouble, end, marks in (
            ("refuses", "SIGTERM", ()),
            ("says nothing", "SIGINT", pytest.mark.slow),
            ("refuses", "SIGINT", pytest.mark.slow),
            ("says nothing", "SIGTERM", pytest.mark.slow),
        )
    ],
)
def test_a_server_ends_in_time_though_the_database_does_not_and_nothing_is_lost(
    tmp_path, postgres, behind, relay, trouble, end
):
    exporters = {"central": behind}
    with Serving(tmp_path, gunicorn(), None, exporters=exporters, interval=0.1) as serving:
        serving.ask(lambda: len(serving.pids) == 2)
        serving.postgres = postgres
        until(serving.has_all)
        trouble(relay)
        serving.ask(times=50)
        began = time.monotonic()
        assert serving.end(end) == 0
        assert time.monotonic() - began < BOUND_SECONDS
        stored = set(serving.stored_centrally())
        assert not set(serving.answered) <= stored, "else there was no trouble"
        assert {request_id for (request_id,) in serving.stored("request_id")} == set(
            serving.answered
        ), "the other exporter was not held up"
        relay.restore()
        relay.resume()
        assert "0 bytes waiting" in serving.flask("chest", "flush")
        assert serving.has_all()


@pytest.mark.slow
def test_without_time_at_its_end_a_server_leaves_its_records_to_the_next(tmp_path, monkeypatch):
    monkeypatch.setenv("FLASK_CHEST_SHUTDOWN_SECONDS", "0")
    with Serving(tmp_path, gunicorn(), interval=1_000) as serving:
        serving.ask(times=50)
        assert serving.end(signal.SIGTERM) == 0
        assert serving.stored() == []
        said = f"main: {len(serving.answered)} delivered, 0 bytes waiting"
        assert said in serving.flask("chest", "flush")
        assert serving.has_all()


@pytest.mark.slow
def test_a_server_that_runs_no_exit_handlers_leaves_its_records_to_the_next(tmp_path):
    with Serving(tmp_path, waitress(), interval=1_000) as serving:
        serving.ask(times=50)
        assert serving.end(signal.SIGTERM) == -signal.SIGTERM
        assert serving.stored() == []
        serving.flask("chest", "flush")
        assert serving.has_all()


# -- Exporters that hang ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    "where", ["export", *(pytest.param(each, marks=pytest.mark.slow) for each in ("open", "close"))]
)
def test_a_process_ends_in_time_though_an_exporter_hangs(tmp_path, where):
    process = subprocess.Popen(
        [sys.executable, PROGRAMS / "ends_while_an_exporter_hangs.py", where, tmp_path],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout.readline() == "hangs\n"
    began = time.monotonic()
    process.communicate("end\n", timeout=60)
    assert process.returncode == 0
    assert time.monotonic() - began < BOUND_SECONDS
    with contextlib.closing(sqlite3.connect(tmp_path / "chest.sqlite3")) as connection:
        assert connection.execute("SELECT count(*) FROM chest_records").fetchone() == (20,)


# -- Signals during the end ----------------------------------------------------------------------


@pytest.mark.parametrize(
    "signals",
    [
        [signal.SIGTERM] * 3,
        *(pytest.param([each], marks=pytest.mark.slow) for each in (signal.SIGTERM, signal.SIGINT)),
    ],
)
def test_a_signal_while_a_process_delivers_at_its_end_cuts_nothing_off(tmp_path, signals):
    process = subprocess.Popen(
        [sys.executable, PROGRAMS / "ends_slowly.py", tmp_path], stdout=subprocess.PIPE, text=True
    )
    for each in signals:
        assert process.stdout.readline() == "delivers\n"
        process.send_signal(each)
    process.communicate(timeout=120)
    with contextlib.closing(sqlite3.connect(tmp_path / "chest.sqlite3")) as connection:
        assert connection.execute("SELECT count(*) FROM chest_records").fetchone() == (30,)


def test_a_signal_handler_may_count_and_look_while_it_interrupts_the_same():
    """Whatever runs in the middle of a change, in the same thread, as a handler does."""
    counters = Counters()
    reader = MemoryJournal(["main"], counters, Throttle()).reader("main")
    seen = []

    class Number(int):
        def __radd__(self, other):
            seen.append(counters.by_reason("dropped"))
            return other + int(self)

    class Line(bytes):
        def __len__(self):
            seen.append(reader.pending()[0])
            return super().__len__()

    def change():
        counters.add("dropped", "torn", Number(1))
        reader.add(Line(b"{}\n"))

    thread = threading.Thread(target=change, daemon=True)
    thread.start()
    thread.join(10)
    assert not thread.is_alive()
    assert seen[:2] == [{}, 0]
    assert counters.by_reason("dropped") == {"torn": 1}
    assert reader.pending()[0] == 3


# -- More than can be delivered in time -----------------------------------------------------------


@pytest.mark.slow
def test_a_drain_stops_at_its_deadline_and_the_next_process_goes_on(tmp_path):
    def run(number, slowly, deadline):
        began = time.monotonic()
        done = subprocess.run(
            [
                sys.executable,
                PROGRAMS / "ends_with_a_backlog.py",
                tmp_path,
                str(number),
                str(deadline),
            ],
            env={**os.environ, "SLOWLY": str(slowly)},
            capture_output=True,
            text=True,
            check=True,
            timeout=120,
        )
        return done.stdout.split(), time.monotonic() - began

    def stored():
        with contextlib.closing(sqlite3.connect(tmp_path / "chest.sqlite3")) as connection:
            rows = connection.execute("SELECT request_id FROM chest_records").fetchall()
        return [request_id for (request_id,) in rows]

    answered, took = run(5_000, slowly=1.0, deadline=6.0)  # 50 batches, 50 seconds
    assert took < 45, "with 5,000 requests and a start, on a machine that is busy"
    assert 0 < len(stored()) < 5_000
    more, _ = run(1, slowly=0, deadline=30.0)  # as long as a busy machine may need
    assert sorted(stored()) == sorted(answered + more)
