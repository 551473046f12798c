"""Work that is no request leaves the same record: a command, a task, a scheduled job, a script."""

from __future__ import annotations

import asyncio
import contextvars
import functools
import gc
import logging
import threading
import weakref
from concurrent.futures import ThreadPoolExecutor

import click
import pytest
from flask import Flask, g

from flask_chest import (
    RequestIdFilter,
    current_request_id,
    hookimpl,
    outbound_headers,
    record,
    with_request_id,
)
from flask_chest.errors import ChestError, ConfigurationError
from flask_chest.testing import collect


@pytest.fixture
def shop(make_chest):
    chest = make_chest()
    app = Flask("shop")
    chest.init_app(app)
    return chest, app


def test_a_block_is_recorded_with_what_it_knew_before_and_what_it_learned(shop, recorded):
    chest, _ = shop
    with chest.record("nightly-report", rows=0, tenant="acme") as job:
        job["rows"] = 512
        inside = current_request_id()
    [row] = recorded(chest, 1)
    assert (row["method"], row["route"], row["endpoint"], row["path"]) == (
        "JOB", "nightly-report", None, "",
    )  # fmt: skip
    assert row["variables"] == {"rows": 512, "tenant": "acme"}
    assert (row["status_code"], row["error"], row["weight"]) == (None, None, 1.0)
    assert [each.id for each in chest.store().query(method="JOB")] == [row["id"]]
    [summary] = chest.store().routes()
    assert (summary.route, summary.errors) == ("nightly-report", 0)
    assert row["service"] == "shop"
    assert row["request_id"] == inside == row["id"]
    assert 0 <= row["duration_ms"] < 60_000
    assert current_request_id() is None


def test_an_exception_is_recorded_and_goes_on(shop, recorded):
    chest, _ = shop
    with pytest.raises(ZeroDivisionError), chest.record("report") as job:
        job["rows"] = 1 // 0
    [row] = recorded(chest, 1)
    assert (row["error"], row["variables"]) == ("ZeroDivisionError", {})


@pytest.mark.parametrize("error", [SystemExit(3), KeyboardInterrupt()])
def test_the_end_of_the_process_is_recorded_too(shop, recorded, error):
    chest, _ = shop
    with pytest.raises(type(error)), chest.record("report"):
        raise error
    [row] = recorded(chest, 1)
    assert row["error"] == type(error).__name__


def test_a_decorated_function_takes_from_g_like_a_route(shop, recorded):
    chest, _ = shop

    @chest.job("rows", "cost_*", "!cost_secret")
    def nightly_report(number):
        """Make the report."""
        g.rows, g.cost_usd, g.cost_secret, g.other = number, 0.5, "x", 1
        return "done"

    assert nightly_report.__doc__ == "Make the report."
    assert nightly_report(7) == "done"
    assert nightly_report(8) == "done"
    rows = recorded(chest, 2)
    assert [row["variables"] for row in rows] == [
        {"rows": 7, "cost_usd": 0.5},
        {"rows": 8, "cost_usd": 0.5},
    ]
    assert {(row["method"], row["route"]) for row in rows} == {("JOB", "nightly_report")}


@pytest.mark.parametrize("form", ["bare", "called", "named"])
def test_a_function_may_be_decorated_in_each_form(shop, recorded, form):
    chest, _ = shop

    def report():
        g.rows = 1

    made = {
        "bare": lambda: chest.job(report),
        "called": lambda: chest.job()(report),
        "named": lambda: chest.job("rows", name="report")(report),
    }[form]()
    made()
    [row] = recorded(chest, 1)
    assert (row["route"], row["variables"]) == ("report", {"rows": 1})


def test_an_async_job_is_recorded_when_it_has_ended(shop, recorded):
    chest, _ = shop

    @chest.job("rows")
    async def report(number):
        g.rows = number
        await asyncio.sleep(0.01)
        return number

    async def both():
        async with chest.record("all") as job:
            job["reports"] = await asyncio.gather(report(1), report(2), report(3))

    asyncio.run(both())
    rows = recorded(chest, 4)
    found = sorted((row["route"], str(row["variables"])) for row in rows)
    assert found == [
        ("all", "{'reports': [1, 2, 3]}"),
        ("report", "{'rows': 1}"),
        ("report", "{'rows': 2}"),
        ("report", "{'rows': 3}"),
    ]
    assert all(row["duration_ms"] >= 10 for row in rows)


