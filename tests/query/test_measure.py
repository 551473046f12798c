"""`Store.measure`: groups, buckets, limits and weights, against sums over a list of records."""

from __future__ import annotations

import json
import math
import random
from datetime import datetime, timedelta, timezone
from itertools import pairwise

import pytest

from flask_chest.errors import QueryError
from flask_chest.memory_store import MemoryStore
from flask_chest.query import Tally, measuring
from flask_chest.query.histogram import Ranking
from flask_chest.testing import make_batch, make_record
from flask_chest.testing.records import START

pytestmark = pytest.mark.opens_nothing


def some(number=300, seed=1):
    choose = random.Random(seed)
    return [
        make_record(
            started_at=START + timedelta(minutes=choose.randrange(3_000)),
            route=choose.choice(["/a", "/b", "/c", "/d", None]),
            status_code=choose.choice([200, 200, 404, 500, None]),
            error=choose.choice([None, None, None, "builtins.KeyError"]),
            duration_ms=choose.choice([1.0, 2.5, 10.0, 700.0, 0.3]),
            weight=choose.choice([1.0, 2.0, 2.5]),
            variables={
                "user": {"plan": choose.choice(["pro", "free", 1, True, None])},
                "cost": choose.choice([0.25, 3, "x", True, None]),
                "uid": f"u-{choose.randrange(40)}",
            },
        )
        for _ in range(number)
    ]


def stored(records):
    store = MemoryStore(1 << 30)
    store.export(make_batch(*records))
    return store


def expected(records):
    """Return what is measured of some records, with loops alone."""
    weight = sum(r["weight"] for r in records)
    errors = sum(r["weight"] for r in records if r["error"] or (r["status_code"] or 0) >= 500)
    cost = [
        (r["variables"]["cost"], r["weight"])
        for r in records
        if type(r["variables"]["cost"]) in (int, float)
    ]
    total, of = sum(c * w for c, w in cost), sum(w for _, w in cost)
    durations, users = {}, {}
    for r in records:
        durations[r["duration_ms"]] = durations.get(r["duration_ms"], 0) + r["weight"]
        users[r["variables"]["uid"]] = users.get(r["variables"]["uid"], 0) + r["weight"]
    slow = sum(r["weight"] for r in records if r["duration_ms"] > 500)
    return {
        "count": weight,
        "errors": errors,
        "error_rate": errors / weight if weight else None,
        "sum(cost)": total if cost else None,
        "mean(cost)": total / of if cost else None,
        "min(cost)": min((c for c, _ in cost), default=None),
        "max(cost)": max((c for c, _ in cost), default=None),
        "p50(duration_ms)": Ranking(durations).percentile(50),
        "p99.9(duration_ms)": Ranking(durations).percentile(99.9),
        "distinct(uid)": len(users),
        "top(uid)": min(users, key=lambda u: (-users[u], u)) if users else None,
        "share(duration_ms > 500)": slow / weight if weight else None,
    }


LAST = datetime.max.replace(tzinfo=timezone.utc)
MEASURES = list(expected([]))


def is_near(one, other, rel=1e-9):
    """Return whether two values are equal, up to the order in which floats were added."""
    if isinstance(one, str) or isinstance(other, str) or one is None or other is None:
        return one == other
    return one == pytest.approx(other, rel=rel)


def same(row, wanted):
    assert [name for name in wanted if not is_near(row[name], wanted[name])] == []


def test_all_records_make_one_row():
    records = some()
    [row] = stored(records).measure(*MEASURES)
    assert list(row) == MEASURES
    same(row, expected(records))
    [row] = stored(records).measure(*MEASURES, where="route == '/none'")
    same(row, expected([]))
    assert row["distinct(uid)"] == 0


def test_groups_are_the_values_of_fields_and_of_nested_variables():
    records = some()
    rows = stored(records).measure(*MEASURES, by=["route", "user.plan"], limit=None)
    seen = 0
    for row in rows:
        group = [
            r
            for r in records
            if r["route"] == row["route"]
            and r["variables"]["user"]["plan"] == row["user.plan"]
            and type(r["variables"]["user"]["plan"]) is type(row["user.plan"])
        ]
        same(row, expected(group))
        seen += len(group)
    assert seen == len(records)
    assert [row["count"] for row in rows] == sorted((r["count"] for r in rows), reverse=True)


