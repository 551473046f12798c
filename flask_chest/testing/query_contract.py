"""The part of the stores' contract about selections and tallies, and the questions made of them."""

from __future__ import annotations

import random
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any, Final

import pytest

from flask_chest import query
from flask_chest.memory_store import MemoryStore
from flask_chest.query.fold import added
from flask_chest.query.nodes import Field, Variable, kind
from flask_chest.query.question import EXACT
from flask_chest.query.questions import Order, Selection, Spread, Sums, Tally, TallyRow
from flask_chest.record import Record
from flask_chest.store import Store
from flask_chest.testing.questions import NUMBERS, SIZE, TEXTS, Questions, odd_records
from flask_chest.testing.records import START, as_stored, make_batch, make_record

MEASURES: Final = (
    *("count", "errors", "error_rate", "rate", "sum(size)", "mean(size)", "min(size)"),
    *("max(size)", "p50(size)", "p99.9(duration_ms)", "distinct(user.plan)", "top(a)"),
    *("distinct(route)", "share(a is None)", "share(size > 1)"),
    *("histogram(size)", "histogram(status_code)"),
)
QUESTIONS: Final[Sequence[dict[str, Any]]] = (
    {},
    {"by": ["route"]},
    {"by": ["a"], "limit": 5},
    {"by": ["user.plan", "status_code"], "limit": 3, "order_by": "status_code"},
    {"by": ["list"], "where": "size > 0", "since": START, "until": START + timedelta(days=5)},
    {"every": "1h", "since": START - timedelta(hours=3), "until": START + timedelta(hours=2)},
    {"every": "1d", "tz": "Asia/Kathmandu", "by": ["method"], "since": "2024-04-25"}
    | {"until": "2024-05-10"},
    {"every": "1y", "by": ["a"], "limit": 2},
)


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
    def odd(self, store: Store) -> list[Record]:
        """Return records that are in the store, whose values are hard to compare."""
        stored = odd_records(random.Random(1), 150)  # noqa: S311 - no secrets, and repeatable
        store.export(make_batch(*stored))
        return list(map(as_stored, stored))

    def test_every_selection_has_the_records_of_the_reference(
        self, store: Store, odd: list[Record]
    ) -> None:
        questions = Questions(random.Random(2))  # noqa: S311 - no secrets, and repeatable
        data = [record.as_data() for record in odd]
        for _ in range(200):
            asked = questions.selection(data)
            expected = query.select(odd, asked)
            assert [r.id for r in store.select(asked)] == [r.id for r in expected], asked

    def test_every_tally_has_the_sums_of_the_reference(
        self, store: Store, odd: list[Record]
    ) -> None:
        questions = Questions(random.Random(3))  # noqa: S311 - no secrets, and repeatable
        for _ in range(100):
            asked = questions.tally()
            found, expected = totals(store.tally(asked)), totals(query.tally(odd, asked))
            assert found.keys() == expected.keys(), asked
            for group, row in found.items():
                assert is_near(row, expected[group]), (asked, row, expected[group])

    def test_pages_have_each_record_once_in_every_order(
        self, store: Store, odd: list[Record]
    ) -> None:
        expected = sorted(record.id for record in odd)
        for operand in (Variable(("a",)), Variable(("user", "plan")), Field("route"), SIZE):
            for descending in (False, True):
                asked = Selection(order=Order(operand, descending), limit=7)
                found: list[Record] = []
                while page := store.select(asked):
                    found += page
                    asked = replace(asked, after=query.place_of(page[-1].as_data(), asked.order))
                assert sorted(record.id for record in found) == expected, asked
                assert found[:7] == store.select(replace(asked, after=None)), asked

    def test_records_are_ordered_by_every_value(self, store: Store) -> None:
        # Without those that a database may order as the same double.
        numbers = sorted({float(number) for number in NUMBERS})
        values = [*numbers, *TEXTS, True, False, None, [1], {"k": 1}]
        stored = [make_record(variables={"a": {"b": value}}) for value in values]
        stored.append(make_record(variables={"a": 1}))
        random.Random(4).shuffle(stored)  # noqa: S311 - no secrets, and repeatable
        store.export(make_batch(*stored))
        for descending in (False, True):
            asked = Selection(order=Order(Variable(("a", "b")), descending))
            expected = query.select(map(as_stored, stored), asked)
            assert [r.variables for r in store.select(asked)] == [r.variables for r in expected]

    def test_what_equals_no_number_exactly_is_not_found_by_it(self, store: Store) -> None:
        stored = [make_record(variables={"n": number}) for number in NUMBERS]
        store.export(make_batch(*stored))
        for number in NUMBERS:
            for operator in ("==", "<", ">="):
                chosen = query.parse(f"n {operator} {number!r}")
                expected = {each["id"] for each in stored if chosen.matches(each)}
                found = {each.id for each in store.select(Selection(where=chosen.root))}
                assert found == expected, chosen

    def test_groups_of_time_begin_at_multiples_of_their_length(self, store: Store) -> None:
        moments = [START + timedelta(seconds=n * 7, microseconds=n) for n in range(100)]
        store.export(make_batch(*(make_record(started_at=moment) for moment in moments)))
        for seconds in (1, 60, 3_600, 86_400, 604_800):
            asked = Tally(slot_seconds=seconds)
            slots = [int(moment.timestamp() // seconds) * seconds for moment in moments]
            found = {row.slot: row.records for row in totals(store.tally(asked)).values()}
            assert found == {slot: slots.count(slot) for slot in slots}

    def test_an_empty_store_has_no_records_and_no_groups(self, store: Store) -> None:
        assert store.select(Selection()) == []
        assert list(store.records("a == 1", order_by="a")) == []
        for spread in (None, Spread(SIZE), Spread(SIZE, as_bins=True)):
            for by in ((), (Field("route"), SIZE)):
                groups = store.tally(Tally(by=by, numbers=(SIZE,), spread=spread))
                assert [row for row in groups if row.records] == []

    def test_records_come_one_by_one_from_many_pages(self, store: Store) -> None:
        stored = [
            make_record(started_at=START + timedelta(seconds=n % 3), variables={"n": n % 4})
            for n in range(2_100)
        ]
        store.export(make_batch(*stored))
        found = [record.id for record in store.records("n != 3", order_by="-n")]
        assert sorted(found) == sorted(r["id"] for r in stored if r["variables"]["n"] != 3)
        newest = [record.started_at for record in store.records(limit=1_500)]
        assert newest == sorted(newest, reverse=True)
        assert len(newest) == 1_500

    def test_every_question_has_the_answer_of_the_reference(
        self, store: Store, odd: list[Record]
    ) -> None:
        reference = MemoryStore(1 << 30)
        reference.export(make_batch(*(record.as_data() for record in odd)))
        for exact in (EXACT, 0):  # percentiles by values, then by bins
            for options in QUESTIONS if exact else QUESTIONS[:3]:
                found = store.measure(*MEASURES, exact=exact, **options)
                expected = reference.measure(*MEASURES, exact=exact, **options)
                assert len(found) == len(expected), options
                assert all(map(_is_same_row, found, expected)), (options, found, expected)
        for where in ("a is None", "status_code >= 500 or contains(path, 'A')"):
            rows = store.differences(where, limit=100)
            expected = reference.differences(where, limit=100)
            assert len(rows) == len(expected)
            assert all(map(_is_same_row, rows, expected)), (rows, expected)


def _is_same_row(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    return one.keys() == other.keys() and all(
        value == other[name]
        if kind(value) != "number"
        else kind(other[name]) == "number" and value == pytest.approx(other[name], rel=1e-9)
        for name, value in one.items()
    )
