"""Rollups in memory: always equal to the records, whatever comes late, is deleted or is killed."""

from __future__ import annotations

import random
from bisect import bisect_left
from datetime import datetime, timedelta, timezone

import pytest
from support.rollups import MemoryRollups

from flask_chest.query import fold
from flask_chest.query.arguments import Chosen, name
from flask_chest.query.parser import parse
from flask_chest.query.parts import Located, Need, Part
from flask_chest.query.questions import Spread, Tally
from flask_chest.rollup import Cubes, Maintainer, Planned, rebuild, verify
from flask_chest.rollup.maintenance import Overtaken
from flask_chest.rollup.tiers import DAY, HOUR, MINUTE
from flask_chest.testing import make_record
from flask_chest.testing.records import as_stored

NOW = datetime(2024, 5, 20, 10, 30, 20, tzinfo=timezone.utc)
CUBES = Cubes(
    dimensions=((name("tenant"),), (name("tenant"), name("model"))),
    measures=(name("cost"),),
    distinct=(name("user"),),
)


class Store:
    """Records in memory, in the order of time, so that a tally of an hour looks at no others."""

    def __init__(self):
        self.records = []

    def export(self, records):
        self.records = sorted(
            [*self.records, *map(as_stored, records)], key=lambda each: each.started_at
        )

    def delete(self, ids):
        self.records = [record for record in self.records if record.id not in ids]

    def purge(self, before):
        self.records = self._between(before, None)

    def select(self, selection):
        return fold.select(self._between(selection.since, selection.until), selection)

    def tally(self, asked):
        return fold.tally(self._between(asked.since, asked.until), asked)

    def _between(self, since, until):
        at = [record.started_at for record in self.records]
        first = 0 if since is None else bisect_left(at, since)
        return self.records[first : None if until is None else bisect_left(at, until)]


class Records:
    """The records of a store, as a source of parts."""

    def __init__(self, store):
        self.store = store
        self.asked = []

    def explain(self):
        return ["records"] if self.asked else []

    def parts(self, need):
        self.asked.append(need)
        chosen = need.chosen
        tally = Tally(
            where=chosen.where,
            since=chosen.since,
            until=chosen.until,
            slot_seconds=need.slot_seconds,
            by=need.by,
            numbers=need.sums,
        )
        for row in self.store.tally(tally):
            part = Part(row.records, row.weight, row.errors) if need.counts else Part()
            part.sums = dict(zip(need.sums, row.numbers, strict=True))
            yield Located(row.slot, row.key, part)
        for operand in need.bins:
            spread = Spread(operand, as_bins=True)
            for row in self.store.tally(Tally(**{**vars(tally), "numbers": (), "spread": spread})):
                yield Located(row.slot, row.key, Part(bins={operand: {row.spread: row.weight}}))


class Host:
    """One that delivers to a database with rollups, and may lead."""

    def __init__(self, store=None, rollups=None, cubes=CUBES, seed=1):
        self.random = random.Random(seed)
        self.store = store or Store()
        self.rollups = rollups or MemoryRollups()
        self.now = NOW
        self.cubes = cubes

    def record(self, age, **fields):
        chance = self.random
        record = make_record(
            started_at=self.now - age,
            route=chance.choice(["/a", "/b", None]),
            status_code=chance.choice([200, 200, 404, 500, None]),
            duration_ms=chance.randrange(1, 4_000) / 8,
            weight=chance.choice([1.0, 2.0]),
            variables={
                "tenant": chance.choice(["acme", "globex", 1, True, None, {"a": 1}]),
                "model": chance.choice(["small", "large"]),
                "cost": chance.choice([chance.randrange(100) / 4, "free", None]),
                "user": chance.randrange(40),
            },
        )
        return {**record, **fields}

    def deliver(self, *ages, marks=True, **fields):
        records = [self.record(age, **fields) for age in ages]
        self.store.export(records)
        if marks:
            self.rollups.mark(sorted({minute_of(record["started_at"]) for record in records}))
        return records

    def maintainer(self, **options):
        options = {"now": self.now.timestamp, **options}
        return Maintainer(self.store, self.rollups, self.cubes, **options)

    def lead(self):
        self.maintainer().run()

    def ages(self, number, **most):
        seconds = timedelta(**most).total_seconds()
        return [timedelta(seconds=self.random.random() * seconds) for _ in range(number)]

    def rows(self):
        """Return all rows there are, but empty tables."""
        return {key: kept for key, kept in self.rollups.kept.items() if kept}


