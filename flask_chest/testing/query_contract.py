"""The part of the stores' contract about selections and tallies, and the questions made of them."""

from __future__ import annotations

import random
from collections.abc import Iterable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from flask_chest import query
from flask_chest.query.fold import added
from flask_chest.query.nodes import Field, Variable, kind
from flask_chest.query.questions import Order, Selection, Spread, Sums, Tally, TallyRow
from flask_chest.record import Record
from flask_chest.store import Store
from flask_chest.testing.questions import NUMBERS, SIZE, TEXTS, Questions, odd_records
from flask_chest.testing.records import START, as_stored, make_batch, make_record


def totals(rows: Iterable[TallyRow]) -> dict[Any, TallyRow]:
    """Return the rows of a tally by their group, one row each."""
    found: dict[Any, TallyRow] = {}
    for row in rows:
        key = tuple((kind(value), value) for value in row.key)
        group = (row.slot, key, kind(row.spread), row.spread)
        found[group] = _together(found[group], row) if group in found else row
    return {group: row for group, row in found.items() if row.records}


def _together(one: TallyRow, other: TallyRow) -> TallyRow:
    return one._replace(
        records=one.records + other.records,
        weight=one.weight + other.weight,
        errors=one.errors + other.errors,
        numbers=tuple(map(added, one.numbers, other.numbers)),
    )


def is_near(one: TallyRow, other: TallyRow) -> bool:
    """Return whether two groups have the same sums, whatever the order of the summands was."""
    return (
        one.records == other.records
        and [one.weight, one.errors] == pytest.approx([other.weight, other.errors])
        and len(one.numbers) == len(other.numbers)
        and all(map(_are_near, one.numbers, other.numbers))
    )


def _are_near(one: Sums, other: Sums) -> bool:
    scale = one.weight * max(abs(one.least or 0), abs(one.most or 0))
    return (
        one.weight == pytest.approx(other.weight)
        and one.total == pytest.approx(other.total, rel=1e-9, abs=1e-9 * scale)
        and (one.least is None) is (other.least is None)
        and [one.least or 0, one.most or 0] == pytest.approx([other.least or 0, other.most or 0])
    )


class QueryContract:
    """Tests that every question has its right answer. `StoreContract` has the fixtures."""

    @pytest.fixture
    def reader(self, store: Store) -> Store:
        """Return a store that answers selections."""
        if type(store).select is Store.select:
            pytest.skip(f"{store.type} has no `select` yet")
        return store

    @pytest.fixture
    def odd(self, reader: Store) -> list[Record]:
        """Return records that are in the store, whose values are hard to compare."""
        stored = odd_records(random.Random(1), 150)  # noqa: S311 - no secrets, and repeatable
        reader.export(make_batch(*stored))
        return list(map(as_stored, stored))

    def test_every_selection_has_the_records_of_the_reference(
        self, reader: Store, odd: list[Record]
    ) -> None:
        questions = Questions(random.Random(2))  # noqa: S311 - no secrets, and repeatable
        data = [record.as_data() for record in odd]
        for _ in range(200):
            asked = questions.selection(data)
            expected = query.select(odd, asked)
            assert [r.id for r in reader.select(asked)] == [r.id for r in expected], asked

    def test_every_tally_has_the_sums_of_the_reference(
        self, reader: Store, odd: list[Record]
    ) -> None:
        questions = Questions(random.Random(3))  # noqa: S311 - no secrets, and repeatable
        for _ in range(100):
            asked = questions.tally()
            found, expected = totals(reader.tally(asked)), totals(query.tally(odd, asked))
            assert found.keys() == expected.keys(), asked
            for group, row in found.items():
                assert is_near(row, expected[group]), (asked, row, expected[group])

    def test_pages_have_each_record_once_in_every_order(
        self, reader: Store, odd: list[Record]
    ) -> None:
        expected = sorted(record.id for record in odd)
        for operand in (Variable(("a",)), Variable(("user", "plan")), Field("route"), SIZE):
            for descending in (False, True):
                asked = Selection(order=Order(operand, descending), limit=7)
                found: list[Record] = []
                while page := reader.select(asked):
                    found += page
                    asked = replace(asked, after=query.place_of(page[-1].as_data(), asked.order))
                assert sorted(record.id for record in found) == expected, asked
                assert found[:7] == reader.select(replace(asked, after=None)), asked

    def test_records_are_ordered_by_every_value(self, reader: Store) -> None:
        # Without those that a database may order as the same double.
        numbers = sorted({float(number) for number in NUMBERS})
        values = [*numbers, *TEXTS, True, False, None, [1], {"k": 1}]
        stored = [make_record(variables={"a": {"b": value}}) for value in values]
        stored.append(make_record(variables={"a": 1}))
        random.Random(4).shuffle(stored)  # noqa: S311 - no secrets, and repeatable
        reader.export(make_batch(*stored))
        for descending in (False, True):
            asked = Selection(order=Order(Variable(("a", "b")), descending))
            expected = query.select(map(as_stored, stored), asked)
            assert [r.variables for r in reader.select(asked)] == [r.variables for r in expected]

    def test_what_equals_no_number_exactly_is_not_found_by_it(self, reader: Store) -> None:
        stored = [make_record(variables={"n": number}) for number in NUMBERS]
        reader.export(make_batch(*stored))
        for number in NUMBERS:
            for operator in ("==", "<", ">="):
                chosen = query.parse(f"n {operator} {number!r}")
                expected = {each["id"] for each in stored if chosen.matches(each)}
                found = {each.id for each in reader.select(Selection(where=chosen.root))}
                assert found == expected, chosen

    def test_groups_of_time_begin_at_multiples_of_their_length(self, reader: Store) -> None:
        moments = [START + timedelta(seconds=n * 7, microseconds=n) for n in range(100)]
        reader.export(make_batch(*(make_record(started_at=moment) for moment in moments)))
        for seconds in (1, 60, 3_600, 86_400, 604_800):
            asked = Tally(slot_seconds=seconds)
            slots = [int(moment.timestamp() // seconds) * seconds for moment in moments]
            found = {row.slot: row.records for row in totals(reader.tally(asked)).values()}
            assert found == {slot: slots.count(slot) for slot in slots}

    def test_an_empty_store_has_no_records_and_no_groups(self, reader: Store) -> None:
        assert reader.select(Selection()) == []
        assert list(reader.records("a == 1", order_by="a")) == []
        for spread in (None, Spread(SIZE), Spread(SIZE, as_bins=True)):
            for by in ((), (Field("route"), SIZE)):
                groups = reader.tally(Tally(by=by, numbers=(SIZE,), spread=spread))
                assert [row for row in groups if row.records] == []

    def test_records_come_one_by_one_from_many_pages(self, reader: Store) -> None:
        stored = [
            make_record(started_at=START + timedelta(seconds=n % 3), variables={"n": n % 4})
            for n in range(2_100)
        ]
        reader.export(make_batch(*stored))
        found = [record.id for record in reader.records("n != 3", order_by="-n")]
        assert sorted(found) == sorted(r["id"] for r in stored if r["variables"]["n"] != 3)
        newest = [record.started_at for record in reader.records(limit=1_500)]
        assert newest == sorted(newest, reverse=True)
        assert len(newest) == 1_500
