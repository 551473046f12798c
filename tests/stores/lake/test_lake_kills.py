"""Processes that write a lake are killed at each of their steps: nothing is lost or doubled."""

from __future__ import annotations

import shutil
from collections import Counter
from datetime import timedelta
from itertools import count

import pytest
from flask_chest_parquet import s3
from flask_chest_parquet.bucket import Bucket
from flask_chest_parquet.layout import BatchName
from support.killing import is_killed_at
from support.lake import LakeBucket, LakeFolder

from flask_chest.errors import ExporterUnavailable
from flask_chest.testing import make_batch, make_record
from flask_chest.testing.records import START

DAY = timedelta(days=1)


def records_of_two_days(number):
    return [
        make_record(started_at=START + DAY * (n % 2), variables={"n": n}) for n in range(number)
    ]


def run(backend, action):
    """Do something with a store of its own."""
    store = backend.new()
    store.open()
    try:
        return action(store)
    finally:
        store.close()


def each_kill(backend, action):
    """Yield a copy of a lake for each step at which a process that acts on it was killed."""
    for step in count():
        copy = LakeFolder(backend.path.with_name(f"killed-{step}"))
        shutil.copytree(backend.path, copy.path)
        if not is_killed_at(step, lambda copy=copy: run(copy, action)):
            assert step > 2
            return
        yield copy
        shutil.rmtree(copy.path)


def is_clean(backend):
    """Return whether an engine that knows no manifests sees each record once."""
    return backend.data() == sorted(backend.files())


@pytest.fixture
def backend(tmp_path):
    return LakeFolder(tmp_path / "lake")


@pytest.fixture(params=[9])
def stored(backend, request):
    """Return records that are in the lake, in many files of two days."""
    batches = [records_of_two_days(6) for _ in range(request.param)]
    run(backend, lambda store: [store.export(make_batch(*batch)) for batch in batches])
    return [record for batch in batches for record in batch]


def deliver(backend):
    """Store a batch of two days, and return its records."""
    batch = records_of_two_days(4)
    run(backend, lambda store: store.export(make_batch(*batch)))
    return batch


def ids_of(records):
    return sorted(record["id"] for record in records)


def test_a_batch_is_stored_once_wherever_its_delivery_is_killed(backend, stored):
    batch = records_of_two_days(10)
    for copy in each_kill(backend, lambda store: store.export(make_batch(*batch))):
        found = copy.ids()
        assert len(set(found)) == len(found)
        assert set(ids_of(stored)) <= set(found)
        run(copy, lambda store: store.export(make_batch(*batch)))
        assert sorted(copy.ids()) == ids_of(stored + batch)
        assert is_clean(copy)


@pytest.mark.slow
def test_compaction_loses_and_doubles_nothing_wherever_it_is_killed(backend, stored):
    for copy in each_kill(backend, lambda store: store.compact()):
        assert sorted(copy.ids()) == ids_of(stored)
        run(copy, lambda store: store.export(make_batch(*stored[:6])))  # another attempt
        assert sorted(copy.ids()) == ids_of(stored)
        copy.new().repair()
        assert sorted(copy.ids()) == ids_of(stored)
        assert is_clean(copy)
        assert len(copy.data()) == 2, "one file a day"


@pytest.mark.slow
@pytest.mark.parametrize("stored", [2], indirect=True)
def test_an_erasure_that_is_killed_deletes_nothing_else_and_can_be_finished(backend, stored):
    kept = [record for record in stored if record["variables"]["n"] != 1]
    for copy in each_kill(backend, lambda store: store.erase("n == 1")):
        found = copy.ids()
        assert len(set(found)) == len(found)
        assert set(ids_of(kept)) <= set(found)
        run(copy, lambda store: store.erase("n == 1"))
        assert sorted(copy.ids()) == ids_of(kept)
        copy.new().repair()
        assert is_clean(copy)


@pytest.mark.slow
def test_a_purge_that_is_killed_deletes_nothing_else_and_can_be_finished(backend, stored):
    kept = [record for record in stored if record["variables"]["n"] % 2]
    for copy in each_kill(backend, lambda store: store.purge(before=START + DAY)):
        found = copy.ids()
        assert len(set(found)) == len(found)
        assert set(ids_of(kept)) <= set(found)
        run(copy, lambda store: store.purge(before=START + DAY))
        assert sorted(copy.ids()) == ids_of(kept)
        copy.new().repair()
        assert is_clean(copy)


@pytest.mark.slow
def test_a_batch_to_s3_is_stored_once_wherever_its_delivery_is_killed(bucket):
    backend = LakeBucket(bucket)
    run(backend, lambda store: None)
    stored = []
    for step in count():
        batch = records_of_two_days(4)
        is_over = not is_killed_at(
            step, lambda batch=batch: run(backend, lambda store: store.export(make_batch(*batch)))
        )
        run(backend, lambda store, batch=batch: store.export(make_batch(*batch)))
        stored += batch
        assert sorted(backend.ids()) == ids_of(stored)
        if is_over:
            break
    assert step > 4
    backend.new().repair()
    assert sorted(backend.ids()) == ids_of(stored)
    assert is_clean(backend)


