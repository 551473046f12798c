"""The journal on disk: its files, their locks, and cursors."""

from __future__ import annotations

import itertools
import json
import logging
import os
import resource
import tempfile
import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.journals import ALL, deliver, line, open_descriptors, segment_files, unread

from flask_chest.errors import ConfigurationError
from flask_chest.journal import DiskJournal
from flask_chest.journal.segment import Segment, SegmentWriter
from flask_chest.record import uuid7
from flask_chest.runtime.counters import Counters
from flask_chest.runtime.log import Throttle

# -- On disk: writing ----------------------------------------------------------------------------


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


@pytest.mark.parametrize("umask", [0o000, 0o022, 0o077, 0o777])
def test_nobody_else_may_read_the_journal_whatever_the_umask(make_disk, folder, umask):
    before = os.umask(umask)
    try:
        journal = make_disk()
        journal.append(line(1))
        journal.try_lead()
        deliver(journal)
        with journal.reader("main").lease():
            journal.reader("main").dead_letter(line(1), ValueError("no"))
    finally:
        os.umask(before)
    modes = {path: path.stat().st_mode & 0o777 for path in [folder, *folder.rglob("*")]}
    assert {mode for path, mode in modes.items() if path.is_dir()} == {0o700}
    files = {path.name: mode for path, mode in modes.items() if path.is_file()}
    assert set(files.values()) == {0o600}
    assert {"export.lock", "main.json", "main.lock", "main.jsonl"} < set(files)


def test_a_folder_that_was_there_keeps_its_mode(make_disk, tmp_path):
    shared = tmp_path / "shared"
    shared.mkdir()
    shared.chmod(0o755)
    make_disk(folder=shared).append(line(1))
    assert shared.stat().st_mode & 0o777 == 0o755
    assert (shared / "segments").stat().st_mode & 0o777 == 0o700


def test_missing_folders_above_are_created(make_disk, tmp_path):
    assert make_disk(folder=tmp_path / "a" / "b" / "chest").append(line(1))


def test_a_folder_that_cannot_be_made_is_a_configuration_error(make_disk, tmp_path):
    (tmp_path / "file").write_text("")
    for path in (tmp_path / "file", tmp_path / "file" / "chest"):
        with pytest.raises(ConfigurationError, match=r"CHEST_JOURNAL.*local disk") as caught:
            make_disk(folder=path)
        assert caught.value.setting == "CHEST_JOURNAL"


def test_making_a_journal_leaves_no_file_behind(make_disk, folder):
    make_disk("main")
    files = [path.relative_to(folder) for path in folder.rglob("*") if not path.is_dir()]
    assert files == [Path("cursors/main.in-use")]


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


