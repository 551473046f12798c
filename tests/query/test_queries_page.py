"""The questions of docs/how-to/queries.md and their answers."""

from __future__ import annotations

import csv
import re
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest

from flask_chest.memory_store import MemoryStore
from flask_chest.record import Record
from flask_chest.testing import make_batch, make_record

pytestmark = pytest.mark.opens_nothing

PAGE = (Path(__file__).parents[2] / "docs" / "how-to" / "queries.md").read_text("utf-8")


def questions():
    """Return the code of the page's questions, by the comments above them."""
    _, first, others, *_ = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    blocks = [first, *others.split("\n\n")]
    found = [each.removeprefix("# ").split("\n", 1) for each in blocks]
    assert len(found) == 14
    return {comment.partition(",")[0].partition(".")[0]: line for comment, line in found}


@pytest.fixture
def ask(tmp_path, monkeypatch):
    """Answer one question of the page, from an hour of requests every six minutes."""
    monkeypatch.chdir(tmp_path)
    store = MemoryStore(1 << 30)
    now = datetime.now(timezone.utc)

    def record(n):
        failed = n % 5 == 0
        return make_record(
            request_id=f"r-{n}",
            route="/pay" if n < 100 else "/cart",
            started_at=now - timedelta(minutes=6 * n, seconds=1),
            status_code=500 if failed else 200,
            duration_ms=10.0 * n,
            variables={
                "tenant": "acme" if n % 2 else "globex",
                "model": "large" if failed else "small",
                "cost_usd": 0.5 if failed else 0.25,
                "user_id": f"u-{n % 20}",
                "cart_total": n,
                "app.release": "2.0" if n < 50 else "1.9",
            },
        )

    store.export(make_batch(*map(record, range(400))))
    names = {"store": store, "csv": csv}

    def answer(beginning):
        [code] = [code for comment, code in questions().items() if comment == beginning]
        if code.startswith("with open("):
            exec(code, names)
            return Path("week.csv").read_text("utf-8")
        return eval(code.removeprefix("rows = "), names)

    return answer


def test_every_question_of_the_page_has_its_answer(ask):
    hours = ask("Requests an hour")
    assert len(hours) == 25 * 2
    assert sum(row["count"] for row in hours) == 240
    assert {row["tenant"]: row["error_rate"] for row in ask("The error rate of each tenant")} == {
        "acme": 0.2,
        "globex": 0.2,
    }
    assert ask("Percentiles of a route's duration") == [
        {"p50(duration_ms)": 490, "p95(duration_ms)": 940, "p99(duration_ms)": 980}
    ]
    assert ask("What each model costs") == [
        {"model": "large", "mean(cost_usd)": 0.5, "sum(cost_usd)": 40, "p90(cost_usd)": 0.5},
        {"model": "small", "mean(cost_usd)": 0.25, "sum(cost_usd)": 80, "p90(cost_usd)": 0.25},
    ]
    assert len(ask("All that one user did on a day")) == 8
    assert sorted(r.variables["cart_total"] for r in ask("Large carts")) == list(range(101, 400))
    slowest = ask("The 20 slowest requests")
    assert [r.duration_ms for r in slowest] == [10.0 * n for n in range(399, 379, -1)]
    assert [row["distinct(user_id)"] for row in ask("Users a day")].count(20) in (1, 2, 3)
    assert [r.request_id for r in ask("What failed in the last ten minutes")] == ["r-0"]
    assert len(ask("The last week as CSV").splitlines()) == 400
    found = ask("One request by its ID")
    assert isinstance(found, Record)
    assert found.request_id == "r-17"
    weeks = ask("This week against the last ones")
    assert len(weeks) == 3
    assert sum(row["count"] for row in weeks) == 400
    assert {
        row["app.release"]: row["share(duration_ms > 500)"]
        for row in ask("The share of slow requests in each release")
    } == {"2.0": 0, "1.9": pytest.approx(349 / 350)}
    rows = ask("What failed requests of a route have that good ones have not")
    first = {row["name"]: row for row in rows}["model"]
    assert (first["value"], first["share"], first["other_share"]) == ("large", 1, 0)
