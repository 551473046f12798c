"""A lake while much happens at once: readers and compaction, a volume server that dies."""

from __future__ import annotations

import threading
from contextlib import suppress
from datetime import datetime, timezone

import pytest
from support.lake import LakeBucket, LakeFolder
from support.waiting import until

from flask_chest.errors import ExporterUnavailable
from flask_chest.testing import make_batch, make_record
from tools.servers.seaweed import SeaweedServer


@pytest.fixture
def own_server():
    """Give an S3 server that no other test uses."""
    with SeaweedServer() as server:
        yield server


@pytest.fixture
def own_bucket(own_server):
    with own_server.bucket() as url:
        yield url


def batch_of(number):
    now = datetime.now(timezone.utc)
    return [make_record(started_at=now, variables={"n": n}) for n in range(number)]


@pytest.mark.slow
def test_readers_see_each_record_once_while_files_are_compacted(tmp_path, opened):
    backend = LakeFolder(tmp_path / "lake")
    writing, compacting, reading = (opened(backend) for _ in range(3))
    written, faults, compactions = [], [], []
    done = threading.Event()

    def read():
        try:
            while not done.is_set():
                least = len(written) * 10
                found = reading.count()
                assert least <= found <= (len(written) + 1) * 10
        except BaseException as error:  # noqa: BLE001 - asserted on below
            faults.append(error)

    def compact():
        try:
            while not done.is_set():
                compactions.append(compacting.compact())
        except BaseException as error:  # noqa: BLE001 - asserted on below
            faults.append(error)

    threads = [threading.Thread(target=each) for each in (read, compact)]
    for thread in threads:
        thread.start()
    try:
        while len(written) < 60 or not sum(compactions):
            writing.export(make_batch(*batch_of(10)))
            written.append(1)
            assert not faults
    finally:
        done.set()
        for thread in threads:
            thread.join()
    assert faults == []
    assert reading.count() == len(written) * 10
    assert len(set(backend.ids())) == len(backend.ids()) == len(written) * 10


def test_two_processes_may_compact_the_same_day(tmp_path, opened):
    backend = LakeFolder(tmp_path / "lake")
    writing = opened(backend)
    for _ in range(20):
        writing.export(make_batch(*batch_of(5)))
    before = sorted(backend.ids())
    compacting = [opened(backend) for _ in range(4)]
    threads = [threading.Thread(target=store.repair) for store in compacting]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(backend.ids()) == before
    assert backend.data() == sorted(backend.files())
    assert len(backend.data()) == 1


@pytest.mark.slow
def test_a_volume_server_may_be_killed_while_batches_are_delivered(own_server, own_bucket, opened):
    backend = LakeBucket(own_bucket)
    store = opened(backend, timeout_seconds=5.0)
    stored = []

    def deliver():
        batch = batch_of(20)

        def is_stored():
            with suppress(ExporterUnavailable):
                store.export(make_batch(*batch))
                return True

        until(is_stored)
        stored.extend(record["id"] for record in batch)

    for _ in range(5):
        deliver()
    own_server.kill("volume-0")
    try:
        for _ in range(15):
            deliver()
        assert sorted(backend.ids()) == sorted(stored), "all is there, without the server"
        compacted = opened(backend, timeout_seconds=5.0)
        until(lambda: _compacted(compacted))
        assert sorted(backend.ids()) == sorted(stored)
    finally:
        own_server.start("volume-0")
    for _ in range(3):
        deliver()
    assert sorted(backend.ids()) == sorted(stored)


def _compacted(store):
    with suppress(ExporterUnavailable):
        return store.compact()
