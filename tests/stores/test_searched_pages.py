"""A search that ends before it is through, and goes on from there."""

from __future__ import annotations

import random
import time
from datetime import datetime, timedelta, timezone

import pytest
from flask_chest_dashboard import searching
from flask_chest_dashboard.paging import read_place, turn, written_place

from flask_chest import query
from flask_chest.testing import make_batch, make_record
from flask_chest.testing.records import as_stored

BEGIN = datetime(2026, 1, 31, 12, tzinfo=timezone.utc)


def at(seconds):
    """Return a time as records have it."""
    moment = BEGIN + timedelta(microseconds=round(seconds * 1e6))
    return moment.isoformat(timespec="microseconds").replace("+00:00", "Z")


@pytest.fixture
def scattered(backend_of, opened):
    """Return a SQLite store, and its records: many at the same time, and long gaps."""
    chance = random.Random(17)
    seconds = [chance.choice((0, 5, chance.random() * 100, 60, 99.999999)) for _ in range(150)]
    stored = [
        make_record(started_at=at(each), variables={"n": chance.randrange(6)}) for each in seconds
    ]
    store = opened(backend_of("sqlite"))
    store.export(make_batch(*stored))
    return store, list(map(as_stored, stored))


def pages_from(store, chosen, order, seconds, first, way):
    """Return a page and all that its links lead to, as the URL has their places."""
    page, pages = first, [first]
    while (place := getattr(page, way)) is not None:
        place = read_place(written_place(place), order, store)
        given = {"after" if way == "next" else "before": place}
        page = turn(store, chosen, order, size=7, seconds=seconds, **given)
        pages.append(page)
        assert len(pages) < 400
    return pages


@pytest.mark.parametrize("seconds", [0, 60])
@pytest.mark.parametrize("order_by", ["-started_at", "started_at"])
@pytest.mark.parametrize("where", ["n == 3", "n >= 0", "n == 9"])
def test_pages_have_every_record_once_wherever_a_search_ends(scattered, seconds, order_by, where):
    store, records = scattered
    order = query.order(order_by)
    chosen = query.chosen(where, BEGIN, BEGIN + timedelta(seconds=99.999999))
    selection = query.Selection(chosen.where, chosen.since, chosen.until, order)
    expected = [each.id for each in query.select(records, selection)]
    first = turn(store, chosen, order, size=7, seconds=seconds)
    ahead = pages_from(store, chosen, order, seconds, first, "next")
    assert [each.id for page in ahead for each in page.records] == expected
    assert any(page.searched for page in ahead) is (seconds == 0)
    # And back to the beginning, from the last page and from one in the middle.
    for start in (ahead[-1], ahead[len(ahead) // 2]):
        place = ahead.index(start)
        seen = [each.id for page in ahead[: place + 1] for each in page.records]
        back = pages_from(store, chosen, order, seconds, start, "previous")
        # Where too few are left, the first page is filled with those behind.
        begun = [each.id for each in back[-1].records]
        assert begun == expected[: len(begun)]
        own = [each.id for page in back[-2::-1] for each in page.records]
        assert own == seen[len(seen) - len(own) :]
        assert len(begun) + len(own) >= len(seen)


def test_from_any_page_the_links_lead_to_all_that_is_before_and_behind(scattered):
    """In both directions, also from a page that has no record."""
    store, records = scattered
    order = query.order("-started_at")
    chosen = query.chosen("n == 3", BEGIN, BEGIN + timedelta(seconds=200))
    expected = [
        each.id
        for each in query.select(
            records, query.Selection(chosen.where, chosen.since, chosen.until, order)
        )
    ]
    first = turn(store, chosen, order, size=7, seconds=0)
    assert not first.records  # the second half of the time has none
    for page in pages_from(store, chosen, order, 0, first, "next")[::7]:
        ids = [each.id for each in page.records]
        if page.previous is not None:
            back = turn(store, chosen, order, size=500, before=page.previous, seconds=60)
            begun = [each.id for each in back.records]
            assert begun == expected  # the first page, filled with those behind
        if page.next is not None:
            rest = turn(store, chosen, order, size=500, after=page.next, seconds=60)
            behind = [each.id for each in rest.records]
            assert ids + behind == expected[len(expected) - len(ids + behind) :]
            if page.previous is not None:
                before = turn(store, chosen, order, size=1, before=page.previous, seconds=60)
                place = expected.index((ids + behind)[0]) if ids + behind else len(expected)
                last = [each.id for each in before.records]
                assert last == (expected[place - 1 : place] or expected[:1])


def test_a_search_takes_longer_steps_while_it_has_time_and_stops_when_it_has_enough(scattered):
    store, _ = scattered
    asked = []

    class Watched:
        def select(self, selection):
            asked.append((selection.since, selection.until))
            return store.select(selection)

    chosen = query.chosen("n == 9", BEGIN, BEGIN + timedelta(seconds=128))
    found = searching.search(
        Watched(), chosen, descending=True, after=None, limit=5, deadline=time.monotonic() + 60
    )
    assert (found.records, found.until) == ([], None)
    assert asked[0] == (BEGIN + timedelta(seconds=126), BEGIN + timedelta(seconds=128))
    assert [earlier for earlier, _ in asked[:-1]] == [later for _, later in asked[1:]]
    assert asked[-1][0] == BEGIN
    assert len(asked) == 7
    asked.clear()
    chosen = query.chosen("n >= 0", BEGIN, BEGIN + timedelta(seconds=128))
    found = searching.search(
        Watched(), chosen, descending=False, after=None, limit=5, deadline=time.monotonic() + 60
    )
    assert (len(found.records), len(asked)) == (5, 1)
