"""The contract of journals, on disk and in memory."""

from __future__ import annotations

import json
import tempfile
import threading
import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.journals import ALL, deliver, line, reader_of, unread

from flask_chest.journal import DiskJournal, MemoryJournal
from flask_chest.runtime.counters import Counters
from flask_chest.runtime.log import Throttle


def test_nothing_waits_in_a_new_journal(journal):
    assert unread(journal) == []
    assert journal.reader("main").pending() == (0, 0.0)
    assert journal.appended == 0


def test_records_come_out_as_they_went_in_and_in_order(journal):
    lines = [line(number) for number in range(100)]
    assert all(journal.append(each) for each in lines)
    assert deliver(journal) == lines
    assert journal.appended == 100


def test_each_exporter_has_a_cursor_of_its_own(journal):
    journal.append(line(1))
    assert deliver(journal, "main") == [line(1)]
    journal.append(line(2))
    assert deliver(journal, "other") == [line(1), line(2)]
    assert deliver(journal, "main") == [line(2)]


def test_what_was_not_acknowledged_comes_again(journal):
    lines = [line(number) for number in range(10)]
    for each in lines:
        journal.append(each)
    reader = journal.reader("main")
    with reader.lease():
        assert next(reader.chunks(4, ALL)).lines == b"".join(lines[:4])
    assert deliver(journal, max_records=4, chunks=1) == lines[:4]
    assert deliver(journal) == lines[4:]
    assert deliver(journal) == []


def test_records_appended_during_a_delivery_wait_for_the_next(journal):
    journal.append(line(1))
    reader = journal.reader("main")
    taken = []
    with reader.lease():
        for chunk in reader.chunks(1, ALL):
            taken.append(chunk.lines)
            journal.append(line(len(taken) + 1))
            reader.acknowledge(chunk)
    assert taken == [line(1)]
    assert deliver(journal) == [line(2)]


@settings(max_examples=40, deadline=None)
@given(
    sizes=st.lists(st.integers(min_value=20, max_value=400), max_size=40),
    max_records=st.integers(min_value=1, max_value=12),
    max_bytes=st.integers(min_value=1, max_value=1_000),
    kind=st.sampled_from(["disk", "memory"]),
)
def test_chunks_keep_their_limits_unless_a_single_record_is_larger(
    sizes, max_records, max_bytes, kind
):
    with tempfile.TemporaryDirectory() as folder:
        journal = (
            DiskJournal(Path(folder), ["main"], Counters(), Throttle())
            if kind == "disk"
            else MemoryJournal(["main"], Counters(), Throttle())
        )
        lines = [line(number, size) for number, size in enumerate(sizes)]
        for each in lines:
            journal.append(each)
        taken = []
        reader = journal.reader("main")
        with reader.lease():
            for chunk in reader.chunks(max_records, max_bytes):
                reader.acknowledge(chunk)
                part = chunk.lines.splitlines(keepends=True)
                assert 1 <= len(part) == chunk.count <= max_records
                assert len(chunk.lines) <= max_bytes or len(part) == 1
                taken += part
        assert taken == lines
        journal.close()


def test_pending_counts_bytes_and_says_how_long_the_oldest_waits(journal):
    started = time.time()
    journal.append(line(1))
    journal.append(line(2))
    waiting, age = journal.reader("main").pending()
    assert waiting == len(line(1) + line(2))
    assert 0.0 <= age <= time.time() - started + 0.1
    deliver(journal, max_records=1, chunks=1)
    assert journal.reader("main").pending()[0] == len(line(2))
    deliver(journal)
    assert journal.reader("main").pending() == (0, 0.0)
    assert journal.reader("other").pending()[0] == len(line(1) + line(2))