def test_what_lacks_a_variable_is_in_the_group_none():
    records = [make_record(variables={"a": {"b": 1}}), make_record(variables={"a": 5})]
    rows = stored(records).measure("count", by=["a.b"], order_by="a.b")
    assert rows == [{"a.b": 1, "count": 1}, {"a.b": None, "count": 1}]


def test_the_groups_beyond_the_limit_are_one_row_that_says_how_many():
    records = some()
    store = stored(records)
    everything = store.measure(*MEASURES, by=["uid"], limit=None)
    rows = store.measure(*MEASURES, by=["uid"], limit=7)
    assert rows[:7] == everything[:7]
    others = {row["uid"] for row in everything[7:]}
    assert rows[7]["rest"] == len(others) == 33
    assert rows[7]["uid"] is None
    same(rows[7], expected([r for r in records if r["variables"]["uid"] in others]))
    assert "rest" not in store.measure("count", by=["uid"], limit=40)[-1]


@pytest.mark.parametrize("by", [[], ["route"]])
@pytest.mark.parametrize(("every", "tz"), [("6h", "UTC"), ("1d", "Europe/Berlin"), ("1mo", "UTC")])
def test_buckets_are_all_there_and_have_the_records_of_their_time(by, every, tz):
    records = some()
    rows = stored(records).measure(
        *MEASURES, by=by, every=every, tz=tz, since="2024-04-29", until="2024-05-08", limit=2
    )
    begins = sorted({datetime.fromisoformat(row["bucket"]) for row in rows})
    assert begins[0] <= datetime(2024, 4, 29, tzinfo=timezone.utc)
    assert len(rows) == len(begins) * (3 if by else 1)
    top = [row["route"] for row in rows[:2]] if by else []
    for row in rows:
        begin = datetime.fromisoformat(row["bucket"])
        after = [each for each in begins if each > begin] or [
            datetime.max.replace(tzinfo=timezone.utc)
        ]
        group = [
            r
            for r in records
            if begin <= datetime.fromisoformat(r["started_at"].replace("Z", "+00:00")) < after[0]
            and (not by or (r["route"] not in top if "rest" in row else r["route"] == row["route"]))
        ]
        same(row, expected(group))
    assert rows[0]["count"] == 0 or every == "1mo"
    assert sum(row["count"] for row in rows) == sum(r["weight"] for r in records)


def test_without_a_range_the_buckets_are_those_of_the_records():
    store = stored(some())
    rows = store.measure("count", every="1h")
    assert rows[0]["count"]
    assert rows[-1]["count"]
    begin, end = (datetime.fromisoformat(row["bucket"]) for row in (rows[0], rows[-1]))
    assert len(rows) == (end - begin) / timedelta(hours=1) + 1
    assert stored([]).measure("count", every="1h") == []
    assert stored([]).measure("count", by=["route"]) == []
    assert stored([]).measure("count", "rate") == [{"count": 0, "rate": None}]


def test_buckets_reach_to_the_present_though_nothing_arrives_any_more():
    now = datetime.now(timezone.utc)
    store = stored([make_record(started_at=now - timedelta(hours=5))])
    rows = store.measure("count", "rate", every="1h", since="7h")
    assert len(rows) == 8
    assert [row["count"] for row in rows].count(0) == 7
    assert rows[-1]["count"] == rows[-1]["rate"] == 0


def test_the_rate_is_per_second_of_what_was_asked_for():
    records = [make_record(started_at=START + timedelta(minutes=n)) for n in range(60)]
    store = stored(records)
    begin = START.replace(minute=0, second=0, microsecond=0)
    whole = store.measure("rate", since=begin, until=begin + timedelta(hours=2))
    assert whole == [{"rate": 60 / 7_200}]
    rows = store.measure(
        "rate", every="1h", since=begin + timedelta(minutes=30), until="2024-05-02"
    )
    assert rows[0]["rate"] == 30 / 1_800
    assert store.measure("rate", every="1h")[0]["rate"] == 60 / 3_600


