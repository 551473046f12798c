"""Jobs within jobs, within requests, and requests within jobs."""

from __future__ import annotations

from flask import g

from flask_chest import current_request_id


def test_nested_jobs_do_not_mix_and_share_the_request_id(chest, tracked, recorded):
    @chest.job("rows", "inner")
    def inner():
        g.inner = True

    @chest.job("rows", "inner")
    def outer():
        g.rows = 1
        inner()
        with chest.record("block", part=1) as job:
            job["more"] = 2

    outer()
    rows = {row["route"]: row for row in recorded(chest, 3)}
    assert {route: row["variables"] for route, row in rows.items()} == {
        "outer": {"rows": 1},
        "inner": {"inner": True},
        "block": {"part": 1, "more": 2},
    }
    assert len({row["request_id"] for row in rows.values()}) == 1
    assert len({row["id"] for row in rows.values()}) == 3


def test_a_job_within_a_request_has_a_record_of_its_own_under_the_same_request_id(
    chest, tracked, serve, recorded
):
    @tracked.get("/")
    @chest.track("user_id", "rows")
    def index():
        g.user_id = "u-1"
        with chest.record("recompute") as job:
            job["rows"] = 5
        return current_request_id()

    answer = serve(tracked).get(
        "/", headers={"traceparent": "00-" + "a" * 32 + "-" + "b" * 16 + "-01"}
    )
    rows = {row["method"]: row for row in recorded(chest, 2)}
    assert rows["GET"]["variables"] == {"user_id": "u-1"}
    assert rows["JOB"]["variables"] == {"rows": 5}
    assert rows["GET"]["request_id"] == rows["JOB"]["request_id"] == answer.text
    assert rows["GET"]["trace_id"] == rows["JOB"]["trace_id"] == "a" * 32


def test_a_job_in_a_request_leaves_the_variables_of_the_request_alone(
    chest, tracked, serve, recorded
):
    @chest.job
    def inner():
        g.a = "job"
        with chest.suppressed():
            g.hidden = 1
        return g.request_id

    @tracked.get("/")
    @chest.track
    def index():
        g.a = "request"
        assert inner() == g.request_id
        g.hidden = 2
        assert g.a == "request"
        return g.request_id

    request_id = serve(tracked).get("/").text
    rows = {row["method"]: row for row in recorded(chest, 2)}
    assert rows["GET"]["variables"] == {"a": "request", "hidden": 2}
    assert rows["JOB"]["variables"] == {"a": "job"}
    assert rows["JOB"]["request_id"] == request_id


def test_a_request_that_is_served_within_a_job_has_an_id_of_its_own(chest, tracked, recorded):
    @tracked.get("/")
    @chest.track
    def index():
        with chest.record("inner"):
            return f"{current_request_id()} {g.request_id}"

    @tracked.get("/stream")
    @chest.track
    def stream():
        def body():
            yield f"{current_request_id()} "
            with chest.record("in-stream"):
                yield current_request_id()

        return body()

    with chest.record("outer") as job:
        with_view = tracked.test_client().get("/")
        with_stream = tracked.test_client().get("/stream")
        assert current_request_id() == job.request_id
    for response in (with_view, with_stream):
        own = response.headers["X-Request-ID"]
        assert response.text == f"{own} {own}"
        assert own != job.request_id
    rows = {row["route"]: row["request_id"] for row in recorded(chest, 5)}
    assert rows["inner"] == with_view.headers["X-Request-ID"]
    assert rows["in-stream"] == with_stream.headers["X-Request-ID"]


def test_jobs_in_generators_may_end_in_any_order(chest, tracked, recorded):
    def rows(name):
        with chest.record(name) as job:
            yield job.request_id
            yield current_request_id()

    first, second = rows("first"), rows("second")
    outer = next(first)
    next(second)
    assert list(first)
    assert list(second)
    assert current_request_id() is None
    with chest.record("later") as job:
        assert job.request_id != outer
    recorded(chest, 3)
