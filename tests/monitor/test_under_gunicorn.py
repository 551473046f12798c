"""Several workers of gunicorn, asked over HTTP: whichever answers, the numbers are the host's."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import sys
import time
from pathlib import Path

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families
from support.serving import Serving, until

PROGRAM = Path(__file__).parent / "programs" / "monitored.py"
WORKERS = 3
GUNICORN = (
    *(sys.executable, "-m", "gunicorn", "app:app", "--bind", "fd://{fd}"),
    *("--worker-class", "sync"),
)


@pytest.fixture
def serve(tmp_path):
    shutil.copy(PROGRAM, tmp_path / "app.py")

    def serve(workers=WORKERS, **options):
        return Serving(tmp_path, [*GUNICORN, "--workers", str(workers)], app=None, **options)

    return serve


def get(served, view):
    # A new connection for each request: any worker may answer.
    return httpx.get(f"http://127.0.0.1:{served.port}/chest/{view}", timeout=120)


def get_or_none(served):
    """Return the answer of the new worker; None when the killed one had the connection."""
    try:
        return get(served, "live")
    except httpx.TransportError:
        return None


def scrape(served):
    """Return the samples by name and labels."""
    answer = get(served, "metrics")
    assert answer.status_code == 200
    return {
        (sample.name, *sorted(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(answer.text)
        for sample in family.samples
    }


def assert_not_back(before, after):
    for key, value in before.items():
        if key[0].endswith("_total"):
            assert after[key] >= value, key


RECORDED = ("chest_records_total",)
DELIVERED = ("chest_export_records_total", ("exporter", "main"))


@pytest.mark.slow
def test_counters_are_those_of_the_host_and_never_go_back_when_workers_are_killed(serve):
    with serve(interval=0.1) as served:
        served.ask(done=lambda: len(served.pids) >= WORKERS)
        settled = len(served.answered)
        until(lambda: scrape(served)[DELIVERED] == settled)
        time.sleep(1.5)  # the last second of each victim may be lost with it
        seen = scrape(served)
        for _ in range(3):
            victim = int(served.get("/")[0])
            served.answered.append("of the victim")
            # A scrape may be answered by the victim; what it tells must survive it.
            now = scrape(served)
            assert_not_back(seen, now)
            os.kill(victim, signal.SIGKILL)
            until(lambda: victim not in served.workers)  # noqa: B023
            for _ in range(5):
                served.ask(times=1)
                seen, before = scrape(served), now
                assert_not_back(before, seen)
                now = seen
        expected = len(served.answered)
        until(lambda: len(served.stored()) == expected)
        until(lambda: scrape(served)[("chest_processes",)] == WORKERS)
        metrics = scrape(served)
        assert settled <= metrics[RECORDED] <= expected
        assert metrics[DELIVERED] >= settled
        assert metrics[("chest_leaders",)] == 1
        assert metrics[("chest_journal_writable",)] == 1
        assert 0 < metrics[("chest_journal_size_bytes",)] < metrics[("chest_journal_max_bytes",)]
        health = get(served, "health")
        assert health.status_code == 200
        assert health.json()["status"] == "ok"
        assert health.json()["processes"] == WORKERS


@pytest.mark.slow
def test_what_was_scraped_is_not_taken_back_when_its_worker_is_killed_at_once(serve):
    """Prometheus would take it for a restart at zero, and count everything again."""
    with serve(workers=1) as served:
        for number in range(1, 6):
            until(lambda: served.get("/"))  # one worker: it is counted there, and nowhere else
            seen = scrape(served)
            os.kill(served.workers[0], signal.SIGKILL)
            assert seen[RECORDED] == number
            until(lambda: get_or_none(served) is not None)
            assert_not_back(seen, scrape(served))


def test_each_worker_answers_the_same_number(serve):
    with serve() as served:
        served.ask(done=lambda: len(served.pids) >= WORKERS)
        expected = len(served.answered)
        # What another worker has counted may be a second old.
        until(lambda: scrape(served)[RECORDED] == expected)
        time.sleep(1.5)
        assert {scrape(served)[RECORDED] for _ in range(30)} == {expected}


def test_a_database_that_is_away_makes_the_host_unhealthy_and_leaves_it_ready(serve, tmp_path):
    (tmp_path / "instance").mkdir()
    refused = "postgresql://u:s3cret-word@127.0.0.1:1/away"
    with serve(exporters={"central": refused}) as served:
        served.ask(times=10)

        def is_failing():
            return scrape(served)[("chest_export_failing", ("exporter", "central"))] == 1

        until(is_failing)
        assert get(served, "live").json() == {"live": True}
        assert get(served, "ready").json() == {"ready": True}
        health = get(served, "health")
        assert health.status_code == 200  # the lag is still below its threshold
        assert health.json()["status"] == "warning"
        assert health.json()["exporters"]["central"]["pending_records"] >= 10
        assert health.json()["exporters"]["main"]["last_error"] is None
        assert "s3cret-word" not in health.text
        metrics = scrape(served)
        assert metrics[("chest_export_backlog_records", ("exporter", "central"))] >= 10
        assert metrics[("chest_export_failures_total", ("exporter", "central"))] >= 1
        pattern = (
            r"\[\d{4}-\d\d-\d\d \d\d:\d\d:\d\d [+-]\d{4}\] \[\d+\] \[WARNING\] flask_chest: "
            r"The exporter 'central' cannot"
        )
        until(lambda: re.search(pattern, served.log()))


def test_a_database_that_comes_back_makes_it_healthy(serve, postgres):
    """The server is real; it is a table of somebody else's that keeps us from delivering."""
    import psycopg  # noqa: PLC0415 - one test needs it

    with psycopg.connect(postgres, autocommit=True) as connection:
        connection.execute("CREATE TABLE chest_schema (nonsense int)")
        with serve(exporters={"central": postgres}) as served:
            served.ask(times=5)
            key = ("chest_export_failing", ("exporter", "central"))
            if scrape(served).get(key) != 1:
                until(lambda: scrape(served)[key] == 1)
            connection.execute("DROP TABLE chest_schema")
            until(lambda: scrape(served)[key] == 0)
            until(lambda: "The exporter 'central' delivers again after" in served.log())
            assert get(served, "health").json()["status"] == "ok"


def test_requests_to_the_views_are_not_recorded(serve):
    with serve() as served:
        served.ask(times=3)
        for view in ("live", "ready", "health", "metrics"):
            assert get(served, view).status_code == 200
        until(lambda: len(served.stored()) >= 3)
        assert {path for (path,) in served.stored("path")} == {"/"}
        assert json.loads(get(served, "health").text)["suppressed"] == 0
