"""Which threads run when; what a process delivers at its end."""

from __future__ import annotations

import gc
import logging
import sys
import threading
import time

import pytest
from support.exporting import (
    Keeper,
    Process,
    our_threads,
)
from support.waiting import until

from flask_chest.journal import DiskJournal
from flask_chest.journal.folder import Folder
from flask_chest.journal.segment_writer import SegmentWriter
from flask_chest.record import uuid7
from flask_chest.runtime.counters import Counters
from flask_chest.runtime.log import Throttle


@pytest.mark.parametrize("kind", ["disk", "memory"])
def test_nothing_runs_before_start_and_nothing_after_close(make, kind):
    process = make({"a": Keeper(), "b": Keeper()}, kind=kind)
    process.record(range(3))
    assert our_threads() == []
    process.export.start()
    process.export.start()
    maintenance = ["chest-journal"] if kind == "disk" else []
    assert sorted(our_threads()) == [
        "APScheduler",
        "chest-export-a",
        "chest-export-b",
        *maintenance,
    ]
    process.export.close()
    assert our_threads() == []
    process.export.close()


@pytest.mark.parametrize("kind", ["disk", "memory"])
def test_records_arrive_by_themselves_and_each_exporter_has_a_thread(make, kind):
    a, b = Keeper(), Keeper()
    process = make({"a": a, "b": b}, kind=kind, interval=0.05)
    process.export.start()
    process.record(range(25))
    until(lambda: len(a.numbers) == len(b.numbers) == 25)
    assert a.numbers == b.numbers == list(range(25))
    assert (a.threads, b.threads) == ({"chest-export-a"}, {"chest-export-b"})
    assert a.calls == b.calls == ["open"]


@pytest.mark.parametrize("kind", ["disk", "memory"])
def test_close_delivers_what_waits_and_closes_the_exporter(make, kind):
    keeper = Keeper()
    process = make(keeper, kind=kind)
    process.export.start()
    process.record(range(25))
    process.export.close()
    assert keeper.numbers == list(range(25))
    assert keeper.calls == ["open", "close"]


def test_close_without_time_leaves_the_records_in_the_journal(make):
    first = make(Keeper(), shutdown=0.0)
    first.export.start()
    first.record(range(3))
    first.export.close()
    assert first.exporters["main"].numbers == []
    second = make(Keeper())
    assert second.export.flush(5.0)
    assert second.exporters["main"].numbers == [0, 1, 2]


@pytest.mark.parametrize("at_exit", [False, True])
def test_close_without_time_imports_nothing_and_tries_no_delivery(make, at_exit):
    class Importing(Keeper):
        def preload(self):
            self.calls.append("preload")

    importing = Importing()
    process = make(importing, shutdown=0.0)
    process.export.start()
    process.record(range(3))
    if at_exit:
        process.export.close_at_exit()
    else:
        process.export.close()
    assert importing.calls == []
    assert importing.numbers == []
    assert our_threads() == []
    assert make(Keeper()).journal.try_lead(), "it is not even the leader"


def test_close_leaves_a_backlog_that_takes_too_long(make):
    class Slow(Keeper):
        def take(self, numbers):
            super().take(numbers)
            time.sleep(0.05)

    slow = Slow()
    process = make(slow, batch=1, shutdown=0.3)
    process.export.start()
    process.record(range(200))
    started = time.monotonic()
    process.export.close()
    assert time.monotonic() - started < 5.0, "all 200 take 10 seconds"
    assert our_threads() == []
    assert 0 < len(slow.numbers) < 200
    assert slow.numbers == list(range(len(slow.numbers)))
    keeper = Keeper()
    assert make(keeper).export.flush(5.0)
    assert slow.numbers + keeper.numbers == list(range(200))


def test_delivery_starts_again_after_close(make):
    keeper = Keeper()
    process = make(keeper, interval=0.05)
    for numbers in (range(3), range(3, 6)):
        process.export.start()
        process.record(numbers)
        until(lambda: len(keeper.numbers) == numbers.stop)  # noqa: B023
        process.export.close()
        assert our_threads() == []
    assert keeper.numbers == list(range(6))


