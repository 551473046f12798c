"""Rows that are made of the finest groups: the same, whichever way they are made."""

from __future__ import annotations

import random
from datetime import timedelta

import pytest
from support.rollup_host import CUBES, NOW, Host

from flask_chest.query.arguments import name
from flask_chest.query.questions import LIST, OBJECT, TallyRow
from flask_chest.rollup import compute
from flask_chest.rollup.cubes import Series
from flask_chest.rollup.finest import Finest
from flask_chest.rollup.rows import decode_key, unpack
from flask_chest.rollup.tiers import HOUR, MINUTE, seconds_of

A, B, X = map(name, ("a", "b", "x"))
SERIES = [
    Series(by, operand, kind)
    for by in ((), (A,), (A, B))
    for operand, kind in ((X, "numbers"), (X, "distinct"))
]
VALUES = ["s", "1", 1, True, 0, False, None, 2.5, 1e300, 10**300, OBJECT, LIST]


def finest_groups(weights):
    chance = random.Random(9)
    return [
        TallyRow(
            60 * chance.randrange(60),
            (chance.choice(VALUES), chance.choice("pq"), chance.choice([chance.random(), *VALUES])),
            None,
            1,
            weight := chance.choice(weights),
            chance.choice([0.0, weight]),
        )
        for _ in range(600)
    ]


@pytest.mark.parametrize("weights", [[1.0], [1.0, 3.0], [1.0, 1 / 0.3, 0.1]])
@pytest.mark.parametrize("most", [3, 1_000])
def test_hours_are_byte_by_byte_those_of_their_minutes(weights, most):
    rows = finest_groups(weights)
    made = Finest((A, B, X), rows, 1_000)
    random.Random(2).shuffle(rows)
    shuffled = Finest((A, B, X), rows, 1_000)
    for series in SERIES:
        minutes = made.rows(series, MINUTE, most)
        hours = made.rows(series, HOUR, most)
        assert hours == compute.raised(series, minutes, HOUR, most) != {}
        assert shuffled.rows(series, MINUTE, most) == minutes
        assert shuffled.rows(series, HOUR, most) == hours


def test_true_is_no_number_and_each_number_has_one_group():
    rows = [
        TallyRow(0, (value, "p", value), None, 1, 1.0, 0.0)
        for value in (1, True, 1e300, 10**300, 10**400, "1", None)
    ]
    made = Finest((A, B, X), rows, 1_000)
    found = made.rows(Series((A,), X, "numbers"), MINUTE, 1_000)[0]
    assert [decode_key(row.key) for row in found] == [(10**300,), (1,), (1e300,)]
    assert [unpack(row.payload).sums.total for row in found] == [1e300, 1.0, 1e300]
    [row] = made.rows(Series((), X, "distinct"), MINUTE, 1_000)[0]
    assert row.records == 6


class Counted:
    """A store that notes how it was asked."""

    def __init__(self, store):
        self._store = store
        self.of_finest = self.of_series = 0

    def tally(self, asked):
        self.of_finest += asked.spread is None
        self.of_series += asked.spread is not None
        return self._store.tally(asked)


@pytest.fixture
def host():
    host = Host()
    host.deliver(*host.ages(200, hours=2))
    host.deliver(*[timedelta(minutes=50)] * 60)
    return host


@pytest.mark.parametrize("tier", [MINUTE, HOUR])
@pytest.mark.parametrize(
    ("at_once", "of_a_minute", "expected"), [(100, 40, 0.0), (100, 40, 9e9), (3, 3, 0.0)]
)
def test_minutes_with_many_records_are_tallied_for_each_series(
    host, monkeypatch, tier, at_once, of_a_minute, expected
):
    begin = seconds_of(NOW) // HOUR * HOUR - 2 * HOUR
    buckets = range(begin, begin + 3 * HOUR, tier)
    whole = compute.Computer(host.store.tally).rows(CUBES.series(), buckets, 1_000)
    assert all(whole.values())
    monkeypatch.setattr(compute, "MOST_AT_ONCE", at_once)
    monkeypatch.setattr(compute, "MOST_OF_A_MINUTE", of_a_minute)
    store = Counted(host.store)
    found = compute.Computer(store.tally, expected).rows(CUBES.series(), buckets, 1_000)
    assert found == whole
    assert store.of_finest > 0
    assert store.of_series > 0


def test_few_records_are_read_once_for_all_series(host):
    store = Counted(host.store)
    begin = seconds_of(NOW) // HOUR * HOUR - HOUR
    buckets = range(begin, begin + HOUR, MINUTE)
    compute.Computer(store.tally).rows(CUBES.series(), buckets, 1_000)
    assert (store.of_finest, store.of_series) == (1, 0)
