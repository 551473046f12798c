"""Two processes with one journal, of which one is the leader."""

from __future__ import annotations

from support.exporting import (
    Keeper,
)
from support.waiting import until


def test_a_process_that_is_not_the_leader_leaves_its_records_to_the_leader(make):
    leader, other = make(Keeper(), interval=0.05), make(Keeper(), interval=0.05)
    leader.export.start()
    leader.record([1])
    until(lambda: leader.exporters["main"].numbers == [1])
    other.export.start()
    other.record([2])
    until(lambda: leader.exporters["main"].numbers == [1, 2])
    other.export.close()
    assert other.exporters["main"].calls == []


def test_flush_of_a_process_that_is_not_the_leader_delivers_and_closes_its_connection(make):
    leader, other = make(Keeper()), make(Keeper())
    leader.export.start()
    leader.record([1])
    assert leader.export.flush(5.0)
    other.record([2])
    assert other.export.flush(5.0)
    assert other.exporters["main"].numbers == [2]
    until(lambda: other.exporters["main"].calls == ["open", "close"])
    assert leader.exporters["main"].calls == ["open"]


def test_another_process_becomes_the_leader_when_the_leader_closes(make):
    leader, other = make(Keeper(), interval=0.05), make(Keeper(), interval=0.05)
    leader.export.start()
    leader.record([1])
    until(lambda: leader.exporters["main"].numbers == [1])
    other.export.start()
    leader.export.close()
    leader.journal.append(b'{"n": 2}\n')
    other.record([3])
    until(lambda: sorted(other.exporters["main"].numbers) == [2, 3])


def test_a_closing_leader_delivers_what_a_process_left_that_ended_meanwhile(make):
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