@pytest.mark.parametrize("kind", ["hidden", "partial", "static", "object"])
def test_an_async_function_in_any_guise_is_recorded_when_it_has_ended(shop, recorded, kind):
    chest, _ = shop

    async def report(number=1):
        g.rows = number
        await asyncio.sleep(0.01)
        g.rows += 1
        return number

    class Report:
        async def __call__(self):
            return await report()

    guise = {
        "hidden": lambda: report(1),
        "partial": functools.partial(report, 1),
        "static": staticmethod(report),
        "object": Report(),
    }[kind]
    assert asyncio.run(chest.job("rows", name="report")(guise)()) == 1
    [row] = recorded(chest, 1)
    assert row["variables"] == {"rows": 2}
    assert row["duration_ms"] >= 10
    assert chest.stats().suppressed == 0


def test_nested_jobs_do_not_mix_and_share_the_request_id(shop, recorded):
    chest, _ = shop

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


def test_concurrent_jobs_do_not_mix(shop, recorded):
    chest, _ = shop
    barrier = threading.Barrier(8)

    @chest.job("number")
    def report(number):
        g.number = number
        barrier.wait(30)
        assert g.number == number

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(report, range(8)))
    rows = recorded(chest, 8)
    assert sorted(row["variables"]["number"] for row in rows) == list(range(8))
    assert len({row["request_id"] for row in rows}) == 8


def test_a_job_within_a_request_has_a_record_of_its_own_under_the_same_request_id(
    shop, serve, recorded
):
    chest, app = shop

    @app.get("/")
    @chest.track("user_id", "rows")
    def index():
        g.user_id = "u-1"
        with chest.record("recompute") as job:
            job["rows"] = 5
        return current_request_id()

    answer = serve(app).get("/", headers={"traceparent": "00-" + "a" * 32 + "-" + "b" * 16 + "-01"})
    rows = {row["method"]: row for row in recorded(chest, 2)}
    assert rows["GET"]["variables"] == {"user_id": "u-1"}
    assert rows["JOB"]["variables"] == {"rows": 5}
    assert rows["GET"]["request_id"] == rows["JOB"]["request_id"] == answer.text
    assert rows["GET"]["trace_id"] == rows["JOB"]["trace_id"] == "a" * 32


def test_the_request_id_and_the_trace_go_along_into_an_executor(shop, serve, recorded):
    chest, app = shop
    seen = []

    @app.get("/")
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
    answer = serve(app).get("/", headers=headers)
    assert seen == [answer.text, None]
    rows = {row["method"]: row for row in recorded(chest, 2)}
    assert rows["JOB"]["request_id"] == answer.text
    assert rows["JOB"]["trace_id"] == "a" * 32


def test_a_copied_context_carries_the_job(shop, recorded):
    chest, _ = shop
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


def test_secrets_of_a_job_are_masked_and_values_follow_the_same_rules(shop, recorded):
    chest, _ = shop
    with chest.record("import postgres://ada:hunter2@db/shop"):
        pass
    [row] = recorded(chest, 1)
    assert "hunter2" not in str(row)
    assert row["route"].startswith("import postgres://")
    with chest.record("report", password="hunter2", price=float("nan"), names={"b", "a"}):
        pass
    [_, row] = recorded(chest, 2)
    assert "hunter2" not in str(row)
    assert row["variables"]["price"] == "NaN"
    assert row["variables"]["names"] == ["a", "b"]


def test_plugins_filter_the_variables_of_a_job(make_chest, app, recorded):
    class Plugin:
        @hookimpl
        def chest_filter_variables(self, variables, request):
            variables["has_request"] = request is not None
            variables.pop("secret_plan", None)

    chest = make_chest()
    chest.register_plugin(Plugin(), "mine")
    chest.init_app(app)
    with chest.record("report", secret_plan="x", rows=1):
        pass
    [row] = recorded(chest, 1)
    assert row["variables"] == {"rows": 1, "has_request": False}


def test_jobs_are_sampled_by_their_names_and_failed_ones_kept(make_chest, app):
    chest = make_chest(sample_rate={"often": 0})
    chest.init_app(app)
    for _ in range(5):
        with chest.record("often"):
            pass
    with chest.record("seldom"):
        pass
    with pytest.raises(ValueError, match="no"), chest.record("often"):
        raise ValueError("no")
    assert chest.flush(10)
    stats = chest.stats()
    assert (stats.recorded, stats.sampled_out) == (2, 5)


