"""The application under real servers, and the page of the docs that says what was seen.

`CHEST_WRITE_DOCS=1` renews the page.
"""

from __future__ import annotations

import json
import os
import signal
import time
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from support.backends import Mysql
from support.serving import (
    APP,
    QUIET,
    Serving,
    flask_run,
    gunicorn,
    threads_of,
    until,
    uwsgi,
    waitress,
)

from flask_chest.testing.relay import Relay

PAGE = Path(__file__).parents[2] / "docs" / "servers.md"

SEEN = {}
"""Row of the page -> column -> what was seen."""

SAID = {}
"""What an application may do -> what was seen."""


ENDS = {signal.SIGTERM: "term", signal.SIGINT: "int"}


def note(row, **cells):
    SEEN.setdefault(row, {}).update(cells)


# -- Servers with workers ------------------------------------------------------------------------


@dataclass
class Row:
    command: list[str]
    requests: int = 0  # after which a worker is replaced
    recycled: int = 2  # workers
    reload: object = signal.SIGHUP
    end: signal.Signals = signal.SIGTERM
    files: dict[str, str] = field(default_factory=dict)


UWSGI = ("--master", "--processes=2", "--enable-threads")
ROWS = {}
for kind in ("sync", "gthread", "gevent"):
    given = [f"--worker-class={kind}", *(["--threads=3"] if kind == "gthread" else [])]
    ROWS[f"gunicorn, {kind}"] = Row(gunicorn(*given), 10, files=QUIET)
    ROWS[f"gunicorn, {kind}, `--preload`"] = Row(
        gunicorn(*given, "--preload"), 10, recycled=4, files=QUIET
    )
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


@pytest.fixture
def serve(tmp_path, postgres):
    """Return what starts a row's server."""

    def start(command, files=(), **options):
        for name, content in dict(files).items():
            (tmp_path / name).write_text(content)
        return Serving(tmp_path, command, postgres, **options)

    return start


def assert_identities(serving):
    """No two records share random bits, and each says which process recorded it."""
    rows = serving.stored()
    assert len({record_id[-15:] for record_id, *_ in rows}) == len(rows)
    for _, _, instance, pid in rows:
        assert instance.endswith(f":{pid}")


@pytest.mark.parametrize("name", ROWS)
def test_each_worker_records_one_delivers_and_another_takes_over(serve, name):
    row = ROWS[name]
    with serve(row.command, row.files) as serving:
        serving.ask(lambda: len(serving.pids) >= 2 and len(serving.answered) >= 40)
        masters_threads = threads_of(serving.process.pid)
        until(serving.has_all)

        segments = serving.segments()
        assert set(segments) == serving.pids
        assert [len(names) for names in segments.values()] == [1, 1]
        assert len(set(map(tuple, segments.values()))) == 2
        end = time.monotonic() + 0.5  # two intervals: whoever delivers has something to deliver
        serving.ask(lambda: time.monotonic() > end)
        assert serving.connections() == 1
        until(serving.has_all)

        victim = until(serving.holder)
        os.kill(victim, signal.SIGKILL)
        serving.ask(lambda: len(serving.pids) >= 3)
        until(serving.has_all)  # by itself
        heir = until(serving.holder)
        assert heir != victim
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


@pytest.mark.parametrize("name", [name for name, row in ROWS.items() if row.requests])
def test_workers_that_are_recycled_and_reloaded_lose_and_repeat_nothing(serve, name):
    row = ROWS[name]
    limit = [f"--max-requests={row.requests}"]
    if row.reload == "w":
        limit.append("--min-worker-lifetime=0")
    with serve([*row.command[:-1], *limit, row.command[-1]], row.files) as serving:
        serving.ask(lambda: len(serving.pids) >= 2 + row.recycled)
        before = set(serving.pids)
        old = serving.reload(row.reload)
        serving.ask(lambda: len(serving.pids - before) >= 2)
        until(lambda: old.isdisjoint(serving.workers))  # or the end would cut theirs off
        serving.settle(row.requests)
        assert serving.end(signal.SIGINT) == 0
        assert serving.differences(exact=False) == {}
        assert_identities(serving)
    note(name, recycled="yes", reloaded="yes", int="delivers")


# -- Servers of one process ----------------------------------------------------------------------

ALONE = {"waitress": waitress(), "`flask run`": flask_run()}


@pytest.mark.parametrize("name", ALONE)
def test_what_a_server_of_one_process_leaves_is_delivered_by_the_next_or_by_a_flush(serve, name):
    answered = []
    for how in (signal.SIGKILL, signal.SIGTERM):  # neither server handles SIGTERM
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
        assert serving.holder() != parent
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


WARM = f"""{APP}
app.test_client().get("/")
"""


@pytest.mark.parametrize("command", [uwsgi(*UWSGI), uwsgi("--enable-threads")])
def test_a_request_that_uwsgis_master_makes_while_it_loads_spoils_no_worker(serve, command):
    with serve(command, app=WARM) as serving:
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


