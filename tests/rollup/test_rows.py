"""Packed numbers and sketches."""

from __future__ import annotations

import math
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flask_chest.query.questions import Sums
from flask_chest.query.sketch import Sketch
from flask_chest.rollup.pages import pack_rows, unpack_rows
from flask_chest.rollup.rows import Numbers, Row, capped, encode_key, merge, merged, pack, unpack

WEIGHTS = st.one_of(
    st.integers(1, 2**40).map(float), st.floats(1, 1e300, allow_nan=False, allow_infinity=False)
)


@settings(max_examples=50, deadline=None)
@given(st.dictionaries(st.integers(-2_100, 2_100), WEIGHTS, min_size=1), st.floats(-1e9, 1e9))
def test_packed_numbers_are_the_same_again(bins, total):
    numbers = Numbers(Sums(math.fsum(bins.values()), total, -1.5, 7.25), bins)
    assert unpack(pack(numbers)) == numbers
    assert pack(Numbers(numbers.sums, dict(reversed(bins.items())))) == pack(numbers)


def test_numbers_of_no_record_have_no_least():
    numbers = Numbers(Sums(0.0, 0.0, None, None), {})
    assert unpack(pack(numbers)) == numbers


def test_a_usual_histogram_takes_few_bytes():
    bins = {1_000 + number: float(number % 200) for number in range(50)}
    assert len(pack(Numbers(Sums(1.0, 1.0, 1.0, 1.0), bins))) < 200


@pytest.mark.parametrize("wrong", [b"", b"\x01", b"\x09" * 60, b"\x01d\x05\x00" + bytes(32)])
def test_what_was_changed_by_hand_is_said(wrong):
    with pytest.raises(ValueError, match="packed numbers"):
        unpack(wrong)
    with pytest.raises(ValueError, match="packed sketch"):
        Sketch.unpack(b"\x03" + wrong)


@pytest.mark.parametrize("size", [0, 1, 10, 1_000, 4_000, 30_000])
def test_a_sketch_counts_within_two_percent(size):
    counts = []
    for seed in range(3):
        sketch = Sketch()
        for number in range(size):
            sketch.add(f"{seed}-{number}")
            sketch.add(f"{seed}-{number}")
        assert Sketch.unpack(sketch.pack()).count() == sketch.count()
        counts.append(sketch.count())
    assert all(abs(count - size) <= 0.02 * size for count in counts)


def test_sketches_are_merged_by_union_whatever_their_order():
    values = list(range(9_000))
    whole, parts = Sketch(), [Sketch() for _ in range(3)]
    for value in values:
        whole.add(value)
        for part in random.sample(parts, 2):
            part.add(value)
    one, *others = parts
    for other in others:
        one.merge(Sketch.unpack(other.pack()))
    assert one.pack() == whole.pack()


def test_equal_values_are_one_in_a_sketch_and_others_are_not():
    sketch = Sketch()
    for value in (1, 1.0, True, "1", "True", "ä", 0.1):
        sketch.add(value)
    assert sketch.count() == 6


def row(key, records):
    numbers = Numbers(Sums(float(records), 2.0 * records, 2.0, 2.0), {1: float(records)})
    return Row(
        None if key is None else encode_key((key,)), records, 1.0 * records, 0.0, pack(numbers)
    )


@pytest.mark.parametrize("size", [0, 1, 40, 900])
def test_pages_have_the_same_rows_again(size):
    chance = random.Random(size)
    rows = [
        Row(
            encode_key((number, "\nä", None)),
            chance.randrange(2**40),
            chance.random(),
            chance.random(),
            chance.randbytes(chance.choice([0, 50, 300, 70_000 if number == 3 else 20])),
        )
        for number in range(size)
    ]
    rows += [Row(None, 1, 2.5, 0.0, b"rest")] * (size > 1)
    pages = list(pack_rows(rows))
    assert [row for page in pages for row in unpack_rows(page)] == rows
    assert all(len(page) < 50_000 or len(unpack_rows(page)) == 1 for page in pages)
    assert len(pages) <= 1 + sum(len(page) for page in pages) // 20_000


@pytest.mark.parametrize("wrong", [b"", b"\x09" * 60, b"\x01\x01"])
def test_a_page_that_was_changed_by_hand_is_said(wrong):
    [page] = pack_rows([row("a", 5)])
    for each in (wrong, page[:-1], b"\x02" + page[1:]):
        with pytest.raises(ValueError, match="page of rows"):
            unpack_rows(each)


def test_the_smallest_groups_are_the_rest():
    rows = [row("a", 5), row("b", 1), row("c", 9), row("d", 1), row(None, 2)]
    kept = capped(rows, 2, are_sketches=False)
    assert [(each.key, each.records) for each in kept] == [('["a"]', 5), ('["c"]', 9), (None, 4)]
    assert unpack(kept[-1].payload).sums == Sums(4.0, 8.0, 2.0, 2.0)
    assert capped(rows, 4, are_sketches=False) == rows


def test_rows_of_a_key_are_one():
    found = merged([row("b", 1), row("a", 2), row(None, 1), row("b", 3)], are_sketches=False)
    assert [(each.key, each.records) for each in found] == [('["a"]', 2), ('["b"]', 4), (None, 1)]
    assert merge([row("b", 1)], None, are_sketches=False).key is None
