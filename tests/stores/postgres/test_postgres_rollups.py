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
