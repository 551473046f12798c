"""Counters of all processes that share a journal, in files of its folder."""

from __future__ import annotations

import json
import os
from datetime import datetime, timezone

import pytest
from support.counting import files
from support.journals import deliver, line
from support.waiting import until

from flask_chest.errors import ConfigurationError
from flask_chest.journal.host_counters import read_host
from flask_chest.runtime.attempts import moment

# -- What is kept ----------------------------------------------------------------------------------


def test_counters_of_ended_processes_stay(make_process, ended, folder):
    ended(3, 4)
    process = make_process()
    assert process.recorded == 7
    process.record(1)
    assert process.recorded == 8
    assert read_host(folder).recorded == 7, "the eighth is not yet in a file"
    process.close()
    assert read_host(folder).recorded == 8


def test_what_a_living_process_counts_is_in_its_file_soon(make_process, folder):
    process = make_process()
    process.journal.start()
    process.record(5)
    process.counters.add("redacted", "password", 2)
    until(lambda: read_host(folder).redacted == {"password": 2})
    stats = read_host(folder)
    assert (stats.recorded, stats.processes, stats.scope) == (5, 1, "host")
    [path] = files(folder)
    assert json.loads(path.read_text())["pid"] == os.getpid()
    assert path.stat().st_mode & 0o777 == 0o600
    before = path.stat()
    make_process().record(1)  # another process, which is not started
    process.record(1)
    until(lambda: read_host(folder).recorded == 6)
    assert path.stat().st_ino != before.st_ino, "it is replaced as a whole"


def test_a_file_is_left_alone_while_nothing_changes(make_process, folder):
    process = make_process()
    process.journal.start()
    process.record(1)
    until(lambda: read_host(folder).recorded == 1)
    [path] = files(folder)
    before = path.stat()
    other = make_process()
    other.journal.start()  # its thread began later, and has looked again
    until(lambda: len(files(folder)) == 2)
    assert path.stat() == before


def test_a_process_that_is_started_again_goes_on_where_it_was(make_process, folder):
    process = make_process()
    process.journal.start()
    process.record(2)
    process.close()
    assert (process.recorded, read_host(folder).recorded) == (2, 2)
    process.journal.start()
    process.record(3)
    assert process.recorded == 5
    process.close()
    assert (process.recorded, read_host(folder).recorded) == (5, 5)


def test_every_kind_of_counter_is_that_of_the_host(make_process, folder):
    for _ in range(2):
        process = make_process()
        process.record(1)
        for kind in ("suppressed", "sampled_out", "capture_errors", "variables_skipped"):
            process.counters.add(kind)
        process.counters.add("request_ids_replaced", number=2)
        process.counters.add("dropped", "disk_full")
        process.counters.add("dropped main", "journal_full", 4)
        process.counters.add("excluded", "path", 3)
        process.counters.add("plugin_errors", "geo: chest_exported")
        for kind in ("delivered", "rejected", "purged"):
            process.counters.add(kind, "main", 5)
        process.counters.failed("main", "gone: mongodb://me:s3cret@db/x", 60.0)
        process.close()
    stats = read_host(folder)
    counts = (stats.suppressed, stats.sampled_out, stats.capture_errors, stats.variables_skipped)
    assert counts == (2, 2, 2, 2)
    assert stats.request_ids_replaced == 4
    assert (stats.dropped, stats.excluded) == ({"disk_full": 2}, {"path": 6})
    assert stats.plugin_errors == {"geo: chest_exported": 2}
    main = stats.exporters["main"]
    assert (main.delivered, main.rejected, main.purged, main.failures) == (10, 10, 10, 2)
    assert main.dropped == {"journal_full": 8}
    assert main.last_error == "gone: mongodb://***@db/x"
    assert main.failing_since is not None
    assert main.next_retry_at is None, "no process is there that will try"
    assert (stats.processes, stats.leader) == (0, None)
    assert "s3cret" not in "".join(path.read_text() for path in files(folder))


def test_a_success_of_a_later_process_ends_the_failure_of_an_earlier_one(make_process, folder):
    first = make_process()
    first.counters.failed("main", "down", 1.0)
    first.close()
    second = make_process()
    second.counters.failed("main", "still down", 1.0)
    main = second.journal.host().attempts["main"]
    assert main.last_error == "still down"
    assert main.failing_since < main.failed_at, "since the first process failed"
    second.counters.succeeded("main")
    assert second.journal.host().attempts["main"].last_error is None
    second.close()
    assert read_host(folder).exporters["main"].failing_since is None


def test_the_last_delivery_is_that_of_any_process_also_of_one_that_has_ended(make_process, folder):
    first = make_process()
    assert read_host(folder).exporters["main"].last_delivery_at is None
    began = datetime.now(timezone.utc)
    first.counters.delivered("main", 1)
    first.close()
    leader, other = make_process(), make_process()
    delivered = read_host(folder).exporters["main"].last_delivery_at
    assert began <= delivered <= datetime.now(timezone.utc)
    # The leader fails, and a flush of another process fails later, of something else.
    assert leader.journal.try_lead()
    leader.counters.failed("main", "down", 1.0)
    leader.journal.start()
    other.counters.failed("main", "not down but slow", 1.0)
    seen = until(lambda: (host := other.journal.host()).leader and host)
    assert seen.attempts["main"].last_error == "down", "what the leader says comes first"
    assert moment(seen.attempts["main"].delivered_at) == delivered


