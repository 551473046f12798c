"""Rollups in memory: always equal to the records, whatever comes late, is deleted or is killed."""

from __future__ import annotations

import contextlib
import json
from collections import Counter
from datetime import timedelta

import pytest
from support.rollup_host import CUBES, Host, Records, answers, check_answers, check_rows, need_of

from flask_chest.query.arguments import name
from flask_chest.rollup import Cubes, Maintainer, Planned, made, verify
from flask_chest.rollup.maintenance import Overtaken
from flask_chest.rollup.tiers import DAY, FIVE_MINUTES, MINUTE


@pytest.fixture
def host():
    host = Host()
    host.lead()
    return host


def test_answers_are_those_of_the_records(host):
    host.deliver(*host.ages(150, days=4))
    host.lead()
    host.deliver(*host.ages(20, minutes=2))
    check_answers(host)
    check_rows(host)
    check_answers(host)


def test_what_was_there_before_is_rolled_up_too():
    host = Host()
    host.deliver(*host.ages(100, days=3), marks=False)
    check_answers(host, uses_rollups=False)
    host.lead()
    check_answers(host)
    check_rows(host)


def test_late_records_are_rolled_up_when_they_come(host):
    host.deliver(*host.ages(200, days=3))
    host.lead()
    host.deliver(*host.ages(30, days=3))
    check_answers(host)
    host.lead()
    check_answers(host)
    check_rows(host)


def test_records_beyond_the_retention_of_minutes_and_hours_are_rolled_up_when_they_come(host):
    host.deliver(*host.ages(60, days=70))
    host.lead()
    late = [timedelta(days=days, hours=1) for days in (1, 3, 50, 65, 69)]
    host.deliver(*late)
    host.lead()
    check_answers(host)
    check_rows(host)
    state = host.rollups.state()
    minutes = [found for (_series, tier), found in host.rows().items() if tier == MINUTE]
    oldest = min(bucket for found in minutes for bucket, _row in found)
    assert oldest >= state.tiers_since[MINUTE] > 0


def test_deleted_records_leave_the_rollups(host):
    records = host.deliver(*host.ages(100, days=2))
    host.lead()
    host.delete(records[::3])
    check_answers(host)
    host.lead()
    check_answers(host)
    check_rows(host)


@pytest.mark.parametrize("is_whole", [True, False])
def test_rollups_outlive_the_records_below_a_purge(host, is_whole):
    host.deliver(*host.ages(150, days=4))
    host.deliver(*host.ages(30, hours=40))
    need = need_of({"by": ["route"], "bins": ["duration_ms"]})
    before = answers(Records(host.store), need)
    cut = host.now - timedelta(days=1)
    cut = cut.replace(second=0, minute=0) if is_whole else cut
    host.purge(cut)
    host.lead()
    planned = Planned(Records(host.store), host.rollups)
    assert answers(planned, need) == before
    host.deliver(timedelta(days=2))  # comes too late
    host.lead()
    assert host.rollups.state().late == 1
    assert answers(Planned(Records(host.store), host.rollups), need) == before
    check_rows(host)


def test_two_hosts_lead_at_the_same_time(host):
    other = Host(host.store, host.rollups, seed=2)
    for _ in range(5):
        host.deliver(*host.ages(10, hours=30))
        other.deliver(*other.ages(10, hours=30))
        in_the_middle = iter([other.lead])
        # The other one computes the same minutes before this one has written.
        busy = Maintainer(
            Interrupting(host.store, in_the_middle),
            host.rollups,
            CUBES,
            now=host.now.timestamp,
        )
        busy.run()
        check_answers(host)
    host.lead()
    check_rows(host)


class Interrupting:
    """A store in whose tally something happens after it has read the records."""

    def __init__(self, store, happenings):
        self._store = store
        self._happenings = happenings
        self.select = store.select

    def tally(self, asked):
        found = list(self._store.tally(asked))
        for happen in self._happenings:
            happen()
        return iter(found)


def test_a_leader_that_was_overtaken_writes_nothing_old(host):
    host.deliver(timedelta(hours=2))

    def meanwhile():
        host.deliver(timedelta(hours=2))
        host.lead()

    late = Maintainer(
        Interrupting(host.store, iter([meanwhile])),
        host.rollups,
        CUBES,
        now=host.now.timestamp,
    )
    with pytest.raises(Overtaken):
        late.catch_up(int(host.now.timestamp()))
    check_answers(host)
    check_rows(host)


def test_a_kill_between_any_two_steps_loses_nothing():
    class Killed(BaseException):
        pass

    steps = 0
    while True:
        steps += 1
        host = Host(seed=3)
        host.deliver(*host.ages(20, days=3), marks=False)
        left = iter(range(steps))

        def go_on(left=left):
            if next(left, None) is None:
                raise Killed

        try:
            host.maintainer(go_on=go_on).run()
        except Killed:
            if steps % 2 == 0:
                assert not list(verify(host.maintainer()))
                host.deliver(timedelta(hours=5))
                host.lead()
                check_answers(host)
                check_rows(host)
        else:
            break
    assert steps > 8


def test_a_new_series_is_filled_and_the_others_stay():
    host = Host(cubes=Cubes())
    host.lead()
    host.deliver(*host.ages(100, days=3))
    host.lead()
    host.cubes = CUBES
    host.deliver(*host.ages(30, hours=1))
    host.lead()
    check_answers(host)
    check_rows(host)


