"""Questions to PostgreSQL: odd rows, plans, read-only transactions, answers that are left."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from sqlalchemy.exc import InternalError
from support.backends import Postgres
from support.postgres import plan_of
from support.waiting import until

from flask_chest.query import Order, Selection, Spread, Tally, parse
from flask_chest.query.nodes import Field, Variable
from flask_chest.testing.records import START, make_batch, make_record

N = Variable(("n",))
DAY = timedelta(days=1)


def where(text):
    return parse(text).root


def test_numbers_beyond_a_double_end_no_question(backend, store):
    numbers = ("1e400", "-1e400", "1e-400", "1.5", "1e308", "1e308")
    records = [make_record(weight=2.0, variables={"n": n}) for n in range(len(numbers))]
    store.export(make_batch(*records))
    for n, number in enumerate(numbers):
        backend.execute(
            "UPDATE chest_records SET variables = jsonb_build_object('n', %s::numeric)"
            " WHERE variables = jsonb_build_object('n', %s)",
            number,
            n,
        )
    assert len(store.select(Selection(where=where("n > 1e308"), order=Order(N)))) == 1
    [row] = store.tally(Tally(numbers=(N,)))
    [sums] = row.numbers
    assert (sums.weight, sums.least, sums.most) == (12.0, -(10**400), 10**400)
    bins = {row.spread: row.records for row in store.tally(Tally(spread=Spread(N, as_bins=True)))}
    assert sorted(bins.values()) == [1, 1, 2]  # and two beyond
    assert sum(row.records for row in store.tally(Tally(by=(N,)))) == len(numbers)


def test_a_question_may_not_write(store):
    with (
        pytest.raises(InternalError, match="read-only transaction"),
        store.asking() as connection,
    ):
        connection.exec_driver_sql("DELETE FROM chest_records")


def test_a_tally_that_is_left_is_cancelled_on_the_server(backend, opened):
    store = opened(backend, pool_size=2)  # delivery has one of them
    store.export(make_batch(*(make_record(request_id=f"r-{n}") for n in range(5_000))))
    groups = store.tally(Tally(by=(Field("request_id"),)))
    next(groups)
    groups.close()
    until(
        lambda: (
            backend.execute(
                "SELECT count(*) FROM pg_stat_activity WHERE state <> 'idle'"
                " AND application_name = 'flask-chest' AND datname = current_database()"
            )
            == [(0,)]
        )
    )
    assert sum(row.records for row in store.tally(Tally())) == 5_000


def test_a_question_about_a_day_reads_the_partition_of_that_day_alone(by_day, opened):
    store = opened(by_day)
    store.export(make_batch(*(make_record(started_at=START + n * DAY) for n in range(4))))
    midnight = START.replace(hour=0, minute=0, second=0, microsecond=0)
    within = {"since": midnight + DAY, "until": midnight + 2 * DAY, "where": where("n > 1")}
    for asked in (
        Selection(**within),
        Selection(**within, order=Order(N)),
        Tally(**within, by=(N,), numbers=(N,), slot_seconds=60),
        Tally(where=where("'2024-05-02' <= started_at < '2024-05-03'")),
    ):
        assert set(re.findall(r" on (chest_\S+)", plan_of(store, asked))) == {
            "chest_records_20240502"
        }


@pytest.mark.parametrize("partition_by_day", [False, True])
def test_equality_is_answered_by_an_index(postgres, opened, partition_by_day):
    backend = Postgres(postgres, variables_index=True, partition_by_day=partition_by_day)
    store = opened(backend)
    stored = [
        make_record(request_id=f"r-{n}", variables={"user": {"plan": n}}) for n in range(5_000)
    ]
    store.export(make_batch(*stored))
    backend.execute("ANALYZE")
    identity = stored[7]["id"]
    for text, wanted in (
        (f"id == '{identity}'", "_pkey"),
        ("request_id in ('r-7', 'r-9')", "request_id"),
        ("user.plan == 7", "variables"),
        ("user.plan in (7, 9.0)", "variables"),
    ):
        plan = plan_of(store, Selection(where=where(text)))
        assert re.search(rf"Index (Only )?Scan .*(using|on) \S*{wanted}", plan), plan
    assert len(store.select(Selection(where=where("user.plan in (7, 9.0, '9')")))) == 2


@pytest.mark.parametrize(
    "text", ["id == 'x'", "id in ('', 'x')", "id > 'g'", "startswith(id, 'x')"]
)
def test_an_id_is_compared_with_any_text(store, text):
    store.export(make_batch(make_record()))
    assert store.select(Selection(where=where(text))) == []