def minute_of(text):
    moment = datetime.fromisoformat(text.removesuffix("Z")).replace(tzinfo=timezone.utc)
    return int(moment.timestamp()) // 60 * 60


def answers(source, need):
    """Return the groups of a question, merged."""
    found = {}
    for slot, key, part in source.parts(need):
        place = slot, repr(key)
        if place in found:
            found[place].merge(part)
        else:
            found[place] = part
    return {
        place: (
            (part.records, part.weight, part.errors),
            {operand: sums for operand, sums in part.sums.items() if sums.weight},
            part.bins,
        )
        for place, part in found.items()
    }


QUESTIONS = [
    {},
    {"by": ["route"]},
    {"by": ["tenant"], "sums": ["cost"], "bins": ["cost"]},
    {"by": ["model", "tenant"], "bins": ["duration_ms"]},
    {"slot_seconds": 300, "where": "status_code >= 500"},
    {"slot_seconds": HOUR, "by": ["route"], "bins": ["duration_ms"]},
    {"slot_seconds": DAY, "where": "tenant == 'acme' or tenant is None", "sums": ["duration_ms"]},
    {"slot_seconds": DAY, "where": "tenant == 1", "by": ["tenant"]},
]


def need_of(question, since=None, until=None):
    where = question.get("where")
    return Need(
        Chosen(parse(where).root if where else None, since, until),
        slot_seconds=question.get("slot_seconds"),
        by=tuple(map(name, question.get("by", ()))),
        sums=tuple(map(name, question.get("sums", ()))),
        bins=tuple(map(name, question.get("bins", ()))),
    )


def check_answers(host, *, uses_rollups=True):
    """Ask all questions over some ranges, of the rollups and of the records."""
    for question in QUESTIONS:
        for since, until in [
            (None, None),
            (host.now - timedelta(days=2, seconds=17.25), None),
            (host.now - timedelta(hours=9), host.now - timedelta(minutes=3, seconds=1)),
        ]:
            need = need_of(question, since, until)
            planned = Planned(Records(host.store), host.rollups)
            assert answers(planned, need) == answers(Records(host.store), need)
            assert any("rollups" in said for said in planned.explain()) is uses_rollups


def check_rows(host):
    """Compare the rows, byte by byte, with those that are made anew."""
    assert not list(verify(host.maintainer()))
    before = host.rows()
    rebuild(host.maintainer())
    assert host.rows() == before


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
    minutes = {b for (_, tier), kept in host.rollups.kept.items() if tier == MINUTE for b in kept}
    assert min(minutes) >= state.tiers_since[MINUTE] > 0


def test_deleted_records_leave_the_rollups(host):
    records = host.deliver(*host.ages(100, days=2))
    host.lead()
    gone = records[::3]
    host.store.delete({record["id"] for record in gone})
    host.rollups.mark({minute_of(record["started_at"]) for record in gone})
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
    host.maintainer().freeze(cut)
    host.store.purge(before=cut)
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
            if steps % 6 == 0:
                assert not list(verify(host.maintainer()))
                host.deliver(timedelta(hours=5))
                host.lead()
                check_answers(host)
                check_rows(host)
        else:
            break
    assert steps > 20


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
    assert max(len(rows) for kept in host.rows().values() for rows in kept.values()) == 4


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
