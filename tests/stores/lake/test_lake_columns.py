"""Typed columns: what they hold, what stays in `variables`, and files of another time."""

from __future__ import annotations

import json

import pyarrow.parquet as pq
import pytest
from support.lake import LakeFolder

from flask_chest.testing import make_batch, make_record, reference
from flask_chest.testing.samples import VALUES


@pytest.fixture
def backend(tmp_path):
    return LakeFolder(tmp_path / "lake", columns=["x", "user.plan"])


def stored(backend, *variables, **fields):
    store = backend.new(**fields)
    store.open()
    records = [make_record(variables=each) for each in variables]
    store.export(make_batch(*records))
    store.close()
    return records


def test_each_value_is_in_one_place_and_comes_back_as_it_was(backend):
    records = stored(backend, *({"x": value, "y": value} for value in VALUES.values()))
    columns = ("t_x", "n_x", "i_x", "b_x")
    for row, record in zip(
        sorted(backend.rows(), key=lambda row: row["id"]),
        sorted(records, key=lambda record: record["id"]),
        strict=True,
    ):
        value = record["variables"]["x"]
        typed = [name for name in columns if row[name] is not None]
        assert bool(typed) != ("x" in json.loads(row["variables"])), value
        assert row["leftover"] == (not typed), value
        assert ("i_x" in typed) == ("n_x" in typed)
    store = backend.new()
    store.open()
    found = {each.id: each.variables for each in store.query()}
    store.close()
    for record in records:
        shown = json.dumps(found[record["id"]], sort_keys=True)
        assert shown == json.dumps(record["variables"], sort_keys=True)


def test_a_value_in_a_dict_is_copied(backend):
    [_] = stored(backend, {"user": {"plan": "pro", "age": 3}})
    [row] = backend.rows()
    assert json.loads(row["variables"]) == {"user": {"plan": "pro", "age": 3}}
    assert [row[name] for name in row if name.startswith("t_user_plan__")] == ["pro"]
    assert not row["leftover"]


def test_compaction_gives_old_records_the_columns_that_were_declared_later(tmp_path):
    old = LakeFolder(tmp_path / "lake")
    first = stored(old, {"x": "a"}, {"x": 1}, {"x": None}, {"other": 2})
    new = LakeFolder(tmp_path / "lake", columns=["x"])
    second = stored(new, {"x": "b"})
    before = reference_of(new)
    new.new().repair()
    [key] = new.data()
    table = new.table(key)
    assert sorted(filter(None, table["t_x"].to_pylist())) == ["a", "b"]
    assert table["leftover"].to_pylist().count(True) == 1
    assert reference_of(new) == before == {r["id"]: r["variables"] for r in first + second}


def reference_of(backend):
    store = backend.new()
    store.open()
    try:
        return {each.id: each.variables for each in store.query()}
    finally:
        store.close()


def test_a_file_is_sorted_compressed_and_has_no_dictionary_types(backend):
    records = reference.some_records(3, 300)
    store = backend.new()
    store.open()
    store.export(make_batch(*records))
    store.close()
    for key in backend.files():
        table = backend.table(key)
        moments = table["started_at"].to_pylist()
        assert moments == sorted(moments)
        parquet = pq.ParquetFile(backend.path / key)
        group = parquet.metadata.row_group(0)
        assert {group.column(n).compression for n in range(group.num_columns)} == {"ZSTD"}
        assert not any("dictionary" in str(field.type) for field in parquet.schema_arrow)


def test_files_without_delta_encodings_have_the_same_records(tmp_path):
    backend = LakeFolder(tmp_path / "lake", plain_encodings=True)
    records = stored(backend, *({"n": n} for n in range(100)))
    [key] = backend.files()
    group = pq.ParquetFile(backend.path / key).metadata.row_group(0)
    used = {each for n in range(group.num_columns) for each in group.column(n).encodings}
    assert not any("DELTA" in each for each in used)
    assert sorted(backend.ids()) == sorted(record["id"] for record in records)
