"""Batches: their size, their JSON, and what follows the last one."""

from __future__ import annotations

import json

import pytest
from support.exporting import (
    Failing,
    Keeper,
)

from flask_chest.errors import ExporterUnavailable
from flask_chest.export import worker
from flask_chest.exporter import Batch, Batching
from flask_chest.hookspecs import hookimpl
from flask_chest.journal import disk


@pytest.mark.parametrize("count", [0, 1, 3])
def test_the_json_of_a_batch_is_one_array_on_one_line(count):
    lines = b"".join(b'{"n":%d,"text":"a\\nb"}\n' % number for number in range(count))
    document = Batch(lines, count).to_json()
    assert json.loads(document) == [{"n": n, "text": "a\nb"} for n in range(count)]
    assert b"\n" not in document


def test_no_batch_is_larger_than_it_may_be(make):
    keeper = Keeper()
    process = make(keeper, batch=7)
    process.record(range(30))
    assert process.export.flush(5.0)
    assert keeper.batches == [7, 7, 7, 7, 2]


def test_idle_is_called_when_nothing_more_waits_and_not_between_batches(make):
    class Resting(Keeper):
        def take(self, numbers):
            super().take(numbers)
            self.calls.append(f"export {len(numbers)}")

        def idle(self):
            self.calls.append("rest")

    process = make(Resting(), batch=10)
    exporter = process.exporters["main"]
    process.export.start()
    process.record(range(25))
    assert process.export.flush(10.0)
    assert process.export.flush(10.0)
    process.record(range(25, 30))
    assert process.export.flush(10.0)
    process.export.close()
    first = ["open", "export 10", "export 10", "export 5", "rest"]
    assert exporter.calls == [*first, "export 5", "rest", "close"]
    assert exporter.numbers == list(range(30))


def test_delivered_segments_are_deleted_before_the_whole_backlog_is(make, folder, monkeypatch):
    monkeypatch.setattr(disk, "MAX_SEGMENT_BYTES", 50)
    monkeypatch.setattr(worker, "_PRUNE_SECONDS", 0.0)
    left = []

    class Watching(Keeper):
        def take(self, numbers):
            left.append(len(list((folder / "segments").iterdir())))
            super().take(numbers)
            if 89 in numbers:
                raise ExporterUnavailable("before the end")

    process = make(Watching(), batch=10)
    process.record(range(100))
    assert not process.export.flush(5.0)
    assert left == sorted(left, reverse=True)
    assert left[-1] < left[0]


def test_plugins_are_called_for_batches_and_failures_and_their_own_faults_stop_nothing(make):
    told = []

    class Listener:
        @hookimpl
        def chest_exported(self, exporter, batch):
            told.append((exporter, len(batch)))
            raise RuntimeError("a faulty plugin")

        @hookimpl
        def chest_export_failed(self, exporter, error):
            told.append((exporter, str(error)))
            raise RuntimeError("a faulty plugin")

    process = make(Failing(1), plugins=[Listener()])
    process.record(range(3))
    assert [process.export.flush(5.0) for _ in range(2)] == [False, True]
    assert told == [("main", "the database is away"), ("main", 3)]
    assert process.counters.by_reason("plugin_errors") == {
        "p0: chest_export_failed": 1,
        "p0: chest_exported": 1,
    }


def test_the_token_of_a_batch_follows_from_its_bytes():
    token = Batch(b'{"n":1}\n', 1).token
    assert token == Batch(b'{"n":1}\n', 1).token
    assert token != Batch(b'{"n":2}\n', 1).token
    assert len(token) == 32
    assert set(token) <= set("0123456789abcdef")
    assert Batch(b'{"n":2}\n', 1, token).token == token


@pytest.mark.parametrize(
    "wrong",
    [
        {"min_records": 0},
        {"max_bytes": 0},
        {"max_seconds": -1.0},
        {"max_seconds": float("inf")},
        {"min_records": 10, "max_records": 9},
    ],
)
def test_a_policy_that_contradicts_itself_is_refused(wrong):
    with pytest.raises(ValueError, match=list(wrong)[-1]):
        Batching(**wrong)
