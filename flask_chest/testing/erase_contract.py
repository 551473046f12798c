"""The part of the stores' contract about the erasure of what satisfies a filter."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

import pytest

from flask_chest.errors import FilterError
from flask_chest.query import parse
from flask_chest.record import Record, RecordData
from flask_chest.store import Position, Store
from flask_chest.testing import reference
from flask_chest.testing.records import START, make_batch, make_record

FILTERS = (
    "a == 1",
    "not (a == 1)",
    "a != 'x' and status_code >= 500",
    "variables['user id'] is not None",
    "not exists(b) or started_at < '2024-05-01T12:00:00.133456Z'",
    "contains(route, 'cart') and variables['x.y'] in (1, 'x', True)",
    "error is not None or 1 <= duration_ms < 100",
    "method == 'PUT'",
)


def ids(store: Store) -> set[str]:
    """Return the ID of every record in a store."""
    found: set[str] = set()
    after: Position | None = None
    while page := store.page(after=after):
        found |= {record.id for record in page}
        after = page[-1].started_at, page[-1].id
    return found


class EraseContract:
    """Tests of `erase`. `StoreContract` has the fixtures."""

    def test_erase_deletes_what_satisfies_the_filter_and_nothing_else(self, store: Store) -> None:
        left: list[RecordData] = []
        for seed, text in enumerate(FILTERS, start=7):
            # New ones each time: a store of fixed batches passes over a batch that it has had.
            new = reference.some_records(seed, 150)
            store.export(make_batch(*new))
            left += new
            chosen = parse(text)
            meant = [record for record in left if chosen.matches(record)]
            left = [record for record in left if record not in meant]
            assert store.erase(chosen) == len(meant), text
            assert ids(store) == {record["id"] for record in left}, text
            assert store.erase(text) == 0, text

    def test_erase_goes_through_many_pages_and_reports_its_progress(self, store: Store) -> None:
        stored = [
            make_record(started_at=START + timedelta(seconds=n % 3), variables={"n": n % 4})
            for n in range(2_500)
        ]
        store.export(make_batch(*stored))
        steps: list[int] = []
        assert store.erase("n == 1 or n == 2", progress=steps.append) == 1_250
        assert sum(steps) == 2_500 + 1_250  # and a pass that finds nothing
        assert store.count() == 1_250

    def test_erase_finds_what_arrives_behind_it(self, store: Store) -> None:
        store.export(make_batch(*(make_record(variables={"user": "u"}) for _ in range(3))))
        late = [make_record(started_at=START - timedelta(days=1), variables={"user": "u"})]

        def arrive(_looked_at: int) -> None:
            if late:
                store.export(make_batch(late.pop()))

        assert store.erase("user == 'u'", progress=arrive) == 4
        assert store.count() == 0

    def test_erase_ends_though_new_records_arrive_all_the_time(self, store: Store) -> None:
        store.export(make_batch(make_record(variables={"user": "u"})))

        def arrive(_looked_at: int) -> None:
            now = datetime.now(timezone.utc)
            store.export(make_batch(make_record(started_at=now, variables={"user": "u"})))

        assert store.erase("user == 'u'", progress=arrive) >= 1
        left: list[Record] = store.page()
        assert all(record.started_at > START for record in left)

    def test_what_the_progress_raises_ends_the_erasure(self, store: Store) -> None:
        store.export(make_batch(*(make_record(variables={"user": "u"}) for _ in range(1_500))))

        def stop(_looked_at: int) -> None:
            raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            store.erase("user == 'u'", progress=stop)
        assert store.count() == 500
        assert store.erase("user == 'u'") == 500

    def test_a_wrong_filter_erases_nothing(self, store: Store) -> None:
        store.export(make_batch(make_record()))
        for wrong in ("", "status_code == '200'", "method = 'GET'"):
            with pytest.raises(FilterError):
                store.erase(wrong)
        assert store.count() == 1
