"""A block in `chest.record()` leaves a record, whatever ends it."""

from __future__ import annotations

import contextvars

import click
import pytest

from flask_chest import current_request_id, record
from flask_chest.errors import ChestError
from flask_chest.testing import collect


def test_a_block_is_recorded_with_what_it_knew_before_and_what_it_learned(chest, tracked, recorded):
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


def test_an_exception_is_recorded_and_goes_on(chest, tracked, recorded):
    with pytest.raises(ZeroDivisionError), chest.record("report") as job:
        job["rows"] = 1 // 0
    [row] = recorded(chest, 1)
    assert (row["error"], row["variables"]) == ("ZeroDivisionError", {})


@pytest.mark.parametrize("error", [SystemExit(3), KeyboardInterrupt()])
def test_the_end_of_the_process_is_recorded_too(chest, tracked, recorded, error):
    with pytest.raises(type(error)), chest.record("report"):
        raise error
    [row] = recorded(chest, 1)
    assert row["error"] == type(error).__name__


def test_secrets_of_a_job_are_masked_and_values_follow_the_same_rules(chest, tracked, recorded):
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


def test_a_fault_of_ours_costs_no_job(make_chest, app, monkeypatch):
    chest = make_chest(raise_errors=False)
    chest.init_app(app)
    monkeypatch.setattr(record, "uuid7", lambda *_: 1 / 0)
    with chest.record("report") as job:
        job["rows"] = 1
    assert chest.stats().dropped == {"capture": 1}


def test_a_variable_may_have_any_name_and_any_value(chest, tracked, recorded):
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


def test_a_job_runs_once(chest, tracked, recorded):
    job = chest.record("report")
    assert job.request_id == ""
    job["rows"] = 1
    with job, pytest.raises(ChestError, match="report"), job:
        pass
    with pytest.raises(ChestError, match="has run"), job:
        pass
    assert recorded(chest, 1)[0]["variables"] == {"rows": 1}


def test_the_name_of_a_job_is_bounded_and_every_database_takes_it(chest, tracked, recorded):
    for name in ("x" * 300, "a\0b\ud800", "<b>'; DROP TABLE chest_records --"):
        with chest.record(name):
            pass
    routes = [row["route"] for row in recorded(chest, 3)]
    assert routes[0].startswith("x" * 200)
    assert len(routes[0]) == 255
    assert routes[1:] == ["a\ufffdb\ufffd", "<b>'; DROP TABLE chest_records --"]


@pytest.mark.parametrize("code", [None, 0])
def test_an_exit_without_an_error_is_none(chest, tracked, recorded, code):
    with pytest.raises(SystemExit), chest.record("report"):
        raise SystemExit(code)
    with pytest.raises(click.exceptions.Exit), chest.record("report"):
        raise click.exceptions.Exit
    assert [row["error"] for row in recorded(chest, 2)] == [None, None]


def test_a_block_may_end_in_another_context(chest, tracked, recorded):
    manager = chest.record("report")
    contextvars.copy_context().run(manager.__enter__)
    manager.__exit__(None, None, None)
    assert current_request_id() is None
    recorded(chest, 1)


def test_a_test_collects_the_records_of_jobs(chest, tracked):
    with collect(tracked) as records, chest.record("report", rows=1):
        pass
    [record] = records
    assert (record.method, record.route, record.variables) == ("JOB", "report", {"rows": 1})
