"""The contract of every store that creates tables, about tables that exist already."""

from __future__ import annotations

import pytest

from flask_chest.errors import SchemaMismatch
from flask_chest.testing.backend import StoreBackend
from flask_chest.testing.records import make_batch, make_record


class SchemaContract:
    """Tests for a store that creates its tables. A subclass defines the fixture `backend`."""

    def test_a_store_opens_its_existing_tables(self, backend: StoreBackend) -> None:
        record = make_record()
        for _ in range(3):
            store = backend.new()
            store.open()
            store.export(make_batch(record))
            store.close()
        assert backend.ids() == [record["id"]]

    def test_a_newer_schema_is_refused_and_left_unchanged(self, backend: StoreBackend) -> None:
        store = backend.new()
        store.open()
        store.export(make_batch(make_record()))
        store.close()
        backend.set_version(2)
        with pytest.raises(SchemaMismatch, match=r"version 2; .* writes 1\. Upgrade it"):
            store.open()
        store.close()
        assert len(backend.ids()) == 1
        backend.set_version(1)
        store.open()
        store.export(make_batch(make_record()))
        store.close()
        assert len(backend.ids()) == 2

    def test_a_foreign_table_is_refused_and_left_unchanged(self, backend: StoreBackend) -> None:
        backend.take_names()
        store = backend.new()
        with pytest.raises(SchemaMismatch, match="records"):
            store.open()
        store.close()
        assert backend.is_untouched()
