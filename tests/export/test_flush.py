"""Flushes: what they wait for, and what they answer."""

from __future__ import annotations

import threading
import time

import pytest
from support.exporting import (
    Failing,
    Hanging,
    Keeper,
    our_threads,
)
from support.leaks import open_files
from support.waiting import until


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


def test_flush_is_false_when_one_exporter_fails_and_the_others_deliver(make):
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


def test_flush_waits_for_the_delivery_lease_of_another_process_until_its_timeout(make):
    hanging, keeper = Hanging(), Keeper()
    leader, other = make(hanging), make(keeper)
    leader.record([1])
    until(lambda: leader.export.flush(0.01) or hanging.entered.is_set())
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


def test_close_answers_a_flush_that_an_exporter_holds_up(make):
    hanging = Hanging()
    process = make(hanging, shutdown=0.05)
    process.export.start()
    process.record([1])
    answers = []
    thread = threading.Thread(target=lambda: answers.append(process.export.flush(60.0)))
    thread.start()
    assert hanging.entered.wait(30)
    process.export.close()
    thread.join(30)
    assert answers == [False]


@pytest.mark.parametrize("kind", ["disk", "memory"])
def test_a_flush_after_close_delivers_and_rests_again(make, kind, folder):
    keeper = Keeper()
    process = make(keeper, kind=kind)
    process.record([1])
    process.export.start()
    process.export.close()
    for number in (2, 3):
        process.record([number])
        assert process.export.flush(30.0)
        assert keeper.numbers == list(range(1, number + 1))
        assert our_threads() == []
        assert not keeper.is_open
        assert not any(str(folder) in path for path in open_files())
    if kind == "disk":
        other = make(Keeper())
        assert other.journal.try_lead()
        with other.journal.reader("main").lease() as held:
            assert held


def test_flushes_after_close_from_several_threads_deliver_all_and_rest_again(make, folder):
    keeper = Keeper()
    process = make(keeper)
    process.export.start()
    process.export.close()
    answers = []

    def record_and_flush(number):
        process.record([number])
        answers.append(process.export.flush(30.0))

    threads = [threading.Thread(target=record_and_flush, args=(n,)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert answers == [True] * 8
    assert sorted(keeper.numbers) == list(range(8))
    assert our_threads() == []
    assert not any(str(folder) in path for path in open_files())


def test_delivery_starts_again_after_a_flush_after_close(make):
    keeper = Keeper()
    process = make(keeper, interval=0.05)
    process.export.start()
    process.export.close()
    assert process.export.flush(30.0)
    process.export.start()
    process.record([1, 2])
    until(lambda: keeper.numbers == [1, 2])
    assert process.export.flush(30.0)
    assert "chest-export-main" in our_threads(), "it was started"
