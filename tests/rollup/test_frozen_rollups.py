"""What a purge freezes in the rollups in memory: never what is not over."""

from __future__ import annotations

from datetime import timedelta

import pytest
from support.rollup_host import Host, Records, answers, need_of

from flask_chest.rollup import Planned, purging, rebuild, verify
from flask_chest.rollup.tiers import DAY, MINUTE


@pytest.fixture
def host():
    host = Host()
    host.lead()
    return host


def test_a_purge_up_to_the_future_hides_no_record_that_comes_after_it(host):
    host.deliver(timedelta(hours=2), timedelta(hours=-5), timedelta(0))
    host.lead()
    host.purge(host.now + timedelta(days=20_000))
    host.deliver(*[timedelta(0)] * 3, timedelta(hours=-5), timedelta(seconds=10))
    assert count(host) == 1 + 5  # of the minute that was over, and what came
    host.now += timedelta(hours=6)
    host.lead()
    assert count(host) == 1 + 5
    assert not list(verify(host.maintainer()))


def test_a_purge_within_a_minute_hides_no_record_of_the_rest_of_it(host):
    host.deliver(timedelta(seconds=15), timedelta(hours=2))
    host.lead()
    host.purge(host.now)
    host.deliver(timedelta(0), timedelta(seconds=5))
    assert count(host) == 1 + 2
    host.now += timedelta(minutes=2)
    host.lead()
    assert count(host) == 1 + 2
    assert host.rollups.state().late == 0
    assert not list(verify(host.maintainer()))


def test_records_that_arrive_and_are_deleted_during_a_purge_leave_the_rollups(host):
    future = host.now + timedelta(days=1)

    def now():
        return host.now.timestamp()  # as it is then

    with purging(host.maintainer(now=now), future):
        host.deliver(timedelta(0))
        host.now += timedelta(minutes=3)
        host.lead()
        host.deliver(timedelta(minutes=1))
        host.lead()
        host.store.purge(before=future)
    assert count(host) == 0
    host.lead()
    assert count(host) == 0


def freeze_as_before(host):
    """Purge up to the future as an older Flask-Chest did."""
    host.maintainer().catch_up(int(host.now.timestamp()) + 10 * DAY)
    with host.rollups.changing() as change:
        change.state.frozen = int(host.now.timestamp()) // DAY * DAY + 20_000 * DAY
    host.store.purge(before=host.now + timedelta(days=20_000))


@pytest.fixture
def broken(host):
    """Return a host whose rollups are frozen until the future, with two records that are hidden."""
    host.deliver(timedelta(hours=2), timedelta(seconds=40), timedelta(hours=-5))
    host.lead()
    freeze_as_before(host)
    host.deliver(timedelta(seconds=5), timedelta(hours=-5))
    host.now += timedelta(minutes=3)
    assert count(host) == 3
    return host


def test_a_state_that_is_frozen_until_the_future_is_found(broken):
    found = list(verify(broken.maintainer()))
    assert {each.records for each in found if each.tier == MINUTE} >= {1}
    assert broken.rollups.state().frozen > broken.now.timestamp()


@pytest.mark.parametrize("mend", [Host.lead, lambda host: rebuild(host.maintainer())])
@pytest.mark.parametrize("is_late", [True, False])
def test_a_state_that_is_frozen_until_the_future_is_put_right(broken, mend, is_late):
    if is_late:  # the marks of what is hidden were dropped
        broken.maintainer().catch_up(int(broken.now.timestamp()))
    mend(broken)
    assert count(broken) == 2 + 2  # what was purged in the past, and what is there
    assert not list(verify(broken.maintainer()))
    broken.now += timedelta(days=3)
    broken.lead()
    broken.deliver(timedelta(0))
    assert count(broken) == 2 + 3
    assert not list(verify(broken.maintainer()))


def test_a_clock_that_is_years_back_leaves_what_is_frozen_alone(host):
    host.deliver(timedelta(days=2), timedelta(hours=2))
    host.lead()
    host.purge(host.now - timedelta(days=1))
    before = host.rollups.state().frozen
    host.now -= timedelta(days=20_000)
    host.lead()
    assert host.rollups.state().frozen == before


def count(host):
    found = answers(Planned(Records(host.store), host.rollups), need_of({}))
    return sum(counts[0] for counts, _sums, _bins in found.values())
