"""A batch is one transaction: isolation, commits, locks, deadlocks."""

from __future__ import annotations

import time

import psycopg
import pytest
from support.moments import batch_of
from support.postgres import (
    is_waiting_for_a_lock,
)
from support.waiting import in_thread, until

from flask_chest.errors import ExporterUnavailable, QueryTimeout
from flask_chest.query import Selection, Tally
from flask_chest.testing.records import START, make_batch, make_record


@pytest.mark.parametrize("isolation", ["serializable", "repeatable read"])
def test_the_isolation_level_of_the_role_does_not_matter(make_role, opened, isolation):
    backend = make_role()
    role = backend.config["user"]
    backend.execute(f"ALTER ROLE {role} SET default_transaction_isolation = '{isolation}'")
    store = opened(backend)
    record = make_record()
    for _ in range(2):
        store.export(make_batch(record, make_record()))
    assert store.count() == 3


def test_a_batch_whose_commit_fails_is_not_stored(backend, store):
    backend.execute(
        "CREATE FUNCTION fail() RETURNS trigger LANGUAGE plpgsql AS"
        " $$ BEGIN RAISE EXCEPTION 'at the commit'; END $$;"
        "CREATE CONSTRAINT TRIGGER fails AFTER INSERT ON chest_records"
        " DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION fail()"
    )
    with pytest.raises(ExporterUnavailable, match="at the commit"):
        store.export(batch_of(START))
    backend.execute("DROP TRIGGER fails ON chest_records")
    store.export(batch_of(START))
    assert len(backend.ids()) == 1


def test_a_statement_waits_for_a_lock_no_longer_than_its_timeout(backend, opened):
    store = opened(backend, timeout_seconds=1, query_timeout_seconds=1)
    with backend.transaction("LOCK TABLE chest_records IN ACCESS EXCLUSIVE MODE"):
        for call, error, text in (
            (lambda: store.export(batch_of(START)), ExporterUnavailable, " timeout_seconds"),
            (lambda: store.purge(before=START), ExporterUnavailable, " timeout_seconds"),
            (lambda: store.select(Selection()), QueryTimeout, " query_timeout_seconds"),
            (lambda: list(store.tally(Tally())), QueryTimeout, " query_timeout_seconds"),
        ):
            began = time.monotonic()
            with pytest.raises(error, match=text):
                call()
            assert 0.9 < time.monotonic() - began < 20, "the default is 30 seconds"
        active = "SELECT count(*) FROM pg_stat_activity WHERE state = 'active' AND query ~ 'chest_'"
        assert backend.execute(f"{active} AND pid <> pg_backend_pid()") == [(0,)]
    store.export(batch_of(START))
    assert store.count() == 1


SLOW = (
    "CREATE FUNCTION slow() RETURNS trigger LANGUAGE plpgsql AS"
    " $$ BEGIN PERFORM pg_sleep(0.003); RETURN new; END $$;"
    "CREATE TRIGGER slow BEFORE INSERT ON chest_records FOR EACH ROW EXECUTE FUNCTION slow()"
)
"""Slows a batch down, so that two of them overlap."""


def test_two_exporters_of_the_same_records_do_not_deadlock(backend, opened):
    [(database,)] = backend.execute("SELECT current_database()")
    backend.execute(f"ALTER DATABASE \"{database}\" SET deadlock_timeout = '20s'")
    try:
        stores = [opened(backend, timeout_seconds=60) for _ in range(2)]
        backend.execute(SLOW)
        records = [make_record() for _ in range(100)]
        batches = [make_batch(*records), make_batch(*records[::-1])]
        began = time.monotonic()
        calls = [
            in_thread(lambda s=s, b=b: s.export(b)) for s, b in zip(stores, batches, strict=True)
        ]
        assert [wait() for wait in calls] == [None, None]
        assert time.monotonic() - began < 15, "a deadlock lasts until somebody looks for it"
    finally:
        backend.execute(f'ALTER DATABASE "{database}" RESET deadlock_timeout')
    assert len(backend.ids()) == 100


def test_a_batch_that_is_the_victim_of_a_deadlock_is_retried_at_once(backend, store):
    first, second = (make_record() for _ in range(2))
    insert = (
        "INSERT INTO chest_records SELECT * FROM jsonb_populate_recordset(NULL::chest_records, %s)"
    )
    with psycopg.connect(backend.url) as other:
        # The first to notice a deadlock is its victim: here the exporter.
        other.execute("SET deadlock_timeout = '60s'")
        other.execute(insert, [make_batch(second).to_json().decode()])
        wait = in_thread(lambda: store.export(make_batch(first, second)))
        until(lambda: is_waiting_for_a_lock(backend))
        other.execute(insert, [make_batch(first).to_json().decode()])
        other.commit()
        assert wait() is None
    assert sorted(backend.ids()) == sorted([first["id"], second["id"]])
    assert store.count() == 2
