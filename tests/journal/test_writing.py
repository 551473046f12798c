"""How records are written to segments."""

from __future__ import annotations

import json
import logging
import os
import resource

import pytest
from support.journals import (
    deliver,
    line,
    segment_files,
    unread,
)
from support.waiting import until

from flask_chest.journal import own_segment
from flask_chest.record import uuid7


def test_a_record_is_one_write_and_is_in_the_file_before_append_returns(
    make_disk, folder, monkeypatch
):
    journal = make_disk()
    journal.append(line(0))
    written = []
    real_write = os.write
    monkeypatch.setattr(os, "write", lambda fd, data: written.append(data) or real_write(fd, data))
    lines = [line(number, number) for number in range(200)]
    for each in lines:
        journal.append(each)
        assert segment_files(folder)[0].read_bytes().endswith(each)
    assert written == lines


def test_a_full_segment_is_followed_by_a_new_one_and_goes_when_all_have_it(make_disk, folder):
    journal = make_disk()
    size = 1024 * 1024
    lines = [line(number, size) for number in range(20)]
    for each in lines:
        journal.append(each)
    files = segment_files(folder)
    assert [file.stat().st_size for file in files] == [8 * size, 8 * size, 4 * size]
    assert deliver(journal, "main", max_bytes=3 * size) == lines
    journal.prune()
    assert segment_files(folder) == files
    deliver(journal, "other", max_bytes=3 * size)
    journal.prune()
    assert segment_files(folder) == files[2:]
    assert set(json.loads((folder / "cursors" / "main.json").read_text())) >= {files[2].name}
    journal.append(line(20))
    deliver(journal)
    assert set(json.loads((folder / "cursors" / "main.json").read_text())) == {files[2].name}


def test_when_no_new_segment_can_be_made_the_full_one_is_used(make_disk, folder):
    journal = make_disk()
    size = 1024 * 1024
    for number in range(8):
        journal.append(line(number, size))
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (3, hard[1]))
    try:
        assert journal.append(line(8))
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, hard)
    assert journal.append(line(9))
    assert len(segment_files(folder)) == 2
    assert [json.loads(each)["n"] for each in unread(journal, max_bytes=100 * size)][-2:] == [8, 9]


@pytest.mark.parametrize("is_begun", [False, True])
def test_while_no_segment_can_be_made_requests_do_not_scan_the_whole_folder(
    make_disk, folder, monkeypatch, is_begun
):
    journal = make_disk()
    if is_begun:
        journal.append(line(0, 8 * 1024 * 1024))
    looks = []
    monkeypatch.setattr(journal._retention, "make_room", lambda: looks.append(1) or True)
    (folder / "segments").rename(folder / "away")
    (folder / "segments").write_text("no folder")
    assert [journal.append(line(number)) for number in range(50)] == [is_begun] * 50
    assert len(looks) == 1
    (folder / "segments").unlink()
    (folder / "away").rename(folder / "segments")
    assert journal.append(line(50)), "with the next request"
    assert len(segment_files(folder)) == 1 + is_begun


def test_a_write_that_stops_half_way_is_undone_and_counted(
    make_disk, folder, file_size_limit, counters, caplog
):
    journal = make_disk()
    journal.append(line(1))
    whole = segment_files(folder)[0].read_bytes()
    file_size_limit(len(whole) + 10)
    assert not journal.append(line(2))
    assert segment_files(folder)[0].read_bytes() == whole
    assert not journal.append(line(3, 100))
    file_size_limit(resource.RLIM_INFINITY)
    assert journal.append(line(4))
    assert deliver(journal) == [line(1), line(4)]
    assert counters.by_reason("dropped") == {"disk_full": 2}
    assert journal.appended == 2
    assert [record.levelno for record in caplog.records] == [logging.ERROR]
    assert "Records are lost (1)" in caplog.text


def test_a_journal_that_cannot_be_written_any_more_drops_and_recovers(
    make_disk, folder, tmp_path, counters
):
    journal = make_disk()
    (folder / "segments").rename(tmp_path / "away")
    (folder / "segments").write_text("no folder")
    assert not journal.append(line(1))
    (folder / "segments").unlink()
    (tmp_path / "away").rename(folder / "segments")
    assert journal.append(line(2))
    assert counters.by_reason("dropped") == {"journal": 1}
    assert unread(journal) == [line(2)]


def test_a_process_that_records_nothing_for_long_closes_its_segment(make_disk, folder, monkeypatch):
    journal = make_disk("main")
    journal.append(line(1))
    assert deliver(journal) == [line(1)]
    journal.prune()
    assert len(segment_files(folder)) == 1
    monkeypatch.setattr(own_segment, "IDLE_SECONDS", 0.0)
    journal.start()
    until(lambda: (journal.prune(), segment_files(folder))[1] == [])
    assert journal.append(line(2))
    assert deliver(journal) == [line(2)]


def test_each_segment_has_a_name_of_its_own_even_after_many_closings_in_a_row(make_disk, folder):
    journal = make_disk("main")
    for number in range(50):
        assert journal.append(line(number))
        journal.close()
    assert len(segment_files(folder)) == 50
    assert deliver(journal) == [line(number) for number in range(50)]
    assert len({uuid7() for _ in range(1_000)}) == 1_000