# From 2.0.27 on, uWSGI has no way to go without threads, so the flag that it shows is set by hand.
NO_THREADS = f"""
import sys
uwsgi = sys.modules.get("uwsgi")
if uwsgi and uwsgi.version_info[:3] > (2, 0, 26):
    uwsgi.has_threads = 0
{APP}
"""


def test_uwsgi_without_threads_says_so_and_leaves_delivery_to_another_process(serve):
    with serve(uwsgi("--master", "--processes=2"), app=NO_THREADS) as serving:
        serving.ask(lambda: len(serving.pids) >= 2 and len(serving.answered) >= 40)
        assert [threads_of(pid) for pid in [serving.process.pid, *serving.workers]] == [1, 1, 1]
        assert len(serving.segments()) == 2
        assert serving.log().count("uWSGI runs without threads") == 2
        assert serving.holder() is None
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


# -- gevent --------------------------------------------------------------------------------------

SHOWING = f"""{APP}
@app.get("/exporters")
def exporters():
    return {{
        name: [one.failures, one.lag_seconds] for name, one in chest.stats().exporters.items()
    }}
"""


def through(relay, url):
    parts = urlsplit(url)
    host, port = relay.address
    user = parts.netloc.rpartition("@")[0]
    return parts._replace(netloc=f"{user}@{host}:{port}").geturl()


def relay_to(url):
    parts = urlsplit(url)
    return Relay(parts.hostname, parts.port)


def test_with_gevent_requests_go_on_while_deliveries_wait_for_databases(serve, postgres, mysql):
    command = gunicorn("--worker-class=gevent", "--workers=1")
    with relay_to(postgres) as one, relay_to(mysql) as other:
        urls = {"central": through(one, postgres), "second": through(other, mysql)}
        with serve(command, QUIET, app=SHOWING, exporters=urls) as serving:
            serving.ask(times=20)
            until(serving.has_all)
            one.stall()
            other.stall()

            def are_waiting():
                serving.ask(times=1)
                shown = json.loads(serving.get("/exporters")[0])
                assert shown["central"][0] == shown["second"][0] == 0
                return min(shown["central"][1], shown["second"][1]) > 2  # 8 intervals

            until(are_waiting)
            one.resume()
            other.resume()
            until(serving.has_all)
            serving.end(signal.SIGTERM)
            assert sorted(Mysql(mysql).ids()) == sorted(serving.answered)
    SAID["gevent, while PostgreSQL and MariaDB say nothing"] = (
        "Requests go on; when the databases answer again, all arrives"
    )


# -- What an application may do ------------------------------------------------------------------

BUSY = f"""{APP}
import multiprocessing, subprocess, sys

forks = []
os.register_at_fork(before=lambda: forks.append(1))


def work():
    with app.test_client() as client:
        client.get("/")


@app.get("/fork/<end>")
@chest.track("pid")
def fork(end):
    g.pid = os.getpid()
    child = os.fork()
    if child == 0:
        work()
        if end == "view":
            sys.exit(3)
        os._exit(0)
    os.waitpid(child, 0)
    return str(child)


@app.get("/multiprocessing/<method>")
@chest.track("pid")
def process(method):
    g.pid = os.getpid()
    process = multiprocessing.get_context(method).Process(target=work)
    process.start()
    process.join()
    assert process.exitcode == 0
    return str(process.pid)


@app.get("/subprocess")
@chest.track("pid")
def spawn():
    g.pid = os.getpid()
    del forks[:]
    for _ in range(5):
        files = subprocess.run(
            ["ls", "-l", "/proc/self/fd"], stdout=-1, text=True, check=True, close_fds=False
        ).stdout
    return {{"forks": len(forks), "files": files}}
"""
ONE_WORKER = gunicorn("--workers=1")


def by_process(serving):
    """Return the ID of each row's process -> path and status of its rows."""
    found = {}
    for instance, path, status in serving.stored("instance, path, status_code"):
        found.setdefault(int(instance.rpartition(":")[2]), []).append((path, status))
    return found


def test_children_that_views_fork_or_start_record_for_themselves(serve):
    with serve(ONE_WORKER, QUIET, app=BUSY) as serving:
        worker = int(serving.visit("/"))
        paths = ["/fork/_exit"]
        paths += [f"/multiprocessing/{method}" for method in ("fork", "spawn", "forkserver")]
        workers_rows, childrens_rows = [("/", 200)], {}
        for path in paths:
            child = int(serving.visit(path))
            workers_rows.append((path, 200))
            childrens_rows[child] = [("/", 200)]
        until(lambda: len(serving.stored()) == 9)
        found = by_process(serving)
        assert sorted(found.pop(worker)) == sorted(workers_rows)
        assert found == childrens_rows
        assert serving.holder() == worker
        assert serving.connections() == 1
        assert_identities(serving)
        serving.end(signal.SIGTERM)
    SAID["`os.fork` in a view, the child ends by `os._exit`"] = (
        "The child records its own requests in a segment of its own; the parent delivers them"
    )
    SAID["`multiprocessing` in a view: fork, spawn, forkserver"] = "The same"


