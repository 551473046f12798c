"""A sane record, whatever a test library or an operator does to the clocks."""

from __future__ import annotations

import re
import time
from datetime import datetime, timedelta, timezone

import pytest
from flask import Flask, g
from freezegun import freeze_time

from flask_chest.runtime.clock import Clock, clock

UUID7 = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")


@pytest.fixture
def shop(make_chest):
    chest = make_chest()
    app = Flask("shop")

    @app.get("/")
    @chest.track("user_id")
    def index():
        g.user_id = "u-1"
        return "ok"

    chest.init_app(app)
    return chest, app


def started(row):
    return datetime.strptime(row["started_at"], "%Y-%m-%dT%H:%M:%S.%fZ").replace(
        tzinfo=timezone.utc
    )


def check(row, response):
    assert UUID7.fullmatch(row["id"])
    assert response.headers["X-Request-ID"] == row["request_id"]
    assert 0 <= row["duration_ms"] < 60_000
    assert row["variables"] == {"user_id": "u-1"}


@pytest.mark.parametrize("moment", ["2012-01-14", "1970-01-01", "1931-05-05", "2999-12-31"])
@pytest.mark.parametrize("around", ["the request", "the application and the request"])
def test_a_frozen_clock_gives_a_sane_record(make_chest, shop, recorded, moment, around):
    chest, app = shop
    with freeze_time(moment):
        if around == "the application and the request":
            chest = make_chest(
                track_all=True,
                journal=str(chest._applications.states.copy().pop().options.journal) + "2",
            )
            app = Flask("frozen")
            app.add_url_rule("/", "index", lambda: setattr(g, "user_id", "u-1") or "ok")
            chest.init_app(app)
        response = app.test_client().get("/")
    [row] = recorded(chest, 1)
    check(row, response)
    assert started(row) >= datetime(1970, 1, 1, tzinfo=timezone.utc)


def test_a_clock_that_is_frozen_in_the_middle_of_a_request_gives_no_absurd_duration(
    make_chest, recorded
):
    chest = make_chest()
    app = Flask("shop")
    freezer = freeze_time("2012-01-14")

    @app.get("/")
    @chest.track("user_id")
    def index():
        g.user_id = "u-1"
        freezer.start()
        return "ok"

    chest.init_app(app)
    try:
        response = app.test_client().get("/")
    finally:
        freezer.stop()
    [row] = recorded(chest, 1)
    check(row, response)


def test_a_clock_that_gives_a_float_costs_no_record(shop, recorded, monkeypatch):
    chest, app = shop
    real = time.time_ns
    monkeypatch.setattr(time, "time_ns", lambda: float(real()))  # as hiro does
    monkeypatch.setattr(clock, "time_ns", Clock().time_ns)  # where it came before the import
    response = app.test_client().get("/")
    monkeypatch.undo()
    [row] = recorded(chest, 1)
    check(row, response)
    assert abs(started(row) - datetime.now(timezone.utc)) < timedelta(minutes=1)
    assert chest.stats().dropped == {}


@pytest.mark.parametrize("ns", [-1, -(10**18), 2**80, 10**30, float("nan"), float("inf"), None])
def test_a_wall_clock_beyond_reason_costs_no_record(shop, recorded, monkeypatch, ns):
    chest, app = shop
    monkeypatch.setattr(time, "time_ns", lambda: ns)
    monkeypatch.setattr(clock, "time_ns", Clock().time_ns)
    response = app.test_client().get("/")
    monkeypatch.undo()
    [row] = recorded(chest, 1)
    check(row, response)


def test_a_monotonic_clock_that_goes_back_gives_no_negative_duration(shop, recorded, monkeypatch):
    chest, app = shop
    ticks = iter(range(10**12, 0, -(10**9)))
    monkeypatch.setattr(clock, "monotonic_ns", lambda: next(ticks))
    response = app.test_client().get("/")
    monkeypatch.undo()
    [row] = recorded(chest, 1)
    check(row, response)
