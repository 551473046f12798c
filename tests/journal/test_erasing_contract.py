"""The contract of erasing from journals, on disk and in memory."""

from __future__ import annotations

import json
import threading

import pytest
from support.journals import ALL, deliver, line, reader_of

from flask_chest.errors import DeliveryBusy


def one_of(*numbers):
    return lambda record: record["n"] in numbers


def test_what_was_erased_is_not_delivered_and_all_else_is(journal):
    lines = [line(number, 50) for number in range(10)]
    for each in lines:
        journal.append(each)
    with journal.erase(one_of(0, 3, 4, 9, 99)) as erased:
        assert (erased.waiting, erased.total, erased.unreadable) == (4, 4, 0)
    for exporter in ("main", "other"):
        assert deliver(journal, exporter) == [lines[number] for number in (1, 2, 5, 6, 7, 8)]
        assert journal.reader(exporter).pending()[0] == 0
    with journal.erase(one_of(0, 3)) as erased:
        assert erased.total == 0


def test_a_journal_from_which_all_was_erased_has_nothing_that_waits(journal):
    for number in range(5):
        journal.append(line(number))
    with journal.erase(lambda _record: True) as erased:
        assert erased.waiting == 5
    assert deliver(journal) == []
    assert journal.reader("main").pending() == (0, 0.0)
    journal.append(line(5))
    assert deliver(journal) == [line(5)]
    assert deliver(journal, "other") == [line(5)]


def test_what_one_exporter_has_is_erased_for_the_other(journal):
    for number in range(4):
        journal.append(line(number))
    deliver(journal, "main", max_records=1, chunks=2)
    with journal.erase(one_of(1, 3)) as erased:
        assert erased.waiting == 2
    assert deliver(journal, "main") == [line(2)]
    assert deliver(journal, "other") == [line(0), line(2)]


def test_nobody_delivers_while_the_caller_of_an_erasure_goes_on_and_records_are_written(journal):
    journal.append(line(1))
    with journal.erase(one_of(1)):
        for exporter in ("main", "other"):
            with journal.reader(exporter).lease() as held:
                assert not held
        journal.append(line(1, 100))
    assert deliver(journal) == [line(1, 100)], "it came later"


def test_an_erasure_says_which_delivery_is_under_way_and_erases_nothing(journal):
    journal.append(line(1))
    with journal.reader("other").lease():
        with (
            pytest.raises(DeliveryBusy, match="'other'") as raised,
            journal.erase(one_of(1), timeout_seconds=0.05),
        ):
            raise AssertionError
        assert raised.value.exporter == "other"
    assert deliver(journal) == [line(1)]
    with journal.erase(one_of(1)) as erased:
        assert erased.waiting == 1, "the lease was given back"


def test_an_erasure_waits_for_a_delivery_that_ends(journal):
    journal.append(line(1))
    entered, goes_on = threading.Event(), threading.Event()

    def hold():
        with journal.reader("main").lease():
            entered.set()
            goes_on.wait(60)

    thread = threading.Thread(target=hold)
    thread.start()
    assert entered.wait(60)
    threading.Timer(0.1, goes_on.set).start()
    with journal.erase(one_of(1)) as erased:
        assert goes_on.is_set()
        assert erased.waiting == 1
    thread.join()


def test_an_error_in_the_block_of_an_erasure_gives_the_leases_back(journal):
    with pytest.raises(ZeroDivisionError), journal.erase(one_of(1)):
        raise ZeroDivisionError
    with journal.reader("main").lease() as held:
        assert held


def test_records_appended_during_an_erasure_are_neither_lost_nor_doubled(journal):
    def append(start):
        for number in range(start, start + 500):
            assert journal.append(line(number, 200))

    threads = [threading.Thread(target=append, args=(start,)) for start in range(0, 2_000, 500)]
    for thread in threads:
        thread.start()
    taken = []
    while any(thread.is_alive() for thread in threads):
        taken += deliver(journal, max_records=50, chunks=3)
        with journal.erase(lambda record: record["n"] % 7 == 0):
            pass
    taken += deliver(journal, max_records=50)
    numbers = sorted(json.loads(each)["n"] for each in taken)
    assert len(set(numbers)) == len(numbers)
    assert set(range(2_000)).difference(numbers) <= set(range(0, 2_000, 7))
    with journal.erase(lambda record: record["n"] % 7 == 0):
        pass
    others = sorted(json.loads(each)["n"] for each in deliver(journal, "other", max_records=50))
    assert others == [number for number in range(2_000) if number % 7]


@pytest.mark.parametrize("erases", [(), (0,), (3, 4), (9,), (0, 1, 2, 7), range(9), range(10)])
def test_halves_of_a_chunk_with_gaps_are_acknowledged_one_by_one(journal, erases):
    lines = [line(number, 40 + number) for number in range(10)]
    for each in lines:
        journal.append(each)
    with journal.erase(one_of(*erases)):
        pass
    left = [lines[number] for number in range(10) if number not in erases]
    taken = []

    def acknowledge(chunk):
        if chunk.count == 1:
            reader.acknowledge(chunk)
            taken.append(chunk.lines)
            return
        for half in chunk.halves():
            acknowledge(half)

    for _ in left:  # each time anew, from the stored cursor
        with reader_of(journal) as reader:
            chunk = next(reader.chunks(ALL, ALL))
            while chunk.count > 1:
                chunk = chunk.halves()[0]
            acknowledge(chunk)
    assert taken == left
    assert deliver(journal, "other", max_records=3) == left
    with reader_of(journal) as reader:
        assert list(reader.chunks(ALL, ALL)) == []
    assert journal.reader("main").pending() == (0, 0.0)
