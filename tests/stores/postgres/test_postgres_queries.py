"""Queries on PostgreSQL: indexes, filters that match nothing."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from sqlalchemy import event
from support.backends import Postgres

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
    plans = _plans_of(
        store,
        lambda: store.query(**minute),
        lambda: store.query(request_id="5-5"),
        lambda: store.query(variables={"user": 8991}),
    )
    for plan, wanted in zip(plans, ("started_at", "request_id", "variables"), strict=True):
        assert re.search(rf"Index (Only )?Scan (Backward )?(using|on) \S*{wanted}", plan), plan


def _plans_of(store, *calls):
    """Return the server's plans of the statements that these calls send."""
    plans = []

    def explain(connection, cursor, statement, parameters, context, executemany):
        if statement.startswith("SELECT") and "chest_records" in statement:
            with connection.connection.driver_connection.cursor() as other:
                other.execute("SET LOCAL enable_seqscan = off")
                other.execute(f"EXPLAIN {statement}", parameters)
                plans.append("\n".join(line for (line,) in other))

    event.listen(store._engine, "before_cursor_execute", explain)
    for call in calls:
        call()
    event.remove(store._engine, "before_cursor_execute", explain)
    return plans


def test_a_filter_may_have_text_that_postgresql_cannot_store(store):
    store.export(make_batch(make_record(variables={"a": "b", "": 1})))
    for text in ("a\0b", "\ud800"):
        assert store.count(request_id=text) == store.count(variables={text: 1}) == 0
        assert store.count(endpoint="cart", variables={"a": text}) == 0
        assert store.top_values(text) == store.top_values("a", method=text) == []
        assert store.query(route=text) == store.routes(method=text) == []