def test_one_thread_at_a_time_has_the_delivery_lease(journal):
    reader = journal.reader("main")
    answers = []

    def try_it():
        with reader.lease() as held:
            answers.append(held)

    with reader.lease() as held:
        assert held
        for _ in range(3):
            thread = threading.Thread(target=try_it)
            thread.start()
            thread.join()
        with journal.reader("other").lease() as other:
            assert other
    assert answers == [False, False, False]
    try_it()
    assert answers[-1] is True


def test_an_exception_ends_the_delivery_lease(journal):
    reader = journal.reader("main")
    with pytest.raises(ZeroDivisionError), reader.lease():
        raise ZeroDivisionError
    with reader.lease() as held:
        assert held


def test_appends_from_many_threads_all_arrive_whole(journal):
    def append(start):
        for number in range(start, start + 200):
            assert journal.append(line(number, 300))

    threads = [threading.Thread(target=append, args=(start,)) for start in range(0, 1_600, 200)]
    for thread in threads:
        thread.start()
    taken = []
    while any(thread.is_alive() for thread in threads):
        taken += deliver(journal, max_records=50)
    taken += deliver(journal, max_records=50)
    assert sorted(json.loads(each)["n"] for each in taken) == list(range(1_600))
    assert journal.appended == 1_600


def test_the_leader_stays_the_leader_until_it_resigns(journal):
    assert journal.try_lead()
    assert journal.try_lead()
    journal.resign()
    journal.resign()
    assert journal.try_lead()
    journal.close()
    assert journal.try_lead()


def test_a_closed_journal_takes_further_records(journal):
    journal.append(line(1))
    journal.close()
    assert journal.append(line(2))
    journal.close()
    assert deliver(journal) == [line(1), line(2)]


def test_pruning_deletes_nothing_that_an_exporter_has_not_delivered(journal):
    journal.append(line(1))
    journal.close()
    deliver(journal, "main")
    journal.prune()
    assert deliver(journal, "other") == [line(1)]
    journal.prune()
    assert unread(journal, "main") == unread(journal, "other") == []


def test_after_a_fork_the_child_counts_from_zero_and_goes_on(journal):
    journal.append(line(1))
    journal.try_lead()
    with journal.reader("main").lease():
        journal.after_fork()
        with journal.reader("main").lease() as held:
            assert held
    assert journal.appended == 0
    assert journal.append(line(2))
    assert unread(journal)[-1] == line(2)


def test_dead_letters_are_dropped_by_their_ids(journal):
    with reader_of(journal) as reader:
        for number in range(4):
            reader.dead_letter(json.dumps({"id": f"r{number}"}).encode() + b"\n", ValueError("no"))
        kept = [letter.id for letter in reader.dead_letters()]
        assert kept in (["r0", "r1", "r2", "r3"], [])  # none in memory
        assert reader.drop_dead_letters(["r1", "r2", "r9"]) == len(kept) // 2
        assert [letter.id for letter in reader.dead_letters()] == kept[::3]
        assert list(journal.reader("other").dead_letters()) == []


# -- In memory -----------------------------------------------------------------------------------


def test_memory_drops_the_oldest_when_it_is_full_and_counts_them(make_memory, counters):
    journal = make_memory("main")
    size = 1024 * 1024
    for number in range(70):
        assert journal.append(line(number, size))
    left = [json.loads(each)["n"] for each in unread(journal, max_bytes=100 * size)]
    assert left == list(range(6, 70))
    assert counters.by_reason("dropped main") == {"memory_full": 6}


def test_memory_acknowledges_no_more_than_was_taken_when_it_overflows_meanwhile(make_memory):
    journal = make_memory("main")
    size = 1024 * 1024
    for number in range(64):
        journal.append(line(number, size))
    reader = journal.reader("main")
    with reader.lease():
        chunk = next(reader.chunks(4, 100 * size))
        for number in range(64, 70):
            journal.append(line(number, size))
        reader.acknowledge(chunk)
    left = [json.loads(each)["n"] for each in unread(journal, max_bytes=100 * size)]
    assert left == list(range(6, 70))
