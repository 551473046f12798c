"""Queries on MySQL and MariaDB: indexes, comparison of texts."""

from __future__ import annotations

import math

import pytest

from flask_chest.testing import make_batch, make_record


def test_filters_on_time_and_request_id_use_their_index(backend, store):
    for condition, index in {
        "started_at > '2024-01-01'": "chest_records_started_at",
        "request_id = 'r'": "chest_records_request_id",
        "id > '0'": "PRIMARY",
    }.items():
        plan = backend.execute(f"EXPLAIN SELECT * FROM chest_records WHERE {condition}")
        assert index in str(plan)


@pytest.mark.parametrize("texts", [("A", "a", "á"), ("a", "a ", " a"), ("é", "e", "e\u0301")])
def test_texts_are_compared_by_code_point(odd, odd_store, texts):
    records = [make_record(endpoint=t, route=t, variables={"v": t, t: 1}) for t in texts]
    odd_store.export(make_batch(*records))
    for text, record in zip(texts, records, strict=True):
        for where in ({"endpoint": text}, {"variables": {"v": text}}, {"variables": {text: 1}}):
            assert [r.id for r in odd_store.query(**where)] == [record["id"]], where
    assert {summary.route for summary in odd_store.routes()} == set(texts)
    assert {top.value for top in odd_store.top_values("v")} == set(texts)
    shown = odd.execute("SELECT value FROM chest_variables WHERE name = 'v' GROUP BY value")
    assert {row[0] for row in shown} == set(texts)


def test_a_filter_with_nan_or_infinity_matches_nothing(store):
    store.export(
        make_batch(make_record(variables={"v": [None]}), make_record(variables={"v": None}))
    )
    for value in (math.inf, -math.inf, math.nan):
        assert store.count(variables={"v": value}) == 0
