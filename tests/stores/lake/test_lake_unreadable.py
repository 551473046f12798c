"""Rows of a lake that are no records, as after a change by hand: an erasure counts them."""

from __future__ import annotations

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from flask_chest_parquet import ParquetConfig, ParquetStore, erasing

from flask_chest.testing import make_batch, make_record


@pytest.fixture
def store(tmp_path):
    store = ParquetStore(ParquetConfig(path=tmp_path / "lake"))
    store.open()
    yield store
    store.close()


def spoil(folder, column, values):
    """Write some values into the first rows of the only file."""
    [path] = folder.glob("day=*/*.parquet")
    table = pq.read_table(path, partitioning=None)
    at = table.schema.get_field_index(column)
    field = table.schema.field(at)
    rest = table[column].to_pylist()[len(values) :]
    made = pa.array([*values, *rest], pa.string()).cast(field.type)
    pq.write_table(table.set_column(at, field.with_nullable(True), made), path)


SMALL, LARGE = 10_000, 0


@pytest.mark.parametrize(
    ("small", "values"),
    [(SMALL, ["{", "[1]", '{"user": "u-1",']), (SMALL, ["7"] * 2), (LARGE, ["[1]", "7", "7"])],
)
def test_an_erasure_counts_the_rows_that_cannot_be_read(
    store, tmp_path, monkeypatch, small, values
):
    monkeypatch.setattr(erasing, "_SMALL", small)
    store.export(make_batch(*(make_record(variables={"user": f"u-{n % 2}"}) for n in range(10))))
    spoil(tmp_path / "lake", "variables", values)
    left = [f"u-{n % 2}" for n in range(len(values), 10)]
    assert store.erase("user == 'u-1'") == left.count("u-1")
    assert store.unreadable == len(values)
    assert [record.variables["user"] for record in store.records()] == ["u-0"] * left.count("u-0")


@pytest.mark.parametrize("small", [SMALL, LARGE])
@pytest.mark.parametrize("column", ["method", "variables"])
def test_what_is_null_where_no_record_has_null_counts_too(
    store, tmp_path, monkeypatch, small, column
):
    monkeypatch.setattr(erasing, "_SMALL", small)
    store.export(make_batch(*(make_record(variables={"user": "u-1"}) for _ in range(10))))
    spoil(tmp_path / "lake", column, [None])
    assert store.erase("user == 'u-9'") == 0
    assert store.unreadable == 1
