"""The end of a process that has its journal in memory."""

from __future__ import annotations

from support.journals import deliver, line


def test_the_log_has_the_number_of_records_that_end_with_the_process(make_memory, caplog):
    journal = make_memory("main", "other")
    for number in range(3):
        journal.append(line(number))
    assert deliver(journal, "main") != []
    journal.close()
    [said] = [record.getMessage() for record in caplog.records]
    assert said.startswith("Records end with this process (3): they wait in memory for")
    assert "'other'" in said


def test_nothing_is_logged_when_all_was_delivered(make_memory, caplog):
    journal = make_memory("main")
    journal.append(line(1))
    assert deliver(journal, "main") != []
    journal.close()
    assert caplog.records == []
