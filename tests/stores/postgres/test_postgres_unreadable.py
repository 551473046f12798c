"""Rows that were changed by hand: passed over and counted, and the others come."""

from __future__ import annotations

from datetime import timedelta

import pytest

from flask_chest.store import ValueCount
from flask_chest.testing.records import START, make_batch, make_record


@pytest.mark.parametrize("moment", ["infinity", "-infinity", "20000-01-01", "4000-01-01 BC"])
def test_a_time_that_python_lacks_is_passed_over_in_every_read(backend, store, moment):
    records = [
        make_record(started_at=START + timedelta(seconds=n), variables={"n": n % 2})
        for n in range(6)
    ]
    store.export(make_batch(*records))
    for (name,) in backend.execute(
        "SELECT conname FROM pg_constraint WHERE contype = 'c'"
        " AND conrelid = 'chest_records'::regclass"
    ):
        backend.execute(f'ALTER TABLE chest_records DROP CONSTRAINT "{name}"')
    changed = records[2]["id"]
    backend.execute(f"UPDATE chest_records SET started_at = '{moment}' WHERE id = '{changed}'")
    rest = [record["id"] for record in records if record is not records[2]]
    for _ in range(2):
        assert [record.id for record in store.query()] == rest[::-1]
        assert [record.id for record in store.query(newest_first=False, limit=5)] == rest
        assert [record.id for record in store.page(limit=3)] == rest[:3]
        assert [record.id for record in store.page()] == rest
        assert store.count() == 5
        assert sum(summary.count for summary in store.routes()) == 5
        assert store.top_values("n") == [ValueCount(1, 3.0), ValueCount(0, 2.0)]
    assert store.unreadable == 1
    assert [f.text for f in backend.new().findings() if f.level == "error"] == []


@pytest.mark.parametrize("document", ["[1]", "1", '"x"', "null"])
def test_variables_that_are_no_object_are_passed_over(backend, store, document):
    store.export(make_batch(make_record(variables={"a": 1}), make_record(variables={"a": 1})))
    for (name,) in backend.execute(
        "SELECT conname FROM pg_constraint WHERE contype = 'c'"
        " AND conrelid = 'chest_records'::regclass"
    ):
        backend.execute(f'ALTER TABLE chest_records DROP CONSTRAINT "{name}"')
    backend.execute(
        f"UPDATE chest_records SET variables = '{document}'"
        " WHERE id = (SELECT min(id::text)::uuid FROM chest_records)"
    )
    assert len(store.query()) == len(store.page()) == 1
    assert store.top_values("a") == [ValueCount(1, 1.0)]
    assert sum(summary.count for summary in store.routes()) == 1
    assert store.unreadable == 1
