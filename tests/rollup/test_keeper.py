"""One of several hosts keeps the rollups of a database up, and another one when it is gone."""

from __future__ import annotations

from datetime import timedelta

import pytest
from flask_chest_sqlite import SqliteConfig, SqliteStore
from support.rollup_host import Host, check_rows

from flask_chest.export import RollupJob
from flask_chest.export.leader_job import Run
from flask_chest.journal import DiskJournal, MemoryJournal
from flask_chest.rollup import Declaration, Keeper, State
from flask_chest.rollup.keeper import KEEPER_SECONDS
from flask_chest.runtime.counters import Counters
from flask_chest.runtime.log import Throttle
from flask_chest.testing import make_batch, make_record


@pytest.fixture
def host():
    host = Host()
    host.lead()
    return host


def keeper(host, name):
    def now():
        return host.now.timestamp()  # as it is then

    return Keeper(host.rollups, name, now)


def later(host, seconds):
    host.now += timedelta(seconds=seconds)


def test_one_of_several_hosts_has_the_claim(host):
    assert [keeper(host, name).claim() for name in "abca"] == [True, False, False, True]


def test_another_host_takes_over_when_the_claim_is_over(host):
    assert keeper(host, "a").claim()
    later(host, KEEPER_SECONDS - 1)
    assert not keeper(host, "b").claim()
    later(host, 1)
    assert keeper(host, "b").claim()
    assert not keeper(host, "a").claim()


def test_a_claim_goes_on_as_long_as_its_host_comes_back(host):
    for _ in range(10):
        assert keeper(host, "a").claim()
        assert not keeper(host, "b").claim()
        later(host, 60)


def test_each_change_renews_the_claim_of_who_makes_it(host):
    mine = keeper(host, "a")
    assert mine.claim()
    host.deliver(*host.ages(20, minutes=30))
    maintainer = host.maintainer()
    maintainer.keeper = mine
    later(host, KEEPER_SECONDS - 1)
    maintainer.run()
    later(host, KEEPER_SECONDS - 1)
    assert not keeper(host, "b").claim()
    check_rows(host)


def test_a_claim_is_written_once_in_a_while_and_not_on_each_look(host):
    assert keeper(host, "a").claim()
    before = host.rollups.state().revision
    for _ in range(5):
        assert keeper(host, "a").claim()
        assert not keeper(host, "b").claim()
    assert host.rollups.state().revision == before


def test_a_clock_that_is_ahead_keeps_nobody_from_the_work(host):
    later(host, 86_400)
    assert keeper(host, "a").claim()
    later(host, -86_400)
    assert keeper(host, "b").claim()


def test_a_state_of_an_older_version_has_no_claim():
    state = State(keeper="a", kept_until=7)
    assert State.load(state.dump()) == state
    older = state.dump().replace('"keeper":"a","kept_until":7,', "")
    assert State.load(older) == State()


# -- In the leader ------------------------------------------------------------------------------


@pytest.fixture
def store(database):
    store = SqliteStore(SqliteConfig(path=database))
    store.rollups = Declaration()
    store.open()
    yield store
    store.close()


def make_job(store, make_journal=MemoryJournal, *arguments):
    counters, throttle = Counters(), Throttle()
    job = RollupJob(
        "main",
        store,
        journal=make_journal(*arguments, ["main"], counters, throttle),
        timeout_seconds=60.0,
        counters=counters,
        throttle=throttle,
    )
    job.start()
    return job


def lead(store, job):
    """Store a record, and do what a leader does once a minute; return the marks that are left."""
    store.export(make_batch(make_record(started_at="2026-11-01T10:00:00.000000Z")))
    job.work(Run(), store)
    return len(store.rollup_storage().marked())


def test_the_leader_of_a_second_host_leaves_the_work_to_the_first(store):
    first, second = make_job(store), make_job(store)
    assert lead(store, first) == 0
    assert lead(store, second) == 1
    with store.rollup_storage().changing() as change:
        change.state.kept_until = 0  # as long after the end of the first host
    assert lead(store, second) == 0


def test_a_forked_child_with_its_journal_in_memory_is_a_host_of_its_own(store):
    job = make_job(store)
    assert lead(store, job) == 0
    job.after_fork()
    job.start()
    assert lead(store, job) == 1


def test_the_next_leader_of_a_host_goes_on_at_once(store, folder):
    first, next_one = (make_job(store, DiskJournal, folder) for _ in range(2))
    assert lead(store, first) == 0
    first._journal.close()
    assert lead(store, next_one) == 0
    next_one._journal.close()