def test_a_list_of_groups_is_ordered_as_asked_for_with_none_last():
    store = stored(some())
    for order in ("route", "-route", "mean(cost)", "-mean( cost )", "-p50(duration_ms)"):
        rows = store.measure(
            "count", "mean(cost)", "p50(duration_ms)", by=["route"], order_by=order
        )
        name = order.strip("-").replace(" ", "")
        values = [row[name] for row in rows if row[name] is not None]
        assert values == sorted(values, reverse=order.startswith("-"))
        assert name != "route" or rows[-1]["route"] is None
    busiest = store.measure("count", every="6h", order_by="-count")
    assert [r["count"] for r in busiest] == sorted((r["count"] for r in busiest), reverse=True)


def test_a_name_in_order_by_keeps_the_blanks_of_its_variable():
    records = [
        make_record(variables={"a b": one, "ab": other}) for one, other in ((1, 20), (2, 10))
    ]
    store, names = stored(records), ["variables['a b']", "variables['ab']"]
    for name, values in (("variables['a b']", [1, 2]), ("variables['ab']", [10, 20])):
        rows = store.measure("count", by=names, order_by=name)
        assert [row[name] if name in row else row["ab"] for row in rows] == values, rows


def test_a_sum_above_every_float_is_none_and_so_json():
    store = stored([make_record(duration_ms=1.7e308) for _ in range(3)])
    [row] = store.measure("sum(duration_ms)", "mean(duration_ms)", "max(duration_ms)")
    assert json.loads(json.dumps(row, allow_nan=False)) == {
        "sum(duration_ms)": None,
        "mean(duration_ms)": None,
        "max(duration_ms)": 1.7e308,
    }


def test_percentiles_of_many_records_are_near():
    records = some(400)
    store = stored(records)
    for every in (None, "1d"):
        asked = {"by": ["route"], "every": every}
        exact = store.measure("p50(duration_ms)", "p95(cost)", **asked)
        near = store.measure("p50(duration_ms)", "p95(cost)", **asked, exact=399, explain=True)
        assert "within 2.2 %" in near[0]["explain"][1]
        by_group = {(row.get("bucket"), row["route"]): row for row in exact}
        for row in near[1:]:
            wanted = by_group[row.get("bucket"), row["route"]]
            assert [name for name in row if not is_near(row[name], wanted[name], 0.022)] == []


def test_an_answer_is_ready_for_json_and_says_where_it_comes_from():
    rows = stored(some()).measure(*MEASURES, by=["route", "user.plan"], every="1d", explain=True)
    again = json.loads(json.dumps(rows, allow_nan=False))
    assert again == rows
    assert rows[0] == {"explain": ["from the records", "percentiles of 300 records: exact"]}
    assert all(type(row["count"]) is not float or row["count"] % 1 for row in rows[1:])
    assert not any(isinstance(value, float) and math.isnan(value) for value in rows[1].values())


@pytest.mark.parametrize(
    ("arguments", "options", "reason"),
    [
        ([], {}, "there is no measure"),
        (["avg(x)"], {}, r"write mean\(x\)"),
        (["count"], {"by": ["started_at"]}, "write every='1h'"),
        (["count"], {"by": ["a b"]}, "name in `by` cannot be read"),
        (["count"], {"by": ["rest"]}, r"Write variables\['rest'\]"),
        (["count"], {"by": ["bucket"], "every": "1h"}, r"variables\['bucket'\]"),
        (["count"], {"by": list("abcdefghijk")}, "at most 10"),
        (["count"], {"every": "7m"}, "6m or 8m"),
        (["count"], {"every": "1h", "tz": "Europe/Berln"}, "Europe/Berlin"),
        (["count"], {"order_by": "-cuont"}, "write 'count'"),
        (["count"], {"by": ["route"], "order_by": "p95(x)"}, "write one of count, route"),
        (["count"], {"limit": 0}, "from 1 on"),
        (["count"], {"since": "x"}, "since"),
        (["count"], {"where": "route == 5"}, "write '5'"),
        (["count"], {"every": "1s", "since": "2024-01-01"}, "10,000"),
        (["count"], {"where": 5}, "a filter is a text, such as"),
        (["count"], {"since": "2026-11-29T10:00:00+25:00"}, "an offset is less than 24 hours"),
    ],
)
def test_a_wrong_question_is_refused_with_the_remedy(arguments, options, reason):
    with pytest.raises(QueryError, match=reason):
        stored(some(5)).measure(*arguments, **options)


