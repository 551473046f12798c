"""Rollups of PostgreSQL for a user who may do less, and of days that deliveries drop."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

import pytest
from freezegun import freeze_time
from support.backends import Postgres
from support.rollup_host import DECLARATION, Host


@pytest.fixture
def owner(backend):
    store = backend.new()
    store.rollups = DECLARATION
    store.open()
    yield store
    store.close()


def open_as(role):
    store = role.new()
    store.rollups = DECLARATION
    store.open()
    return store


def test_a_user_who_may_not_write_marks_stores_records_all_the_same(
    backend, owner, make_role, caplog
):
    role = make_role("SELECT ON ALL TABLES IN SCHEMA public")
    backend.execute(f"GRANT INSERT, UPDATE ON chest_records TO {role.config['user']}")
    store = open_as(role)
    try:
        host = Host(store)
        host.deliver(timedelta(minutes=5))
        assert store.count() == 1
        assert store.rollup_storage() is not None  # it may ask them
        assert not owner.rollup_storage().marked()
        assert "may not write chest_rollup_marks" in caplog.text
        assert "Grant this user SELECT, INSERT, UPDATE and DELETE on it" in caplog.text
    finally:
        store.close()
    leader = Host(owner)
    leader.lead()
    assert not leader.rollups.marked()


def test_a_user_who_may_not_write_marks_does_without_rollups_in_silence(
    backend, owner, make_role, caplog
):
    role = make_role("SELECT ON chest_schema, chest_records")
    backend.execute(f"GRANT INSERT, UPDATE, DELETE ON chest_records TO {role.config['user']}")
    store = role.new()
    store.rollups = False
    store.open()
    try:
        host = Host()
        store.export(host.batch([host.record(timedelta(minutes=5)) for _ in range(2)]))
        assert store.delete(store.query(limit=1)) == 1
        assert store.purge(before=datetime(2024, 5, 20, tzinfo=timezone.utc)) == 0
        assert store.count() == 1
        assert not owner.rollup_storage().marked()
        assert "mark" not in caplog.text
    finally:
        store.close()


def test_a_user_who_may_only_mark_purges_all_the_same(backend, owner, make_role):
    role = make_role("SELECT ON ALL TABLES IN SCHEMA public")
    user = role.config["user"]
    backend.execute(f"GRANT INSERT, UPDATE, DELETE ON chest_records TO {user}")
    backend.execute(f"GRANT INSERT ON chest_rollup_marks TO {user}")
    backend.execute(f"GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO {user}")
    store = role.new()
    store.rollups = False
    store.open()
    try:
        store.export(Host.batch([Host().record(timedelta(minutes=5))]))
        assert len(owner.rollup_storage().marked()) == 1
        assert store.purge(before=datetime(2025, 1, 1, tzinfo=timezone.utc)) == 1
    finally:
        store.close()


def test_a_user_who_may_create_nothing_stores_records_without_rollups(backend, make_role, caplog):
    plain = backend.new()
    plain.open()
    plain.close()
    role = make_role("SELECT ON ALL TABLES IN SCHEMA public")
    backend.execute(f"GRANT INSERT, UPDATE ON chest_records TO {role.config['user']}")
    store = open_as(role)
    try:
        Host(store).deliver(timedelta(minutes=5))
        assert store.count() == 1
        assert store.rollup_storage() is None
        assert "flask chest schema print" in caplog.text
        assert any("chest_rollup_marks" in statement for statement in store.ddl())
    finally:
        store.close()


@pytest.mark.parametrize("jump", [timedelta(0), timedelta(days=3_650)])
def test_days_that_deliveries_drop_are_known_an_hour_ahead_by_the_earlier_clock(postgres, jump):
    store = Postgres(postgres, partition_by_day=True, retention_days=7).new()
    store.open()
    now = datetime.now(timezone.utc)
    expected = (now + timedelta(hours=1)).date() - timedelta(days=7)
    with freeze_time(now + jump, ignore=["psycopg"]):
        found = store.expired_before()
    store.close()
    assert found.date() in (expected, expected + timedelta(days=1))
