"""The part of the stores' contract about pages, deletions and purges in steps."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

import pytest

from flask_chest.record import Record
from flask_chest.store import Position, Store
from flask_chest.testing.records import START, as_stored, make_batch, make_record


def pages(store: Store, limit: int, until: datetime | None = None) -> Iterator[list[Record]]:
    """Yield one page after the other."""
    after: Position | None = None
    while page := store.page(after=after, until=until, limit=limit):
        yield page
        after = page[-1].started_at, page[-1].id


class PageContract:
    """Tests of `page`, `delete` and `purge`. `StoreContract` has the fixtures."""

    @pytest.mark.parametrize("limit", [1, 2, 7, 40, 41, 1_000])
    def test_pages_have_every_record_once_in_order(self, store: Store, limit: int) -> None:
        # Ten records of each moment, so that most pages begin and end within one.
        stored = [make_record(started_at=START + timedelta(seconds=n % 4)) for n in range(40)]
        store.export(make_batch(*stored))
        expected = sorted(map(as_stored, stored), key=lambda r: (r.started_at, r.id))
        found = list(pages(store, limit))
        assert [record for page in found for record in page] == expected
        assert {len(page) for page in found[:-1]} <= {limit}
        until = START + timedelta(seconds=2)
        early = [record for page in pages(store, limit, until) for record in page]
        assert early == [record for record in expected if record.started_at < until]

    def test_a_page_may_begin_where_no_record_is(self, store: Store) -> None:
        stored = [make_record(started_at=START + timedelta(seconds=n)) for n in range(3)]
        store.export(make_batch(*stored))
        between = START + timedelta(seconds=1, microseconds=1)
        assert store.page(after=(between, ""))[0].id == stored[2]["id"]
        assert store.page(after=(START + timedelta(days=1), "")) == []
        assert store.page(until=START) == []

    def test_pages_go_on_while_records_arrive_and_are_deleted(self, store: Store) -> None:
        stored = [make_record(started_at=START + timedelta(seconds=n)) for n in range(30)]
        store.export(make_batch(*stored))
        seen = []
        for number, page in enumerate(pages(store, 4)):
            seen += page
            assert store.delete(page) == len(page)
            if number < 2:
                store.export(make_batch(make_record(started_at=START + timedelta(days=1))))
        assert [record.id for record in seen[:30]] == [record["id"] for record in stored]
        assert len(seen) == 32
        assert store.count() == 0

    def test_delete_removes_these_records_alone_and_counts_them(self, store: Store) -> None:
        stored = [make_record(started_at=START + timedelta(days=n % 3)) for n in range(60)]
        store.export(make_batch(*stored))
        everything = store.page()
        chosen = everything[::2]
        assert store.delete(chosen) == 30
        assert store.delete([*chosen, everything[1]]) == 1
        assert store.delete([]) == 0
        left = [record for record in everything[1::2] if record != everything[1]]
        assert store.page() == left

    def test_a_deleted_record_can_be_stored_again(self, store: Store) -> None:
        record, new = make_record(), make_record()
        store.export(make_batch(record))
        store.delete(store.page())
        # In another batch: a store of fixed batches passes over one that it has had.
        store.export(
            make_batch(record, new) if store.batching.fixed else make_batch(record, record)
        )
        again = [record, new] if store.batching.fixed else [record]
        assert store.page() == [as_stored(each) for each in again]

    def test_a_page_needs_an_aware_time_and_a_positive_limit(self, store: Store) -> None:
        naive = START.replace(tzinfo=None)
        with pytest.raises(ValueError, match=r"after=.*is naive"):
            store.page(after=(naive, ""))
        with pytest.raises(ValueError, match=r"until=.*is naive"):
            store.page(until=naive)
        with pytest.raises(ValueError, match="limit"):
            store.page(limit=0)
