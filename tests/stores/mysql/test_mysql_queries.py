"""Queries on MySQL and MariaDB: indexes, comparison of texts."""

from __future__ import annotations

import math
from datetime import timedelta

import pytest
from flask_chest_sql.tallying import TallyQuery

from flask_chest.errors import ExporterUnavailable
from flask_chest.query import Tally, parse
from flask_chest.query.arguments import name
from flask_chest.testing import make_batch, make_record
from flask_chest.testing.records import START


def test_filters_on_time_and_request_id_use_their_index(backend, store):
    for condition, index in {
        "started_at > '2024-01-01'": "chest_records_started_at",
        "request_id = 'r'": "chest_records_request_id",
        "id > '0'": "PRIMARY",
    }.items():
        plan = backend.execute(f"EXPLAIN SELECT * FROM chest_records WHERE {condition}")
        assert index in str(plan)


def plan_of(store, asked):
    """Return how the server reads the records of a tally."""
    statement = TallyQuery(store.expressions(), asked, store.readable(for_summaries=True))
    with store.asking() as connection:
        found = statement.statement().compile(
            connection, compile_kwargs={"render_postcompile": True}
        )
        rows = connection.exec_driver_sql(f"EXPLAIN {found}", found.params).mappings()
        [plan] = [row for row in rows if row["table"] == "chest_records"]
    return plan["type"], plan["key"]


def test_a_short_time_is_read_by_the_index_even_if_it_is_most_of_the_table(backend, opened):
    store = opened(backend)
    moments = [START + timedelta(minutes=number) for number in range(400)]
    variables = {"user": "u-1", "tenant": "acme"}
    records = [make_record(started_at=moment, variables=variables) for moment in moments]
    store.export(make_batch(*records))
    backend.execute("ANALYZE TABLE chest_records")
    since, until = moments[0], moments[-9]
    by_time = "range", "chest_records_started_at"
    short = Tally(since=since, until=until, by=(name("tenant"),))
    assert plan_of(store, short) == by_time
    assert [(row.key, row.records) for row in store.tally(short)] == [(("acme",), 391)]
    assert plan_of(store, Tally(since=since - timedelta(days=9), until=until))[0] == "ALL"
    one = parse("request_id == 'r-7'").root
    assert plan_of(store, Tally(where=one, since=since, until=until))[0] == "ref"

    store.indexed_variables = ("user",)
    [done] = store.index_variables()
    user = parse("user == 'u-2'").root
    _, key = plan_of(store, Tally(where=user, since=since, until=until))
    assert key in done

    backend.execute("DROP INDEX chest_records_started_at ON chest_records")
    with pytest.raises(ExporterUnavailable, match="chest_records_started_at"):
        list(store.tally(short))
    assert [row.records for row in store.tally(short)] == [391]


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
