"""Removal of old records from partitions: by `retention_days`, and by `purge`."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

import pytest
from support.moments import batch_of, utc
from support.postgres import (
    day_name,
    partitions,
)

from flask_chest.errors import (
    ExporterUnavailable,
)
from flask_chest.testing.records import START


def count_deletes(backend):
    """Count rows that are deleted one by one; return what returns the count."""
    backend.execute(
        "CREATE TABLE deleted (id uuid);"
        "CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS"
        " $$ BEGIN INSERT INTO deleted VALUES (old.id); RETURN old; END $$;"
        "CREATE TRIGGER note AFTER DELETE ON chest_records FOR EACH ROW EXECUTE FUNCTION note()"
    )
    return lambda: backend.execute("SELECT count(*) FROM deleted")[0][0]


def test_the_first_batch_of_a_day_drops_old_partitions_whole(by_day, opened):
    now = datetime.now(timezone.utc)
    days = [now - timedelta(days=n) for n in range(6)]
    opened(by_day).export(batch_of(*days, *days))
    deleted = count_deletes(by_day)
    store = opened(by_day, retention_days=2)
    store.export(batch_of(now))
    assert partitions(by_day)[0] == day_name(days[2])
    assert store.count() == 7
    assert deleted() == 0


def test_a_clock_that_is_years_ahead_drops_no_day(by_day, opened, monkeypatch, said):
    now = datetime.now(timezone.utc)
    days = [now - timedelta(days=n) for n in range(5)]
    opened(by_day).export(batch_of(*days))

    class Ahead(datetime):
        @classmethod
        def now(cls, tz=None):
            return now.astimezone(tz) + timedelta(days=2_000)

    monkeypatch.setattr("flask_chest_postgres.partitions.datetime", Ahead)
    store = opened(by_day, retention_days=2)
    store.export(batch_of(now))
    assert set(map(day_name, days[:3])) <= set(partitions(by_day))
    assert day_name(days[4]) not in partitions(by_day)
    assert store.count() == 4
    assert any("The clock of this host says" in line for line in said())


def test_a_reader_of_an_old_partition_postpones_its_drop_and_no_batch(by_day, opened, said):
    now = datetime.now(timezone.utc)
    old = now - timedelta(days=5)
    opened(by_day).export(batch_of(now, old))
    store = opened(by_day, retention_days=1)
    with by_day.transaction(f"SELECT * FROM {day_name(old)}"):
        store.export(batch_of(now))
        [complaint] = said()
        assert "Old partitions cannot be dropped now" in complaint
        assert "lock timeout" in complaint, "well before timeout_seconds"
        store.export(batch_of(now))
        assert said() == [complaint], "it is not tried with every batch"
    assert day_name(old) in partitions(by_day)
    opened(by_day, retention_days=1).export(batch_of(now))
    assert day_name(old) not in partitions(by_day)


def test_purge_drops_whole_days_and_deletes_the_rest_by_row(by_day, opened):
    store = opened(by_day)
    moments = [utc(2024, 5, day, 12) for day in (1, 1, 2, 3, 3)] + [utc(2024, 5, 3)]
    store.export(batch_of(*moments))
    deleted = count_deletes(by_day)
    assert store.purge(before=utc(2024, 5, 3, 12)) == 4
    assert deleted() == 1
    assert "chest_records_20240503" in partitions(by_day)
    assert "chest_records_20240502" not in partitions(by_day)
    assert store.purge(before=utc(2024, 5, 4)) == 2
    assert "chest_records_20240503" not in partitions(by_day)
    assert store.count() == 0


def test_a_purge_gives_up_on_a_table_that_is_being_read(by_day, opened):
    store = opened(by_day)
    store.export(batch_of(START))
    with (
        by_day.transaction("SELECT * FROM chest_records"),
        pytest.raises(ExporterUnavailable, match=r"lock timeout.*pg_stat_activity"),
    ):
        store.purge(before=START + timedelta(days=2))
    assert store.purge(before=START + timedelta(days=2)) == 1