def test_a_job_within_a_suppressed_block_leaves_no_record(shop):
    chest, _ = shop
    with chest.suppressed(), chest.record("report"):
        pass
    with chest.record("report") as job:
        job.drop()
    assert chest.flush(10)
    assert chest.stats().recorded == 0
    assert chest.stats().suppressed == 2


def test_exclusions_of_the_application_hold_for_jobs(make_chest, app, recorded):
    chest = make_chest(variables=["*", "!internal"])
    chest.init_app(app)

    @chest.job
    def report():
        g.internal, g.rows = 1, 2

    report()
    with chest.record("block", internal=1, rows=2):
        pass
    assert [row["variables"] for row in recorded(chest, 2)] == [{"rows": 2}, {"rows": 2}]


def test_a_command_of_flask_is_a_job(shop, recorded):
    chest, app = shop

    @app.cli.command("report")
    @chest.job("rows")
    def report():
        g.rows = 3

    assert app.test_cli_runner().invoke(args=["report"]).exit_code == 0
    [row] = recorded(chest, 1)
    assert (row["route"], row["variables"]) == ("report", {"rows": 3})


def test_a_job_needs_an_application_and_says_so(make_chest):
    chest = make_chest()

    @chest.job("rows")
    def report():
        return 1

    with pytest.raises(ChestError, match="init_app"), chest.record("report"):
        pass
    with pytest.raises(ChestError, match="init_app"):
        report()


@pytest.mark.parametrize(
    "wrong", [lambda c: c.job("a b"), lambda c: c.job(int), lambda c: c.record("")]
)
def test_a_wrong_job_is_refused_where_it_is_declared(shop, wrong):
    chest, _ = shop
    with pytest.raises(ConfigurationError):
        wrong(chest)


def test_a_fault_of_ours_costs_no_job(make_chest, app, monkeypatch):
    chest = make_chest(raise_errors=False)
    chest.init_app(app)
    monkeypatch.setattr(record, "uuid7", lambda *_: 1 / 0)
    with chest.record("report") as job:
        job["rows"] = 1
    assert chest.stats().dropped == {"capture": 1}


def test_track_on_what_serves_no_request_is_said_once_with_the_remedy(make_chest, app, said):
    chest = make_chest()
    chest.init_app(app)

    @chest.track("rows")
    def command():
        return "ran"

    assert [command() for _ in range(3)] == ["ran"] * 3
    [message] = [message for message in said() if "command" in message]
    assert "chest.job" in message


# -- More than the first sight shows -----------------------------------------------------------


def test_a_variable_may_have_any_name_and_any_value(shop, recorded):
    chest, _ = shop
    with chest.record("report", name="n", self="s", _private=1) as job:
        job["odd name"] = job["self"]
        job.update({"a": 1}, b=2)
        job["b"] += 1
        job["thing"] = object()  # named, so that a repr is better than nothing
    [row] = recorded(chest, 1)
    thing = row["variables"].pop("thing")
    assert thing.startswith("<object object")
    assert row["variables"] == {
        "name": "n", "self": "s", "_private": 1, "odd name": "s", "a": 1, "b": 3,
    }  # fmt: skip


def test_a_job_runs_once(shop, recorded):
    chest, _ = shop
    job = chest.record("report")
    assert job.request_id == ""
    job["rows"] = 1
    with job, pytest.raises(ChestError, match="report"), job:
        pass
    with pytest.raises(ChestError, match="has run"), job:
        pass
    assert recorded(chest, 1)[0]["variables"] == {"rows": 1}


def test_the_name_of_a_job_is_bounded_and_every_database_takes_it(shop, recorded):
    chest, _ = shop
    for name in ("x" * 300, "a\0b\ud800", "<b>'; DROP TABLE chest_records --"):
        with chest.record(name):
            pass
    routes = [row["route"] for row in recorded(chest, 3)]
    assert routes[0].startswith("x" * 200)
    assert len(routes[0]) == 255
    assert routes[1:] == ["a\ufffdb\ufffd", "<b>'; DROP TABLE chest_records --"]


@pytest.mark.parametrize("code", [None, 0])
def test_an_exit_without_an_error_is_none(shop, recorded, code):
    chest, _ = shop
    with pytest.raises(SystemExit), chest.record("report"):
        raise SystemExit(code)
    with pytest.raises(click.exceptions.Exit), chest.record("report"):
        raise click.exceptions.Exit
    assert [row["error"] for row in recorded(chest, 2)] == [None, None]


