"""A process that stands still while it rewrites a day: others have gone on, and nothing is lost."""

from __future__ import annotations

from itertools import count

import pytest
from flask_chest_parquet import lake as lakes
from support.lake import LakeFolder

from flask_chest.testing import make_batch, make_record

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
