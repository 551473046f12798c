"""The policy of an exporter: records wait for others, and come in batches as large as it wants."""

from __future__ import annotations

import pytest
from support.exporting import Failing, Keeper
from support.waiting import until

from flask_chest.export import patience
from flask_chest.export.patience import Patience
from flask_chest.exporter import Batching

LONG = 1_000.0
ROOM = 1_000_000


def with_policy(exporter, **policy):
    exporter.batching = Batching(**policy)
    return exporter


class Tokens(Failing):
    """Writes down the token of each attempt, with the number of records."""

    def __init__(self, times):
        super().__init__(times)
        self.attempts = []

    def export(self, batch):
        self.attempts.append((batch.token, len(batch)))
        super().export(batch)


def test_records_wait_until_there_are_enough_of_them(make):
    keeper = with_policy(Keeper(), min_records=10, max_records=10, max_seconds=LONG)
    process = make(keeper, interval=0.02)
    process.record([0])
    process.export.start()
    until(lambda: keeper.numbers == [0])  # what a new leader finds may have waited for long
    process.record(range(1, 26))
    until(lambda: keeper.batches == [1, 10, 10])
    process.record(range(26, 31))
    until(lambda: keeper.batches == [1, 10, 10, 10])
    process.record(range(31, 33))
    assert process.export.flush(10.0)
    assert keeper.batches == [1, 10, 10, 10, 2]
    assert keeper.numbers == list(range(33))


def test_records_do_not_wait_longer_than_the_policy_says(make):
    keeper = with_policy(Keeper(), min_records=1_000, max_seconds=0.1)
    process = make(keeper, interval=0.02)
    process.record([0])
    process.export.start()
    until(lambda: keeper.numbers == [0])
    process.record([1])
    until(lambda: keeper.numbers == [0, 1])


def test_the_end_of_a_process_delivers_what_waits(make):
    keeper = with_policy(Keeper(), min_records=10, max_seconds=LONG)
    process = make(keeper, interval=0.02)
    process.record([0])
    process.export.start()
    until(lambda: keeper.numbers == [0])
    process.record([1, 2])
    process.export.close()
    assert keeper.numbers == [0, 1, 2]


def test_what_several_processes_wrote_comes_in_one_batch(make):
    keeper = with_policy(Keeper(), max_records=100)
    process = make(keeper, batch=7)
    for number in range(5):
        process.record([2 * number, 2 * number + 1])
        process.journal.close()
    assert process.export.flush(10.0)
    assert keeper.batches == [10]
    assert keeper.numbers == list(range(10))


def test_without_a_largest_batch_one_has_at_least_as_many_records_as_delivery_waits_for(make):
    keeper = with_policy(Keeper(), min_records=15)
    process = make(keeper, batch=10)
    process.record(range(20))
    assert process.export.flush(10.0)
    assert keeper.batches == [15, 5]


@pytest.mark.parametrize("kind", ["disk", "memory"])
def test_a_fixed_batch_is_tried_again_as_it_was(make, kind):
    exporter = with_policy(Tokens(2), fixed=True, max_records=100)
    process = make(exporter, kind=kind)
    for number in range(3):
        process.record([number])
        process.export.flush(10.0)
    assert [count for _, count in exporter.attempts] == [1, 1, 1, 2]
    assert len({token for token, _ in exporter.attempts}) == 2
    assert exporter.numbers == [0, 1, 2]


@pytest.mark.parametrize("kind", ["disk", "memory"])
def test_an_exporter_without_fixed_batches_gets_all_that_waits(make, kind):
    exporter = Tokens(1)
    process = make(exporter, kind=kind)
    for number in range(2):
        process.record([number])
        process.export.flush(10.0)
    assert [count for _, count in exporter.attempts] == [1, 2]


# -- When delivery is due ------------------------------------------------------------------------


class Clock:
    now = 1_000.0

    def monotonic(self):
        return self.now


@pytest.fixture
def clock(monkeypatch):
    clock = Clock()
    monkeypatch.setattr(patience, "time", clock)
    return clock


@pytest.fixture
def waits(make, clock):
    """Return a process with nothing to deliver, and the patience that has looked at it once."""
    process = make(Keeper())
    policy = Batching(min_records=10, max_records=20, max_bytes=100_000, max_seconds=5.0)
    made = Patience(policy, process.journal.reader("main"), max_records=1, max_bytes=1, room=ROOM)
    assert made.min_records() == 1
    return process, made


def test_delivery_is_due_when_the_oldest_has_waited_long_enough(waits, clock):
    process, made = waits
    process.record([0])
    assert made.min_records() is None
    clock.now += 4.9
    process.record([1])
    assert made.min_records() is None
    clock.now += 0.2
    assert made.min_records() == 1
    made.renew()
    assert made.min_records() is None
    clock.now += 5.0
    assert made.min_records() == 1


def test_delivery_is_due_when_enough_records_wait_and_leaves_what_is_too_few(waits):
    process, made = waits
    process.record(range(9))
    assert made.min_records() is None
    process.record([9])
    assert made.min_records() == 10


def test_delivery_is_due_when_a_whole_batch_of_bytes_waits(waits):
    process, made = waits
    process.journal.append(b'{"text":"%s"}\n' % (b"x" * 100_000))
    assert made.min_records() == 10


def test_delivery_is_due_before_the_journal_is_full(make, clock):
    process = make(Keeper())
    policy = Batching(min_records=10, max_bytes=ROOM, max_seconds=LONG)
    made = Patience(policy, process.journal.reader("main"), max_records=1, max_bytes=1, room=ROOM)
    assert made.min_records() == 1
    process.record([0])
    assert made.min_records() is None
    process.journal.append(b'{"text":"%s"}\n' % (b"x" * (ROOM // 4)))
    assert made.min_records() == 1


@pytest.mark.parametrize("kind", ["disk", "memory"])
def test_no_record_is_dropped_while_others_are_waited_for(make, kind):
    keeper = with_policy(Keeper(), min_records=1_000_000, max_bytes=2**30, max_seconds=LONG)
    process = make(keeper, kind=kind, interval=0.02, room=2**20)
    process.export.start()
    for step in range(10):
        process.record(range(30 * step, 30 * step + 30), pad=10_000)
        until(lambda: len(keeper.numbers) > 30 * step)  # noqa: B023
    assert process.export.flush(10.0)
    assert keeper.numbers == list(range(300))


def test_what_a_new_leader_finds_is_due(make, clock):
    process = make(Keeper())
    process.record([0])
    policy = Batching(min_records=10, max_seconds=LONG)
    made = Patience(
        policy, process.journal.reader("main"), max_records=1, max_bytes=10_000, room=ROOM
    )
    assert made.min_records() == 1
    assert made.min_records() == 1  # until it has been delivered
    made.renew()
    assert made.min_records() is None
