"""Rollups on every store: always equal to the records."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

import pytest
from support.backends import SLOW, ClickHouse, Mongo
from support.rollup_host import (
    DECLARATION,
    QUESTIONS,
    Host,
    Records,
    answers,
    check_rows,
    need_of,
)
from support.rollup_host import check_answers as check_all_answers

from flask_chest.errors import ConfigurationError, ExporterUnavailable
from flask_chest.rollup import Planned, lookout, verify

MYSQL, MONGO = (pytest.param(name, marks=pytest.mark.slow) for name in ("mysql", "mongo"))


@pytest.fixture(params=["sqlite", "postgres", MYSQL, MONGO, *SLOW])
def backend(request, backend_of):
    return backend_of(request.param)


@pytest.fixture
def open_store(backend):
    made = []

    def start(rollups=DECLARATION):
        store = backend.new()
        store.rollups = rollups
        made.append(store)
        store.open()
        return store

    yield start
    for store in made:
        store.close()


def check_answers(host):
    check_all_answers(host, questions=host.random.sample(QUESTIONS, 1))


class Killed(BaseException):
    pass


@pytest.mark.parametrize("backend", ["sqlite", "postgres", MYSQL, MONGO, *SLOW], indirect=True)
def test_rollups_are_equal_to_the_records_whatever_happens(open_store):
    host, other = Host(open_store()), Host(open_store(), seed=2)
    host.deliver(*host.ages(30, days=3))
    host.lead()
    check_answers(host)

    # Late, from two hosts, twice, with a leader that is killed in the middle.
    records = host.deliver(*host.ages(10, days=3), *host.ages(5, minutes=3))
    other.deliver(*other.ages(10, hours=9))
    host.store.export(host.batch(records))
    with pytest.raises(Killed):
        host.maintainer(go_on=killed_after(3)).run()
    check_answers(host)
    other.lead()
    check_answers(other)

    host.delete(records[::2])
    erased = host.store.erase("tenant == 'acme'")
    assert erased > 0
    check_answers(host)
    host.lead()
    check_rows(other)

    need = need_of({"by": ["route"], "bins": ["duration_ms"]})
    before = answers(Records(host.store), need)
    host.purge(host.now - timedelta(days=1))
    assert answers(Records(host.store), need) != before
    host.deliver(timedelta(days=2))  # comes too late
    host.lead()
    assert answers(Planned(Records(host.store), host.rollups), need) == before
    assert host.rollups.state().late == 1


def killed_after(steps):
    left = iter(range(steps))

    def go_on():
        if next(left, None) is None:
            raise Killed

    return go_on


def test_a_database_without_rollups_gets_them_when_they_are_declared(open_store):
    plain = open_store(rollups=False)
    assert plain.rollup_storage() is None
    assert plain.declared() is None
    host = Host(plain, rollups=object())
    host.marks_itself = True
    host.deliver(*host.ages(9, hours=3))
    assert open_store(rollups=True).rollup_storage() is None
    host = Host(open_store())
    host.lead()
    check_answers(host)
    check_rows(host)
    assert open_store(rollups=True).rollup_storage() is not None
    # As all applications have declared it, whatever this one declares.
    assert open_store(rollups=True).declared() == DECLARATION


def drop(backend, name):
    if isinstance(backend, Mongo):
        backend.ask(lambda db: db.drop_collection(f"chest_{name}"))
    elif isinstance(backend, ClickHouse):
        backend.execute(f"DROP TABLE chest_{name} SYNC")
    else:
        backend.execute(f"DROP TABLE {backend.table(name)}")


@pytest.mark.parametrize("dropped", ["rollups"])
def test_tables_that_were_dropped_cost_no_record_and_come_back(backend, open_store, dropped):
    host = Host(open_store())
    host.deliver(timedelta(hours=2), timedelta(hours=1))
    host.lead()
    drop(backend, dropped)
    store = open_store()
    host = Host(store, seed=3)
    host.deliver(timedelta(hours=2))
    host.lead()
    assert store.count() == 3
    check_answers(host)
    check_rows(host)


@pytest.mark.parametrize("backend", ["sqlite", "postgres", "mysql"], indirect=True)
def test_tables_of_the_first_version_are_made_anew(backend, open_store):
    host = Host(open_store())
    host.deliver(timedelta(hours=2), timedelta(hours=1))
    host.lead()
    drop(backend, "rollups")
    backend.execute(f"CREATE TABLE {backend.table('rollups')} (series INTEGER, payload INTEGER)")
    host = Host(open_store(), seed=3)
    host.deliver(timedelta(hours=2))
    host.lead()
    check_answers(host)
    check_rows(host)


# MongoDB creates a collection again when something is inserted.
@pytest.mark.parametrize("backend", ["sqlite", "postgres", "mysql"], indirect=True)
def test_a_batch_waits_when_the_marks_are_dropped_meanwhile(backend, open_store):
    store = open_store()
    host = Host(store)
    drop(backend, "rollup_marks")
    records = [host.record(timedelta(hours=2))]
    with pytest.raises((ExporterUnavailable, ConfigurationError)):
        store.export(host.batch(records))
    store.close()
    store.open()  # as the core does, before it tries again
    store.export(host.batch(records))
    assert store.count() == 1


def count(store):
    return store.measure("count")[0]["count"]


@pytest.fixture
def present(open_store):
    """Return a host whose clock is that of the store, with rollups of two records."""
    host = Host(open_store())
    host.now = datetime.now(timezone.utc)
    host.lead()
    host.deliver(timedelta(hours=2), timedelta(0), weight=1.0)
    host.lead()
    return host


@pytest.mark.parametrize("days", [0, 20_000])
def test_a_purge_up_to_now_or_later_hides_no_record_that_comes_after_it(present, days):
    present.store.purge(before=datetime.now(timezone.utc) + timedelta(days=days))
    assert present.store.count() == 0
    present.deliver(timedelta(0), timedelta(0), timedelta(seconds=-70), weight=1.0)
    assert count(present.store) == 1 + 3  # the purge keeps the rollups of what was over
    assert not list(verify(present.maintainer()))
    present.now += timedelta(minutes=5)
    present.lead()
    assert count(present.store) == 1 + 3
    assert not list(verify(present.maintainer()))


def test_rollups_that_were_frozen_until_the_future_are_put_right(present):
    with present.rollups.changing() as change:  # as an older Flask-Chest did
        change.state.frozen = int(present.now.timestamp()) // 60 * 60 + 60 * 1_440 * 20_000
    present.deliver(timedelta(0), timedelta(0), weight=1.0)
    present.now += timedelta(minutes=5)
    assert count(present.store) < 4
    assert list(verify(present.maintainer()))
    present.lead()
    assert count(present.store) == 4
    assert not list(verify(present.maintainer()))


def test_a_service_that_has_them_off_leaves_the_answers_of_others_right(present, open_store):
    """Another service, and what has no settings, read the rollups of the same database."""
    off = open_store(rollups=False)
    assert off.rollup_storage() is None
    mine = Host(off, rollups=object())
    mine.now, mine.marks_itself = present.now, True
    records = mine.deliver(*[timedelta(hours=2)] * 3, timedelta(hours=5), weight=1.0)
    readers = [off, open_store(rollups=True), present.store]
    assert [count(store) for store in readers] == [6] * 3
    mine.delete_unmarked(records[:1])
    assert [count(store) for store in readers] == [5] * 3
    present.now += timedelta(minutes=5)
    present.lead()  # the other service, or this one when it has them on again
    assert not present.rollups.marked()
    assert [count(store) for store in readers] == [5] * 3
    assert not list(verify(present.maintainer()))
    check_rows(present)


def test_rollups_outlive_what_a_service_purges_that_has_them_off(present, open_store):
    off = open_store(rollups=False)
    off.export(present.batch([present.record(timedelta(hours=3), weight=1.0)]))
    off.purge(before=present.now - timedelta(hours=1))
    assert count(off) == 1
    assert count(present.store) == 1 + 2
    present.lead()
    assert count(present.store) == 1 + 2
    assert not list(verify(present.maintainer()))


def test_a_service_that_has_them_off_marks_those_that_others_create_later(open_store, monkeypatch):
    monkeypatch.setattr(lookout, "LOOK_SECONDS", 0.0)
    off = open_store(rollups=False)
    first = Host(off, rollups=object())
    first.now, first.marks_itself = datetime.now(timezone.utc), True
    first.deliver(timedelta(hours=2), weight=1.0)
    other = Host(open_store())
    other.now = first.now
    other.lead()
    first.deliver(timedelta(hours=2), weight=1.0)
    assert count(other.store) == 2
    other.lead()
    assert count(other.store) == 2
    assert not list(verify(other.maintainer()))
