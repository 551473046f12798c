"""An application that delivers to a lake, with what the core and the commands say of it."""

from __future__ import annotations

import time
from datetime import datetime, timedelta, timezone

import pytest
from flask import g
from support.lake import LakeFolder

from flask_chest.testing import make_batch, make_record


@pytest.fixture
def backend(tmp_path):
    return LakeFolder(tmp_path / "lake")


@pytest.fixture
def chest(make_chest, app, backend):
    chest = make_chest(
        exporters={"lake": {"type": "parquet", **backend.config}},
        rollups={"dimensions": [["tenant"]], "measures": ["cost"]},
        indexed_variables=["user_id"],
    )
    chest.init_app(app)

    @app.get("/<int:number>")
    @chest.track("tenant", "cost", "user_id")
    def view(number):
        g.tenant, g.cost, g.user_id = "acme", number / 2, f"u-{number}"
        return "ok"

    return chest


def test_requests_are_in_one_file_with_columns_of_what_is_declared(app, chest, backend):
    client = app.test_client()
    for number in range(20):
        client.get(f"/{number}")
    assert chest.flush(30)
    [key] = backend.files()
    table = backend.table(key)
    assert table.num_rows == 20
    assert set(table["t_tenant"].to_pylist()) == {"acme"}
    assert sum(table["n_cost"].to_pylist()) == sum(range(20)) / 2
    assert len(set(table["t_user_id"].to_pylist())) == 20
    assert "t_cost" not in table.column_names
    [row] = chest.store().measure("count", "sum(cost)", by=["tenant"])
    assert (row["tenant"], row["count"], row["sum(cost)"]) == ("acme", 20, 95.0)


def test_findings_name_version_writing_files_and_columns(backend):
    store = backend.new()
    store.indexed_variables = ("user_id",)
    store.open()
    store.export(make_batch(make_record()))
    store.close()
    found = {finding.subject: finding for finding in store.findings()}
    assert {finding.level for finding in found.values()} == {"ok"}
    assert found["files"].text.startswith("1 records in 1 files, 1 of batches")
    assert "user_id" in found["columns"].text
    assert list(found) == ["version", "writing", "files", "columns"]


def test_many_files_are_joined_when_the_store_is_idle(backend):
    store = backend.new(compact_seconds=0.0)
    store.open()
    records = [make_record(started_at=datetime.now(timezone.utc)) for _ in range(16)]
    for record in records:
        store.export(make_batch(record))
    assert len(backend.data()) == 16
    store.idle()
    store.close()
    assert len(backend.data()) == 1
    assert sorted(backend.ids()) == sorted(record["id"] for record in records)


def test_retention_deletes_whole_days_and_part_of_one(backend):
    store = backend.new()
    store.open()
    now = datetime.now(timezone.utc)
    records = [make_record(started_at=now - timedelta(hours=7 * n)) for n in range(12)]
    store.export(make_batch(*records))
    steps = []
    before = now - timedelta(hours=30)
    assert store.retain(before=before, progress=steps.append) == 7
    assert sum(steps) == 7
    store.close()
    assert sorted(backend.ids()) == sorted(record["id"] for record in records[:5])
    days = {(now - timedelta(hours=7 * n)).date().isoformat() for n in range(5)}
    assert {path.name for path in backend.path.glob("day=*")} == {f"day={day}" for day in days}


def test_a_delivery_goes_on_while_another_process_compacts(backend):
    store = backend.new(compact_seconds=0.0)
    store.open()
    lake = store._are_open.lake
    with lake.objects.lock("maintenance", "another"):
        store.export(make_batch(make_record()))
        began = time.monotonic()
        store.idle()
        assert time.monotonic() - began < 15
    store.close()
    assert len(backend.ids()) == 1


def test_an_erasure_from_a_large_file_deletes_what_is_meant_alone(backend):
    store = backend.new()
    store.open()
    records = [make_record(variables={"user": f"u-{n % 50}", "n": n}) for n in range(10_500)]
    store.export(make_batch(*records))
    steps = []
    assert store.erase("user == 'u-7' or n == 3", progress=steps.append) == 211
    assert steps == [10_500, 10_500 - 211]
    store.close()
    kept = [r for r in records if r["variables"]["user"] != "u-7" and r["variables"]["n"] != 3]
    assert sorted(backend.ids()) == sorted(record["id"] for record in kept)
