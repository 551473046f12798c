"""The recipes of docs/how-to/task-queues.md, run as written, with real queues and real workers."""

from __future__ import annotations

import re
import signal
from pathlib import Path

import pytest

PAGE = (Path(__file__).parents[2] / "docs" / "how-to" / "task-queues.md").read_text("utf-8")
RECIPES = dict(re.findall(r"^## (.+?)\n.*?```python\n(.*?)```", PAGE, re.DOTALL | re.MULTILINE))

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"

ORDER = f"""
import sys
import shop

headers = {{"traceparent": "00-{TRACE}-00f067aa0ba902b7-01"}}
answer = shop.app.test_client().post("/orders/7", headers=headers)
assert answer.status_code == 200
print(answer.headers["X-Request-ID"])
"""


@pytest.fixture
def shop(host):
    """Return a function that makes the module `shop` of a recipe."""

    def make(recipe, more=""):
        (host.folder / "shop.py").write_text(RECIPES[recipe] + more)

    return make


def read_until(process, words):
    said = []
    for line in process.stdout:
        said.append(line)
        if words in line:
            return
    raise AssertionError("".join(said))


# One folder for what is sent and what is received. The newest kombu takes no redis-py that goes
# with the lowest `packaging`.
FOLDER_AS_BROKER = """
celery.conf.broker_transport_options = {
    "data_folder_in": "queue", "data_folder_out": "queue", "control_folder": "control"
}
"""


@pytest.mark.slow
def test_a_task_of_celery_is_a_job_of_the_request_that_sent_it(host, shop):
    host.environment["CELERY_BROKER_URL"] = "filesystem://"
    for name in ("queue", "control"):
        (host.folder / name).mkdir()
    shop("Celery", FOLDER_AS_BROKER)
    request_id = host.run("-c", ORDER).strip()
    pool = ("-P", "prefork", "-c", "1")
    worker = host.start("-m", "celery", "-A", "shop:celery", "worker", *pool, "-l", "INFO")
    read_until(worker, "Task resize")  # received
    read_until(worker, "succeeded")
    worker.send_signal(signal.SIGTERM)
    said, _ = worker.communicate(timeout=120)
    assert worker.returncode == 0, said
    found = host.records()
    assert sorted(found) == ["/orders/<int:number>", "resize"]
    assert found["resize"]["method"] == "JOB"
    assert {row["request_id"] for row in found.values()} == {request_id}
    assert {row["trace_id"] for row in found.values()} == {TRACE}


@pytest.mark.slow
def test_a_job_of_rq_is_a_job_of_the_request_that_sent_it(host, shop, redis_url):
    host.environment["REDIS_URL"] = redis_url
    shop("RQ")
    request_id = host.run("-c", ORDER).strip()
    worker = ["-m", "rq.cli", "worker", "--burst", "--job-class", "shop.RecordedJob"]
    host.run(*worker, "--url", host.environment["REDIS_URL"])
    found = host.records()
    assert sorted(found) == ["/orders/<int:number>", "shop.resize"]
    assert {row["request_id"] for row in found.values()} == {request_id}
    assert {row["trace_id"] for row in found.values()} == {TRACE}


@pytest.mark.slow
def test_a_command_of_flask_and_a_scheduled_function_are_jobs(host, shop):
    shop("Commands and APScheduler")
    host.run("-m", "flask", "--app", "shop", "report")
    host.run(
        "-c",
        "import datetime, threading, shop\n"
        "done = threading.Event()\n"
        "shop.scheduler.add_listener(lambda event: done.set(), 2**12)\n"  # a job was executed
        "[job] = shop.scheduler.get_jobs()\n"
        "job.modify(next_run_time=datetime.datetime.now(datetime.timezone.utc))\n"
        "shop.scheduler.start()\n"
        "assert done.wait(60)\n"
        "shop.scheduler.shutdown()\n",
    )
    found = host.records()
    assert found["report"]["variables"] == {"rows": 512}
    assert found["tidy"]["variables"] == {"orders": 3}
