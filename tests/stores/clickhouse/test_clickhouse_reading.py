"""How ClickHouse is read: each record once before merges, whatever range of time it is found in."""

from __future__ import annotations

import random
from datetime import timedelta

import pytest
from flask_chest_clickhouse import reading
from flask_chest_clickhouse.periods import Extent, Search
from support.clickhouse import stored

from flask_chest.query import Order, Place, Selection, parse
from flask_chest.query.nodes import Field
from flask_chest.testing import make_batch, make_record
from flask_chest.testing.records import START


@pytest.fixture
def doubled(backend, store):
    """Return 300 records of 3 days, each of which the server has twice or three times."""
    draw = random.Random(18)
    records = [
        make_record(
            request_id=f"r-{n % 150:03d}",
            trace_id=f"{n % 100:032x}",
            started_at=START + timedelta(seconds=draw.choice((0.001, 60, 5_000)) * n // 5),
            duration_ms=float(n % 7),
            route=f"/{n % 3}",
            variables={"user_id": f"u-{n % 20}"},
        )
        for n in range(300)
    ]
    store.indexed_variables = ("user_id",)
    store.index_variables()
    backend.run("SYSTEM STOP MERGES chest_records")
    for some in (records, records[::2], draw.sample(records, 200)):
        store.export(make_batch(*some))
    assert stored(backend) == 650
    return records


@pytest.fixture(params=[1, 40, 8_192])
def first_rows(request, monkeypatch):
    """Let the first range of time have so many records, or twice the limit."""
    monkeypatch.setattr(reading, "_ROWS", request.param)
    monkeypatch.setattr(reading, "_FILTERED_ROWS", request.param)


def newest(records):
    return sorted(records, key=lambda record: (record["started_at"], record["id"]), reverse=True)


@pytest.mark.usefixtures("first_rows")
def test_pages_have_each_record_once_in_the_order_of_time(store, doubled):
    for descending, expected in ((True, newest(doubled)), (False, newest(doubled)[::-1])):
        found, after = [], None
        while page := store.select(
            Selection(order=Order(descending=descending), after=after, limit=37)
        ):
            found += page
            after = Place(0, page[-1].started_at, page[-1].id)
        assert [record.id for record in found] == [record["id"] for record in expected]


@pytest.mark.usefixtures("first_rows")
def test_a_filter_finds_the_newest(store, doubled):
    for where in ("user_id == 'u-7'", "user_id in ('u-7', 'u-8')", "route == '/1'"):
        chosen = parse(where)
        expected = [record["id"] for record in newest(doubled) if chosen.matches(record)]
        for limit in (1, 12, 200):
            found = store.records(where, limit=limit)
            assert [record.id for record in found] == expected[:limit]


def test_an_id_finds_all_that_have_it_each_once(store, doubled):
    for where, least in (
        ("request_id == 'r-007'", 2),
        ("request_id in ('r-007', 'r-149', 'x')", 4),
        (f"trace_id == '{7:032x}'", 3),
        (f"id == '{doubled[7]['id']}'", 1),
        (f"id in ('{doubled[7]['id']}', '{doubled[8]['id']}', 'no UUID')", 2),
        (f"id == '{doubled[7]['id']}' and request_id == 'r-008'", 0),
    ):
        chosen = parse(where)
        expected = [record["id"] for record in newest(doubled) if chosen.matches(record)]
        assert len(expected) == least
        assert [record.id for record in store.records(where)] == expected
        assert store.measure("count", where=where) == [{"count": least}]


def test_groups_of_records_that_are_there_twice_count_each_once(store, doubled):
    for row in store.measure("count", "p50(duration_ms)", "distinct(user_id)", by=["route"]):
        of = sorted(r["duration_ms"] for r in doubled if r["route"] == row["route"])
        users = {r["variables"]["user_id"] for r in doubled if r["route"] == row["route"]}
        assert (row["count"], row["p50(duration_ms)"]) == (100, of[49])
        assert row["distinct(user_id)"] == len(users)


@pytest.mark.parametrize("descending", [True, False])
@pytest.mark.parametrize("bounds", [(None, None), (250, 900), (-50, 5_000_000), (3_000, None)])
@pytest.mark.parametrize("found", [0, 1, 9])
def test_ranges_have_all_times_once_in_their_order(descending, bounds, found):
    since, until = bounds
    extent = Extent(1_000, 100, 2_000_100)
    search = Search(extent, since, until, 10, descending=descending)
    ranges = []
    while (period := search.next(found, 10)) is not None:
        ranges.append((period.since, period.until))
    if not descending:
        ranges.reverse()
    assert ranges[0][1] is None
    assert ranges[-1][0] is None
    borders = [begin for begin, _ in ranges[:-1]]
    assert borders == [end for _, end in ranges[1:]]
    assert borders == sorted(borders, reverse=True)
    assert len(set(borders)) == len(borders)


def test_what_is_before_or_behind_all_records_is_one_range():
    extent = Extent(1_000, 10_000_000, 20_000_000)
    for bounds in ((0, 9_000_000), (21_000_000, 99_000_000)):
        for descending in (True, False):
            search = Search(extent, *bounds, 10, descending=descending)
            assert search.next(0, 10) == (None, None, 0)
            assert search.next(0, 10) is None


def test_the_next_range_is_as_long_as_seems_enough():
    def lengths(*found):
        search = Search(Extent(1_000_000, 0, 10**12), None, None, 1_000, descending=True)
        return [search.next(each, 100).rows for each in (0, *found)]

    assert lengths(0, 0) == [1_000, 8_000, 64_000]  # nothing yet: much longer
    assert lengths(50) == [1_000, 1_500]
    assert lengths(1) == [1_000, 8_000]
    assert lengths(99) == [1_000, 1_000]


def test_an_order_by_another_field_sees_each_record_once(store, doubled):
    expected = sorted(doubled, key=lambda record: (-record["duration_ms"], record["id"]))
    found = store.select(Selection(order=Order(Field("duration_ms")), limit=50))
    slowest = expected[: len([r for r in expected if r["duration_ms"] == 6.0])]
    assert {record.id for record in found if record.duration_ms == 6.0} == {
        r["id"] for r in slowest
    }
    assert len({record.id for record in found}) == 50
