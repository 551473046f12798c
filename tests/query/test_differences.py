"""`Store.differences`: what is over-represented in one set of records against another."""

from __future__ import annotations

import random
from datetime import timedelta

import pytest

from flask_chest.errors import FilterError, QueryError
from flask_chest.memory_store import MemoryStore
from flask_chest.query import others_than, parse, sampling
from flask_chest.query.comparing import written
from flask_chest.query.complement import complement
from flask_chest.query.evaluate import matches
from flask_chest.query.nodes import Field, Variable
from flask_chest.testing import make_batch, make_record
from flask_chest.testing.questions import Questions, odd_records
from flask_chest.testing.records import START

pytestmark = pytest.mark.opens_nothing


def some(number):
    """Return records of which a tenth fail, most of these with the model `large`."""
    choose = random.Random(1)
    models = ["small", "mini", "large"]

    def record(n):
        failed = n % 10 == 0
        return make_record(
            started_at=START + timedelta(seconds=n),
            status_code=500 if failed else 200,
            error="builtins.KeyError" if n % 30 == 0 else None,
            weight=1.0 + n % 3 / 2,
            duration_ms=choose.uniform(500, 1_000) if failed else choose.uniform(1, 600),
            variables={
                "model": "large" if failed and n % 40 else choose.choice(models),
                "user": {"odd key": choose.randrange(2), "tags": [1]},
                "release": "new" if n > number / 2 else "old",
                "class": choose.randrange(7),
            },
        )

    return [record(n) for n in range(number)]


@pytest.fixture
def store():
    return MemoryStore(1 << 30)


def share(records, name, value):
    total = sum(record["weight"] for record in records)
    found = [r["weight"] for r in records if r["variables"].get(name, r.get(name)) == value]
    return sum(found) / total, sum(found)


def test_what_differs_comes_first_with_its_shares_and_its_filter(store):
    records = some(600)
    store.export(make_batch(*records))
    rows = store.differences("status_code >= 500")
    failed = [record for record in records if record["status_code"] == 500]
    good = [record for record in records if record["status_code"] == 200]
    assert [row["name"] for row in rows] == ["model", "error"]
    for row, value in zip(rows, ("large", "builtins.KeyError"), strict=True):
        assert row["value"] == value
        assert (row["share"], row["count"]) == pytest.approx(share(failed, row["name"], value))
        others = share(good, row["name"], value)
        assert (row["other_share"], row["other_count"]) == pytest.approx(others)
        chosen = parse(row["where"])
        assert sum(r["weight"] for r in failed if chosen.matches(r)) == row["count"]
    gaps = [row["share"] - row["other_share"] for row in rows]
    assert gaps == sorted(gaps, reverse=True)


@pytest.mark.slow
def test_a_value_of_one_record_among_many_is_chance(store):
    of_a_user = [
        make_record(status_code=500 if n < 200 else 200, variables={"user": f"u-{n}"})
        for n in range(3_000)
    ]
    store.export(make_batch(*of_a_user))
    assert store.differences("status_code >= 500") == []
    store.export(
        make_batch(*(make_record(status_code=503, variables=u) for u in [{"user": "x"}] * 3))
    )
    assert [row["value"] for row in store.differences("status_code >= 500")] == ["x"]
    # Of two that failed, both are worth a look.
    store.export(make_batch(*(make_record(status_code=404, variables={"user": "y"}) for _ in "ab")))
    assert [row["value"] for row in store.differences("status_code == 404")] == ["y"]


def noise(seed, *, weighted):
    """Return records of which nothing goes with the status code; some stand for ten requests."""
    choose = random.Random(seed)

    def record():
        is_slow = choose.random() < 0.3
        return make_record(
            route=choose.choice("abcd"),
            status_code=choose.choice([200, 200, 200, 404]),
            duration_ms=800.0 if is_slow else 20.0,
            weight=10.0 if weighted and not is_slow else 1.0,
            variables={"plan": choose.choice("xyz"), "user": f"u{choose.randrange(40)}"},
        )

    return [record() for _ in range(1_200)]


@pytest.mark.parametrize("weighted", [False, True])
def test_chance_is_held_for_no_difference_whatever_the_weights_are(weighted):
    found = 0
    for seed in range(10):
        store = MemoryStore(1 << 30)
        store.export(make_batch(*noise(seed, weighted=weighted)))
        rows = store.differences("status_code == 404", among=["route", "plan", "user"])
        found += len(rows)
    assert found <= 4, "three standard errors leave one in 740 of 470 comparisons, and more of few"


def test_two_records_that_stand_for_many_are_two_records(store):
    records = noise(1, weighted=False)
    for record in [record for record in records if record["status_code"] == 404][:2]:
        record["weight"], record["variables"]["user"] = 100.0, "heavy"
    store.export(make_batch(*records))
    assert "heavy" not in [row["value"] for row in store.differences("status_code == 404")]


