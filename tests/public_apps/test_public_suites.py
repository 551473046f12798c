"""Suites that create many applications pass with app-wide tracking as they do without.

Here, every application of the suite has a FlaskChest, also those of a subclass of Flask.
"""

from __future__ import annotations

import contextlib

import pytest

from public_apps import sources
from public_apps.suite import Suite

pytestmark = pytest.mark.long


@pytest.fixture
def run(tmp_path):
    """Return a function that runs a suite bare and tracked, at once, and returns both reports."""
    with contextlib.ExitStack() as stack:

        def start(public, name, **more):
            suite = Suite(public, tmp_path / name, ["watch", "every_app"], more)
            stack.callback(suite.end)
            return suite

        def run(public):
            suites = start(public, "bare"), start(public, "tracked", EVERY_APP_TRACKED="1")
            return [suite.report() for suite in suites]

        yield run


@pytest.mark.parametrize(
    ("find", "fewest_passed", "fewest_requests"),
    [
        pytest.param(sources.flask_security, 135, 380, id="flask-security"),
        pytest.param(sources.apiflask, 270, 400, id="apiflask"),
    ],
)
def test_its_own_tests_pass_with_tracking_and_each_application_records_its_requests(
    find, fewest_passed, fewest_requests, run
):
    bare, tracked = run(find())
    assert tracked["outcomes"] == bare["outcomes"], tracked["log"]
    assert list(tracked["outcomes"].values()).count("passed") >= fewest_passed, bare["log"]
    assert without_what_differs(tracked["served"]) == without_what_differs(bare["served"])
    assert len(tracked["served"]) >= fewest_requests
    assert in_order(tracked["records"]) == in_order(tracked["served"])
    assert [line for line in tracked["said"] if "masked in records" not in line] == []
    assert tracked["faults"] == []
    assert tracked["idle_threads"] == []


def without_what_differs(served):
    """Leave out the path, as it may have a token that was made for the run, and the ID."""
    return [[number, method, *answer] for number, method, _path, *answer, _id in served]


def in_order(rows):
    return sorted(rows, key=repr)
