"""Batches on SQLite: records at fault, a full database."""

from __future__ import annotations

import pytest

from flask_chest.errors import (
    BatchRejected,
    ExporterUnavailable,
)
from flask_chest.exporter import Batch
from flask_chest.record import encode
from flask_chest.testing import make_batch, make_record

# Faults that SQLite's types alone would not reject.
BAD = {
    "a list for text": encode(make_record(path=["/"])),
    "two in a line": encode(make_record())[:-1] + b"," + encode(make_record()),
    "a nullable field is missing": encode(make_record()).replace(b'"endpoint":"cart",', b""),
    "a time of another form": encode(make_record(started_at="2024-05-01 12:00:00")),
    "nested too deep": encode(make_record(path="X")).replace(b'"X"', b"[" * 5_000 + b"]" * 5_000),
}


@pytest.mark.parametrize("line", BAD.values(), ids=BAD)
def test_a_batch_with_a_record_at_fault_is_rejected_as_a_whole(backend, store, line):
    with pytest.raises(BatchRejected):
        store.export(Batch(encode(make_record()) + line + encode(make_record()), 3))
    assert backend.ids() == []


def test_nan_in_a_variable_is_null_in_the_view(backend, store):
    line = encode(make_record(variables={"x": 1.5})).replace(b"1.5}", b"NaN}")
    store.export(Batch(line, 1))
    assert backend.execute("SELECT name, value FROM chest_variables") == [("x", None)]


def test_a_full_database_is_unavailable_with_the_reason(store):
    with store.writing() as connection:
        connection.exec_driver_sql("PRAGMA max_page_count = 20")  # of this connection
    with pytest.raises(ExporterUnavailable, match="is full"):
        store.export(make_batch(*(make_record(path="x" * 9_000) for _ in range(50))))
    assert store.count() == 0
    store.export(make_batch(make_record()))
