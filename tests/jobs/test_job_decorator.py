"""`@chest.job`: each call of the function leaves a record, sync or async."""

from __future__ import annotations

import asyncio
import functools
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from flask import Flask, g

from flask_chest import current_request_id
from flask_chest.errors import ConfigurationError


def test_a_decorated_function_takes_from_g_like_a_route(chest, tracked, recorded):
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
def test_a_function_may_be_decorated_in_each_form(chest, tracked, recorded, form):
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


def test_an_async_job_is_recorded_when_it_has_ended(chest, tracked, recorded):
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
def test_an_async_function_in_any_guise_is_recorded_when_it_has_ended(
    chest, tracked, recorded, kind
):
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


def test_concurrent_jobs_do_not_mix(chest, tracked, recorded):
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


def test_a_command_of_flask_is_a_job(chest, tracked, recorded):
    @tracked.cli.command("report")
    @chest.job("rows")
    def report():
        g.rows = 3

    assert tracked.test_cli_runner().invoke(args=["report"]).exit_code == 0
    [row] = recorded(chest, 1)
    assert (row["route"], row["variables"]) == ("report", {"rows": 3})


@pytest.mark.parametrize(
    "wrong", [lambda c: c.job("a b"), lambda c: c.job(int), lambda c: c.record("")]
)
def test_a_wrong_job_is_refused_where_it_is_declared(chest, tracked, wrong):
    with pytest.raises(ConfigurationError):
        wrong(chest)


def test_track_on_what_serves_no_request_is_said_once_with_the_remedy(make_chest, app, said):
    chest = make_chest()
    chest.init_app(app)

    @chest.track("rows")
    def command():
        return "ran"

    assert [command() for _ in range(3)] == ["ran"] * 3
    [message] = [message for message in said() if "command" in message]
    assert "chest.job" in message


def test_a_cancelled_job_is_recorded_with_its_cancellation(chest, tracked, recorded):
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


def test_teardown_functions_run_and_what_they_put_on_g_is_recorded(chest, tracked, recorded):
    seen = []

    @tracked.teardown_appcontext
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


def test_a_teardown_function_that_raises_ends_the_job_with_its_error(chest, tracked, recorded):
    tracked.teardown_appcontext(lambda _error: 1 // 0)
    with pytest.raises(
        Exception, match=r"zero|Errors during"
    ) as raised:  # newer Flask makes a group
        chest.job(name="report")(lambda: None)()
    assert recorded(chest, 1)[0]["error"] == type(raised.value).__name__


@pytest.mark.parametrize("is_async", [False, True])
def test_a_generator_is_no_job(chest, tracked, is_async):
    def generator():
        yield

    async def async_generator():
        yield

    with pytest.raises(ConfigurationError, match="record"):
        chest.job(async_generator if is_async else generator)


def test_a_view_that_a_unit_test_calls_runs_as_ever(chest, tracked, said):
    @chest.track
    def view():
        return "ok"

    assert view() == "ok"
    assert [message for message in said() if "chest.job" in message]


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
