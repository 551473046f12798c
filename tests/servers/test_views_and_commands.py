"""Views that fork, greenlets, commands beside a server; that of docs/explanation/servers.md."""

from __future__ import annotations

import json
import signal
from urllib.parse import urlsplit

import pytest
from support.backends import Mysql
from support.server_page import assert_on_page, rows_on_page
from support.serving import assert_identities, gunicorn, until

from flask_chest.testing.relay import Relay

SEEN = {}
"""What was seen, by what an application does."""

# -- gevent --------------------------------------------------------------------------------------


def relayed(relay, url):
    """Return the URL of a database through a relay."""
    parts = urlsplit(url)
    host, port = relay.address
    user = parts.netloc.rpartition("@")[0]
    return parts._replace(netloc=f"{user}@{host}:{port}").geturl()


def relay_to(url):
    parts = urlsplit(url)
    return Relay(parts.hostname, parts.port)


@pytest.mark.slow
def test_under_gevent_requests_continue_while_databases_do_not_answer(serve, postgres, mysql):
    command = gunicorn("--worker-class=gevent", "--workers=1")
    with relay_to(postgres) as one, relay_to(mysql) as other:
        urls = {"central": relayed(one, postgres), "second": relayed(other, mysql)}
        with serve(command, app="showing_exporters", exporters=urls) as serving:
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
    SEEN["gevent, while PostgreSQL and MariaDB do not answer"] = (
        "Requests continue; when the databases answer again, everything is delivered"
    )


# -- What an application may do ------------------------------------------------------------------

ONE_WORKER = gunicorn("--workers=1")


def by_process(serving):
    """Return path and status of the rows of each process, by its ID."""
    found = {}
    for instance, path, status in serving.stored("instance, path, status_code"):
        found.setdefault(int(instance.rpartition(":")[2]), []).append((path, status))
    return found


@pytest.mark.slow
def test_child_processes_of_a_view_record_their_own_requests(serve):
    with serve(ONE_WORKER, app="forking") as serving:
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
        assert serving.leader() == worker
        assert serving.connections() == 1
        assert_identities(serving)
        serving.end(signal.SIGTERM)
    SEEN["`os.fork` in a view, the child ends by `os._exit`"] = (
        "The child records its requests in its own segment; the parent delivers them"
    )
    SEEN["`multiprocessing` in a view: fork, spawn, forkserver"] = "The same"


@pytest.mark.slow
def test_a_forked_child_that_leaves_the_view_does_not_record_its_parents_request(serve):
    with serve(ONE_WORKER, app="forking") as serving:
        worker = int(serving.visit("/"))
        serving.get("/fork/view")  # both answer, and the child answers first
        until(lambda: len(serving.stored()) >= 3)
        found = by_process(serving)
        assert sorted(found.pop(worker)) == [("/", 200), ("/fork/view", 200)]
        assert list(found.values()) == [[("/", 200)]]
        serving.end(signal.SIGTERM)
        assert len(serving.stored()) == 3
    SEEN["`os.fork` in a view, the child ends by `sys.exit`"] = (
        "The request belongs to the parent: it is recorded once, as the parent answered it"
    )


def test_a_subprocess_runs_no_fork_hook_and_inherits_no_file_while_an_exporter_hangs(
    serve, postgres
):
    with relay_to(postgres) as relay:
        urls = {"central": relayed(relay, postgres)}
        with serve(ONE_WORKER, app="forking", exporters=urls) as serving:
            before = relay.connections
            relay.stall()
            serving.ask(times=5)
            until(lambda: relay.connections > before)  # it has connected, and waits
            for _ in range(3):
                seen = json.loads(serving.visit("/subprocess"))
                assert seen["forks"] == 0
                assert "server.log" in seen["files"]
                assert str(serving.journal) not in seen["files"]
            relay.resume()
            until(serving.has_all)
            serving.end(signal.SIGTERM)
    SEEN["`subprocess.run` in a view, while an exporter hangs"] = (
        "Runs no fork hook of Flask-Chest, so it waits for nothing; inherits none of its files"
    )


# -- Commands ------------------------------------------------------------------------------------


@pytest.mark.slow
def test_commands_start_no_threads_and_flush_delivers_what_a_killed_server_left(serve):
    with serve(gunicorn(), app="noting_threads", interval=1_000) as serving:
        serving.ask(lambda: len(serving.pids) >= 2 and len(serving.answered) >= 40)
        serving.end(signal.SIGKILL, everyone=True)
        started = serving.folder / "threads"
        assert "chest-export-main" in started.read_text()
        started.unlink()
        assert serving.stored() == []
        assert "flask-chest-sqlite" in serving.flask("chest", "plugins")
        serving.flask("chest", "query")
        assert not started.exists()
        assert serving.stored() == []
        serving.flask("chest", "flush")
        assert serving.differences() == {}
        assert set(started.read_text().split()) == {"chest-export-main", "chest-export-central"}
        assert list((serving.journal / "segments").iterdir()) == []
        assert serving.answered[-1] in serving.flask("chest", "query", "--limit=1000")
    SEEN["`flask chest plugins`, `flask chest query`"] = "Start no thread and deliver nothing"
    SEEN["`flask chest flush`, after `kill -9` of a whole server"] = (
        "Delivers the records of all answered requests; no segment is left"
    )


# -- The table -----------------------------------------------------------------------------------


def test_the_table_of_the_docs_shows_what_was_seen():
    columns = ["in an application", "what was seen"]
    if len(SEEN) == 7:
        assert_on_page(columns, list(map(list, SEEN.items())))
    page = dict(rows_on_page(columns))
    assert len(page) == 7
    assert page | SEEN == page  # some tests are left out of `make test`
