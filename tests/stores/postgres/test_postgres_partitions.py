"""Partitions by day: when they are made, and what stands in their way."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest
from support.backends import Postgres
from support.moments import batch_of, utc
from support.postgres import (
    day_name,
    partitions,
)
from support.programs import run_together

from flask_chest.errors import (
    SchemaMismatch,
)
from flask_chest.exporter import Batch
from flask_chest.testing.records import START, make_batch, make_record
from flask_chest.testing.relay import Relay

PROGRAMS = Path(__file__).with_name("programs")


def test_partitions_of_today_and_three_more_days_are_created_ahead(by_day, opened):
    opened(by_day).export(Batch(b"", 0))
    now = datetime.now(timezone.utc)
    assert partitions(by_day) == [day_name(now + timedelta(days=n)) for n in range(4)]


def test_records_of_any_other_day_get_a_partition_when_they_arrive(by_day, opened):
    store = opened(by_day)
    days = [START - timedelta(days=n) for n in range(100)] + [utc(1, 1, 1), utc(9999, 12, 31)]
    store.export(batch_of(*days, *days))
    assert store.count() == 204
    assert {day_name(day) for day in days[:100]} < set(partitions(by_day))
    assert {"chest_records_00010101", "chest_records_99991231"} < set(partitions(by_day))
    store.export(batch_of(*days))
    assert len(partitions(by_day)) == 106


def test_a_day_ends_at_midnight_utc(make_role, opened):
    backend = make_role(partition_by_day=True)
    backend.execute(f"ALTER ROLE {backend.config['user']} SET timezone = 'Pacific/Kiritimati'")
    midnight = utc(2024, 5, 2)
    last = midnight - timedelta(microseconds=1)
    # A record of another writer may have an offset.
    odd = make_record(started_at="2024-05-01T23:30:00-01:00")
    opened(backend).export(make_batch(*(make_record(started_at=m) for m in (last, midnight)), odd))
    counts = [
        backend.execute(f"SELECT count(*) FROM chest_records_{day}")[0][0]
        for day in ("20240501", "20240502")
    ]
    assert counts == [1, 2]


def test_several_processes_create_the_same_partitions_at_once(by_day, warm_python):
    run_together(warm_python, PROGRAMS / "export_eight_days.py", by_day, processes=4)
    assert len(by_day.ids()) == 32
    assert len(partitions(by_day)) == 12


def test_a_repeated_batch_is_stored_once_in_partitions(by_day, opened):
    store = opened(by_day)
    batch = batch_of(START, START - timedelta(days=1))
    store.export(batch)
    store.export(Batch(batch.lines * 2, 4))
    assert len(by_day.ids()) == 2


def test_a_connection_lost_before_midnight_does_not_fail_the_first_batch_of_a_day(by_day, opened):
    with Relay(*by_day.address) as relay:
        store = opened(by_day, **by_day.at(*relay.address))
        store.export(batch_of(START))
        store._maintenance._made_on -= timedelta(days=1)
        relay.drop()
        store.export(batch_of(START))
        assert len(by_day.ids()) == 2


@pytest.mark.parametrize("is_partitioned", [True, False])
def test_partition_by_day_cannot_change_for_an_existing_table(postgres, opened, is_partitioned):
    backend = Postgres(postgres)
    opened(backend, partition_by_day=is_partitioned).export(batch_of(START))
    with pytest.raises(
        SchemaMismatch,
        match=rf"5?/\w+: the table chest_records is {'' if is_partitioned else 'not '}partitioned."
        rf" Set partition_by_day={is_partitioned}, or another table_prefix",
    ):
        opened(backend, partition_by_day=not is_partitioned)
    assert len(backend.ids()) == 1


def test_partitions_that_others_created_are_used_and_kept(by_day, opened):
    now = datetime.now(timezone.utc)
    opened(by_day)
    month = f"'{now - timedelta(days=15)}') TO ('{now + timedelta(days=15)}'"
    by_day.execute(
        f"CREATE TABLE month PARTITION OF chest_records FOR VALUES FROM ({month});"
        "CREATE TABLE chest_records_20000101 PARTITION OF chest_records"
        " FOR VALUES FROM ('2000-01-01') TO ('2001-01-01');"
        "CREATE TABLE chest_records_old PARTITION OF chest_records"
        " FOR VALUES FROM ('1990-01-01') TO ('1991-01-01');"
        "CREATE TABLE others PARTITION OF chest_records DEFAULT"
    )
    moments = (now, START, utc(2000, 7, 1), utc(1990, 7, 1))
    store = opened(by_day, retention_days=1)
    store.export(batch_of(*moments))
    opened(by_day, retention_days=1).export(Batch(b"", 0))
    names = ["chest_records_20000101", "chest_records_old", "month", "others"]
    assert partitions(by_day) == names
    assert [by_day.execute(f"SELECT count(*) FROM {name}")[0][0] for name in names] == [1] * 4
    assert store.purge(before=now) == 3
    assert partitions(by_day) == names


def test_a_table_in_the_place_of_a_partition_is_named_and_the_records_wait(by_day, opened):
    store = opened(by_day)
    store.export(batch_of(START))
    by_day.execute("ALTER TABLE chest_records DETACH PARTITION chest_records_20240501")
    with pytest.raises(
        SchemaMismatch, match=r"chest_records_20240501 that is no partition.*Attach"
    ):
        store.export(batch_of(START))
    by_day.execute(
        "DROP TABLE chest_records_20240501;"
        "CREATE TABLE half PARTITION OF chest_records"
        " FOR VALUES FROM ('2024-05-01 00:00Z') TO ('2024-05-01 10:00Z')"
    )
    with pytest.raises(SchemaMismatch, match=r"no partition.*midnight UTC"):
        store.export(batch_of(START))
    by_day.execute("DROP TABLE half")
    store.export(batch_of(START))
    assert len(by_day.ids()) == 1