def test_many_groups_are_capped_and_answered_from_the_records():
    host = Host(cubes=Cubes(dimensions=((name("tenant"),),), max_groups=3))
    host.lead()
    for age in host.ages(60, hours=20):
        host.deliver(age, variables={"tenant": host.random.randrange(12)})
    host.lead()
    check_rows(host)
    need = need_of({"by": ["tenant"]})
    planned = Planned(Records(host.store), host.rollups)
    assert answers(planned, need) == answers(Records(host.store), need)
    assert any("too many groups" in said for said in planned.explain())
    sizes = [Counter(bucket for bucket, _row in rows) for rows in host.rows().values()]
    assert max(max(each.values(), default=0) for each in sizes) == 4


def test_what_groups_do_not_tell_is_asked_of_the_records(host):
    host.deliver(*host.ages(50, days=1))
    host.lead()
    for question in [
        {"by": ["user"]},
        {"where": "exists(tenant)"},
        {"where": "duration_ms > 5"},
        {"sums": ["other"]},
        {"slot_seconds": 90},
    ]:
        planned = Planned(Records(host.store), host.rollups)
        need = need_of(question)
        assert answers(planned, need) == answers(Records(host.store), need)
        assert planned.explain() == ["records"]


def test_records_that_an_older_flask_chest_delivers_are_found(host):
    host.deliver(*host.ages(20, hours=2))
    host.lead()
    old = host.deliver(timedelta(minutes=5), timedelta(hours=1), marks=False)
    host.lead()
    host.now += timedelta(hours=1, minutes=1)
    host.lead()
    check_answers(host)
    host.delete_unmarked(old)
    host.lead()
    host.now += timedelta(hours=1, minutes=1)
    host.lead()
    check_rows(host)
    check_answers(host)


def test_what_an_older_flask_chest_has_purged_stays_in_the_rollups(host):
    host.deliver(*host.ages(20, hours=2))
    host.lead()
    need = need_of({"by": ["route"]})
    before = answers(Records(host.store), need)
    host.store.purge(before=host.now - timedelta(hours=1))
    host.now += timedelta(hours=1, minutes=1)
    host.lead()
    assert answers(Planned(Records(host.store), host.rollups), need) == before


def test_old_records_are_not_rolled_up_into_minutes_that_would_be_deleted_at_once():
    host = Host()
    host.deliver(*host.ages(60, days=70), marks=False)
    written = []
    host.maintainer(go_on=lambda: written.append(minutes_of(host))).run()
    assert len(set().union(*written)) == len(minutes_of(host))
    check_answers(host)
    check_rows(host)


def minutes_of(host):
    return {
        bucket
        for (_series, tier), rows in host.rows().items()
        for bucket, _row in rows
        if tier == MINUTE
    }


def test_five_minutes_are_made_of_minutes_and_answer_a_chart(host):
    host.deliver(*[timedelta(minutes=age) for age in range(1, 90)])
    host.lead()
    host.deliver(timedelta(minutes=50), timedelta(minutes=20))
    check_answers(host)
    host.lead()
    check_rows(host)
    need = need_of({"slot_seconds": 900, "by": ["route"], "bins": ["duration_ms"]})
    planned = Planned(Records(host.store), host.rollups)
    assert answers(planned, need) == answers(Records(host.store), need)
    assert any("by the five minutes" in said for said in planned.explain())


def test_rollups_of_the_first_version_get_five_minutes_from_the_next_day_on(host):
    host.deliver(*host.ages(30, hours=3))
    host.lead()
    first = json.loads(host.rollups.document)
    del first["tiers_since"]["300"], first["dirty"]["300"]
    host.rollups.document = json.dumps({**first, "version": 1})
    host.lead()
    check_answers(host)
    assert host.rollups.state().tiers_since[FIVE_MINUTES] % DAY == 0
    host.now += timedelta(days=1)
    host.deliver(*host.ages(30, hours=5))
    host.lead()
    check_answers(host)
    planned = Planned(Records(host.store), host.rollups)
    list(planned.parts(need_of({"slot_seconds": 300})))
    assert any("by the five minutes" in said for said in planned.explain())


def test_a_kill_or_another_leader_between_the_transactions_of_an_hour_loses_nothing(monkeypatch):
    monkeypatch.setattr(made, "_ROWS_AT_ONCE", 20)
    host, whole = Host(seed=4), Host(seed=4)
    for each in (host, whole):
        each.deliver(*(timedelta(minutes=age) for age in range(90, 150)))
    whole.lead()
    interruptions = 0

    class Killed(BaseException):
        pass

    def kill():
        nonlocal interruptions
        interruptions += 1
        if interruptions % 3 == 0:
            raise Killed
        if interruptions % 3 == 1:
            host.deliver(timedelta(minutes=95))
            host.maintainer().catch_up(int(host.now.timestamp()))

    for _ in range(6):
        with contextlib.suppress(Killed):
            host.maintainer(go_on=kill).run()
        check_answers(host, questions=[{"slot_seconds": 300, "by": ["route"]}], uses_rollups=None)
        host.deliver(timedelta(minutes=100), timedelta(minutes=130))
    assert interruptions > 6
    check_rows(host)
    assert host.rollups.state().revision > whole.rollups.state().revision
