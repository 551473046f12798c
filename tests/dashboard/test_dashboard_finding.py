"""The slowest and the newest failed requests, found without reading all records."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

import pytest
from flask_chest_dashboard.asking import Asker
from flask_chest_dashboard.finding import FAILED, Finder, is_rolled_up
from flask_chest_dashboard.window import Window
from flask_chest_sqlite import SqliteConfig, SqliteStore
from hypothesis import given, settings
from hypothesis import strategies as st
from support.rollup_host import DECLARATION, Host

from flask_chest import query
from flask_chest.memory_store import MemoryStore
from flask_chest.store import Declaration
from flask_chest.testing import make_batch, make_record

UNTIL = datetime(2024, 5, 20, 10, 30, 20, tzinfo=timezone.utc)
DECLARED = Declaration(dimensions=(("tenant",),))


class Chest:
    """Gives a store to an `Asker`, as the extension does."""

    def __init__(self, store):
        self._store = store

    def store(self):
        return self._store


class RolledUp(MemoryStore):
    """Says that it has rollups, so that it is asked as a store that has. The answers are true."""

    def declared(self):
        return DECLARED


class Counted(Asker):
    """Counts records, as they are read."""

    def __init__(self, store):
        super().__init__(Chest(store))
        self.spans = []

    def records(self, where=None, **options):
        if options["order_by"] != "started_at":
            self.spans.append((options["since"], options["until"]))
        return super().records(where, **options)


def sorted_by_hand(records, window, where, limit, *, by_duration):
    condition = query.parse(where) if where else None
    found = [
        record
        for record in records
        if window.since <= record.started_at < window.until
        and (condition is None or condition.matches(record.as_data()))
    ]
    key = (lambda r: (r.duration_ms, r.id)) if by_duration else (lambda r: (r.started_at, r.id))
    return [record.id for record in sorted(found, key=key, reverse=True)[:limit]]


RECORDS = st.lists(
    st.fixed_dictionaries(
        {
            "age": st.floats(0, 1).map(lambda share: share**4),
            "duration_ms": st.sampled_from([1.0, 2.5, 7.25, 900.0]) | st.floats(0, 1e6),
            "status_code": st.sampled_from([200, 404, 500, None]),
            "error": st.sampled_from([None, None, "shop.Failed"]),
            "route": st.sampled_from(["/a", "/b", None]),
            "tenant": st.sampled_from(["acme", 1, None]),
        }
    ),
    max_size=40,
)


@pytest.mark.opens_nothing
@settings(max_examples=80, deadline=None)
@given(
    records=RECORDS,
    length=st.sampled_from([timedelta(minutes=50), timedelta(hours=20), timedelta(days=9)]),
    where=st.sampled_from([None, "route == '/a' or status_code is None", "tenant == 'acme'",
                           "duration_ms < 500", "exists(tenant)"]),
    limit=st.integers(1, 7),
)  # fmt: skip
def test_the_records_are_those_of_a_plain_sort(records, length, where, limit):
    window = Window(UNTIL - length, UNTIL, "1h")
    store = RolledUp(10**9)
    store.export(
        make_batch(
            *(
                make_record(
                    started_at=UNTIL - given.pop("age") * length * 1.2,
                    variables={"tenant": given.pop("tenant")},
                    **given,
                )
                for given in map(dict, records)
            )
        )
    )
    known = list(store.records())
    finder = Finder(Asker(Chest(store)), window, where)
    slowest = [record.id for record in finder.slowest(limit)]
    assert slowest == sorted_by_hand(known, window, where, limit, by_duration=True)
    failed = f"({where}) and ({FAILED})" if where else FAILED
    failures = [record.id for record in finder.failures(limit)]
    assert failures == sorted_by_hand(known, window, failed, limit, by_duration=False)


@pytest.fixture
def host(database):
    store = SqliteStore(SqliteConfig(url=f"sqlite:///{database}"))
    store.rollups = DECLARATION
    store.open()
    yield Host(store)
    store.close()


def test_with_rollups_few_records_are_read_and_purged_ones_are_not_looked_for(host):
    month = timedelta(days=30)
    days = [timedelta(days=day) for day in (0.1, 3, 4, 12, 28)]
    host.deliver(*(day + timedelta(minutes=minute) for day in days for minute in range(40)))
    host.deliver(*(days[4] + timedelta(seconds=each) for each in range(9)), duration_ms=9_000.0)
    host.deliver(*(days[1] + timedelta(seconds=each) for each in range(4)), duration_ms=8_000.0)
    host.deliver(days[2], error="shop.Failed", status_code=200, duration_ms=1.0)
    host.lead()
    host.purge(host.now - timedelta(days=25))
    window = Window(host.now - month, host.now, "6h")
    known = list(host.store.records())
    for where in (None, "status_code == 200", "tenant == 'acme'"):
        asker = Counted(host.store)
        finder = Finder(asker, window, where)
        slowest = [record.id for record in finder.slowest(10)]
        assert slowest == sorted_by_hand(known, window, where, 10, by_duration=True)
        failed = f"({where}) and ({FAILED})" if where else FAILED
        failures = [record.id for record in finder.failures(10)]
        assert failures == sorted_by_hand(known, window, failed, 10, by_duration=False)
        read = sum((until - since for since, until in asker.spans), timedelta())
        assert read <= timedelta(hours=8)
    # What rollups do not know is one question to the records.
    asker = Counted(host.store)
    Finder(asker, window, "user == 7").slowest(10)
    assert asker.spans == [(window.since, window.until)]


@pytest.mark.opens_nothing
@pytest.mark.parametrize(
    ("where", "expected"),
    [
        (None, True),
        ("route == '/a' and (status_code >= 500 or not method == 'GET')", True),
        ("tenant in ('a', 'b')", True),
        ("tenant is None", True),
        ("exists(tenant)", False),
        ("tenant == 'a' and route == '/a'", False),
        ("user_id == 'u-1'", False),
        ("started_at > '2024-01-01'", False),
    ],
)
def test_a_filter_is_for_the_rollups_when_one_dimension_has_all_of_its_names(where, expected):
    assert is_rolled_up(where, DECLARED) is expected
    assert is_rolled_up(where, None) is False
