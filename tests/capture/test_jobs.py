"""Work that is no request leaves the same record: a command, a task, a scheduled job, a script."""

from __future__ import annotations

import asyncio
import contextvars
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from flask import Flask, g

from flask_chest import current_request_id, hookimpl
from flask_chest.errors import ChestError, ConfigurationError


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
    from flask_chest import with_request_id  # noqa: PLC0415 - what is tested

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
    with chest.record("report", password="hunter2", price=float("nan"), names={"b", "a"}):
        pass
    [row] = recorded(chest, 1)
    assert "hunter2" not in str(row)
    assert row["variables"]["price"] == "NaN"
    assert row["variables"]["names"] == ["a", "b"]


def test_plugins_filter_the_variables_of_a_job(make_chest, recorded):
    class Plugin:
        @hookimpl
        def chest_filter_variables(self, variables, request):
            variables["has_request"] = request is not None
            variables.pop("secret_plan", None)

    chest = make_chest()
    chest.register_plugin(Plugin(), "mine")
    chest.init_app(Flask("shop"))
    with chest.record("report", secret_plan="x", rows=1):
        pass
    [row] = recorded(chest, 1)
    assert row["variables"] == {"rows": 1, "has_request": False}


def test_jobs_are_sampled_by_their_names_and_failed_ones_kept(make_chest):
    chest = make_chest(sample_rate={"often": 0})
    chest.init_app(Flask("shop"))
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


def test_exclusions_of_the_application_hold_for_jobs(make_chest, recorded):
    chest = make_chest(variables=["*", "!internal"])
    chest.init_app(Flask("shop"))

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


def test_a_fault_of_ours_costs_no_job(make_chest, monkeypatch):
    chest = make_chest(raise_errors=False)
    chest.init_app(Flask("shop"))
    from flask_chest import record  # noqa: PLC0415 - to be broken

    monkeypatch.setattr(record, "uuid7", lambda *_: 1 / 0)
    with chest.record("report") as job:
        job["rows"] = 1
    assert chest.stats().dropped == {"capture": 1}


def test_track_on_what_serves_no_request_is_said_once_with_the_remedy(make_chest, said):
    chest = make_chest()
    chest.init_app(Flask("shop"))

    @chest.track("rows")
    def command():
        return "ran"

    assert [command() for _ in range(3)] == ["ran"] * 3
    [message] = [message for message in said() if "command" in message]
    assert "chest.job" in message
