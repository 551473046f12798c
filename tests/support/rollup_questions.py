"""Random records and random questions that rollups answer, on any store."""

from __future__ import annotations

from datetime import timedelta

from support.rollup_host import Host

from flask_chest.query import FromRecords
from flask_chest.query.arguments import Chosen
from flask_chest.query.measuring import measure
from flask_chest.query.nodes import Field, Variable
from flask_chest.query.parser import parse
from flask_chest.query.parts import Need
from flask_chest.query.question import read_question
from flask_chest.rollup import Cubes, Declaration, Planned
from flask_chest.rollup.sketched import Sketched
from flask_chest.testing.questions import NUMBERS, TEXTS

DECLARED = Declaration(
    dimensions=(("tenant", "user.plan"), ("route", "variables['odd key']")),
    measures=("cost",),
    distinct=("user",),
    max_groups=25,
)
DIMENSIONS = (
    ("service", "route", "method", "status_code"),
    ("tenant", "user.plan"),
    ("route", "variables['odd key']"),
)
VALUES = (
    *("acme", "Acme", "acme ", "é", "e\u0301", "", "1", "true", "null", "it's", 'q"uo'),
    *(1, 1.0, 2, -1, 0, 0.5, 0.1, 2**53, 2**53 + 1, 2**63 - 1, -(2**63), 1e19, 1e300, 1e-300),
    *(True, False, None, {"a": 1}, {}, [1], []),
)
"""Some equal each other, and some would in another language."""

MEASURES = (
    *("count", "errors", "error_rate", "rate", "sum(cost)", "mean(cost)", "min(cost)", "max(cost)"),
    *("mean(duration_ms)", "sum(duration_ms)", "min(duration_ms)", "max(duration_ms)"),
    *("p50(duration_ms)", "p95(cost)"),
)
EVERY = ("1m", "5m", "15m", "1h", "3h", "6h", "1d", "1w", "1mo")
ZONES = ("UTC", "UTC", "Europe/Berlin", "Asia/Kolkata", "America/St_Johns", "Asia/Kathmandu")
AGES = (
    *(timedelta(seconds=each) for each in (1, 61, 4_000)),
    timedelta(hours=26),
    timedelta(days=2, hours=11),
)
"""Around these ages, there are records: each hour of them takes time."""


