"""Removal in steps: no writer waits for it, and what was removed is counted."""

from __future__ import annotations

import random
import threading
from datetime import datetime, timedelta, timezone

import psycopg
import pytest
from flask_chest_postgres import partitions as partitioning
from support.backends import Postgres
from support.moments import batch_of, utc
from support.postgres import day_name, partitions

from flask_chest.errors import ExporterUnavailable
from flask_chest.testing.records import START, make_batch, make_record

LAYOUTS = {
    "btree": {},
    "brin": {"time_index": "brin"},
    "by day": {"partition_by_day": True},
}


@pytest.fixture(params=LAYOUTS.values(), ids=LAYOUTS)
def laid_out(request, postgres):
    return Postgres(postgres, **request.param)


def transactions(backend):
    """Count the transactions that delete rows; return what returns the number."""
    backend.execute(
        "CREATE TABLE deleting (id xid8 PRIMARY KEY, rows int);"
        "CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"
        " INSERT INTO deleting VALUES (pg_current_xact_id(), 1)"
        " ON CONFLICT (id) DO UPDATE SET rows = deleting.rows + 1; RETURN old; END $$;"
        "CREATE TRIGGER note AFTER DELETE ON chest_records FOR EACH ROW EXECUTE FUNCTION note()"
    )
    return lambda: [rows for (rows,) in backend.execute("SELECT rows FROM deleting")]


def test_rows_of_one_moment_are_purged_in_short_transactions(laid_out, opened):
    store = opened(laid_out)
    moments = [START] * 3_000 + [START + timedelta(hours=1)]
    store.export(batch_of(*moments))
    steps, sizes = [], transactions(laid_out)
    assert store.purge(before=moments[-1], progress=steps.append) == 3_000
    assert sum(steps) == 3_000
    assert len(sizes()) > 2 or laid_out.config.get("time_index") == "brin"
    assert max(sizes()) < 3_000 or laid_out.config.get("time_index") == "brin"
    assert [record.started_at for record in store.query()] == [moments[-1]]


def test_blocks_of_a_table_without_order_are_purged_one_after_the_other(postgres, opened):
    backend = Postgres(postgres, time_index="brin")
    store = opened(backend)
    filler = {"t": "x" * 900}
    store.export(
        make_batch(
            *(
                make_record(started_at=START + timedelta(seconds=n % 10), variables=filler)
                for n in range(4_000)
            )
        )
    )
    steps = []
    assert store.purge(before=START + timedelta(seconds=5), progress=steps.append) == 2_000
    assert len(steps) > 2
    assert store.count() == 2_000
    assert store.purge(before=START + timedelta(days=1)) == 2_000


def test_a_purge_that_is_interrupted_keeps_its_steps(laid_out, opened):
    store = opened(laid_out)
    store.export(batch_of(*([START] * 2_000), *([START - timedelta(days=1)] * 2_000)))

    def interrupt(_):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        store.purge(before=START + timedelta(days=1), progress=interrupt)
    left = store.count()
    assert left < 4_000
    assert store.purge(before=START + timedelta(days=2)) == left


def test_two_purges_at_once_count_each_record_once(laid_out, opened):
    stores = [opened(laid_out) for _ in range(2)]
    stores[0].export(batch_of(*([START] * 3_000)))
    counts = []

    def purge(store):
        counts.append(store.purge(before=START + timedelta(days=2)))

    threads = [threading.Thread(target=purge, args=(store,)) for store in stores]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    left = stores[0].purge(before=START + timedelta(days=2))
    assert sum(counts) + left == 3_000
    assert stores[0].count() == 0