def test_a_forked_child_that_leaves_the_view_does_not_record_its_parents_request(serve):
    with serve(ONE_WORKER, QUIET, app=BUSY) as serving:
        worker = int(serving.visit("/"))
        serving.get("/fork/view")  # both answer, and the child is faster
        until(lambda: len(serving.stored()) >= 3)
        found = by_process(serving)
        assert sorted(found.pop(worker)) == [("/", 200), ("/fork/view", 200)]
        assert list(found.values()) == [[("/", 200)]]
        serving.end(signal.SIGTERM)
        assert len(serving.stored()) == 3
    SAID["`os.fork` in a view, the child ends by `sys.exit`"] = (
        "The request is the parent's: it is recorded once, as the parent answered it"
    )


def test_a_subprocess_runs_no_hook_and_inherits_no_file_while_an_exporter_hangs(serve, postgres):
    with relay_to(postgres) as relay:
        urls = {"central": through(relay, postgres)}
        with serve(ONE_WORKER, QUIET, app=BUSY, exporters=urls) as serving:
            before = relay.connections
            relay.stall()
            serving.ask(times=5)
            until(lambda: relay.connections > before)  # it connects, and gets no answer
            for _ in range(3):
                seen = json.loads(serving.visit("/subprocess"))
                assert seen["forks"] == 0
                assert "server.log" in seen["files"]
                assert str(serving.journal) not in seen["files"]
            relay.resume()
            until(serving.has_all)
            serving.end(signal.SIGTERM)
    SAID["`subprocess.run` in a view, while an exporter hangs"] = (
        "Runs none of our fork hooks, so it waits for nothing; it inherits none of our files"
    )


# -- Commands ------------------------------------------------------------------------------------

WATCHED = f"""
import threading

class Watched(threading.Thread):
    def start(self):
        with open("threads", "a") as file:
            print(self.name, file=file)
        super().start()

threading.Thread = Watched
{APP}
"""


def test_commands_start_no_server_threads_and_flush_delivers_what_a_killed_server_left(serve):
    with serve(gunicorn(), QUIET, app=WATCHED, interval=1_000) as serving:
        serving.ask(lambda: len(serving.pids) >= 2 and len(serving.answered) >= 40)
        serving.end(signal.SIGKILL, everyone=True)
        started = serving.folder / "threads"
        assert "chest-export-main" in started.read_text()
        started.unlink()
        assert serving.stored() == []
        assert "flask-chest-sqlite" in serving.flask("chest", "plugins")
        serving.flask("chest", "records")
        assert not started.exists()
        assert serving.stored() == []
        serving.flask("chest", "flush")
        assert serving.differences() == {}
        assert set(started.read_text().split()) == {"chest-export-main", "chest-export-central"}
        assert list((serving.journal / "segments").iterdir()) == []
        assert serving.answered[-1] in serving.flask("chest", "records", "--limit=1000")
    SAID["`flask chest plugins`, `flask chest records`"] = "Start no thread, and deliver nothing"
    SAID["`flask chest flush`, after `kill -9` of a whole server"] = (
        "Delivers all that was answered; no segment is left"
    )


# -- The page ------------------------------------------------------------------------------------

COLUMNS = {
    "master": "threads in the master",
    "segments": "segments of the workers",
    "ids": "IDs",
    "stored": "answered requests stored",
    "connections": "connections to PostgreSQL",
    "killed": "`kill -9` of the holder",
    "recycled": "`max-requests`",
    "reloaded": "reload",
    "term": "SIGTERM",
    "int": "SIGINT",
}
EXPECTED_ROWS = [
    *ROWS,
    "uWSGI, `processes = 2`, no threads (up to 2.0.26)",
    *ALONE,
    "`flask run --debug`, reloading",
]


def page():
    prose, _, _ = PAGE.read_text("utf-8").partition("## What was run")
    rows = [[row, *(SEEN[row].get(column, "") for column in COLUMNS)] for row in EXPECTED_ROWS]
    table = [["server", *COLUMNS.values()], ["---"] * (1 + len(COLUMNS)), *rows]
    also = [["in an application", "what was seen"], ["---"] * 2, *map(list, SAID.items())]
    return "\n".join(
        [
            prose.rstrip(),
            "",
            "## What was run",
            "",
            "Each row delivered to SQLite and PostgreSQL. An empty cell was not run.",
            "",
            *(f"| {' | '.join(row)} |" for row in table),
            "",
            *(f"| {' | '.join(row)} |" for row in also),
            "",
            "The tables are generated: `CHEST_WRITE_DOCS=1 .venv/bin/python -m pytest",
            "tests/servers/test_server_matrix.py`.",
            "",
        ]
    )


def test_the_page_says_what_was_seen():
    recycled = [name for name, row in ROWS.items() if row.requests]
    if (
        not all("stored" in SEEN.get(row, {}) for row in EXPECTED_ROWS)
        or not all("recycled" in SEEN.get(row, {}) for row in recycled)
        or len(SAID) < 7
    ):
        pytest.skip("needs all other tests of this file to have passed")
    made = page()
    if os.environ.get("CHEST_WRITE_DOCS"):
        PAGE.write_text(made, "utf-8")
    assert PAGE.read_text("utf-8") == made
