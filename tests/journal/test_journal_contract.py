"""The contract of journals, on disk and in memory."""

from __future__ import annotations

import contextlib
import json
import shutil
import tempfile
import threading
import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from support.journals import ALL, deliver, line, segment_files, unread

from flask_chest.errors import DeliveryBusy
from flask_chest.journal import DiskJournal, MemoryJournal
from flask_chest.runtime.counters import Counters
from flask_chest.runtime.log import Throttle


@pytest.fixture(params=["disk", "memory"])
def journal(request, make_disk, make_memory):
    return {"disk": make_disk, "memory": make_memory}[request.param]()


# -- The contract --------------------------------------------------------------------------------


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


# -- Erasing -------------------------------------------------------------------------------------


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


@contextlib.contextmanager
def reader_of(journal, exporter="main"):
    reader = journal.reader(exporter)
    with reader.lease() as held:
        assert held
        yield reader


def test_dead_letters_are_dropped_by_their_ids(journal):
    with reader_of(journal) as reader:
        for number in range(4):
            reader.dead_letter(json.dumps({"id": f"r{number}"}).encode() + b"\n", ValueError("no"))
        kept = [letter.id for letter in reader.dead_letters()]
        assert kept in (["r0", "r1", "r2", "r3"], [])  # none in memory
        assert reader.drop_dead_letters(["r1", "r2", "r9"]) == len(kept) // 2
        assert [letter.id for letter in reader.dead_letters()] == kept[::3]
        assert list(journal.reader("other").dead_letters()) == []


class JournalMachine(RuleBasedStateMachine):
    """Append, read, acknowledge, close, open: each exporter sees all of it, in order."""

    kind: str

    @initialize()
    def begin(self):
        self.folder = Path(tempfile.mkdtemp())
        self.counters = Counters()
        self.appended = 0
        self.waiting = {"main": [], "other": []}
        self.has_gaps = False
        self.torn = 0
        self.open()

    def open(self):
        exporters = sorted(self.waiting)
        self.journal = (
            DiskJournal(self.folder / "chest", exporters, self.counters, Throttle())
            if self.kind == "disk"
            else MemoryJournal(exporters, self.counters, Throttle())
        )

    @rule(sizes=st.lists(st.integers(min_value=20, max_value=200), min_size=1, max_size=5))
    def append(self, sizes):
        for size in sizes:
            new = line(self.appended, size)
            self.appended += 1
            assert self.journal.append(new)
            for lines in self.waiting.values():
                lines.append(new)

    @rule(
        exporter=st.sampled_from(["main", "other"]),
        max_records=st.integers(min_value=1, max_value=6),
        max_bytes=st.integers(min_value=1, max_value=600),
        chunks=st.integers(min_value=0, max_value=4),
    )
    def acknowledge(self, exporter, max_records, max_bytes, chunks):
        taken = deliver(self.journal, exporter, max_records, max_bytes, chunks)
        waiting = self.waiting[exporter]
        assert taken == waiting[: len(taken)]
        assert taken or not chunks or not waiting
        del waiting[: len(taken)]

    @rule(exporter=st.sampled_from(["main", "other"]))
    def read_only(self, exporter):
        reader = self.journal.reader(exporter)
        with reader.lease():
            first = next(reader.chunks(3, ALL), None)
        expected = self.waiting[exporter]
        taken = first.lines.splitlines(keepends=True) if first else []
        assert taken == expected[: len(taken)]
        assert taken or not expected

    @rule(remainder=st.integers(min_value=0, max_value=3))
    def erase(self, remainder):
        with self.journal.erase(lambda record: record["n"] % 4 == remainder) as erased:
            gone = {
                each
                for lines in self.waiting.values()
                for each in lines
                if json.loads(each)["n"] % 4 == remainder
            }
            assert erased.waiting == len(gone)
        for exporter, lines in self.waiting.items():
            self.waiting[exporter] = [each for each in lines if each not in gone]
        self.has_gaps |= bool(gone)

    @rule()
    def prune(self):
        self.journal.prune()

    @rule()
    def close(self):
        self.journal.close()

    @precondition(lambda self: self.kind == "disk")
    @rule()
    def reopen(self):
        self.journal.close()
        self.open()

    @precondition(lambda self: self.kind == "disk")
    @rule(half=st.binary(min_size=1, max_size=50).map(lambda text: text.replace(b"\n", b"")))
    def tear(self, half):
        """Leave half a line where a writer was killed, once it has let go of its segment."""
        self.journal.close()
        files = segment_files(self.folder / "chest")
        if files and half and files[-1].read_bytes().endswith(b"\n"):
            with files[-1].open("ab") as file:
                file.write(half)
            self.torn += 1
        self.open()

    @invariant()
    def what_waits_is_reported(self):
        if hasattr(self, "journal") and not self.torn:
            for exporter, lines in self.waiting.items():
                waiting, _ = self.journal.reader(exporter).pending()
                assert waiting >= sum(map(len, lines))
                assert waiting == sum(map(len, lines)) or (self.has_gaps and self.kind == "disk")

    def teardown(self):
        if not hasattr(self, "journal"):
            return
        for exporter, lines in self.waiting.items():
            assert deliver(self.journal, exporter, 7) == lines
        self.journal.close()
        self.journal.prune()
        if self.kind == "disk":
            assert segment_files(self.folder / "chest") == []
        assert self.counters.by_reason("dropped") == ({"torn": self.torn} if self.torn else {})
        shutil.rmtree(self.folder)


@pytest.mark.parametrize("kind", ["disk", "memory"])
def test_every_exporter_sees_every_record_whatever_the_order_of_events(kind):
    machine = type("Machine", (JournalMachine,), {"kind": kind})
    run_state_machine_as_test(
        machine, settings=settings(max_examples=60, stateful_step_count=25, deadline=None)
    )


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
