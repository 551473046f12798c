"""Queries on MongoDB: indexes, the most frequent values."""

from __future__ import annotations

from flask_chest_mongo import queries

from flask_chest.query import LIST, OBJECT
from flask_chest.store import ValueCount
from flask_chest.testing import make_batch, make_record
from flask_chest.testing.records import START


def test_filters_on_time_and_request_id_use_their_index(backend, store):
    store.export(make_batch(*(make_record() for _ in range(10))))
    for where, index in (
        ({"since": START.replace(microsecond=0)}, "chest_started_at"),
        ({"until": START.replace(microsecond=0)}, "chest_started_at"),
        ({"request_id": "r-1"}, "chest_request_id"),
    ):
        find = {"find": "chest_records", "filter": queries.restriction(where)}
        plan = backend.ask(lambda db, find=find: db.command("explain", find))
        assert index in str(plan["queryPlanner"]["winningPlan"]), where


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
