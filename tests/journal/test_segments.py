"""Segments that other processes write or have left."""

from __future__ import annotations

import itertools
import os
import tempfile
import time
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st
from support.journals import (
    deliver,
    line,
    segment_files,
)

from flask_chest.journal.folder import Folder
from flask_chest.journal.joining import Room
from flask_chest.journal.segment import Segment
from flask_chest.journal.segment_writer import SegmentWriter
from flask_chest.record import uuid7


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


def test_a_line_that_is_being_written_is_delivered_once_it_is_whole(make_disk, folder, counters):
    journal = make_disk()
    writer = SegmentWriter(Folder(folder / "segments"), uuid7())
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


def test_an_unfinished_segment_is_deleted_after_an_hour(make_disk, folder):
    journal = make_disk("main")
    old, new = (folder / "segments" / f"{uuid7()}.new" for _ in range(2))
    old.touch()
    new.touch()
    os.utime(old, (time.time() - 3_700,) * 2)
    journal.prune()
    assert not old.exists()
    assert new.exists()


@settings(max_examples=200, deadline=None)
@given(
    sizes=st.lists(st.tuples(st.sampled_from([b"x", b" "]), st.integers(0, 70)), max_size=25),
    torn=st.integers(0, 90),
    max_records=st.integers(1, 8),
    max_bytes=st.integers(1, 120),
)
def test_chunks_have_all_whole_lines_in_order_and_keep_both_limits(
    sizes, torn, max_records, max_bytes
):
    lines = [letter * size + b"\n" for letter, size in sizes]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "a.jsonl"
        path.write_bytes(b"".join(lines) + b"y" * torn)
        segment = Segment(Folder(path.parent), path.name)
        start = len(lines[0]) if lines else 0
        chunks = list(segment.chunks(start, segment.size(), Room(max_records, max_bytes)))
    assert b"".join(chunk for chunk, _, _ in chunks) == b"".join(lines[1:])
    for chunk, count, blanks in chunks:
        assert blanks == sum(each.startswith(b" ") for each in chunk.split(b"\n"))
        assert 1 <= count == chunk.count(b"\n") <= max_records
        assert chunk.endswith(b"\n")
        assert len(chunk) <= max_bytes or count == 1
    for (chunk, count, _), (following, _, _) in itertools.pairwise(chunks):
        # Each is as full as it may be: a batch has a price of its own.
        assert count == max_records or len(chunk) + following.index(b"\n") + 1 > max_bytes
