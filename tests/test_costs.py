"""What a request costs, in numbers that are independent of the load on the machine.

Time is measured in `benchmarks/`. Whatever raises a count here is on the path of every request.
"""

from __future__ import annotations

import collections
import subprocess
import sys

import pytest

APPLICATION = """
import gc, os, sys
from flask import Flask, g
from werkzeug.test import EnvironBuilder
from flask_chest import FlaskChest


def view():
    g.user_id, g.tenant, g.cost_cents = "u-17", "acme", 12.5
    return "ok"


def serving(kind, folder):
    app = Flask(kind)
    function, chest = view, None
    if kind != "bare":
        chest = FlaskChest(
            app,
            exporters={"main": f"sqlite:///{folder}/{kind}.sqlite3"},
            journal=f"{folder}/{kind}",
            export_interval_seconds=3_600,
            fsync="never",  # by another thread, at some time or other
        )
        if kind == "listed":
            function = chest.track("user_id", "tenant", "cost_cents")(view)
        if kind == "all":
            function = chest.track(view)
    app.add_url_rule("/", "view", function)
    environ = EnvironBuilder("/").get_environ()

    def serve(number):
        for _ in range(number):
            body = app.wsgi_app(dict(environ), lambda *_: None)
            for _chunk in body:
                pass
            body.close()

    serve(300)  # what is made once has been made
    if chest is not None:
        assert chest.flush(timeout=60)  # and in other threads, too
    return serve
"""

COUNT = """
served = {kind: serving(kind, sys.argv[1]) for kind in ("bare", "untracked", "listed", "all")}
for kind, serve in served.items():
    counts = {"call": 0, "c_call": 0}

    def count(frame, event, argument):
        if event in counts:
            counts[event] += 1

    gc.disable()  # it may call something
    sys.setprofile(count)
    serve(200)
    sys.setprofile(None)
    gc.enable()
    print(kind, counts["call"] / 200, counts["c_call"] / 200)
"""

RETAIN = """
import flask_chest_sqlite.store  # which other threads import at some time, like APScheduler
import apscheduler.executors.debug, apscheduler.schedulers.blocking, apscheduler.triggers.interval

for kind in ("untracked", "listed", "all"):
    serve = serving(kind, sys.argv[1])
    serve(2_000)
    gained = []
    for _ in range(5):  # another thread may take or leave something meanwhile
        gc.collect()
        before = sys.getallocatedblocks()
        serve(1_000)
        gc.collect()
        gained.append(sys.getallocatedblocks() - before)
    print(kind, sorted(gained)[2])
"""

TRACE = """
kept = []  # an application that is collected would end its threads meanwhile
for kind in ("bare", "untracked", "listed", "all"):
    serve = serving(kind, sys.argv[1])
    kept.append(serve)
    os.access(f"/{kind} begins", os.F_OK)
    serve(500)
    os.access("/it ends", os.F_OK)
os._exit(0)
"""


def run(code, folder, *before):
    done = subprocess.run(
        [*before, sys.executable, "-c", APPLICATION + code, folder],
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
    )
    return [line.split() for line in done.stdout.splitlines()]


def test_a_request_makes_no_more_calls_than_it_needs(tmp_path):
    found = {kind: (float(py), float(c)) for kind, py, c in run(COUNT, tmp_path)}
    calls = {
        kind: (found[kind][0] - found["bare"][0], found[kind][1] - found["bare"][1])
        for kind in ("untracked", "listed", "all")
    }
    # Python's functions, and built-in ones; one more is for what is not done each time.
    assert calls["untracked"][0] <= 3.5, calls
    assert calls["untracked"][1] <= 3.5, calls
    assert calls["listed"][0] <= 17, calls
    assert calls["listed"][1] <= 35, calls
    assert calls["all"][0] <= 17, calls
    assert calls["all"][1] <= 35, calls


@pytest.mark.slow
def test_a_request_leaves_nothing_in_memory(tmp_path):
    for kind, blocks in run(RETAIN, tmp_path):
        assert abs(int(blocks)) < 100, f"{kind}: so many blocks are left of 1,000 requests"


def test_a_tracked_request_makes_one_system_call_which_writes_the_record(tmp_path):
    log = tmp_path / "calls"
    run(TRACE, tmp_path, "strace", "-f", "-o", log)
    calls: dict[str, collections.Counter[str]] = {}
    kind, thread = "", ""
    for line in log.read_text().splitlines():
        number, _, call = line.partition(" ")
        call = call.strip()
        if " begins" in call:
            kind, thread = call.partition('"/')[2].partition(" ")[0], number
            calls[kind] = collections.Counter()
        elif '"/it ends"' in call:
            kind = ""
        elif kind and number == thread and not call.startswith("<... "):  # the rest of one
            calls[kind][call.partition("(")[0]] += 1
    # When memory is returned, and whether another thread has the interpreter, differs each time.
    passed_over = {"brk", "mmap", "munmap", "madvise", "mremap", "futex"}
    for kind, made in calls.items():
        wanted = {"write": 500} if kind in {"listed", "all"} else {}
        assert {name: n for name, n in made.items() if name not in passed_over} == wanted, kind
    assert list(calls) == ["bare", "untracked", "listed", "all"]


@pytest.mark.parametrize("kind", ["listed", "all"])
def test_the_counted_requests_are_recorded(tmp_path, kind):
    run(f"serve = serving({kind!r}, sys.argv[1]); serve(10); os._exit(0)", tmp_path)
    segments = (tmp_path / kind / "segments").glob("*.jsonl")
    lines = b"".join(segment.read_bytes() for segment in segments).splitlines()
    assert len(lines) == 310
    assert all(b'"user_id":"u-17"' in line for line in lines)