def test_a_difference_among_records_of_other_weights_is_found(store):
    records = noise(2, weighted=True)
    for number, record in enumerate(records):
        if record["status_code"] == 404 and number % 3:
            record["variables"]["plan"] = "free"
    store.export(make_batch(*records))
    [row, *_] = store.differences("status_code == 404", among=["route", "plan", "user"])
    failed = [record for record in records if record["status_code"] == 404]
    assert (row["name"], row["value"]) == ("plan", "free")
    assert (row["share"], row["count"]) == pytest.approx(share(failed, "plan", "free"))


def test_numbers_are_compared_by_ranges(store):
    records = some(600)
    store.export(make_batch(*records))
    rows = store.differences("status_code >= 500", among=["duration_ms"])
    assert rows[0]["value"].startswith("from ")
    assert rows[0]["share"] > 3 * rows[0]["other_share"]
    for row in rows:
        chosen = parse(f"({row['where']}) and status_code == 500")
        assert sum(r["weight"] for r in records if chosen.matches(r)) == row["count"]


def test_two_filters_are_compared_within_a_range_of_time(store):
    records = some(400)
    store.export(make_batch(*records))
    rows = store.differences(
        "release == 'new'", against="release == 'old'", among=["release", "model"]
    )
    assert [(row["name"], row["value"], row["share"], row["other_share"]) for row in rows] == [
        ("release", "new", 1, 0)
    ]
    since = START + timedelta(seconds=300)
    [row] = store.differences("model is not None", against="route is None", since=since, limit=1)
    assert row["count"] == sum(record["weight"] for record in records[300:])
    assert (row["other_share"], row["other_count"]) == (0, 0)


def test_large_sets_are_estimated_from_samples_of_all_their_time(store, monkeypatch):
    records = some(1_200)
    store.export(make_batch(*records))
    wanted = {
        (row["name"], row["value"]): row
        for row in store.differences("status_code >= 500", among=["model", "release"])
    }
    monkeypatch.setattr(sampling, "SIZE", 200)
    rows = store.differences("status_code >= 500", among=["model", "release"])
    assert [(row["name"], row["value"]) for row in rows] == list(wanted) == [("model", "large")]
    [row] = rows
    assert row["share"] == pytest.approx(wanted["model", "large"]["share"], abs=0.12)
    assert row["other_share"] == pytest.approx(wanted["model", "large"]["other_share"], abs=0.12)


def test_without_records_on_one_side_nothing_differs(store):
    assert store.differences("a == 1") == []
    store.export(make_batch(*some(40)))
    assert store.differences("a == 1") == []
    assert store.differences("model is None", against="a == 1") == []


@pytest.mark.parametrize(
    ("operand", "text"),
    [
        (Field("route"), "route"),
        (Variable(("tenant",)), "tenant"),
        (Variable(("user", "plan")), "user.plan"),
        (Variable(("user", "odd key", "x")), "user['odd key'].x"),
        (Variable(("odd name",)), "variables['odd name']"),
        (Variable(("route",)), "variables['route']"),
        (Variable(("class",)), "variables['class']"),
        (Variable(("user", "class")), "variables['user']['class']"),
        (Variable(("app.release",)), "app.release"),
        (Variable(("request.headers.x-plan",)), "variables['request.headers.x-plan']"),
        (Variable(("it's",)), 'variables["it\'s"]'),
        (Variable(("",)), "variables['']"),
    ],
)
def test_a_name_is_written_so_that_a_filter_reads_it(operand, text):
    assert written(operand) == text
    assert parse(f"{text} == 'x'").root.operand == operand


def test_all_others_are_also_those_without_the_value():
    others = others_than(parse("tenant == 'acme' and n > 1"))
    assert str(others) == "not (tenant == 'acme' and n > 1)"
    chosen = [
        others.matches({"variables": each})
        for each in (
            {"tenant": "acme", "n": 2},
            {"tenant": "acme", "n": 1},
            {"tenant": "acme"},
            {"n": 2},
            {},
        )
    ]
    assert chosen == [False, True, True, True, True]


def test_the_complement_has_all_other_records():
    choose = random.Random(5)
    records = odd_records(choose, 200)
    for record in records:  # a dict or a list is in neither
        record["variables"] = {
            name: value
            for name, value in record["variables"].items()
            if not isinstance(value, list)
        }
    questions = Questions(choose)
    for _ in range(150):
        node = questions.condition()
        others = complement(node)
        for record in records:
            if not any(isinstance(v, dict) for v in record["variables"].values()):
                assert matches(others, record) is not matches(node, record), node


@pytest.mark.parametrize(
    ("where", "options", "reason"),
    [
        ("a = 1", {}, "write =="),
        ("a == 1", {"against": "b"}, "no condition"),
        ("a == 1", {"among": ["a b"]}, "cannot be read here"),
        ("a == 1", {"among": ["started_at"]}, "a time"),
        ("a == 1", {"limit": 0}, "from 1 on"),
        ("a == 1", {"since": "x"}, "since: 'x' is no time"),
        (None, {}, "write the filter"),
    ],
)
def test_a_wrong_argument_is_refused_with_the_remedy(store, where, options, reason):
    with pytest.raises(QueryError, match=reason) as raised:
        store.differences(where, **options)
    assert isinstance(raised.value, FilterError) is (reason in {"write ==", "no condition"})
