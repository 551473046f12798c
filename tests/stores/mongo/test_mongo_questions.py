"""Selections and tallies on MongoDB: changes by hand, indexes, limits, frequent values."""

from __future__ import annotations

import json
from pathlib import Path
from uuid import UUID

import bson
import pytest
from flask_chest_mongo import selections
from support.programs import run

from flask_chest import query
from flask_chest.query import LIST, OBJECT
from flask_chest.query.nodes import Field, Variable
from flask_chest.query.questions import Order, Selection, Spread, Tally
from flask_chest.store import ValueCount
from flask_chest.testing import make_batch, make_record
from flask_chest.testing.records import START

PROGRAMS = Path(__file__).with_name("programs")
N = Variable(("n",))
ALL = Tally(by=(Field("method"),), numbers=(N, Field("duration_ms")))


def change(backend, identity, fields):
    backend.ask(lambda db: db.chest_records.update_one({"_id": UUID(identity)}, {"$set": fields}))


@pytest.mark.parametrize(
    "value",
    [bson.Decimal128("5"), float("nan"), float("inf"), START, bson.ObjectId("0" * 24), b"5"],
    ids=str,
)
def test_a_value_that_json_lacks_is_in_no_sum_bin_or_group(backend, store, value):
    records = [make_record(variables={"n": 5}) for _ in range(3)]
    store.export(make_batch(*records))
    change(backend, records[0]["id"], {"variables.n": value})
    assert len(store.select(Selection(order=Order(N)))) == 2
    for where in ("n == 5", "n > 1", "n < 9", "n != 7", "n in (5, 6)"):
        chosen = Selection(where=query.parse(where).root)
        assert [record.variables for record in store.select(chosen)] == [{"n": 5}] * 2
    [row] = store.tally(Tally(numbers=(N,)))
    assert row.numbers[0] == (2.0, 10.0, 5, 5)
    for spread in (Spread(N), Spread(N, as_bins=True)):
        assert [row.records for row in store.tally(Tally(spread=spread))] == [2]
    assert [(row.key, row.records) for row in store.tally(Tally(by=(N,)))] == [((5,), 2)]


@pytest.mark.parametrize(
    "fields",
    [
        {"duration_ms": float("nan")},
        {"weight": float("inf")},
        {"duration_ms": bson.Decimal128("1")},
        {"status_code": [500]},
        {"path": 5},
        {"variables": []},
        {"started_at": "2024-05-01"},
    ],
    ids=str,
)
def test_a_document_that_is_no_record_is_in_no_answer(backend, store, fields):
    records = [make_record(variables={"n": n}) for n in range(3)]
    store.export(make_batch(*records))
    change(backend, records[2]["id"], fields)
    for order in (Order(), Order(N), Order(Field("id"))):
        assert len(store.select(Selection(order=order, limit=2))) == 2
    [row] = store.tally(ALL)
    assert row.records == 2
    assert [sums.weight for sums in row.numbers] == [2.0, 2.0]
    assert store.unreadable == 1


def test_a_text_within_an_id_is_looked_for_here(store):
    records = [make_record() for _ in range(300)]
    store.export(make_batch(*records))
    wanted = [record["id"] for record in records if "7c" in record["id"][30:]]
    part = next(iter(wanted), records[0]["id"])[30:]
    for where in (f"endswith(id, '{part}')", f"not contains(id, '{part}') and endswith(id, 'f')"):
        chosen = query.parse(where)
        expected = sorted(record["id"] for record in records if chosen.matches(record))
        found = store.select(Selection(where=chosen.root, order=Order(Field("id"), False), limit=7))
        assert [record.id for record in found] == expected[:7]
        [count] = [row.records for row in store.tally(Tally(where=chosen.root))] or [0]
        assert count == len(expected)


def test_what_has_an_index_is_asked_so_that_the_index_serves(backend, store):
    store.export(make_batch(*(make_record(variables={"user": n}) for n in range(10))))
    backend.ask(lambda db: db.chest_records.create_index("variables.user"))
    for where, key in (
        ("started_at >= '2024-05-01'", "started_at"),
        ("started_at < '2024-05-01'", "started_at"),
        ("request_id == 'r-1'", "request_id"),
        ("user == 5", "variables.user"),
        ("user >= 5 and user < 7 and duration_ms > 1", "variables.user"),
        ("user in (5, 6)", "variables.user"),
    ):
        for part in selections.parts(Selection(where=query.parse(where).root)):
            # The other conditions are left out: SecantusDB explains a filter of one alone.
            find = {"find": "chest_records", "filter": {key: part.found[key]}}
            plan = backend.ask(lambda db, find=find: db.command("explain", find))
            assert key in str(plan["queryPlanner"]["winningPlan"]["inputStage"]["keyPattern"]), (
                where
            )


def test_the_server_ends_a_query_by_itself_and_may_use_its_disk(backend, warm_python):
    sent = [json.loads(line) for line in run(warm_python, PROGRAMS / "show_limits.py", backend)]
    firsts = [(name, time_ms, disk) for name, time_ms, disk in sent if name != "getMore"]
    asked = [each for each in firsts if each[2]]
    assert [name for name, *_ in asked] == ["find", "aggregate", "aggregate"]
    assert all(6_000 < time_ms <= 7_000 for _, time_ms, _ in asked)
    # A server refuses it there: the time of the first command is that of all.
    assert [time_ms for name, time_ms, _ in sent if name == "getMore"] == [None] * 3


def test_values_are_counted_by_their_type(store):
    lists, dicts = [[1], [1.0], []], [{}, {"$ref": "c", "$id": 1}]
    values = [1, 1, 1.0, "1", True, "true", *lists, "[1]", *dicts, 2**63 - 1, "", None]
    store.export(make_batch(*(make_record(variables={"a": v, "b": "x"}) for v in values)))
    found = store.top_values("a", limit=100)
    assert found[:3] == [ValueCount(1, 3.0), ValueCount(LIST, 3.0), ValueCount(OBJECT, 2.0)]
    assert [type(value.value) for value in found[3:]] == [int, str, str, str, str, bool, type(None)]
    assert [value.value for value in found[3:]] == [2**63 - 1, "", "1", "[1]", "true", True, None]
    assert store.top_values("a\0") == []


def test_top_values_are_the_most_frequent_then_in_order(store):
    names = [f"n{number}" for number in range(300) for _ in range(1 + number % 3)]
    store.export(make_batch(*(make_record(variables={"a": name}) for name in names)))
    wanted = sorted(f"n{number}" for number in range(2, 300, 3))[:5]
    assert store.top_values("a", limit=5) == [ValueCount(name, 3.0) for name in wanted]
