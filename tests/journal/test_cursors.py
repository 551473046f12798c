"""Cursors: stored, lost, corrupt, and shared between processes."""

from __future__ import annotations

import json
import logging
import resource
import tempfile
import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.journals import (
    ALL,
    deliver,
    line,
    segment_files,
)

from flask_chest.journal import DiskJournal
from flask_chest.record import uuid7
from flask_chest.runtime.counters import Counters
from flask_chest.runtime.log import Throttle


def two_dead_segments(make_disk, folder):
    journal = make_disk("main")
    lines = [line(number) for number in range(6)]
    for part in (lines[:3], lines[3:]):
        for each in part:
            journal.append(each)
        journal.close()
    deliver(journal, max_records=2, chunks=2)
    return lines, [file.name for file in segment_files(folder)]


CORRUPTIONS = {
    "empty": lambda names: b"",
    "cut off": lambda names: b'{"',
    "binary": lambda names: b"\xff\xfe\x00",
    "nested": lambda names: b"[" * 100_000,
    "list": lambda names: b"[1, 2]",
    "null": lambda names: b"null",
    "negative": lambda names: json.dumps(dict.fromkeys(names, -1)).encode(),
    "beyond the end": lambda names: json.dumps(dict.fromkeys(names, 10**9)).encode(),
    "beyond 64 bits": lambda names: json.dumps(dict.fromkeys(names, 10**30)).encode(),
    "within a line": lambda names: json.dumps(dict.fromkeys(names, 7)).encode(),
    "text": lambda names: json.dumps(dict.fromkeys(names, "40")).encode(),
    "float": lambda names: json.dumps(dict.fromkeys(names, 1e300)).encode(),
    "bool": lambda names: json.dumps(dict.fromkeys(names, True)).encode(),
    "other names": lambda names: json.dumps({"../" * 2_000: 5, "\0": 5, "": 5}).encode(),
}


@pytest.mark.parametrize("corrupt", CORRUPTIONS.values(), ids=CORRUPTIONS)
def test_a_corrupt_cursor_delivers_again_and_loses_nothing(make_disk, folder, corrupt):
    lines, names = two_dead_segments(make_disk, folder)
    cursor = folder / "cursors" / "main.json"
    cursor.write_bytes(corrupt(names))
    journal = make_disk("main")
    journal.reader("main").pending()
    journal.prune()
    assert [file.name for file in segment_files(folder)] == names
    assert deliver(journal, max_records=2) == lines
    assert deliver(journal) == []
    assert json.loads(cursor.read_text()) == {
        name: (folder / "segments" / name).stat().st_size for name in names
    }
    journal.prune()
    assert segment_files(folder) == []


def test_while_a_backlog_drains_the_cursor_names_only_segments_that_are_there(make_disk, folder):
    journal = make_disk("main")
    for number in range(60):
        journal.append(line(number, 1024 * 1024))
    there = len(segment_files(folder))
    reader = journal.reader("main")
    sizes = []
    with reader.lease():
        for chunk in reader.chunks(ALL, 8 * 1024 * 1024):
            reader.acknowledge(chunk)
            journal.prune()
            sizes.append(len(json.loads((folder / "cursors" / "main.json").read_text())))
    assert there == len(sizes) == 8
    assert max(sizes) <= 2
    assert len(segment_files(folder)) == 1


@settings(max_examples=60, deadline=None)
@given(content=st.binary(max_size=60))
def test_no_content_of_a_cursor_stops_delivery(content):
    with tempfile.TemporaryDirectory() as folder:
        journal = DiskJournal(Path(folder), ["main"], Counters(), Throttle())
        journal.append(line(1))
        (Path(folder) / "cursors" / "main.json").write_bytes(content)
        assert deliver(journal) == [line(1)]
        journal.close()


def test_a_cursor_that_cannot_be_read_stops_delivery_rather_than_repeating_it(make_disk, folder):
    journal = make_disk("main")
    journal.append(line(1))
    (folder / "cursors" / "main.json").mkdir()
    with pytest.raises(IsADirectoryError), journal.reader("main").lease():
        pass
    assert journal.reader("main").pending() == (0, 0.0)
    journal.close()
    journal.prune()
    (folder / "cursors" / "main.json").rmdir()
    assert deliver(journal) == [line(1)]


@pytest.mark.parametrize("left", [b"", b"half a li", b"\0" * 50], ids=["empty", "half", "zeros"])
def test_a_segment_that_is_shorter_than_its_cursor_is_deleted(make_disk, folder, left):
    _, names = two_dead_segments(make_disk, folder)
    journal = make_disk("main")
    deliver(journal)
    (folder / "segments" / names[0]).write_bytes(left)  # the power failed
    assert deliver(journal) == []
    journal.prune()
    assert segment_files(folder) == []
    kept = [path.read_bytes() for path in folder.glob("damaged/*@0")]
    assert kept == ([left.rstrip(b"\0")] if left else [])


