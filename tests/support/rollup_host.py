"""Hosts that deliver to a store with rollups, and questions whose answers are compared."""

from __future__ import annotations

import random
from bisect import bisect_left
from datetime import datetime, timedelta, timezone

from support.rollups import MemoryRollups

from flask_chest.query import fold
from flask_chest.query.arguments import Chosen, name
from flask_chest.query.parser import parse
from flask_chest.query.parts import Located, Need, Part
from flask_chest.query.questions import Spread, Tally
from flask_chest.rollup import Cubes, Declaration, Maintainer, Planned, purging, rebuild, verify
from flask_chest.rollup.tiers import DAY, EVER, HOUR, NEVER, TIERS
from flask_chest.testing import make_batch, make_record
from flask_chest.testing.records import as_stored

NOW = datetime(2024, 5, 20, 10, 30, 20, tzinfo=timezone.utc)
DECLARATION = Declaration(
    dimensions=(("tenant",), ("tenant", "model")), measures=("cost",), distinct=("user",)
)
CUBES = Cubes.of(DECLARATION)


class Store:
    """Records in memory, in the order of time, so that a tally of an hour looks at no others."""

    def __init__(self):
        self.records = []

    def export(self, records):
        self.records = sorted(
            [*self.records, *map(as_stored, records)], key=lambda each: each.started_at
        )

    def delete(self, records):
        ids = {record.id for record in records}
        self.records = [record for record in self.records if record.id not in ids]

    def delete_unmarked(self, records):
        self.store.delete([as_stored(record) for record in records])

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
            part.sums.update(zip(need.sums, row.numbers, strict=True))
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
        self.marks_itself = store is not None and rollups is None
        self.rollups = store.rollup_storage() if self.marks_itself else rollups or MemoryRollups()
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
        self.store.export(make_batch(*records) if self.marks_itself else records)
        if marks:
            self._mark(records)
        return records

    @staticmethod
    def batch(records):
        return make_batch(*records)

    def delete(self, records):
        self.store.delete([as_stored(record) for record in records])
        self._mark(records)

    def delete_unmarked(self, records):
        self.store.delete([as_stored(record) for record in records])

    def purge(self, before):
        if self.marks_itself:
            self.store.purge(before=before)
            return
        with purging(self.maintainer(), before):
            self.store.purge(before=before)

    def _mark(self, records):
        if not self.marks_itself:
            self.rollups.mark(sorted({minute_of(record["started_at"]) for record in records}))

    def maintainer(self, **options):
        options = {"now": self.now.timestamp, **options}
        return Maintainer(self.store, self.rollups, self.cubes, **options)

    def lead(self):
        self.maintainer().run()

    def ages(self, number, **most):
        """Return ages up to a bound, in a few clusters: each hour takes time."""
        seconds = timedelta(**most).total_seconds()
        clusters = [0.02, 0.3, 0.97]
        return [
            timedelta(seconds=self.random.choice(clusters) * seconds + self.random.random() * 120)
            for _ in range(number)
        ]

    def rows(self):
        """Return all rows there are, by series and tier."""
        found = {}
        for series, kept in self.rollups.state().series.items():
            for tier in TIERS:
                found[series, tier] = list(self.rollups.rows(kept.id, tier, EVER, NEVER))
        return found


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
        distinct=tuple(map(name, question.get("distinct", ()))),
    )


def check_answers(host, *, uses_rollups=True, questions=QUESTIONS):
    """Ask questions over some ranges, of the rollups and of the records.

    Args:
        host: Its store and rollups are asked.
        uses_rollups: Whether they must have a part in each answer; None where that may be.
        questions: As `need_of` takes them.
    """
    for question in questions:
        for since, until in [
            (None, None),
            (host.now - timedelta(days=2, seconds=17.25), None),
            (host.now - timedelta(hours=9), host.now - timedelta(minutes=3, seconds=1)),
        ]:
            need = need_of(question, since, until)
            planned = Planned(Records(host.store), host.rollups)
            assert answers(planned, need) == answers(Records(host.store), need)
            used = any("rollups" in said for said in planned.explain())
            assert uses_rollups is None or used is uses_rollups


def check_rows(host):
    """Compare the rows, byte by byte, with those that are made anew."""
    host.maintainer().catch_up(int(host.now.timestamp()) + HOUR)
    host.lead()
    assert not list(verify(host.maintainer()))
    before = host.rows()
    rebuild(host.maintainer())
    assert host.rows() == before
