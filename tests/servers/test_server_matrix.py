"""Servers with several workers and with one process, and the table of explanation/servers.md."""

from __future__ import annotations

import os
import signal
import time
from dataclasses import dataclass

import pytest
from support.processes import threads_of
from support.server_page import assert_on_page, rows_on_page
from support.serving import (
    assert_identities,
    eventlet,
    flask_run,
    gunicorn,
    hypercorn,
    until,
    uwsgi,
    waitress,
)

SEEN = {}
"""What was seen: row of the table -> column -> text."""

ENDS = {signal.SIGTERM: "term", signal.SIGINT: "int"}


def note(row, **cells):
    SEEN.setdefault(row, {}).update(cells)


# -- Servers with workers ------------------------------------------------------------------------


@dataclass
class Row:
    command: list[str]
    requests: int = 0  # after which a worker is replaced; 0 for no such test
    recycled: int = 2  # workers to see replaced
    reload: object = signal.SIGHUP
    end: signal.Signals = signal.SIGTERM


UWSGI = ("--master", "--processes=2", "--enable-threads")
ROWS = {}
for kind in ("sync", "gthread", "gevent"):
    given = [f"--worker-class={kind}", *(["--threads=3"] if kind == "gthread" else [])]
    ROWS[f"gunicorn, {kind}"] = Row(gunicorn(*given), 10)
    ROWS[f"gunicorn, {kind}, `--preload`"] = Row(gunicorn(*given, "--preload"), 10, recycled=4)
for kind, given, end in (
    ("`processes = 2`", (), signal.SIGTERM),
    (
        "`processes = 2`, `py-call-uwsgi-fork-hooks`",
        ("--py-call-uwsgi-fork-hooks",),
        signal.SIGINT,
    ),
    ("`processes = 2`, `threads = 2`", ("--threads=2",), signal.SIGINT),
    ("`processes = 2`, `lazy-apps`", ("--lazy-apps",), signal.SIGTERM),
):
    ROWS[f"uWSGI, {kind}"] = Row(uwsgi(*UWSGI, *given), reload="w", end=end)
for kind in ("`processes = 2`", "`processes = 2`, `lazy-apps`"):
    ROWS[f"uWSGI, {kind}"].requests = 20

# `make test` has one row for each way in which workers begin; `make test-slow` has all.
BRIEFLY = {
    "gunicorn, sync",
    "gunicorn, gthread, `--preload`",
    "uWSGI, `processes = 2`",
}
RECYCLED_BRIEFLY = {"gunicorn, gthread, `--preload`"}


def marked(names, brief):
    return [pytest.param(n, marks=[] if n in brief else pytest.mark.slow) for n in names]


@pytest.mark.parametrize("name", marked(ROWS, BRIEFLY))
def test_each_worker_records_and_another_takes_over_from_a_killed_leader(serve, name):
    row = ROWS[name]
    with serve(row.command) as serving:
        serving.ask(lambda: len(serving.pids) >= 2 and len(serving.answered) >= 40)
        masters_threads = threads_of(serving.process.pid)
        until(serving.has_all)

        segments = serving.segments()
        assert set(segments) == serving.pids
        assert [len(names) for names in segments.values()] == [1, 1]
        assert len(set(map(tuple, segments.values()))) == 2
        end = time.monotonic() + 0.5  # two intervals, in which the leader delivers
        serving.ask(lambda: time.monotonic() > end)
        assert serving.connections() == 1
        until(serving.has_all)

        victim = until(serving.leader)
        os.kill(victim, signal.SIGKILL)
        serving.ask(lambda: len(serving.pids) >= 3)
        until(serving.has_all)
        assert until(serving.leader) != victim
        until(lambda: serving.connections() == 1)

        serving.ask(times=30)
        masters_threads = max(masters_threads, threads_of(serving.process.pid))
        assert serving.end(row.end) == 0
        assert serving.differences() == {}
        assert_identities(serving)
        assert masters_threads == 1
    note(name, **{ENDS[row.end]: "delivers"})
    note(
        name,
        stored="once",
        master=str(masters_threads),
        segments="one each",
        ids="unique",
        connections="1",
        killed="another takes over",
    )