@pytest.mark.long
def test_a_lake_in_s3_is_created_wherever_its_creation_is_killed(bucket):
    for step in count():
        backend = LakeBucket(bucket, prefix=f"lake-{step}", columns=["n"])
        batch = records_of_two_days(4)

        def create(backend=backend, batch=batch):
            return run(backend, lambda store: store.export(make_batch(*batch)))

        is_over = not is_killed_at(step, create)
        create()
        assert sorted(backend.ids()) == ids_of(batch)
        assert {column.path for column in backend.columns()} == {("n",)}
        assert is_clean(backend)
        if is_over:
            break
    assert step > 20


@pytest.mark.long
def test_a_compaction_in_s3_loses_and_doubles_nothing_wherever_it_is_killed(bucket):
    for step in count():
        backend = LakeBucket(bucket, prefix=f"lake-{step}")
        records = [record for _ in range(3) for record in deliver(backend)]

        def compact(backend=backend):
            return run(backend, lambda store: store.compact())

        is_over = not is_killed_at(step, compact)
        read = run(backend, lambda store: [record.id for record in store.records()])
        assert sorted(read) == ids_of(records)
        backend.new().repair()
        assert sorted(backend.ids()) == ids_of(records)
        if is_over:
            break
    assert step > 20


def put_empty(backend, key):
    """Create an empty object, as SeaweedFS does when a writer is killed before the content."""
    bucket = Bucket(backend.parsed)
    bucket.ask("PUT", f"{backend.parsed.prefix}/{key}")
    bucket.close()


def test_an_empty_object_is_replaced_by_the_next_writer_of_its_key(bucket):
    batch = records_of_two_days(4)
    usual, other = (LakeBucket(bucket, prefix=name, columns=["n"]) for name in ("usual", "other"))
    run(usual, lambda store: store.export(make_batch(*batch)))
    files = usual.data()
    run(usual, lambda store: store.compact())
    writer = BatchName.of(files[0].partition("/")[2]).writer
    lock = f"_chest/locks/write-{writer}"
    for key in {lock, *files, *usual.keys()}:
        put_empty(other, key)

    run(other, lambda store: [store.export(make_batch(*batch)), store.compact()])
    assert sorted(other.ids()) == ids_of(batch)
    assert other.keys() == usual.keys()
    assert all(map(other.read, other.keys()))


@pytest.mark.parametrize("moment", [1, 2])
def test_an_empty_object_may_be_deleted_while_its_next_writer_replaces_it(
    bucket, monkeypatch, moment
):
    backend, other = LakeBucket(bucket), LakeBucket(bucket, prefix="other")
    batch = records_of_two_days(2)
    run(other, lambda store: store.export(make_batch(*batch)))
    run(backend, lambda store: None)
    for key in other.data():
        put_empty(backend, key)
    look, looks = s3.S3._whole, Counter()

    def look_late(objects, key):
        looks[key] += 1
        if key in other.data() and looks[key] == moment:
            if moment == 2:  # it was another empty one, in vain
                put_empty(backend, key)
            objects.delete(key)
        return look(objects, key)

    put = s3.S3._put

    def put_late(objects, key, content, condition):
        if "if-match" in condition and moment == 2 and looks[key] == 1:
            objects.delete(key)
        return put(objects, key, content, condition)

    monkeypatch.setattr(s3.S3, "_whole", look_late)
    monkeypatch.setattr(s3.S3, "_put", put_late)
    run(backend, lambda store: store.export(make_batch(*batch)))
    assert set(looks.values()) >= {moment}
    assert sorted(backend.ids()) == ids_of(batch)


def test_an_object_that_stays_empty_is_named(bucket, monkeypatch):
    backend = LakeBucket(bucket)
    run(backend, lambda store: None)
    monkeypatch.setattr(s3.S3, "_whole", lambda *_: (b"", '"another"'))
    with (
        backend.objects() as objects,
        pytest.raises(ExporterUnavailable, match=r"_chest/schema.json is empty, or changes"),
    ):
        objects.create("_chest/schema.json", b"{}")


def test_what_a_killed_writer_has_left_empty_is_no_file_and_is_deleted_after_an_hour(
    bucket, monkeypatch
):
    backend = LakeBucket(bucket)
    ids = ids_of(deliver(backend))
    lost = backend.data()[0].replace("-2-", "-7-", 1)
    folder = f"{lost.partition('/')[0]}/"
    foreign = [folder, f"{folder}_SUCCESS", f"{folder}a/b", "_chest/columns/t_lost.json"]
    for key in (lost, *foreign):
        put_empty(backend, key)
    assert lost in backend.data()

    read = run(backend, lambda store: [record.id for record in store.records()])
    assert sorted(read) == ids
    assert not any("empty" in line for line in backend.new().repair())
    assert lost in backend.data(), "its writer may be at work yet"

    monkeypatch.setattr(s3, "_ABANDONED_SECONDS", -5.0)
    assert any("1 empty files" in line for line in backend.new().repair())
    assert lost not in backend.data()
    assert {folder, f"{folder}_SUCCESS", f"{folder}a/b"} <= set(backend.keys())
    assert sorted(run(backend, lambda store: [record.id for record in store.records()])) == ids
