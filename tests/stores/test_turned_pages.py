"""Pages of a list, forwards and backwards, in every order, on every store."""

from __future__ import annotations

import random

import pytest
from flask_chest_dashboard.paging import read_place, turn, written

from flask_chest import query
from flask_chest.testing import make_batch, make_record
from flask_chest.testing.questions import odd_records
from flask_chest.testing.records import as_stored

ALL = query.Chosen(None, None, None)
ORDERS = (
    *("-started_at", "status_code", "-route", "id"),
    *("a", "-size", "-user.plan"),
)
SIZE = 15


@pytest.mark.parametrize("name", ["sqlite", "postgres", "mysql", "mongo", "clickhouse"])
def test_pages_have_every_record_once_in_both_directions(name, backend_of, opened):
    stored = odd_records(random.Random(3), 45)
    store = opened(backend_of(name))
    store.export(make_batch(*stored))
    for text in ORDERS:
        order = query.order(text)
        whole = query.select(map(as_stored, stored), query.Selection(order=order))
        page, pages = turn(store, ALL, order, size=SIZE), []
        while True:
            pages.append(page)
            if page.next is None:
                break
            after = read_place(written(page.records[-1], order), order, store)
            page = turn(store, ALL, order, size=SIZE, after=after)
        ids = [record.id for each in pages for record in each.records]
        if text == "a":  # numbers that are the same double have no order in MariaDB
            assert sorted(ids) == sorted(record.id for record in whole)
        else:
            assert ids == [record.id for record in whole], text
        for earlier, later in zip(pages[-2::-1], pages[:0:-1], strict=True):
            before = read_place(written(later.records[0], order), order, store)
            back = turn(store, ALL, order, size=SIZE, before=before)
            assert [each.id for each in back.records] == [each.id for each in earlier.records], text
            assert back.next is not None
            assert (back.previous is None) is (earlier is pages[0])


def test_pages_stay_right_while_records_arrive_and_go(backend_of, opened):
    store = opened(backend_of("sqlite"))
    stored = [make_record(started_at=f"2026-01-31T12:00:{n:02d}.000000Z") for n in range(30)]
    store.export(make_batch(*stored))
    order = query.order("-started_at")
    first = turn(store, ALL, order, size=10)
    after, before = (query.place_of(first.records[n].as_data(), order) for n in (-1, 5))
    new = [make_record(started_at="2026-01-31T13:00:00.000000Z") for _ in range(3)]
    store.export(make_batch(*new))
    store.delete(first.records[5:])
    second = turn(store, ALL, order, size=10, after=after)
    assert [each.id for each in second.records] == [each["id"] for each in stored[19:9:-1]]
    # Fewer than a page are before it: this is the first page.
    assert turn(store, ALL, order, size=10, before=before).previous is None
    newest = turn(store, ALL, order, size=10).records
    assert {each.id for each in newest[:3]} == {each["id"] for each in new}