@pytest.mark.parametrize(
    "name", marked([name for name, row in ROWS.items() if row.requests], RECYCLED_BRIEFLY)
)
@pytest.mark.slow
def test_recycled_and_reloaded_workers_lose_and_duplicate_nothing(serve, name):
    row = ROWS[name]
    limit = [f"--max-requests={row.requests}"]
    if row.reload == "w":
        limit.append("--min-worker-lifetime=0")
    with serve([*row.command[:-1], *limit, row.command[-1]]) as serving:
        serving.ask(lambda: len(serving.pids) >= 2 + row.recycled)
        before = set(serving.pids)
        old = serving.reload(row.reload)
        serving.ask(lambda: len(serving.pids - before) >= 2)
        until(lambda: old.isdisjoint(serving.workers))  # else the end would interrupt theirs
        serving.settle(row.requests)
        assert serving.end(signal.SIGINT) == 0
        assert serving.differences(exact=False) == {}
        assert_identities(serving)
    note(name, recycled="yes", reloaded="yes", int="delivers")


HYPERCORN = "hypercorn, `--workers 2`"


@pytest.mark.slow
def test_hypercorn_loses_nothing_though_it_ends_all_workers_once_one_has_ended(serve):
    answered = []
    ends = {signal.SIGTERM: 0, signal.SIGINT: 0, signal.SIGKILL: None}  # to the leader
    for how, code in ends.items():
        with serve(hypercorn("--workers=2")) as serving:
            serving.answered += answered
            serving.ask(lambda: len(serving.pids) >= 2)
            until(serving.has_all)
            assert threads_of(serving.process.pid) == 1
            segments = serving.segments()
            assert set(segments) == serving.pids
            assert [len(names) for names in segments.values()] == [1, 1]
            assert serving.connections() == 1
            serving.ask(times=30)
            if code is None:
                os.kill(until(serving.leader), how)
                serving.process.wait(90)  # it replaces no worker
            else:
                assert serving.end(how) == code
            # A worker that has not begun to end when the other one has ended is killed.
            serving.flask("chest", "flush")
            assert serving.differences() == {}
            assert_identities(serving)
            answered = serving.answered
    delivers = "delivers, or waits for the next start or `flask chest flush`"
    note(HYPERCORN, stored="once", master="1", segments="one each", ids="unique", connections="1")
    note(
        HYPERCORN,
        killed="the server ends; waits for the next start or `flask chest flush`",
        term=delivers,
        int=delivers,
    )


# -- Servers of one process ----------------------------------------------------------------------

ALONE = {"waitress": waitress(), "eventlet": eventlet(), "`flask run`": flask_run()}


@pytest.mark.parametrize("name", marked(ALONE, {"`flask run`"}))
@pytest.mark.slow
def test_records_of_a_killed_server_are_delivered_by_the_next_start_or_a_flush(serve, name):
    answered = []
    for how in (signal.SIGKILL, signal.SIGTERM):  # SIGTERM ends these servers at once
        with serve(ALONE[name], interval=1_000) as killed:
            killed.ask(times=20)
            [names] = killed.segments().values()
            assert len(names) == 1
            assert killed.end(how) == -how
            assert len(killed.stored()) == len(answered)
            answered += killed.answered
            if how == signal.SIGKILL:
                killed.flask("chest", "flush")
                killed.answered = answered
                assert killed.differences() == {}
    with serve(ALONE[name]) as serving:
        serving.answered += answered
        serving.ask(times=5)
        until(serving.has_all)
        assert serving.connections() == 1
        serving.ask(times=20)
        serving.end(signal.SIGINT)
        assert serving.differences() == {}
        assert_identities(serving)
    waits = "waits for the next start or `flask chest flush`"
    note(name, stored="once", segments="one", ids="unique", connections="1")
    note(name, killed=waits, term=waits, int="delivers")


