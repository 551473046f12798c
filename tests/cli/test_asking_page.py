"""The fourteen questions of docs/how-to/asking.md, each asked as it stands there."""

from __future__ import annotations

import csv
import json
import re
import shlex
from pathlib import Path

import pyarrow.parquet
import pytest

from flask_chest.cli import tailing

PAGE = Path(__file__).parents[2].joinpath("docs", "how-to", "asking.md").read_text("utf-8")
SECTION = PAGE.partition("## Fourteen questions\n")[2].partition("\n## ")[0]
QUESTIONS = re.findall(r"^    flask chest (.*)$", SECTION, re.MULTILINE)


@pytest.fixture
def answered(ask, tmp_path, monkeypatch):
    """Return a function that asks the one question that contains a text, and returns the rows."""
    monkeypatch.chdir(tmp_path)

    def asked(part, *, format_="json"):
        [question] = [each for each in QUESTIONS if part in each]
        arguments = [
            word.replace("/checkout", "/checkout/<int:number>")
            .replace("u-17", "u-3")
            .replace("r-17", "r-3-14")
            for word in shlex.split(question)
        ]
        as_table = ask(*arguments).stdout
        if format_ is None:
            return as_table
        assert as_table
        done = ask(*arguments, "--format", format_)
        return [json.loads(line) for line in done.stdout.splitlines()]

    return asked


def test_there_are_fourteen():
    assert len(re.findall(r":\n\n    flask chest ", SECTION)) == 14


def test_requests_an_hour_by_route(answered):
    rows = answered("--every 1h")
    assert len({row["bucket"] for row in rows}) in {24, 25}
    assert {row["route"] for row in rows} == {"/products/<int:number>", "/checkout/<int:number>"}
    assert sum(row["count"] for row in rows) == 20


def test_error_rate_by_tenant(answered):
    rows = {row["tenant"]: row["error_rate"] for row in answered("error_rate --by tenant")}
    assert rows == {"acme": 0, "globex": pytest.approx(21 / 98), "initech": 0}


def test_the_slowest_route_comes_first(answered):
    rows = answered("p99(duration_ms)")
    slow = [row["p95(duration_ms)"] for row in rows]
    assert slow == sorted(slow, reverse=True)
    [row] = [row for row in rows if row.pop("route") == "/checkout/<int:number>"]
    assert row == {f"p{p}(duration_ms)": pytest.approx(100, rel=0.025) for p in (50, 95, 99)}


def test_costs_by_model(answered):
    rows = {row.pop("model"): row for row in answered("mean(cost_usd)")}
    assert rows["large"]["sum(cost_usd)"] == pytest.approx(42 * 0.25)
    assert rows["small"]["mean(cost_usd)"] == pytest.approx(0.01)
    assert rows["large"]["p90(cost_usd)"] == pytest.approx(0.25, rel=0.025)


def test_one_user_in_a_window(answered):
    rows = answered("--until 1d")
    assert [row["variables"]["user_id"] for row in rows] == ["u-3"] * 3


def test_large_carts(answered):
    rows = answered("cart_total > 100")
    assert len(rows) == 20
    assert all(row["variables"]["cart_total"] > 100 for row in rows)


def test_the_slowest_20(answered):
    rows = answered("--order-by -duration_ms")
    assert [row["duration_ms"] for row in rows] == [800.0] * 20


def test_distinct_users_a_day(answered):
    rows = answered("distinct(user_id)")
    assert {row["distinct(user_id)"] for row in rows} <= {0, 1, 2, 3, 4, 5, 6}
    assert [row["distinct(user_id)"] for row in rows][2:-2] == [6] * (len(rows) - 4)


def test_follow_live(answered, monkeypatch):
    looks = iter([False, True])
    monkeypatch.setattr(tailing, "is_broken", lambda _stream: next(looks))
    assert answered("tail ", format_=None).split()[0] == "started_at"


def test_last_week_as_files(answered):
    answered("last_week.csv", format_=None)
    with Path("last_week.csv").open(encoding="utf-8", newline="") as file:
        assert len(list(csv.DictReader(file))) == 140
    answered("last_week.parquet", format_=None)
    assert pyarrow.parquet.read_table("last_week.parquet").num_rows == 140


def test_one_request_by_its_id(answered):
    rows = answered("show ")
    assert "r-3-14" in [row["request_id"] for row in rows]
    assert {row["variables"]["user_id"] for row in rows} == {"u-2"}


def test_this_week_against_the_last_ones(answered):
    rows = answered("--every 1w")
    assert sum(row["count"] for row in rows) == 280
    assert len(rows) in {2, 3}


def test_the_share_of_slow_requests_by_release(answered):
    rows = answered("share(duration_ms > 500)")
    assert {row["app.release"]: row["share(duration_ms > 500)"] for row in rows} == {
        "2026.11.1": 0,
        "2026.11.2": pytest.approx(21 / 140),
    }


def test_what_differs_between_failed_and_good_requests(answered):
    rows = answered("compare ")
    assert {"name": "tenant", "value": "globex"}.items() <= rows[0].items()
    assert rows[0]["share"] == 1.0
