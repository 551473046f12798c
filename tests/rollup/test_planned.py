"""Answers of rollups where they once differed from those of the records."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from support.rollup_host import Host, Records, answers, check_answers, check_rows, need_of

from flask_chest.query import FromRecords
from flask_chest.query.arguments import Chosen, name
from flask_chest.query.measuring import measure
from flask_chest.query.question import read_question
from flask_chest.rollup import Cubes, Declaration, Planned
from flask_chest.settings.rollups import RollupSettings

HOURS_AGO = timedelta(hours=5)


def told(host, **declared):
    host.cubes = Cubes.of(Declaration(**declared))
    host.lead()
    return host


@pytest.mark.parametrize("names", [("user.plan", "user"), ("user", "user.plan")])
def test_a_dimension_may_be_within_another(names):
    host = told(Host(), dimensions=(names,))
    users = [{"plan": "x"}, {"plan": None}, {}, "bob", None, {"plan": {"q": 1}}, [1], {"plan": 1}]
    for user in users:
        host.deliver(HOURS_AGO, variables={"user": user})
    host.lead()
    filters = [
        "user.plan == 'x'",
        "user.plan is None and user is not None",
        "user == 'bob' or user.plan == 1",
        "user is None",
    ]
    check_answers(host, questions=[{"where": where} for where in filters])


def test_minutes_may_be_kept_longer_than_hours():
    host = told(Host(), minute=None, hour=timedelta(days=1))
    host.deliver(*host.ages(30, days=8))
    host.lead()
    check_answers(host, questions=[{}])
    host.deliver(*host.ages(30, days=8))
    host.lead()
    check_answers(host, questions=[{}])
    check_rows(host)


@pytest.mark.parametrize("minutes", [1, 50])
def test_a_record_that_comes_after_a_purge_hides_no_rollup(minutes):
    host = told(Host())
    host.deliver(*(timedelta(days=3, minutes=2 * age) for age in range(60)))
    host.lead()
    need = need_of({"by": ["route"], "bins": ["duration_ms"]})
    before = answers(Records(host.store), need)
    host.purge(host.now - timedelta(days=1))
    host.deliver(*(timedelta(days=3, minutes=2 * age) for age in range(minutes)))
    assert answers(Planned(Records(host.store), host.rollups), need) == before


def test_an_answer_has_what_is_computed_between_two_looks():
    host = told(Host())
    host.deliver(*[HOURS_AGO] * 9)
    host.lead()
    host.deliver(*[HOURS_AGO] * 9)
    need = need_of({})
    assert answers(Planned(Records(host.store), Leading(host)), need) == answers(
        Records(host.store), need
    )


class Leading:
    """Rollups whose leader computes minutes, and no hour yet, after each look."""

    def __init__(self, host):
        self._host = host
        self.rows = host.rollups.rows

    def _compute(self):
        self._host.maintainer().catch_up(int(self._host.now.timestamp()))

    def state(self):
        found = self._host.rollups.state()
        self._compute()
        return found

    def marked(self):
        found = self._host.rollups.marked()
        self._compute()
        return found


@pytest.mark.parametrize("looks", range(1, 6))
def test_an_answer_has_what_is_purged_while_it_is_computed(looks):
    host = told(Host())
    for ages in ([HOURS_AGO, timedelta(days=3)] * 9, [HOURS_AGO, timedelta(days=3)] * 9):
        host.lead()  # the second ones stay marked
        host.deliver(*ages)
    need = need_of({"by": ["route"], "bins": ["duration_ms"]})
    before = answers(Records(host.store), need)
    purging = Purging(host, looks)
    found = answers(Planned(FromRecords(host.store), purging), need)
    assert host.store.records == [] or purging.looks > 0
    assert found == before


class Purging:
    """Rollups beside which all records are purged after a number of looks at them."""

    def __init__(self, host, looks):
        self._host = host
        self.looks = looks

    def _looked(self, found):
        self.looks -= 1
        if self.looks == 0:
            self._host.purge(self._host.now)
        return found

    def state(self):
        return self._looked(self._host.rollups.state())

    def marked(self):
        return self._looked(self._host.rollups.marked())

    def rows(self, *place):
        return iter(self._looked(list(self._host.rollups.rows(*place))))


def test_numbers_of_too_many_groups_are_those_of_the_records():
    host = told(Host(), dimensions=(("tenant",),), measures=("cost",), max_groups=2)
    host.deliver(*[HOURS_AGO] * 40)
    host.lead()
    need = need_of({"by": ["tenant"], "sums": ["cost"], "bins": ["cost"]})
    planned = Planned(FromRecords(host.store), host.rollups)
    assert answers(planned, need) == answers(Records(host.store), need)
    assert any("too many groups" in said for said in planned.explain())


def test_a_question_without_a_range_asks_and_tells_of_no_time_that_there_is_not():
    host = told(Host())
    host.deliver(*[timedelta(days=3)] * 20, *[HOURS_AGO] * 20)
    host.lead()
    need = need_of({})
    planned = Planned(FromRecords(host.store), host.rollups)
    assert answers(planned, need) == answers(Records(host.store), need)
    told_of = planned.explain()
    assert told_of[0].startswith("rollups by the day: the beginning to ")
    assert not [said for said in told_of if "0001-" in said or "9999-" in said]


def test_sketches_of_few_values_are_no_million_values():
    host = told(Host(), distinct=("user",))
    host.deliver(*(timedelta(hours=age) for age in range(1, 30)))
    host.lead()
    need = need_of({"slot_seconds": 3_600, "distinct": ["user"]})
    found = list(Planned(FromRecords(host.store), host.rollups).parts(need))
    assert 29 <= sum(each.part.size for each in found) < 60


def test_a_rate_counts_no_records_that_were_purged_before_its_time():
    host = told(Host())
    host.deliver(*[timedelta(days=3)] * 50)
    host.deliver(*(timedelta(hours=age) for age in range(1, 9)))
    host.lead()
    host.purge(host.now - timedelta(days=1))
    asked = read_question(["rate"], chosen=Chosen(None, None, None))
    planned = Planned(FromRecords(host.store), host.rollups)
    rows, _ = measure(host.store, planned, asked)
    assert rows == measure(host.store, FromRecords(host.store), asked)[0]


def test_records_are_asked_for_what_they_alone_know():
    host = told(Host())
    host.deliver(*(timedelta(hours=age) for age in range(1, 9)))
    host.lead()
    need = replace(need_of({"by": ["route"]}), values=(name("route"),))
    source = Records(host.store)
    found = list(Planned(source, host.rollups).parts(need))
    assert sum(each.part.records for each in found) == 8
    assert [asked.values for asked in source.asked if not asked.counts] == [need.values]
    assert all(asked.chosen.since or asked.chosen.until for asked in source.asked if asked.counts)


@pytest.mark.parametrize("key", ["measures", "distinct"])
def test_a_time_is_refused_of_which_no_row_can_be_made(key):
    with pytest.raises(ValueError, match="'started_at' is a time"):
        RollupSettings.model_validate({key: ["started_at"]})