def test_the_leader_is_known_to_all(make_process, folder):
    leader, other = make_process(), make_process()
    assert leader.journal.try_lead()
    assert not other.journal.try_lead()
    for process in (leader, other):
        process.journal.start()
    found = until(lambda: other.journal.host().leader)
    assert found.pid == os.getpid()
    assert read_host(folder).leader == found
    leader.close()
    assert other.journal.host().leader is None
    assert other.journal.host().processes == 1


def test_a_journal_in_memory_counts_for_its_process(make_memory):
    assert make_memory().host() is None


# -- What waits, and what was refused --------------------------------------------------------------


def test_waiting_records_are_counted_as_they_come_and_go(make_process, folder):
    process = make_process()
    reader = process.journal.reader("main")
    assert reader.pending_records() == 0
    process.record(2_000)
    assert reader.pending_records() == 2_000
    deliver(process.journal, max_records=700, chunks=1)
    assert reader.pending_records() == 1_300
    process.record(5)
    assert reader.pending_records() == read_host(folder).exporters["main"].pending_records == 1_305
    deliver(process.journal)
    assert reader.pending_records() == 0


def test_what_was_counted_is_not_read_again(make_process, monkeypatch):
    process = make_process()
    reader = process.journal.reader("main")
    process.record(2_000)
    assert reader.pending_records() == 2_000
    read, pread = [], os.pread
    monkeypatch.setattr(os, "pread", lambda *given: read.append(pread(*given)) or read[-1])
    assert reader.pending_records() == 2_000
    assert read == []
    process.record(1)
    assert reader.pending_records() == 2_001
    assert b"".join(read).count(b"\n") <= 2, "the new one, and the end of the one before it"
    deliver(process.journal)
    read.clear()
    assert make_process().journal.reader("main").pending_records() == 0
    assert read == [], "of a segment that is delivered, nothing is to be counted"


def test_half_a_line_is_no_waiting_record(make_process, folder):
    process = make_process()
    process.record(3)
    process.close()
    [segment] = (folder / "segments").iterdir()
    with segment.open("ab") as file:
        file.write(b'{"half')
    assert read_host(folder).exporters["main"].pending_records == 3
    content = segment.read_bytes()
    segment.write_bytes(b" " * (content.index(b"\n")) + content[content.index(b"\n") :])
    assert read_host(folder).exporters["main"].pending_records == 2, "a blank line is none, too"


def test_what_is_dead_lettered_is_counted(make_process, folder):
    process = make_process()
    reader = process.journal.reader("main")
    assert reader.rejections().number == 0
    with reader.lease():
        reader.dead_letter(line(1), ValueError("first"))
        reader.dead_letter(line(2, 200_000), ValueError("postgresql://me:s3cret@db: second"))
    found = reader.rejections()
    path = folder / "dead-letter" / "main.jsonl"
    assert (found.number, found.size_bytes) == (2, path.stat().st_size)
    assert found.last_error == "ValueError: postgresql://***@db: second"
    main = read_host(folder).exporters["main"]
    assert (main.dead_letters, main.dead_letter_bytes) == (2, found.size_bytes)
    assert main.last_rejection == found.last_error
    path.unlink()
    assert reader.rejections().number == 0
    assert reader.rejections().last_error is None


# -- From outside ----------------------------------------------------------------------------------


def tree(folder):
    return {path: path.lstat().st_mtime_ns for path in [folder, *folder.rglob("*")]}


def test_nothing_is_written_when_a_host_is_read(make_process, ended, folder):
    ended(3)
    process = make_process(max_bytes=2**20)
    process.journal.start()
    process.record(1)
    until(lambda: read_host(folder).recorded == 4)
    process.close()
    before = tree(folder)
    stats = read_host(folder)
    assert tree(folder) == before
    assert list(stats.exporters) == ["main"]
    assert stats.journal.path == str(folder)
    assert stats.journal.max_bytes == 2**20
    assert stats.journal.size_bytes == sum(
        path.stat().st_size for path in (folder / "segments").iterdir()
    )


def test_a_folder_that_is_not_there_is_said(tmp_path):
    with pytest.raises(ConfigurationError, match="does not exist"):
        read_host(tmp_path / "nowhere")
    assert not (tmp_path / "nowhere").exists()


def test_a_folder_that_cannot_be_read_is_said_with_the_systems_own_word(folder):
    folder.write_text("")
    with pytest.raises(ConfigurationError, match=r"cannot be read: Not a directory$"):
        read_host(folder)


def test_a_folder_that_others_may_write_is_refused(make_process, ended, folder):
    ended(1)
    folder.chmod(0o777)
    with pytest.raises(ConfigurationError, match="chmod go-w"):
        read_host(folder)
    folder.chmod(0o700)


def test_a_folder_without_journal_has_nothing(tmp_path):
    stats = read_host(tmp_path)
    assert (stats.recorded, stats.exporters) == (0, {})
    assert list(tmp_path.iterdir()) == []