def test_a_drop_that_cannot_be_done_at_once_lets_writers_pass(by_day, opened):
    store = opened(by_day)
    now = datetime.now(timezone.utc)
    store.export(batch_of(START, now))
    waits = []
    with by_day.transaction("SELECT * FROM chest_records"):
        done = threading.Event()

        def watch():
            with psycopg.connect(by_day.url, autocommit=True) as connection:
                while not done.is_set():
                    rows = connection.execute(
                        "SELECT now() - waitstart FROM pg_locks WHERE NOT granted"
                        " AND waitstart IS NOT NULL AND locktype = 'relation'"
                    )
                    waits.extend(age for (age,) in rows)

        thread = threading.Thread(target=watch)
        thread.start()
        with pytest.raises(ExporterUnavailable, match="lock timeout"):
            store.purge(before=START + timedelta(days=2))
        done.set()
        thread.join()
    settings = by_day.execute("SHOW lock_timeout")
    assert settings == [("0",)]
    assert waits
    assert store.purge(before=START + timedelta(days=2)) == 1
    assert store.count() == 1


@pytest.mark.parametrize("small_bytes", [0, 2**24])
def test_late_records_of_a_day_that_is_dropped_are_counted(
    by_day, opened, monkeypatch, small_bytes
):
    monkeypatch.setattr(partitioning, "_SMALL_BYTES", small_bytes)
    store, writer = opened(by_day), opened(by_day)
    store.export(batch_of(*([START] * 10)))
    counted = store._partitions._counted

    def counted_then_late(connection, day):
        found = counted(connection, day)
        filler = {"t": random.Random(1).randbytes(700).hex()}
        writer.export(make_batch(*(make_record(variables=filler) for _ in range(20))))
        return found

    store._partitions._counted = counted_then_late
    assert store.purge(before=START + timedelta(days=1)) == 30
    assert store.count() == 0


def test_a_user_who_owns_no_partition_purges_by_rows(make_role, by_day, opened):
    store = opened(by_day)
    store.export(batch_of(START, START, START + timedelta(days=1)))
    user = make_role(
        grants="INSERT, SELECT, DELETE ON ALL TABLES IN SCHEMA public",
        partition_by_day=True,
    )
    purging = opened(user)
    assert purging.purge(before=utc(2024, 5, 2)) == 2
    assert "chest_records_20240501" in partitions(by_day)
    assert store.count() == 1


def test_a_user_who_may_create_no_partition_uses_those_that_are_there(
    make_role, by_day, opened, said
):
    opened(by_day).export(batch_of(datetime.now(timezone.utc)))
    user = make_role(grants="INSERT, SELECT ON ALL TABLES IN SCHEMA public", partition_by_day=True)
    store = opened(user)
    by_day.execute(f"DROP TABLE {day_name(datetime.now(timezone.utc) + timedelta(days=3))}")
    for _ in range(3):
        store.export(batch_of(datetime.now(timezone.utc)))
    assert len(by_day.ids()) == 4
    [line] = said()
    assert "Partitions cannot be created ahead" in line


def test_retain_drops_whole_days_alone(by_day, opened):
    store = opened(by_day)
    moments = [utc(2024, 5, day, hour) for day in (1, 2, 3) for hour in (1, 23)]
    store.export(batch_of(*moments))
    steps = []
    assert store.retain(before=utc(2024, 5, 3, 12), progress=steps.append) == 4
    assert steps[:2] == [2, 2]
    assert "chest_records_20240502" not in partitions(by_day)
    assert store.count() == 2


def test_retain_removes_old_rows_from_partitions_of_others(by_day, opened):
    store = opened(by_day)
    by_day.execute("CREATE TABLE others PARTITION OF chest_records DEFAULT")
    store.export(batch_of(utc(2024, 5, 1, 1), utc(2024, 5, 3, 1)))
    assert by_day.execute("SELECT count(*) FROM others") == [(2,)]
    assert store.retain(before=utc(2024, 5, 3, 12)) == 1
    assert store.count() == 1


@pytest.mark.parametrize("layout", [{}, {"time_index": "brin"}], ids=["btree", "brin"])
def test_retain_without_partitions_deletes_to_the_moment(postgres, opened, layout):
    store = opened(Postgres(postgres, **layout))
    moments = [utc(2024, 5, 3, hour) for hour in range(10)]
    store.export(batch_of(*moments))
    assert store.retain(before=moments[4]) == 4
    assert store.count() == 6
