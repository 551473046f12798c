"""`Store.records`: pages of a store, one record after the other."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

import pytest

from flask_chest.errors import FilterError, QueryError
from flask_chest.memory_store import MemoryStore
from flask_chest.testing import make_batch, make_record
from flask_chest.testing.records import START, rfc3339

pytestmark = pytest.mark.opens_nothing


class Paged(MemoryStore):
    """Notes the size of each page."""

    def __init__(self):
        super().__init__(1 << 30)
        self.pages = []

    def select(self, selection):
        page = super().select(selection)
        self.pages.append(len(page))
        return page


@pytest.fixture
def store():
    return Paged()


def test_every_record_comes_once_in_any_order(store):
    values = [{"n": {"deep": n % 7}} for n in range(20)] + [{"n": str(n)} for n in range(5)] + [{}]
    stored = [
        make_record(started_at=START + timedelta(seconds=n % 3), variables=values[n % 26])
        for n in range(2_600)
    ]
    store.export(make_batch(*stored))
    for order in ("started_at", "-started_at", "n.deep", "-n.deep", "-n", "duration_ms", "-id"):
        store.pages.clear()
        found = list(store.records(order_by=order))
        assert sorted(record.id for record in found) == sorted(each["id"] for each in stored)
        assert store.pages == [1_000, 1_000, 600]
    deepest = store.records(order_by="-n.deep", limit=201)
    assert [record.variables["n"]["deep"] for record in deepest] == [6] * 200 + [5]


def test_a_limit_asks_for_no_more_than_it_needs(store):
    store.export(make_batch(*(make_record(duration_ms=float(n)) for n in range(1_500))))
    slowest = store.records("duration_ms < 1000", order_by="-duration_ms", limit=3)
    assert [record.duration_ms for record in slowest] == [999, 998, 997]
    assert store.pages == [3]
    assert len(list(store.records(limit=1_200))) == 1_200
    assert store.pages == [3, 1_000, 200]


def test_a_range_of_time_is_given_in_any_form(store):
    now = datetime.now(timezone.utc)
    store.export(make_batch(*(make_record(started_at=now - timedelta(hours=n)) for n in range(9))))
    assert len(list(store.records(since="150m"))) == 3
    assert len(list(store.records(since="-150m", until="30m"))) == 2
    assert len(list(store.records(until=rfc3339(now - timedelta(hours=7.5))))) == 1
    east = timezone(timedelta(hours=9))
    assert len(list(store.records(since=(now - timedelta(hours=1)).astimezone(east)))) == 2


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"since": "yesterday"}, "since: 'yesterday' is no time. Write"),
        ({"until": "31.12.2026"}, "until: .* Write ISO 8601"),
        ({"since": datetime(2026, 1, 1)}, "since=.*naive.*astimezone"),
        ({"since": 5}, "since=5 is no time. Write"),
        ({"since": "1h", "until": "2h"}, "until='2h' is before since='1h'.*exchange"),
        ({"limit": 0}, "limit=0: write a number from 1 on"),
        ({"limit": True}, "limit=True: write"),
        ({"limit": "20"}, "limit='20': write"),
        ({"order_by": ""}, "order_by: the name is empty"),
        ({"order_by": "duration_ms desc"}, "order_by: the name cannot be read here"),
        ({"order_by": "duration_ms.x"}, "nothing in it"),
        ({"order_by": "5"}, "order_by: this is no name"),
        ({"order_by": None}, "order_by is a text"),
    ],
)
def test_a_wrong_argument_is_refused_at_once_with_the_remedy(store, options, reason):
    with pytest.raises(QueryError, match=reason):
        store.records(**options)


def test_a_wrong_filter_is_refused_at_once(store):
    with pytest.raises(FilterError, match="write 500"):
        store.records("status_code == '500'")
