"""Delivery to exporters that fail, refuse, hang and recover; the start and the end of it all."""

from __future__ import annotations

import gc
import json
import logging
import tempfile
import threading
import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.exporting import (
    Failing,
    Hanging,
    Keeper,
    Process,
    Refusing,
    dead_letters,
    our_threads,
    until,
)

from flask_chest.errors import BatchRejected, ExporterUnavailable
from flask_chest.export import worker
from flask_chest.exporter import Batch, Exporter
from flask_chest.hookspecs import hookimpl
from flask_chest.journal import DiskJournal, disk
from flask_chest.journal.segment import SegmentWriter
from flask_chest.record import uuid7
from flask_chest.runtime.counters import Counters
from flask_chest.runtime.log import Throttle


@pytest.fixture
def make(folder):
    """Return what makes processes, whose threads must all be gone when they are closed."""
    made = []

    def make_process(exporters, *, kind="disk", **options):
        if isinstance(exporters, Exporter):
            exporters = {"main": exporters}
        made.append(Process(folder if kind == "disk" else None, exporters, **options))
        return made[-1]

    yield make_process
    for process in made:
        for exporter in process.exporters.values():
            if isinstance(exporter, Hanging):
                exporter.let_go.set()
        process.export.close()
    until(lambda: not our_threads())


# -- Start and end -------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["disk", "memory"])
def test_nothing_runs_before_start_and_nothing_after_close(make, kind):
    process = make({"a": Keeper(), "b": Keeper()}, kind=kind)
    process.record(range(3))
    assert our_threads() == []
    process.export.start()
    process.export.start()
    upkeep = ["chest-journal"] if kind == "disk" else []
    assert sorted(our_threads()) == ["APScheduler", "chest-export-a", "chest-export-b", *upkeep]
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


def test_an_export_that_is_forgotten_ends_its_threads_and_gives_the_lock_back(folder):
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


def test_a_clock_that_was_set_back_does_not_stop_delivery(make):
    keeper = Keeper()
    process = make(keeper)
    # The scheduler would wake this thread, and does not, as after a step of the clock.
    process.export.supervisors["main"].start(0.05)
    process.record(range(3))
    until(lambda: keeper.numbers == [0, 1, 2])


def test_the_scheduler_says_nothing_while_all_goes_well(make, caplog):
    caplog.set_level(logging.INFO)
    keeper = Keeper()
    process = make(keeper, interval=0.05)
    process.export.start()
    for number in range(3):
        process.record([number])
        until(lambda: len(keeper.numbers) == number + 1)  # noqa: B023
    process.export.close()
    assert caplog.records == []


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


def test_a_process_that_ended_while_another_delivered_last_has_its_records_delivered(make):
    class LastOne(Keeper):
        def take(self, numbers):
            super().take(numbers)
            if not other.is_done:  # it sees the lock taken, and leaves its records to this one
                other.is_done = True
                other.record([2])
                other.export.start()
                other.export.close()

    last, other = make(LastOne()), make(Keeper())
    other.is_done = False
    last.export.start()
    last.record([1])
    last.export.close()
    assert last.exporters["main"].numbers == [1, 2]
    assert other.exporters["main"].numbers == []


def test_an_end_with_half_a_line_of_a_living_process_does_not_wait_for_the_rest(make, folder):
    keeper = Keeper()
    process = make(keeper, shutdown=20.0)
    writer = SegmentWriter(folder / "segments", uuid7())
    writer.append(b'{"n": 1}\n{"n"')
    process.export.start()
    started = time.monotonic()
    process.export.close()
    assert time.monotonic() - started < 5.0
    assert keeper.numbers == [1]
    writer.close()


# -- Flush ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["disk", "memory"])
def test_flush_is_true_when_everything_reached_every_exporter(make, kind):
    a, b = Keeper(), Keeper()
    process = make({"a": a, "b": b}, kind=kind)
    process.record(range(25))
    assert process.export.flush(5.0)
    assert a.numbers == b.numbers == list(range(25))
    assert process.stats("a").delivered == 25
    assert process.stats("a").pending_bytes == 0
    assert process.export.flush(5.0)


def test_flush_is_false_when_one_exporter_fails_and_the_others_have_it(make):
    good, bad = Keeper(), Failing(1)
    process = make({"good": good, "bad": bad})
    process.record(range(5))
    assert not process.export.flush(5.0)
    assert good.numbers == list(range(5))
    assert process.export.flush(5.0)
    assert bad.numbers == list(range(5))