def test_delivery_goes_on_while_no_cursor_can_be_stored_and_only_the_next_process_repeats(
    make_disk, folder, file_size_limit, caplog
):
    journal = make_disk()
    journal.append(line(1))
    deliver(journal)
    stored = (folder / "cursors" / "main.json").read_bytes()
    journal.append(line(2))
    file_size_limit(10)
    assert deliver(journal) == [line(2)]
    assert deliver(journal) == []
    assert "cannot be stored" in caplog.text
    assert (folder / "cursors" / "main.json").read_bytes() == stored
    assert deliver(make_disk("main")) == [line(2)]
    file_size_limit(resource.RLIM_INFINITY)
    journal.append(line(3))
    assert deliver(journal) == [line(3)]
    assert deliver(make_disk("main")) == []


def test_another_process_goes_on_where_one_stopped(make_disk, folder):
    one, two = make_disk("main"), make_disk("main")
    for number in range(4):
        one.append(line(number))
    assert deliver(one, max_records=1, chunks=1) == [line(0)]
    assert deliver(two, max_records=1, chunks=2) == [line(1), line(2)]
    assert deliver(one) == [line(3)]
    assert not list((folder / "cursors").glob("*.new"))


def test_an_exporter_added_later_gets_what_is_still_there(make_disk, folder):
    old = make_disk("main")
    old.append(line(1))
    old.close()
    new = make_disk("main", "added")
    deliver(new, "main")
    new.prune()
    assert deliver(new, "added") == [line(1)]
    new.prune()
    assert segment_files(folder) == []


def test_a_removed_exporter_keeps_no_segment_and_continues_from_its_cursor_when_it_returns(
    make_disk, folder, caplog
):
    both = make_disk("main", "removed")
    both.append(line(1))
    deliver(both, "removed")
    both.append(line(2))
    both.append(line(3))
    one = make_disk("main")
    deliver(one)
    again = make_disk("main", "removed")
    assert deliver(again, "removed", max_records=1, chunks=1) == [line(2)]
    both.close()
    one.prune()
    assert len(segment_files(folder)) == 1, "a living process has the exporter"
    again.close()
    one.prune()
    assert segment_files(folder) == []
    said = [r.getMessage() for r in caplog.records if "not configured any more" in r.getMessage()]
    assert len(said) == 1
    assert "1 records had not been delivered to it" in said[0]
    one.prune()
    assert not (folder / "cursors" / "removed.in-use").exists()


def record(number, at):
    """Return the line of a record that was begun at a time, in Unix seconds."""
    return b'{"id":"%b","n":%d}\n' % (uuid7(int(at * 1_000_000)).encode(), number)


def farewell(caplog):
    """Return what was logged of an exporter that is gone, and forget it."""
    said = [r for r in caplog.records if "not configured any more" in r.getMessage()]
    caplog.clear()
    return [(r.levelname, r.getMessage().rpartition(". ")[2]) for r in said]


def test_records_written_after_an_exporter_had_gone_are_no_alarm(make_disk, caplog):
    caplog.set_level(logging.INFO, "flask_chest")
    both = make_disk("main", "removed")
    both.append(record(1, time.time()))
    deliver(both, "removed")
    both.close()
    time.sleep(0.01)  # an ID has milliseconds
    one = make_disk("main")
    one.append(record(2, time.time()))
    deliver(one)
    one.prune()
    assert farewell(caplog) == [("INFO", "It had all")]


def test_records_of_a_process_that_lived_beside_the_removed_exporter_are_told_apart(
    make_disk, caplog
):
    """As in a rolling deployment: the new workers write while the old ones still run."""
    caplog.set_level(logging.INFO, "flask_chest")
    both, one = make_disk("main", "removed"), make_disk("main")
    one.append(record(1, time.time()))
    one.append(record(2, time.time()))
    both.close()
    time.sleep(0.01)
    for number in range(3, 8):
        one.append(record(number, time.time()))
    one.prune()
    assert farewell(caplog) == [("WARNING", "2 records had not been delivered to it")]


def test_a_killed_process_had_its_exporters_until_its_last_second(make_disk, folder, caplog):
    caplog.set_level(logging.INFO, "flask_chest")
    killed = make_disk("removed")
    killed.append(record(1, time.time()))
    killed._maintain()
    at = (folder / "cursors" / "removed.in-use").stat().st_mtime
    assert abs(at - time.time()) < 60
    killed._access._in_use.release = lambda: None  # the kernel releases the locks of a killed one
    for lock in killed._access._in_use._locks.values():
        lock.release()
    one = make_disk("main")
    one.append(record(2, at + 5))
    one.prune()
    assert farewell(caplog) == [("WARNING", "1 records had not been delivered to it")]