class Asking:
    """A host that delivers odd records, and asks random questions about them.

    Args:
        store: With the rollups of `DECLARED`.
        seed: Of chance.
    """

    def __init__(self, store, seed):
        self.host = Host(store, cubes=Cubes.of(DECLARED), seed=seed)
        self.chance = self.host.random

    def deliver(self, number):
        chance = self.chance
        records = []
        for _ in range(number):
            age = chance.choice(AGES) + timedelta(microseconds=chance.randrange(90_000_000))
            records += [self.record(age)]
        self.host.store.export(self.host.batch(records))
        return records

    def record(self, age):
        chance = self.chance
        variables = {
            "tenant": chance.choice(VALUES),
            "user": chance.choice([{"plan": chance.choice(VALUES)}, chance.choice(VALUES)]),
            "odd key": chance.choice(VALUES),
            # Sums of them are the same in any order.
            "cost": chance.choice([chance.randrange(-400, 400) / 4, "3", True, None, [1]]),
        }
        return self.host.record(
            age,
            service=chance.choice(["shop", "Shop", "pay "]),
            method=chance.choice(["GET", "POST"]),
            route=chance.choice(["/", "/é/<int:id>", "/E/<int:id>", "/cart/%", None]),
            error=chance.choice([None, None, "builtins.KeyError"]),
            weight=chance.choice([1.0, 1.0, 2.0, 2.5]),
            variables={name: v for name, v in variables.items() if chance.random() < 0.85},
        )

    # -- Questions ---------------------------------------------------------------------------------

    def question(self):
        """Return a random question, and the words for it."""
        chance = self.chance
        names = chance.choice(DIMENSIONS)
        arguments = {
            "by": chance.sample(names, chance.choice([0, 1, 1, 2])),
            "every": chance.choice([None, None, *EVERY]),
            "tz": chance.choice(ZONES),
            "limit": chance.choice([None, None, 3]),
        }
        where = self.where(names) if chance.random() < 0.6 else None
        since, until = self.range()
        measures = chance.sample(MEASURES, chance.choice([1, 2, 4]))
        if arguments["every"] is not None or "rate" in measures:  # not to this very moment
            until = until or self.host.now
            if arguments["every"] in ("1m", "5m"):
                since = until - timedelta(hours=2)
        condition = parse(where).root if where else None
        asked = read_question(measures, chosen=Chosen(condition, since, until), **arguments)
        return asked, (measures, arguments, where, since, until)

    def range(self):
        chance, now = self.chance, self.host.now
        ends = [
            chance.choice([*AGES, timedelta(days=3)])
            + timedelta(microseconds=chance.choice([0, 1, 2**30]))
            for _ in range(2)
        ]
        moments = [now - max(ends), now - min(ends)]
        if chance.random() < 0.5:
            moments = [m.replace(second=0, microsecond=0) for m in moments]
        if chance.random() < 0.3:
            moments = [m.replace(minute=0, second=0, microsecond=0) for m in moments]
        return chance.choice([(None, None), (moments[0], None), (None, moments[1]), moments])

    def where(self, names, depth=2):
        chance = self.chance
        if depth and chance.random() < 0.4:
            parts = [self.where(names, depth - 1) for _ in range(2)]
            return f"({chance.choice([' and ', ' or ']).join(parts)})"
        name = chance.choice(names)
        if name in ("service", "method"):
            return f"{name} {chance.choice(['==', '!=', '<'])} {chance.choice(TEXTS)!r}"
        if name == "status_code":
            return chance.choice(["status_code >= 500", "status_code is None", "status_code < 404"])
        if name == "route":
            texts = ["route is None", "route == '/'", "startswith(route, '/é')", "route > '/c'"]
            return chance.choice(texts)
        scalars = [v for v in VALUES if v is not None and not isinstance(v, (dict, list))]
        value = chance.choice([*scalars, *NUMBERS])
        tests = [f"{name} is None", f"{name} is not None", f"{name} == {value!r}"]
        tests += [f"{name} not in ({value!r}, {chance.choice(scalars)!r})", f"{name} != {value!r}"]
        if not isinstance(value, bool):
            tests += [f"{name} < {value!r}", f"{name} >= {value!r}"]
        if isinstance(value, str):
            tests += [f"contains({name}, {value!r})", f"not endswith({name}, {value!r})"]
        return chance.choice(tests)

    # -- Answers -----------------------------------------------------------------------------------

    def planned(self):
        """Return the rollups, and the records where they know more."""
        return Planned(FromRecords(self.host.store), self.host.rollups)

    def check(self):
        """Compare the answers of the rollups to a random question with those of the records.

        Returns:
            Whether it was one that the rollups answer.
        """
        store = self.host.store
        asked, words = self.question()
        planned = self.planned()
        found, _ = measure(store, planned, asked)
        expected, _ = measure(store, FromRecords(store), asked)
        assert found == expected, words
        self.check_parts(asked)
        return any("rollups by" in said for said in planned.explain())

    def check_parts(self, asked):
        """Compare histograms and sketches, which `measure` takes for many records."""
        chance = self.chance
        need = Need(
            asked.chosen,
            slot_seconds=chance.choice([None, None, 60, 900, 3_600, 86_400]),
            by=tuple(asked.by.values()),
            counts=False,
            bins=(Field("duration_ms"), Variable(("cost",))),
            distinct=(Variable(("user",)),),
        )
        assert packed(self.planned(), need) == packed(FromRecords(self.host.store), need), need


def packed(source, need):
    """Return the histograms and the sketches of each group."""
    found = {}
    for slot, key, part in source.parts(need):
        place = slot, repr(key)
        if place in found:
            found[place].merge(part)
        else:
            found[place] = part
    made = {}
    for place, part in found.items():
        bins = {operand: each for operand, each in part.bins.items() if each}
        sketches = {o: Sketched.of(each).sketch.pack() for o, each in part.distinct.items()}
        if bins or sketches:
            made[place] = bins, sketches
    return made