def test_flush_is_false_when_time_is_up_and_true_when_it_arrived_later(make):
    hanging = Hanging()
    process = make(hanging)
    process.record(range(5))
    started = time.monotonic()
    assert not process.export.flush(0.2)
    assert 0.2 <= time.monotonic() - started < 5.0
    hanging.let_go.set()
    assert process.export.flush(5.0)
    assert hanging.numbers == list(range(5))


@pytest.mark.parametrize("kind", ["disk", "memory"])
def test_flush_from_several_threads_is_true_for_each_and_delivers_once(make, kind):
    keeper = Keeper()
    process = make(keeper, kind=kind)
    answers = []

    def record_and_flush(start):
        for number in range(start, start + 10):
            process.record([number])
            arrived = process.export.flush(10.0)
            answers.append(arrived and number in keeper.numbers)

    threads = [threading.Thread(target=record_and_flush, args=(n,)) for n in range(0, 60, 10)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert answers == [True] * 60
    assert sorted(keeper.numbers) == list(range(60))


def test_flush_of_a_process_that_is_not_in_charge_delivers_and_closes_its_connection(make):
    chief, other = make(Keeper()), make(Keeper())
    chief.export.start()
    chief.record([1])
    assert chief.export.flush(5.0)
    other.record([2])
    assert other.export.flush(5.0)
    assert other.exporters["main"].numbers == [2]
    until(lambda: other.exporters["main"].calls == ["open", "close"])
    assert chief.exporters["main"].calls == ["open"]


def test_flush_waits_for_the_turn_of_another_process_but_not_for_ever(make):
    hanging, keeper = Hanging(), Keeper()
    chief, other = make(hanging), make(keeper)
    chief.record([1])
    assert not chief.export.flush(0.01)
    assert hanging.entered.wait(5)
    other.record([2])
    assert not other.export.flush(0.1)
    assert keeper.numbers == []
    other.export.close()
    assert our_threads() == ["chest-export-main"]
    answers = []
    thread = threading.Thread(target=lambda: answers.append(other.export.flush(10.0)))
    thread.start()
    hanging.let_go.set()
    thread.join()
    assert answers == [True]
    assert sorted(hanging.numbers + keeper.numbers) == [1, 2]


def test_a_process_that_is_not_in_charge_leaves_its_records_to_the_one_that_is(make):
    chief, other = make(Keeper(), interval=0.05), make(Keeper(), interval=0.05)
    chief.export.start()
    chief.record([1])
    until(lambda: chief.exporters["main"].numbers == [1])
    other.export.start()
    other.record([2])
    until(lambda: chief.exporters["main"].numbers == [1, 2])
    other.export.close()
    assert other.exporters["main"].calls == []


def test_another_process_takes_over_when_the_one_in_charge_closes(make):
    chief, other = make(Keeper(), interval=0.05), make(Keeper(), interval=0.05)
    chief.export.start()
    chief.record([1])
    until(lambda: chief.exporters["main"].numbers == [1])
    other.export.start()
    chief.export.close()
    chief.journal.append(b'{"n": 2}\n')
    other.record([3])
    until(lambda: sorted(other.exporters["main"].numbers) == [2, 3])


# -- Exporters that fail ---------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["disk", "memory"])
@pytest.mark.parametrize("where", ["open", "export"])
@pytest.mark.parametrize(
    "error", [ExporterUnavailable("away"), OSError("refused"), SystemExit(1)], ids=repr
)
def test_records_wait_until_the_exporter_works_again(make, caplog, kind, where, error):
    failing = Failing(3, where, error)
    process = make(failing, kind=kind)
    process.record(range(25))
    for failures in (1, 2, 3):
        assert not process.export.flush(5.0)
        assert process.stats().failures == failures
        assert type(error).__name__ in process.stats().last_error
        assert failing.calls == ["open", "close"] * failures
        assert process.stats().pending_bytes > 0
    assert process.export.flush(5.0)
    assert failing.numbers == list(range(25))
    assert process.stats().last_error is None
    assert process.stats().pending_bytes == 0
    assert [record.levelno for record in caplog.records] == [logging.WARNING]
    assert "the records wait in the journal" in caplog.text


def test_delivery_is_tried_again_without_being_asked(make):
    failing = Failing(1)
    process = make(failing, interval=0.05)
    process.export.start()
    process.record(range(3))
    until(lambda: failing.numbers == [0, 1, 2])
    assert process.stats().failures == 1


def test_an_exporter_that_fails_half_way_goes_on_where_it_was(make):
    failing = Failing(0)
    process = make(failing, batch=10)
    process.record(range(30))
    original = failing.take

    def take(numbers):
        if numbers[0] == 20 and failing.calls == ["open"]:
            raise ExporterUnavailable("in the middle")
        original(numbers)

    failing.take = take
    assert not process.export.flush(5.0)
    assert failing.numbers == list(range(20))
    assert process.export.flush(5.0)
    assert failing.numbers == list(range(30))


def test_what_has_arrived_makes_room_before_all_has(make, folder, monkeypatch):
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


def test_an_exporter_rests_when_nothing_more_waits_and_not_between_batches(make):
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


def test_an_exporter_whose_close_fails_too_is_opened_again(make):
    class Broken(Failing):
        def close(self):
            super().close()
            raise RuntimeError("and this, too")

    broken = Broken(2)
    process = make(broken)
    process.record([1])
    assert [process.export.flush(5.0) for _ in range(3)] == [False, False, True]
    assert broken.numbers == [1]


def test_plugins_hear_of_batches_and_failures_and_their_own_faults_stop_nothing(make):
    heard = []

    class Listener:
        @hookimpl
        def chest_exported(self, exporter, batch):
            heard.append((exporter, len(batch)))
            raise RuntimeError("a faulty plugin")

        @hookimpl
        def chest_export_failed(self, exporter, error):
            heard.append((exporter, str(error)))
            raise RuntimeError("a faulty plugin")

    process = make(Failing(1), plugins=[Listener()])
    process.record(range(3))
    assert [process.export.flush(5.0) for _ in range(2)] == [False, True]
    assert heard == [("main", "the database is away"), ("main", 3)]
    assert process.counters.by_reason("plugin_errors") == {
        "p0: chest_export_failed": 1,
        "p0: chest_exported": 1,
    }


def test_a_segment_that_cannot_be_read_is_said_and_holds_up_no_other(make, folder):
    keeper = Keeper()
    process = make(keeper)
    bad = folder / "segments" / "0.jsonl"
    bad.mkdir()
    process.record(range(3))
    assert not process.export.flush(5.0)
    assert keeper.numbers == [0, 1, 2]
    assert "IsADirectoryError" in process.stats().last_error
    assert (folder / "damaged" / bad.name).is_dir()
    assert process.export.flush(5.0)
    assert keeper.numbers == [0, 1, 2]


# -- Exporters that refuse -------------------------------------------------------------------------


@settings(max_examples=30, deadline=None)
@given(
    total=st.integers(min_value=1, max_value=40),
    refused=st.sets(st.integers(min_value=0, max_value=39)),
    batch=st.integers(min_value=1, max_value=20),
)
def test_exactly_the_records_at_fault_are_set_aside(total, refused, batch):
    refused &= set(range(total))
    with tempfile.TemporaryDirectory() as folder:
        exporter = Refusing(refused)
        process = Process(Path(folder), {"main": exporter}, batch=batch)
        process.record(range(total))
        assert process.export.flush(10.0)
        assert exporter.numbers == [n for n in range(total) if n not in refused]
        letters = dead_letters(Path(folder))
        assert [letter["record"]["n"] for letter in letters] == sorted(refused)
        assert {letter["error"] for letter in letters} <= {
            "BatchRejected: does not like 1 of 1",
        }
        stats = process.stats()
        assert (stats.rejected, stats.delivered) == (len(refused), total - len(refused))
        assert (stats.failures, stats.pending_bytes) == (0, 0)
        process.export.close()


def test_a_record_that_one_exporter_refuses_reaches_the_others(make, folder):
    good, bad = Keeper(), Refusing([3])
    process = make({"good": good, "bad": bad})
    process.record(range(6))
    assert process.export.flush(5.0)
    assert good.numbers == list(range(6))
    assert bad.numbers == [0, 1, 2, 4, 5]
    assert dead_letters(folder, "good") == []
    assert [letter["record"] for letter in dead_letters(folder, "bad")] == [{"n": 3}]


def test_a_line_that_is_no_json_is_set_aside_whatever_is_in_it(make, folder):
    class Reading(Keeper):
        def export(self, batch):
            try:
                batch.records()
            except ValueError as error:
                raise BatchRejected(str(error)) from error
            super().export(batch)

    keeper = Reading()
    process = make(keeper)
    process.record([1])
    process.journal.append(b"\x00\xff a carriage return \r and \x0b more\n")
    process.journal.append(b"{\n")
    process.record([2])
    assert process.export.flush(5.0)
    assert keeper.numbers == [1, 2]
    assert [letter["record"] for letter in dead_letters(folder)] == [
        "\x00\ufffd a carriage return \r and \x0b more\n",
        "{\n",
    ]


def test_nothing_is_lost_when_the_database_goes_away_between_the_halves(make, folder):
    class Both(Refusing):
        def take(self, numbers):
            if numbers == [4, 5] and not self.was_away:
                self.was_away = True
                raise ExporterUnavailable("in the middle of it")
            super().take(numbers)

    exporter = Both([2, 6])
    exporter.was_away = False
    process = make(exporter, batch=8)
    process.record(range(8))
    assert not process.export.flush(5.0)
    assert process.export.flush(5.0)
    assert exporter.numbers == [0, 1, 3, 4, 5, 7]
    assert [letter["record"]["n"] for letter in dead_letters(folder)] == [2, 6]
    assert process.stats().rejected == 2


@pytest.mark.parametrize("kind", ["disk", "memory"])
def test_a_database_that_goes_away_again_and_again_between_refusals_gets_on(make, kind):
    class Flapping(Refusing):
        calls_left = 6

        def take(self, numbers):
            self.calls_left -= 1
            if self.calls_left < 0:
                self.calls_left = 6
                raise ExporterUnavailable("again")
            super().take(numbers)

    exporter = Flapping(range(0, 16, 2))
    process = make(exporter, kind=kind, batch=16)
    process.record(range(16))
    until(lambda: process.export.flush(5.0))
    assert exporter.numbers == list(range(1, 16, 2))
    assert process.stats().rejected == 8
    assert process.stats().failures > 1


def test_a_dead_letter_that_cannot_be_written_keeps_the_record_waiting(make, folder):
    exporter = Refusing([1])
    process = make(exporter)
    process.record(range(3))
    (folder / "dead-letter" / "main.jsonl").mkdir()
    assert not process.export.flush(5.0)
    assert process.stats().pending_bytes > 0
    (folder / "dead-letter" / "main.jsonl").rmdir()
    assert process.export.flush(5.0)
    assert [letter["record"]["n"] for letter in dead_letters(folder)] == [1]


# -- Exporters that hang ---------------------------------------------------------------------------


def test_an_exporter_that_hangs_holds_up_neither_the_others_nor_the_end(make):
    good, hanging = Keeper(), Hanging()
    process = make({"hanging": hanging, "good": good}, interval=0.05, shutdown=0.4)
    process.export.start()
    process.record(range(5))
    assert hanging.entered.wait(5)
    process.record(range(5, 10))
    until(lambda: good.numbers == list(range(10)))
    process.record(range(10, 15))
    started = time.monotonic()
    process.export.close()
    assert time.monotonic() - started < 5.0, "it hangs for ever"
    assert good.numbers == list(range(15))
    assert our_threads() == ["chest-export-hanging"]
    assert good.calls == ["open", "close"]

    hanging.let_go.set()
    until(lambda: not our_threads())
    assert hanging.numbers == list(range(5)), "it ends after the batch that it was at"
    assert hanging.calls == ["open", "close"]


def test_a_thread_that_hangs_keeps_its_records_when_delivery_starts_again(make):
    hanging = Hanging()
    process = make(hanging, interval=0.05, shutdown=0.05)
    process.export.start()
    process.record(range(5))
    assert hanging.entered.wait(5)
    process.export.close()
    process.export.start()
    process.record(range(5, 10))
    assert not process.export.flush(0.1), "it still has the delivery lease"
    assert our_threads().count("chest-export-main") == 2
    hanging.let_go.set()
    assert process.export.flush(5.0)
    assert hanging.numbers == list(range(10))
    until(lambda: our_threads().count("chest-export-main") == 1)
    process.export.close()
    assert our_threads() == []
    assert not hanging.is_open


def test_the_turn_of_a_thread_that_hung_is_given_back(make):
    hanging, keeper = Hanging(), Keeper()
    process = make(hanging, interval=0.05, shutdown=0.05)
    process.export.start()
    process.record([1])
    assert hanging.entered.wait(5)
    process.export.close()
    process.export.start()
    process.record([2])
    hanging.let_go.set()
    until(lambda: hanging.numbers == [1, 2])
    process.export.close()
    other = make(keeper)
    other.record([3])
    assert other.export.flush(5.0)
    assert keeper.numbers == [3]


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


def test_a_segment_name_is_unique_even_for_many_closings_in_a_row(make):
    keeper = Keeper()
    process = make(keeper)
    for number in range(50):
        process.record([number])
        process.journal.close()
    assert process.export.flush(5.0)
    assert keeper.numbers == list(range(50))
    assert len({uuid7() for _ in range(1_000)}) == 1_000