def test_when_no_new_segment_can_be_made_the_full_one_is_used_further(make_disk, folder):
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
def test_while_no_segment_can_be_made_requests_do_not_look_at_the_whole_folder(
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


def test_a_write_that_stops_half_way_is_taken_back_and_counted(
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
    assert "A record is lost" in caplog.text


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


def test_no_descriptor_is_left_open(make_disk):
    journal = make_disk()
    journal.append(line(0))
    before = open_descriptors()
    for number in range(50):
        journal.append(line(number))
        journal.try_lead()
        deliver(journal, max_records=7)
        journal.prune()
        journal.reader("other").pending()
        journal.resign()
        journal.close()
    journal.append(line(50))
    journal.start()
    assert open_descriptors() == before
    journal.close()
    leases = 2
    assert open_descriptors() == before - 1 - leases


# -- On disk: segments that others left ------------------------------------------------------------


def test_half_a_line_of_a_dead_writer_goes_with_its_segment_once_all_have_the_rest(
    make_disk, folder, counters
):
    journal = make_disk()
    journal.append(line(1))
    journal.close()
    with segment_files(folder)[0].open("ab") as file:
        file.write(line(2)[:-1])
    assert deliver(journal, "main") == [line(1)]
    journal.prune()
    assert len(segment_files(folder)) == 1
    assert deliver(journal, "other") == [line(1)]
    assert counters.by_reason("dropped") == {}
    journal.prune()
    assert segment_files(folder) == []
    assert counters.by_reason("dropped") == {"torn": 1}


def test_a_line_that_is_being_written_is_waited_for(make_disk, folder, counters):
    journal = make_disk()
    writer = SegmentWriter(folder / "segments", uuid7())
    writer.append(line(1) + line(2)[:5])
    assert deliver(journal, "main") == deliver(journal, "other") == [line(1)]
    journal.prune()
    writer.append(line(2)[5:])
    assert deliver(journal, "main") == deliver(journal, "other") == [line(2)]
    journal.prune()
    assert len(segment_files(folder)) == 1
    writer.close()
    journal.prune()
    assert segment_files(folder) == []
    assert counters.by_reason("dropped") == {}


def test_a_segment_is_kept_while_its_writer_lives(make_disk, folder):
    journal, other_process = make_disk(), make_disk()
    journal.append(line(1))
    deliver(other_process, "main")
    deliver(other_process, "other")
    other_process.prune()
    assert len(segment_files(folder)) == 1
    journal.append(line(2))
    assert deliver(other_process) == [line(2)]
    journal.close()
    other_process.prune()
    assert len(segment_files(folder)) == 1, "other has not seen the second record"
    deliver(other_process, "other")
    other_process.prune()
    assert segment_files(folder) == []


@pytest.mark.parametrize("kind", ["folder", "link to itself"])
def test_a_segment_that_cannot_be_read_hides_no_other(make_disk, folder, kind, caplog, counters):
    journal = make_disk("main")
    journal.append(line(1))
    journal.close()
    bad = folder / "segments" / f"{uuid7()}.jsonl"
    if kind == "folder":
        bad.mkdir()
        (bad / "some file").write_text("")
    else:
        bad.symlink_to(bad)
    journal.append(line(2))
    journal.close()
    taken = []
    reader = journal.reader("main")
    with reader.lease():
        chunks = reader.chunks(ALL, ALL)
        for _ in range(2):
            chunk = next(chunks)
            taken.append(chunk.lines)
            reader.acknowledge(chunk)
        with pytest.raises(OSError, match=r"directory|symbolic"):
            next(chunks)
    assert taken == [line(1), line(2)]
    journal.prune()
    assert segment_files(folder) == []
    assert sorted(path.name for path in (folder / "damaged").iterdir()) == [
        bad.name,
        f"{bad.name}.reason",
    ]
    assert "cannot be read" in (folder / "damaged" / f"{bad.name}.reason").read_text()
    assert counters.by_reason("dropped") == {"damaged": 1}
    assert "Quarantined" in caplog.text
    assert unread(journal) == []


def test_files_of_other_names_are_left_alone_and_odd_segments_are_delivered(make_disk, folder):
    journal = make_disk("main")
    (folder / "segments" / "notes.txt").write_bytes(b"by hand\n")
    (folder / "segments" / "restored.jsonl").write_bytes(line(1))
    waiting, age = journal.reader("main").pending()
    assert waiting == len(line(1))
    assert age >= 0.0
    assert deliver(journal) == [line(1)]
    journal.prune()
    assert [path.name for path in (folder / "segments").iterdir()] == ["notes.txt"]


def test_a_segment_that_never_got_its_name_goes_after_an_hour(make_disk, folder):
    journal = make_disk("main")
    old, new = (folder / "segments" / f"{uuid7()}.new" for _ in range(2))
    old.touch()
    new.touch()
    os.utime(old, (time.time() - 3_700,) * 2)
    journal.prune()
    assert not old.exists()
    assert new.exists()


# -- On disk: cursors ----------------------------------------------------------------------------


def two_dead_segments(make_disk, folder):
    journal = make_disk("main")
    lines = [line(number) for number in range(6)]
    for part in (lines[:3], lines[3:]):
        for each in part:
            journal.append(each)
        journal.close()
    deliver(journal, max_records=2, chunks=2)
    return lines, [file.name for file in segment_files(folder)]


DAMAGE = {
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


@pytest.mark.parametrize("damage", DAMAGE.values(), ids=DAMAGE)
def test_a_damaged_cursor_delivers_again_and_loses_nothing(make_disk, folder, damage):
    lines, names = two_dead_segments(make_disk, folder)
    cursor = folder / "cursors" / "main.json"
    cursor.write_bytes(damage(names))
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


@settings(max_examples=200, deadline=None)
@given(
    sizes=st.lists(st.integers(0, 70), max_size=25),
    torn=st.integers(0, 90),
    max_records=st.integers(1, 8),
    max_bytes=st.integers(1, 120),
)
def test_chunks_have_all_whole_lines_in_order_and_keep_both_limits(
    sizes, torn, max_records, max_bytes
):
    lines = [b"x" * size + b"\n" for size in sizes]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "a.jsonl"
        path.write_bytes(b"".join(lines) + b"y" * torn)
        segment = Segment(path)
        start = len(lines[0]) if lines else 0
        chunks = list(segment.chunks(start, segment.size(), max_records, max_bytes))
    assert b"".join(chunk for chunk, _ in chunks) == b"".join(lines[1:])
    for chunk, count in chunks:
        assert 1 <= count == chunk.count(b"\n") <= max_records
        assert chunk.endswith(b"\n")
        assert len(chunk) <= max_bytes or count == 1
    for (chunk, count), (following, _) in itertools.pairwise(chunks):
        # Each is as full as it may be: a batch has a price of its own.
        assert count == max_records or len(chunk) + following.index(b"\n") + 1 > max_bytes


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
def test_a_segment_that_lost_what_its_cursor_had_passed_does_not_stay_for_ever(
    make_disk, folder, left
):
    _, names = two_dead_segments(make_disk, folder)
    journal = make_disk("main")
    deliver(journal)
    (folder / "segments" / names[0]).write_bytes(left)  # the power failed
    assert deliver(journal) == []
    journal.prune()
    assert segment_files(folder) == []
    kept = [path.read_bytes() for path in folder.glob("damaged/*@0")]
    assert kept == ([left.rstrip(b"\0")] if left else [])


def test_another_process_goes_on_where_one_stopped(make_disk, folder):
    one, two = make_disk("main"), make_disk("main")
    for number in range(4):
        one.append(line(number))
    assert deliver(one, max_records=1, chunks=1) == [line(0)]
    assert deliver(two, max_records=1, chunks=2) == [line(1), line(2)]
    assert deliver(one) == [line(3)]
    assert not list((folder / "cursors").glob("*.new"))


def test_one_process_is_in_charge_and_one_has_the_turn(make_disk):
    one, two = make_disk("main"), make_disk("main")
    assert one.try_lead()
    assert not two.try_lead()
    one.close()
    assert two.try_lead()
    with one.reader("main").lease() as held:
        assert held
        with two.reader("main").lease() as other:
            assert not other
    with two.reader("main").lease() as held:
        assert held


def test_a_lock_that_cannot_be_opened_is_said_and_leaves_nobody_in_charge(
    make_disk, folder, caplog
):
    journal = make_disk("main")
    (folder / "export.lock").mkdir()
    assert not journal.try_lead()
    assert "Nothing is delivered" in caplog.text
    (folder / "export.lock").rmdir()
    assert journal.try_lead()


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


def test_an_exporter_that_was_removed_keeps_nothing_and_comes_back_where_it_was(
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
    assert f"{len(line(3))} bytes had not been delivered" in said[0]
    one.prune()
    assert not (folder / "cursors" / "removed.in-use").exists()


def test_dead_letters_keep_the_record_and_the_error(make_disk, folder):
    reader = make_disk("main").reader("main")
    with reader.lease():
        reader.dead_letter(line(1), ValueError("too\nlong"))
        reader.dead_letter(b'{"half": "\xff', TypeError("no JSON"))
    letters = (folder / "dead-letter" / "main.jsonl").read_text().splitlines()
    assert [json.loads(letter) for letter in letters] == [
        {"error": "ValueError: too\nlong", "record": json.loads(line(1))},
        {"error": "TypeError: no JSON", "record": '{"half": "\ufffd'},
    ]


def test_a_dead_letter_that_the_disk_has_no_room_for_leaves_no_half_line(
    make_disk, folder, file_size_limit
):
    reader = make_disk("main").reader("main")
    with reader.lease():
        reader.dead_letter(line(1), ValueError("no"))
        whole = (folder / "dead-letter" / "main.jsonl").read_bytes()
        file_size_limit(len(whole) + 10)
        with pytest.raises(OSError, match="could be written"):
            reader.dead_letter(line(2), ValueError("no"))
        file_size_limit(resource.RLIM_INFINITY)
        assert (folder / "dead-letter" / "main.jsonl").read_bytes() == whole
