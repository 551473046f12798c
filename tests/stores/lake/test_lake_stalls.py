"""Processes that stand still while they rewrite a day, and those that must not when they read."""

from __future__ import annotations

import subprocess
import sys
from itertools import count
from pathlib import Path

import pytest
from flask_chest_parquet import lake as lakes
from flask_chest_parquet import s3
from support.lake import LakeBucket, LakeFolder

from flask_chest.errors import ExporterUnavailable
from flask_chest.testing import make_batch, make_record

PROGRAMS = Path(__file__).parent / "programs"

MANY = 6
"""More manifests than a lake keeps of a day."""


@pytest.fixture
def backend(tmp_path):
    return LakeFolder(tmp_path / "lake")


@pytest.fixture
def stored(backend, opened):
    store = opened(backend)
    batches = [[make_record(variables={"n": n}) for n in range(4)] for _ in range(2)]
    for batch in batches:
        store.export(make_batch(*batch))
    return sorted(record["id"] for batch in batches for record in batch)


@pytest.fixture
def rewrite_often(backend, opened):
    """Return a function that lets another process make many manifests of the day."""
    other = opened(backend)
    numbers = count()

    def run():
        for _ in range(MANY):
            number = next(numbers)
            other.export(make_batch(make_record(variables={"other": number})))
            assert other.erase(f"other == {number}") == 1

    return run


@pytest.fixture
def stall(monkeypatch, rewrite_often):
    """Let the first process that is about to commit stand still before."""
    commit = lakes.Lake.commit

    def late(lake, manifest):
        monkeypatch.setattr(lakes.Lake, "commit", commit)
        rewrite_often()
        return commit(lake, manifest)

    monkeypatch.setattr(lakes.Lake, "commit", late)


@pytest.mark.usefixtures("stall")
@pytest.mark.parametrize("action", ["compact", "repair"])
def test_what_a_late_compaction_has_joined_is_not_lost(backend, opened, stored, action):
    late = opened(backend)
    getattr(late, action)()
    assert sorted(backend.ids()) == stored
    opened(backend).repair()
    assert sorted(backend.ids()) == stored
    assert backend.data() == sorted(backend.files())


@pytest.mark.usefixtures("stall")
def test_a_late_erasure_deletes_what_is_meant_alone(backend, opened, stored):
    assert opened(backend).erase("n == 3") == 2
    assert len(backend.ids()) == len(stored) - 2


def test_a_manifest_counts_although_another_process_followed_at_once(
    backend, opened, stored, monkeypatch
):
    store, other = opened(backend), opened(backend)
    numbers = lakes.Lake._numbers

    def after_another(lake, since, until):
        monkeypatch.setattr(lakes.Lake, "_numbers", numbers)
        assert other.erase("n == 3") == 2
        return numbers(lake, since, until)

    def commit_and_look(lake, manifest, commit=lakes.Lake.commit):
        monkeypatch.setattr(lakes.Lake, "_numbers", after_another)
        monkeypatch.setattr(lakes.Lake, "commit", commit)
        return commit(lake, manifest)

    monkeypatch.setattr(lakes.Lake, "commit", commit_and_look)
    store.compact()
    assert len(backend.ids()) == len(stored) - 2
    assert len(backend.files()) == 1


@pytest.mark.long
def test_many_files_are_read_through_python_without_standing_still(tmp_path, opened):
    """As those of a bucket are. Arrow's own scan of them stood still after 15 to 100 questions."""
    (tmp_path / "a*b").mkdir()  # DuckDB does not find such files itself
    backend = LakeFolder(tmp_path / "a*b" / "lake")
    store = opened(backend)
    for _ in range(40):
        store.export(make_batch(*[make_record(variables={"n": n}) for n in range(3)]))
    done = subprocess.run(
        [sys.executable, PROGRAMS / "read_often.py", backend.path, "150"],
        stdout=subprocess.PIPE,
        text=True,
        check=True,
        timeout=300,
    )
    assert done.stdout == "120\n"


def test_why_a_file_cannot_be_read_is_said_by_whoever_asks(bucket, opened, monkeypatch):
    backend = LakeBucket(bucket)
    store = opened(backend)
    for _ in range(3):
        store.export(make_batch(*[make_record(variables={"n": n}) for n in range(3)]))
    assert len(list(store.records())) == 9
    real = s3.S3.get_part

    def away(objects, key, part=None):
        if key.endswith(".parquet"):
            raise ExporterUnavailable("the bucket is away")
        return real(objects, key, part)

    monkeypatch.setattr(s3.S3, "get_part", away)
    with pytest.raises(ExporterUnavailable, match="the bucket is away"):
        list(store.records())
    monkeypatch.undo()
    assert len(list(store.records())) == 9