@pytest.mark.slow
def test_the_reloader_restarts_the_application_and_its_parent_delivers_nothing(serve):
    with serve(flask_run("--debug")) as serving:
        serving.ask(times=20)
        parent = serving.process.pid
        assert parent not in serving.pids
        (serving.folder / "app.py").touch()
        serving.ask(lambda: len(serving.pids) >= 2)
        until(lambda: serving.has_all(exact=False))
        assert serving.connections() == 1
        assert threads_of(parent) == 1
        assert parent not in serving.segments()
        assert serving.leader() != parent
        serving.ask(times=20)
        serving.end(signal.SIGINT, everyone=True)
        assert serving.differences(exact=False) == {}
        assert_identities(serving)
    note(
        "`flask run --debug`, reloading",
        stored="once",
        master="1",
        segments="one",
        ids="unique",
        connections="1",
        reloaded="yes",
        int="delivers",
    )


@pytest.mark.slow
@pytest.mark.parametrize("command", [uwsgi(*UWSGI), uwsgi("--enable-threads")])
def test_a_request_made_while_uwsgis_master_loads_breaks_no_worker(serve, command):
    with serve(command, app="warm") as serving:
        serving.ask(
            lambda: len(serving.pids) >= 1 + ("--master" in command) and len(serving.answered) >= 40
        )
        until(lambda: serving.has_all(exact=False))
        assert threads_of(serving.process.pid) == 1 or "--master" not in command
        segments = serving.segments()
        assert segments.keys() >= serving.pids
        assert len({name for names in segments.values() for name in names}) == len(segments)
        assert serving.connections() == 1
        assert_identities(serving)
        assert serving.end(signal.SIGTERM) == 0
        assert serving.differences(exact=False) == {}
        assert len(serving.stored()) == len(serving.answered) + 1


@pytest.mark.slow
def test_uwsgi_without_threads_logs_that_and_leaves_delivery_to_another_process(serve):
    with serve(uwsgi("--master", "--processes=2"), app="without_threads") as serving:
        serving.ask(lambda: len(serving.pids) >= 2 and len(serving.answered) >= 40)
        assert [threads_of(pid) for pid in [serving.process.pid, *serving.workers]] == [1, 1, 1]
        assert len(serving.segments()) == 2
        assert serving.log().count("uWSGI runs without threads") == 2
        assert serving.leader() is None
        assert serving.connections() == 0
        serving.flask("chest", "flush")
        assert serving.differences() == {}
        serving.ask(times=20)
        assert serving.end(signal.SIGTERM) == 0
        serving.flask("chest", "flush")
        assert serving.differences() == {}
        assert_identities(serving)
    note(
        "uWSGI, `processes = 2`, no threads (up to 2.0.26)",
        stored="once",
        master="1",
        segments="one each",
        ids="unique",
        connections="0",
        killed="no process delivers: `flask chest flush`",
        term="waits for `flask chest flush`",
    )


# -- The table -----------------------------------------------------------------------------------

COLUMNS = {
    "master": "threads in the master",
    "segments": "segments of the workers",
    "ids": "IDs",
    "stored": "answered requests stored",
    "connections": "connections to PostgreSQL",
    "killed": "`kill -9` of the leader",
    "recycled": "`max-requests`",
    "reloaded": "reload",
    "term": "SIGTERM",
    "int": "SIGINT",
}
EXPECTED_ROWS = [
    *ROWS,
    "uWSGI, `processes = 2`, no threads (up to 2.0.26)",
    HYPERCORN,
    *ALONE,
    "`flask run --debug`, reloading",
]


@pytest.mark.parametrize(
    "_of", ["make test", pytest.param("make test-slow", marks=pytest.mark.slow)]
)
def test_the_table_of_the_docs_shows_what_was_seen(_of):
    columns = ["server", *COLUMNS.values()]
    recycled = [name for name, row in ROWS.items() if row.requests]
    if all("stored" in SEEN.get(row, {}) for row in EXPECTED_ROWS) and all(
        "recycled" in SEEN[row] for row in recycled
    ):
        rows = [[row, *(SEEN[row].get(column, "") for column in COLUMNS)] for row in EXPECTED_ROWS]
        assert_on_page(columns, rows)
    page = {name: cells for name, *cells in rows_on_page(columns)}
    assert list(page) == EXPECTED_ROWS
    for row, seen in SEEN.items():
        told = dict(zip(COLUMNS, page[row], strict=True))
        assert {name: told[name] for name in seen} == seen, row
