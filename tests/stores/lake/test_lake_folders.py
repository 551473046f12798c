"""Where the folder of a lake is, what it is called, and what others do with it."""

from __future__ import annotations

import os
import shutil

import pytest
from support.lake import LakeFolder
from support.other_user import as_other_user, needs_root, place_for_all

from flask_chest.testing import make_batch, make_record

ODD = ["service=x", "route=x", "id=7", "day=2020-01-01", "leftover=1", "a*b", "a?b", "[ab]", "it's"]


@pytest.mark.parametrize("name", [*ODD, os.fsdecode(b"\xff")])
def test_a_lake_is_read_whatever_the_folders_above_it_are_called(tmp_path, opened, name):
    for other in (name, "axb"):
        (tmp_path / other).mkdir()
    record = make_record(variables={"tenant": "acme"})
    stores = [
        opened(LakeFolder(tmp_path / folder / "lake", columns=["tenant"]))
        for folder in (name, "axb")
    ]
    for store in stores:
        store.export(make_batch(record))
    [row] = stores[0].measure("count", by=["service", "route", "tenant"], every="1d")
    assert (row["count"], row["service"], row["route"]) == (1, record["service"], record["route"])
    assert str(row["bucket"]).startswith(record["started_at"][:10])
    [found] = stores[0].records("tenant == 'acme'")
    assert found.as_data() == record


def test_a_lake_that_is_deleted_while_it_is_open_begins_anew(tmp_path, opened):
    hosts = []
    for host in ("tenant", "user"):
        backend = LakeFolder(tmp_path / "lake", columns=[host])
        hosts.append((opened(backend), {"instance": f"{host}:1", "variables": {host: "acme"}}))
    for _ in range(2):
        for store, fields in hosts:
            store.export(make_batch(make_record(**fields)))
        shutil.rmtree(tmp_path / "lake")
    for store, fields in hosts:
        store.export(make_batch(make_record(**fields)))
    for store in (hosts[0][0], opened(LakeFolder(tmp_path / "lake"))):
        assert {row["tenant"] for row in store.measure("count", by=["tenant"])} == {"acme", None}


@needs_root
def test_who_may_only_read_is_not_asked_to_clean_up(opened):
    with place_for_all() as folder:
        backend = LakeFolder(folder / "lake", mode="0644")
        opened(backend).export(make_batch(make_record()))
        left = folder / "lake/_chest/tmp/left"
        left.touch()
        os.utime(left, (0, 0))

        def count():
            store = backend.new()
            store.open()
            return len(list(store.records()))

        assert as_other_user(count) == "1"
