"""examples/celery, as its README.md says, with a real worker."""

from __future__ import annotations

import pytest

pytestmark = (
    pytest.mark.slow
)  # tests/jobs/test_recipes.py has the same of docs/how-to/task-queues.md


def test_a_task_is_a_job_of_the_request_that_sent_it(example, port):
    shop = example("celery")
    shop.start("celery", "-A", "shop:celery", "worker", "-P", "prefork", "-c", "1")
    client, _ = shop.serve("flask", "--app", "shop", "run", "--port", port, port=port)
    with client:
        good = client.post("/orders/7").headers["X-Request-ID"]
        bad = client.post("/orders/-1").headers["X-Request-ID"]
    records = shop.records(4)
    found = {(each.method, each.request_id): each for each in records}
    assert set(found) == {("POST", good), ("POST", bad), ("JOB", good), ("JOB", bad)}
    assert {each.route for each in records} == {"/orders/<int(signed=True):number>", "invoice"}
    assert found["POST", good].variables == {"order": 7}
    assert found["JOB", good].variables == {"attempt": 0, "result": "invoice-7.pdf"}
    assert found["JOB", good].error is None
    assert found["JOB", bad].error == "ValueError"
    assert found["JOB", bad].variables == {"attempt": 0}
    columns = ("--columns", "route,request_id,error,variables")
    shown = shop.flask("--app", "shop", "chest", "query", *columns)
    assert shown.count(good) == 2
