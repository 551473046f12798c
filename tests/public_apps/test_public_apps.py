"""The tests of public applications pass with app-wide tracking as they do without."""

from __future__ import annotations

import contextlib

import pytest

from public_apps import sources
from public_apps.records import records_in
from public_apps.suite import Suite

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def suites(tmp_path_factory):
    """Start all at once, as they mostly wait; return them by name, bare and tracked."""
    publics = [sources.flaskr(), sources.httpbin()]
    with contextlib.ExitStack() as stack:

        def start(public, *, tracked):
            more = {"WATCH_TRACKED": public.package} if tracked else {}
            suite = Suite(public, tmp_path_factory.mktemp(public.package), ["watch"], more)
            stack.callback(suite.end)
            return suite

        yield {
            public.package: [start(public, tracked=tracked) for tracked in (False, True)]
            for public in publics
        }


@pytest.mark.parametrize(("name", "fewest"), [("flaskr", 24), ("httpbin", 60)])
def test_its_own_tests_pass_with_tracking_and_each_request_is_recorded_once(
    name, fewest, suites, make_chest, app
):
    runs = suites[name]
    bare, tracked = [run.report() for run in runs]
    assert tracked["outcomes"] == bare["outcomes"], tracked["log"]
    assert set(tracked["outcomes"].values()) == {"passed"}, tracked["log"]
    assert len(tracked["outcomes"]) >= fewest
    assert tracked["requests"] == bare["requests"]
    assert [line for line in tracked["said"] if "masked in records" not in line] == []
    assert tracked["idle_threads"] == []
    rows = records_in(runs[1].folder, make_chest, app, "method, path")
    assert sorted(map(list, rows)) == sorted(tracked["requests"])
    assert len(rows) >= fewest
    assert sum(each.get("recorded", 0) for each in tracked["stats"]) == len(rows)
    faults = ("dropped", "plugin_errors", "capture_errors")
    assert not any(each.get(fault) for each in tracked["stats"] for fault in faults)
