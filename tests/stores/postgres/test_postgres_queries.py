"""Queries on PostgreSQL: indexes, filters that match nothing."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from support.backends import Postgres
from support.postgres import plan_of

from flask_chest.query import Selection, Tally, parse
from flask_chest.testing.records import START, make_batch, make_record


@pytest.mark.parametrize("time_index", ["btree", "brin"])
@pytest.mark.parametrize("partition_by_day", [False, True])
def test_queries_by_time_request_and_variable_use_their_index(
    postgres, opened, time_index, partition_by_day
):
    backend = Postgres(
        postgres, time_index=time_index, variables_index=True, partition_by_day=partition_by_day
    )
    store = opened(backend)
    for hour in range(10):
        moments = [START + timedelta(hours=hour, seconds=3 * n) for n in range(1_000)]
        store.export(
            make_batch(
                *(
                    make_record(
                        started_at=moment, request_id=f"{hour}-{n}", variables={"user": hour * n}
                    )
                    for n, moment in enumerate(moments)
                )
            )
        )
    backend.execute("ANALYZE")
    definitions = [row[0] for row in backend.execute("SELECT indexdef FROM pg_indexes")]
    assert any(f"USING {time_index} (started_at)" in each for each in definitions)
    assert any("USING gin (variables jsonb_path_ops)" in each for each in definitions)

    minute = {"since": START + timedelta(hours=5), "until": START + timedelta(hours=5, minutes=1)}
    for asked, wanted in (
        (Tally(**minute), "started_at"),
        (Selection(where=parse("request_id == '5-5'").root), "request_id"),
        (Selection(where=parse("user == 8991").root), "variables"),
    ):
        plan = plan_of(store, asked)
        assert re.search(rf"Index (Only )?Scan (Backward )?(using|on) \S*{wanted}", plan), plan


def test_a_filter_may_have_text_that_postgresql_cannot_store(store):
    store.export(make_batch(make_record(variables={"a": "b", "": 1})))
    for text in ("a\0b", "\ud800"):
        assert store.count(request_id=text) == store.count(variables={text: 1}) == 0
        assert store.count(endpoint="cart", variables={"a": text}) == 0
        assert store.top_values(text) == store.top_values("a", method=text) == []
        assert store.query(route=text) == store.routes(method=text) == []