def test_too_many_rows_groups_or_values_are_refused(monkeypatch):
    store = stored(some())
    monkeypatch.setattr(measuring, "MOST_ROWS", 39)
    with pytest.raises(QueryError, match=r"more than 39 groups by uid\. Choose"):
        store.measure("count", by=["uid"])
    with pytest.raises(QueryError, match=r"has .* rows, and may have 39\. Write"):
        store.measure("count", by=["route"], every="1h")
    assert len(store.measure("count", by=["route"], every="1d", limit=1)) <= 39
    monkeypatch.setattr(measuring, "MOST_VALUES", 39)
    with pytest.raises(QueryError, match="more than 39 different values"):
        store.measure("distinct(uid)")


def of_bins(records, name="cost"):
    """Return the weight of a histogram's records by the bin that has them, with loops alone."""
    numbers = [
        (r["duration_ms"] if name == "duration_ms" else r["variables"][name], r["weight"])
        for r in records
    ]
    found = {}
    for number, weight in numbers:
        if type(number) in (int, float):
            at = math.floor(math.log2(number) * 16)
            found[at] = found.get(at, 0) + weight
    return [
        (pytest.approx(2 ** (at / 16)), pytest.approx(2 ** ((at + 1) / 16)), weight)
        for at, weight in sorted(found.items())
    ]


@pytest.mark.parametrize("exact", [0, 300])  # percentiles by bins, and by values
def test_a_histogram_has_the_weight_of_each_bin(exact):
    records = some()
    store = stored(records)
    asked = ("histogram(cost)", "p50(duration_ms)", "histogram(duration_ms)")
    *first, rest = store.measure(*asked, by=["route"], limit=2, exact=exact)
    routes = [row["route"] for row in first]
    for row in (*first, rest):
        of = [r for r in records if r["route"] == row["route"]]
        if row is rest:
            of = [r for r in records if r["route"] not in routes]
        assert list(map(tuple, row["histogram(cost)"])) == of_bins(of)
        assert list(map(tuple, row["histogram(duration_ms)"])) == of_bins(of, "duration_ms")
        assert json.loads(json.dumps(row, allow_nan=False)) == row
    days = store.measure("histogram(cost)", every="1d")
    assert sum(bin_[2] for row in days for bin_ in row["histogram(cost)"]) == sum(
        weight for _, _, weight in of_bins(records)
    )
    assert store.measure("histogram(none)") == [{"histogram(none)": []}]


def test_a_histogram_has_every_number_there_is():
    numbers = [-1.7e308, -3, -1e-30, -0.0, 0, 1e-300, 2.0**-64, 1, 1, 1.01, 1.7976931348623157e308]
    [row] = stored([make_record(variables={"n": n}) for n in numbers]).measure("histogram(n)")
    bins = row["histogram(n)"]
    assert [weight for _, _, weight in bins] == [1, 1, 4, 1, 3, 1]
    assert all(one[1] <= other[0] for one, other in pairwise(bins))
    assert bins[2] == [0, 0, 4]
    assert bins[1][0] <= -3 <= bins[1][1]
    assert json.loads(json.dumps(row, allow_nan=False)) == row


def test_groups_are_ordered_by_no_histogram():
    store = stored(some())
    routes = [row["route"] for row in store.measure("count", by=["route"])]
    assert [r["route"] for r in store.measure("histogram(cost)", by=["route"])] == routes
    rows = store.measure("histogram(cost)", "max(cost)", "count", by=["route"], order_by="count")
    assert [row["route"] for row in rows] == routes[::-1]
    with pytest.raises(QueryError, match="histograms have no order"):
        store.measure("count", "histogram(cost)", by=["route"], order_by="-histogram( cost )")


def test_the_last_microsecond_of_all_is_in_its_slot_and_in_no_endless_bucket():
    end = datetime.max.replace(tzinfo=timezone.utc)
    store = stored([make_record(started_at=end)])
    [row] = store.tally(Tally(slot_seconds=60))
    assert row.slot == int((end.replace(second=0, microsecond=0)).timestamp())
    assert store.measure("count", every="1d", since=end - timedelta(days=9), until="9999-12-30")
    with pytest.raises(QueryError, match="write a later `since`, or an earlier `until`"):
        store.measure("count", every="1d")
    assert store.measure("rate") == [{"rate": None}]