def test_several_threads_may_close_at_once(make):
    keeper = Keeper()
    process = make(keeper)
    process.export.start()
    process.record(range(25))
    threads = [threading.Thread(target=process.export.close) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert our_threads() == []
    process.export.close()
    make(keeper).export.flush(5.0)
    assert sorted(set(keeper.numbers)) == list(range(25))


def test_an_export_that_is_garbage_collected_ends_its_threads_and_resigns(folder):
    keeper = Keeper()
    process = Process(folder, {"main": keeper}, interval=0.05)
    process.export.start()
    process.record(range(3))
    until(lambda: keeper.numbers)
    del process
    gc.collect()
    until(lambda: not our_threads())
    other = DiskJournal(folder, ["main"], Counters(), Throttle())
    assert other.try_lead()
    assert not keeper.is_open
    other.close()


def test_every_exporter_delivers_once_threads_can_be_started_again(make, monkeypatch, caplog):
    a, b = Keeper(), Keeper()
    process = make({"a": a, "b": b}, interval=0.05)
    start = threading.Thread.start

    def fail(thread):
        if thread.name.startswith("chest-export"):
            raise RuntimeError("can't start new thread")
        start(thread)

    monkeypatch.setattr(threading.Thread, "start", fail)
    process.export.start()
    process.record(range(3))
    time.sleep(0.3)
    monkeypatch.setattr(threading.Thread, "start", start)
    until(lambda: a.numbers == b.numbers == [0, 1, 2])
    assert [record.getMessage() for record in caplog.records] == [
        f"The exporter {name!r} has to wait for a thread: can't start new thread" for name in "ab"
    ], "once a minute"


def test_a_worker_that_the_scheduler_does_not_wake_delivers_all_the_same(make):
    keeper = Keeper()
    process = make(keeper)
    # The scheduler would wake this thread, and does not, as after a step of the clock.
    process.export.supervisors["main"].start(0.05)
    process.record(range(3))
    until(lambda: keeper.numbers == [0, 1, 2])


def test_delivery_goes_on_and_says_so_once_while_apscheduler_cannot_be_imported(
    make, caplog, monkeypatch
):
    keeper = Keeper()
    process = make(keeper, interval=0.05)
    with monkeypatch.context() as missing:
        missing.setitem(sys.modules, "apscheduler.triggers.interval", None)
        process.export.start()
        for number in range(3):
            process.record([number])
            until(lambda: len(keeper.numbers) == number + 1)  # noqa: B023 - called at once
    [said] = [record for record in caplog.records if record.name == "flask_chest"]
    assert said.levelname == "ERROR"
    assert said.getMessage().startswith(
        "APScheduler cannot be imported, and delivery goes on without it, once in 0.05 s: Module"
    )
    # The next attempt succeeds, as when the file system is back.
    until(lambda: process.export._scheduler._running is not None)
    process.record([3])
    until(lambda: keeper.numbers == [0, 1, 2, 3])


def test_the_scheduler_logs_nothing_while_all_goes_well(make, caplog):
    caplog.set_level(logging.INFO)
    keeper = Keeper()
    process = make(keeper, interval=0.05)
    process.export.start()
    for number in range(3):
        process.record([number])
        until(lambda: len(keeper.numbers) == number + 1)  # noqa: B023 - called at once
    process.export.close()
    assert caplog.records == []


def test_an_end_with_half_a_line_of_a_living_process_does_not_wait_for_the_rest(make, folder):
    keeper = Keeper()
    process = make(keeper, shutdown=20.0)
    writer = SegmentWriter(Folder(folder / "segments"), uuid7())
    writer.append(b'{"n": 1}\n{"n"')
    process.export.start()
    started = time.monotonic()
    process.export.close()
    assert time.monotonic() - started < 5.0
    assert keeper.numbers == [1]
    writer.close()
