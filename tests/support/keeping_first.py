"""What our stores of fixed batches promise beyond the contract: they know records, too."""

from __future__ import annotations

from flask_chest.testing import make_batch, make_record


class KeepsFirst:
    """Tests of a store that knows records by their ID. The contracts have the fixture `store`."""

    def test_a_stored_record_is_not_changed_by_another_batch_with_its_id(self, store):
        first, second = make_record(path="/first"), make_record()
        store.export(make_batch(first))
        store.export(make_batch({**first, "path": "/changed"}, second))
        assert {record.path for record in store.query()} == {"/first", second["path"]}

    def test_a_deleted_record_that_is_twice_in_a_batch_is_stored_once(self, store):
        record = make_record()
        store.export(make_batch(record))
        store.delete(store.page())
        store.export(make_batch(record, record))
        assert [found.id for found in store.page()] == [record["id"]]
