"""Counters that were told do not go back because the journal cannot be read."""

from __future__ import annotations

from support.counting import lead
from support.journals import line
from support.unusable import unusable
from support.waiting import until


def test_counters_of_others_and_the_size_are_as_they_were_read_last(
    make_process, ended, folder, said
):
    ended(1)
    other, process = lead(make_process()), make_process()
    other.record(4)
    process.journal.start()
    process.record(2)
    until(lambda: process.recorded == 7)
    before = process.journal.host()
    assert before.leader is not None
    with unusable(folder):
        process.counters.add("suppressed")
        host = process.journal.host()
        assert host.counts["recorded"] == before.counts["recorded"]
        assert host.counts["suppressed"] == {"": 1}
        assert host.journal == before.journal
        assert host.processes == 2
        assert host.leader is None, "nobody can deliver"
        until(lambda: [text for text in said() if "cannot be kept" in text])
        assert "delivery go on" not in " ".join(said())
    process.record(1)
    until(lambda: process.recorded == 8)


def test_they_go_on_from_there_when_the_journal_is_there_again(make_process, ended, folder):
    ended(1, 2)
    process = make_process()
    process.journal.start()
    process.record(2)
    assert process.recorded == 5
    with unusable(folder):
        assert process.recorded == 5
        process.journal.append(line(9))
        assert process.recorded >= 5
    assert process.recorded >= 5
    process.record(1)
    assert process.recorded >= 6
