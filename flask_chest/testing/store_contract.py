"""The contract of every store."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import cast

import pytest

from flask_chest.errors import BatchRejected, ExporterUnavailable
from flask_chest.exporter import Batch
from flask_chest.record import RecordData, encode
from flask_chest.store import Store
from flask_chest.testing.backend import StoreBackend
from flask_chest.testing.erase_contract import EraseContract
from flask_chest.testing.page_contract import PageContract
from flask_chest.testing.query_contract import QueryContract
from flask_chest.testing.read_contract import ReadContract
from flask_chest.testing.records import START, make_batch, make_record
from flask_chest.testing.round_trip_contract import RoundTripContract
from flask_chest.testing.samples import AT_FAULT


class AnyStoreContract(ReadContract, QueryContract, PageContract, EraseContract):
    """Tests of all that any store answers. A subclass defines the fixture `store`, an open one."""


class StoreContract(RoundTripContract, AnyStoreContract):
    """Tests for a store that creates tables. A subclass defines the fixture `backend`."""

    @pytest.fixture
    def store(self, backend: StoreBackend) -> Iterator[Store]:
        """Return an open store of the destination."""
        store = backend.new()
        store.open()
        yield store
        store.close()

    def test_a_stored_record_is_not_changed_by_another_with_its_id(self, store: Store) -> None:
        if store.batching.fixed:
            pytest.skip("with fixed batches, no record comes in a second batch")
        first, second = make_record(path="/first"), make_record()
        store.export(make_batch(first))
        store.export(make_batch(cast("RecordData", {**first, "path": "/changed"}), second))
        assert {record.path for record in store.query()} == {"/first", second["path"]}

    def test_a_batch_with_one_record_at_fault_is_rejected_whole(
        self, backend: StoreBackend, store: Store
    ) -> None:
        good = make_record()
        for fault, line in AT_FAULT.items():
            try:
                store.export(Batch(encode(good) + line + encode(make_record()), 3))
            except BatchRejected:
                assert backend.ids() == [], fault
            else:
                pytest.fail(f"not rejected: {fault}")
        store.export(make_batch(good))
        assert backend.ids() == [good["id"]]

    def test_a_store_that_is_not_open_raises(self, backend: StoreBackend) -> None:
        store = backend.new()
        for call in (
            store.query,
            store.count,
            store.routes,
            lambda: store.top_values("a"),
            lambda: store.purge(before=START),
            lambda: store.export(make_batch(make_record())),
        ):
            with pytest.raises(ExporterUnavailable, match="is not open"):
                call()

    def test_many_threads_may_read_while_one_writes(self, store: Store) -> None:
        store.export(make_batch(*(make_record(variables={"n": n % 7}) for n in range(200))))
        faults: list[BaseException] = []
        done = threading.Event()

        def read() -> None:
            try:
                while not done.is_set():
                    assert store.count() >= 200
                    assert len(store.query(limit=50)) == 50
                    assert store.routes()[0].count >= 200
                    assert len(store.top_values("n")) == 7
            except BaseException as error:  # noqa: BLE001 - the main thread asserts on it
                faults.append(error)

        threads = [threading.Thread(target=read) for _ in range(5)]
        for thread in threads:
            thread.start()
        for _ in range(10):
            store.export(make_batch(*(make_record(variables={"n": 1}) for _ in range(10))))
        done.set()
        for thread in threads:
            thread.join()
        assert faults == []
        assert store.count() == 300