def test_a_cancelled_job_is_recorded_with_its_cancellation(shop, recorded):
    chest, _ = shop

    @chest.job("step")
    async def endless():
        g.step = 1
        await asyncio.Event().wait()

    async def main():
        task = asyncio.create_task(endless())
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert current_request_id() is None

    asyncio.run(main())
    [row] = recorded(chest, 1)
    assert (row["error"], row["variables"]) == ("asyncio.exceptions.CancelledError", {"step": 1})


def test_teardown_functions_run_and_what_they_put_on_g_is_recorded(shop, recorded):
    chest, app = shop
    seen = []

    @app.teardown_appcontext
    def teardown(error):
        seen.append((type(error), current_request_id()))
        g.queries = 5

    @chest.job("queries")
    def report():
        raise KeyError

    with pytest.raises(KeyError):
        report()
    [row] = recorded(chest, 1)
    assert (row["variables"], row["error"]) == ({"queries": 5}, "KeyError")
    assert seen == [(KeyError, row["request_id"])]


def test_a_teardown_function_that_raises_ends_the_job_with_its_error(shop, recorded):
    chest, app = shop
    app.teardown_appcontext(lambda _error: 1 // 0)
    with pytest.raises(
        Exception, match=r"zero|Errors during"
    ) as raised:  # newer Flask makes a group
        chest.job(name="report")(lambda: None)()
    assert recorded(chest, 1)[0]["error"] == type(raised.value).__name__


def test_a_job_in_a_request_leaves_the_variables_of_the_request_alone(shop, serve, recorded):
    chest, app = shop

    @chest.job
    def inner():
        g.a = "job"
        with chest.suppressed():
            g.hidden = 1
        return g.request_id

    @app.get("/")
    @chest.track
    def index():
        g.a = "request"
        assert inner() == g.request_id
        g.hidden = 2
        assert g.a == "request"
        return g.request_id

    request_id = serve(app).get("/").text
    rows = {row["method"]: row for row in recorded(chest, 2)}
    assert rows["GET"]["variables"] == {"a": "request", "hidden": 2}
    assert rows["JOB"]["variables"] == {"a": "job"}
    assert rows["JOB"]["request_id"] == request_id


def test_what_is_put_on_g_in_a_suppressed_block_of_a_job_is_not_recorded(shop, recorded):
    chest, _ = shop

    @chest.job
    def report():
        g.before = 1
        with chest.suppressed():
            g.hidden = 2

    report()
    assert recorded(chest, 1)[0]["variables"] == {"before": 1}


def test_a_request_that_is_served_within_a_job_has_an_id_of_its_own(shop, recorded):
    chest, app = shop

    @app.get("/")
    @chest.track
    def index():
        with chest.record("inner"):
            return f"{current_request_id()} {g.request_id}"

    @app.get("/stream")
    @chest.track
    def stream():
        def body():
            yield f"{current_request_id()} "
            with chest.record("in-stream"):
                yield current_request_id()

        return body()

    with chest.record("outer") as job:
        with_view = app.test_client().get("/")
        with_stream = app.test_client().get("/stream")
        assert current_request_id() == job.request_id
    for response in (with_view, with_stream):
        own = response.headers["X-Request-ID"]
        assert response.text == f"{own} {own}"
        assert own != job.request_id
    rows = {row["route"]: row["request_id"] for row in recorded(chest, 5)}
    assert rows["inner"] == with_view.headers["X-Request-ID"]
    assert rows["in-stream"] == with_stream.headers["X-Request-ID"]


def test_a_job_within_a_request_that_opts_out_leaves_no_record(make_chest, app):
    chest = make_chest(opt_out=["header:DNT"])
    chest.init_app(app)

    @app.get("/")
    @chest.track
    def index():
        with chest.record("block"):
            pass
        return ""

    app.test_client().get("/", headers={"DNT": "1"})
    assert chest.stats().suppressed == 2
    assert chest.stats().recorded == 0


def test_jobs_are_excluded_by_name(make_chest, app, recorded):
    chest = make_chest(exclude_endpoints=["beat*"])
    chest.init_app(app)
    with chest.record("beat-1") as job:
        assert current_request_id() == job.request_id
    with chest.record("report"):
        pass
    assert [row["route"] for row in recorded(chest, 1)] == ["report"]


def test_exclusions_of_every_method_hold_for_jobs(make_chest, app, recorded):
    chest = make_chest(variables={"GET": ["*", "!card"], "POST": ["*", "!pin"]})
    chest.init_app(app)
    with chest.record("block", card=1, pin=2, rows=3):
        pass
    assert recorded(chest, 1)[0]["variables"] == {"rows": 3}


def test_a_rate_of_a_decorated_function_takes_precedence(make_chest, app):
    chest = make_chest(sample_rate={"report": 0})
    chest.init_app(app)
    chest.job(name="report", sample_rate=1.0)(lambda: None)()
    chest.job(name="report")(lambda: None)()
    assert (chest.stats().recorded, chest.stats().sampled_out) == (1, 1)


def test_each_chest_records_its_own_jobs(make_chest, tmp_path):
    one, other = (make_chest(journal="memory") for _ in range(2))
    apps = Flask("one"), Flask("other")
    for chest, app in zip((one, other), apps, strict=True):
        chest.init_app(app)
    with apps[0].app_context(), other.record("of-other"):
        pass
    with apps[1].app_context():
        other.job(name="x")(lambda: None)()
    assert (one.stats().recorded, other.stats().recorded) == (0, 2)


def test_of_several_applications_the_current_one_has_the_job(make_chest):
    chest = make_chest(journal="memory")
    apps = [Flask("a"), Flask("b")]
    for app in apps:
        chest.init_app(app)
    with pytest.raises(ChestError, match="app_context"), chest.record("report"):
        pass
    with apps[1].app_context():
        with chest.record("report"):
            pass
        assert chest.stats().recorded == 1


def test_an_application_with_jobs_can_be_collected(make_chest):
    chest = make_chest(journal="memory")
    app = Flask("shop")
    chest.init_app(app)
    job = chest.job(name="report")(lambda: None)
    job()
    chest.close()
    gone = weakref.ref(app)
    del app
    gc.collect()
    assert gone() is None
    with pytest.raises(ChestError, match="init_app"):
        job()


def test_log_lines_and_outbound_headers_of_a_job_have_its_id(shop, recorded):
    chest, _ = shop
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
def test_a_job_continues_with_headers_of_a_queue(shop, recorded, name, value):
    chest, _ = shop
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
def test_headers_that_say_nothing_leave_all_as_it_is(shop, recorded, headers):
    chest, _ = shop
    with chest.continued(headers):
        assert current_request_id() is None
        outer = chest.record("outer")
        with outer, chest.continued(headers), chest.record("inner") as inner:
            assert inner.request_id == outer.request_id
    assert {row["trace_id"] for row in recorded(chest, 2)} == {None}


def test_an_async_function_takes_the_request_id_along(shop, recorded):
    chest, _ = shop

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


def test_a_function_that_takes_nothing_along_runs_as_it_is(shop):
    assert with_request_id(lambda a, *, b: (a, b, current_request_id()))(1, b=2) == (1, 2, None)


def test_a_block_may_end_in_another_context(shop, recorded):
    chest, _ = shop
    manager = chest.record("report")
    contextvars.copy_context().run(manager.__enter__)
    manager.__exit__(None, None, None)
    assert current_request_id() is None
    recorded(chest, 1)


@pytest.mark.parametrize("is_async", [False, True])
def test_a_generator_is_no_job(shop, is_async):
    chest, _ = shop

    def generator():
        yield

    async def async_generator():
        yield

    with pytest.raises(ConfigurationError, match="record"):
        chest.job(async_generator if is_async else generator)


def test_a_view_that_a_unit_test_calls_runs_as_ever(shop, said):
    chest, _ = shop

    @chest.track
    def view():
        return "ok"

    assert view() == "ok"
    assert [message for message in said() if "chest.job" in message]


def test_a_test_collects_the_records_of_jobs(shop):
    chest, app = shop
    with collect(app) as records, chest.record("report", rows=1):
        pass
    [record] = records
    assert (record.method, record.route, record.variables) == ("JOB", "report", {"rows": 1})


def test_jobs_in_generators_may_end_in_any_order(shop, recorded):
    chest, _ = shop

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


def test_a_job_takes_from_a_g_that_has_slots(make_chest, recorded):
    class Globals:
        __slots__ = ("card", "rows")

        def __contains__(self, name):
            return hasattr(self, name)

        def get(self, name, default=None):
            return getattr(self, name, default)

    chest = make_chest()
    app = Flask("shop")
    app.app_ctx_globals_class = Globals
    chest.init_app(app)

    @chest.job
    def report():
        g.rows = 2
        with chest.suppressed():
            g.card = "4"

    report()
    [row] = recorded(chest, 1)
    assert row["variables"] == {"rows": 2}
