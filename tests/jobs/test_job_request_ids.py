"""The request ID of a job, and what takes it to threads, queues and logs."""

from __future__ import annotations

import asyncio
import contextvars
import gc
import logging
import pickle
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from flask import Flask

from flask_chest import (
    FlaskChest,
    RequestIdFilter,
    current_request_id,
    outbound_headers,
    with_request_id,
)
from flask_chest.errors import ChestError


def test_the_request_id_and_the_trace_go_along_into_an_executor(chest, tracked, serve, recorded):
    seen = []

    @tracked.get("/")
    @chest.track("user_id")
    def index():
        def work():
            seen.append(current_request_id())
            with chest.record("work"):
                pass

        with ThreadPoolExecutor(1) as pool:
            pool.submit(with_request_id(work)).result()
            pool.submit(lambda: seen.append(current_request_id())).result()
        return current_request_id()

    headers = {"traceparent": "00-" + "a" * 32 + "-" + "b" * 16 + "-01"}
    answer = serve(tracked).get("/", headers=headers)
    assert seen == [answer.text, None]
    rows = {row["method"]: row for row in recorded(chest, 2)}
    assert rows["JOB"]["request_id"] == answer.text
    assert rows["JOB"]["trace_id"] == "a" * 32


def test_a_copied_context_carries_the_job(chest, tracked, recorded):
    seen = []
    with chest.record("outer") as job:
        context = contextvars.copy_context()
        thread = threading.Thread(
            target=context.run, args=(lambda: seen.append(current_request_id()),)
        )
        thread.start()
        thread.join()
        assert seen == [job.request_id]
    recorded(chest, 1)


def test_log_lines_and_outbound_headers_of_a_job_have_its_id(chest, tracked, recorded):
    line = logging.makeLogRecord({})
    with chest.record("report") as job:
        RequestIdFilter().filter(line)
        assert outbound_headers() == {"X-Request-ID": job.request_id}
    assert line.request_id == job.request_id
    assert outbound_headers() == {}
    recorded(chest, 1)


TRACEPARENT = f"00-{'a' * 32}-{'b' * 16}-01"


@pytest.mark.parametrize("name", [str, str.lower, str.upper])
@pytest.mark.parametrize("value", [str, str.encode])
def test_a_job_continues_with_headers_of_a_queue(chest, tracked, recorded, name, value):
    sent = {"X-Request-ID": "r-1", "traceparent": TRACEPARENT, "tracestate": "a=b"}
    given = {name(key): value(each) for key, each in sent.items()}
    with chest.continued({"id": 7, **given, "lang": None}):
        assert current_request_id() == "r-1"
        with chest.record("task"):
            assert outbound_headers() == sent
    [row] = recorded(chest, 1)
    assert (row["request_id"], row["trace_id"]) == ("r-1", "a" * 32)


@pytest.mark.parametrize(
    "headers",
    [None, {}, {"X-Request-ID": None}, {"X-Request-ID": "a b", "traceparent": "\xe9"}, {1: 2}],
)
def test_headers_that_say_nothing_leave_all_as_it_is(chest, tracked, recorded, headers):
    with chest.continued(headers):
        assert current_request_id() is None
        outer = chest.record("outer")
        with outer, chest.continued(headers), chest.record("inner") as inner:
            assert inner.request_id == outer.request_id
    assert {row["trace_id"] for row in recorded(chest, 2)} == {None}


def test_an_async_function_takes_the_request_id_along(chest, tracked, recorded):
    async def work():
        await asyncio.sleep(0)
        return current_request_id()

    with chest.record("outer") as job:
        carried = with_request_id(work)
        hidden = with_request_id(lambda: work())  # noqa: PLW0108 - no coroutine function
    assert asyncio.run(carried()) == job.request_id
    assert asyncio.run(hidden()) == job.request_id
    assert carried.__name__ == "work"
    assert current_request_id() is None
    recorded(chest, 1)


def test_a_function_that_takes_nothing_along_runs_as_it_is(chest, tracked):
    assert with_request_id(lambda a, *, b: (a, b, current_request_id()))(1, b=2) == (1, 2, None)


def test_in_a_thread_a_block_that_continues_a_request_keeps_the_application(database):
    chest = FlaskChest(journal="memory", exporters=f"sqlite:///{database}")
    apps = [Flask("one"), Flask("two")]

    def work():
        with chest.continued({"X-Request-ID": "abc"}), chest.record("work") as job:
            job.number = 7
            with chest.record("inner"):
                pass

    for app in apps:
        chest.init_app(app)
    with apps[1].app_context():
        wrapped = with_request_id(work)
    thread = threading.Thread(target=wrapped)
    thread.start()
    thread.join()
    with apps[0].app_context():
        assert chest.stats().recorded == 0
        chest.close()
    with apps[1].app_context():
        assert chest.flush()
        records = chest.store().query()
        chest.close()
    found = {each.route: each.request_id for each in records}
    assert found == {"work": "abc", "inner": "abc"}


def test_a_job_in_a_thread_belongs_to_the_application_that_started_the_thread(database):
    chest = FlaskChest(journal="memory", exporters=f"sqlite:///{database}")
    apps = [Flask("one"), Flask("two")]

    def work():
        with chest.record("work"), chest.record("inner"):
            pass

    def start():
        thread = threading.Thread(target=with_request_id(with_request_id(work)))
        thread.start()
        thread.join()
        return ""

    for app in apps:
        chest.init_app(app)
        app.post("/")(start)
    for app in (*apps, apps[1]):
        assert app.test_client().post("/").status_code == 200
    with apps[0].app_context():
        wrapped = with_request_id(work)
    wrapped()
    recorded = []
    for app in apps:
        with app.app_context():
            recorded.append(chest.stats().recorded)
            chest.close()
    assert recorded == [4, 4]

    with pytest.raises(ChestError, match=r"serves 2 applications.*with_request_id"):
        work()
    del app, apps[1]
    gc.collect()
    assert pickle.loads(pickle.dumps(with_request_id(len)))([]) == 0
