"""What the journal does when the system refuses a call: no descriptor, no space, no permission."""

from __future__ import annotations

import resource
import shutil

import pytest
from support.journals import (
    SMALLEST,
    deliver,
    line,
    numbers,
    segment_files,
    size_of,
    unread,
)

from flask_chest.journal import SegmentsUnreadable
from flask_chest.journal.segment import Segment
from flask_chest.record import uuid7


@pytest.fixture
def no_descriptors():
    """Return a function that lets this process open no further file, and again as many as before.

    What the journal has open stays open, as in a process that has used up its descriptors.
    """
    before = resource.getrlimit(resource.RLIMIT_NOFILE)

    def limit(*, is_on):
        # The lowest limit at which nothing can be opened; what is open may have higher numbers.
        resource.setrlimit(resource.RLIMIT_NOFILE, (0, before[1]) if is_on else before)

    yield limit
    resource.setrlimit(resource.RLIMIT_NOFILE, before)


# -- A segment that somebody deletes -------------------------------------------------------------


def test_a_deleted_segment_is_rescued_once_when_a_file_can_be_created_again(
    make_disk, folder, no_descriptors, said
):
    journal = make_disk("main")
    lines = [line(number) for number in range(3)]
    for each in lines[:2]:
        journal.append(each)
    [path] = segment_files(folder)
    path.unlink()
    no_descriptors(is_on=True)
    for _ in range(5):
        journal._maintain()
    size = journal._own.writer.size
    assert journal.append(lines[2])
    no_descriptors(is_on=False)
    assert size == sum(map(len, lines[:2])), "not appended to itself"
    assert not any("in a new segment" in message for message in said())
    assert any("cannot be written to a new segment yet" in message for message in said())
    for _ in range(3):
        journal._maintain()
    [path] = segment_files(folder)
    assert path.read_bytes() == b"".join(lines)
    assert sum("in a new segment" in message for message in said()) == 1
    assert deliver(journal) == lines


def test_a_segment_that_was_deleted_before_it_is_full_is_rescued_by_the_next_one(
    make_disk, folder, monkeypatch
):
    journal = make_disk("main", max_bytes=SMALLEST)
    lines = [line(number, 5_000) for number in range(40)]
    for each in lines:
        path = segment_files(folder)[-1] if segment_files(folder) else None
        journal.append(each)
        if each is lines[3]:
            path.unlink()
    assert deliver(journal) == lines


def test_an_idle_process_does_not_give_up_a_segment_that_it_could_not_rescue(
    make_disk, folder, no_descriptors
):
    journal = make_disk("main")
    journal.append(line(1))
    segment_files(folder)[0].unlink()
    no_descriptors(is_on=True)
    journal._own.retire()
    no_descriptors(is_on=False)
    journal._maintain()
    assert deliver(journal) == [line(1)]


def test_records_that_could_not_be_rescued_until_the_end_are_counted_and_logged(
    make_disk, folder, no_descriptors, counters, said
):
    journal = make_disk("main")
    for number in range(3):
        journal.append(line(number))
    shutil.rmtree(folder / "segments")
    no_descriptors(is_on=True)
    journal._maintain()
    journal.close()
    no_descriptors(is_on=False)
    assert counters.by_reason("dropped") == {"journal": 3}
    assert any("Records are lost (3) unless they were delivered" in message for message in said())


# -- A segment that can be neither read nor quarantined ------------------------------------------


@pytest.mark.parametrize("place", ["first", "last"])
def test_a_segment_that_cannot_be_quarantined_keeps_no_other_from_delivery(
    make_disk, folder, place, said
):
    journal = make_disk("main")
    journal.append(line(1))
    journal.close()
    bad = folder / "segments" / ("0.jsonl" if place == "first" else "z.jsonl")
    bad.mkdir()
    (folder / "damaged").write_text("in the way")
    journal.append(line(2))
    journal.close()
    for _ in range(2):
        with pytest.raises(SegmentsUnreadable, match="directory"):
            deliver(journal)
    journal.prune()
    assert segment_files(folder) == [bad], "all others are delivered, and deleted"
    assert any("cannot be moved to" in message for message in said())
    journal.append(line(3))
    taken = []
    reader = journal.reader("main")
    with reader.lease(), pytest.raises(SegmentsUnreadable):
        for chunk in reader.chunks(10, 1_000):
            taken.append(chunk.lines)
            reader.acknowledge(chunk)
    assert taken == [line(3)]
    (folder / "damaged").unlink()
    with pytest.raises(SegmentsUnreadable):
        deliver(journal)
    assert deliver(journal) == []
    assert (folder / "damaged" / bad.name).is_dir()


def test_half_a_line_that_cannot_be_kept_keeps_no_other_segment_on_the_disk(make_disk, folder):
    torn = folder / "segments" / f"{uuid7()}.jsonl"
    journal = make_disk("main")
    torn.write_bytes(line(1) + b'{"half')
    journal.append(line(2))
    journal.close()
    (folder / "damaged").write_text("in the way")
    assert numbers(deliver(journal)) == [1, 2]
    journal.prune()
    assert segment_files(folder) == [torn]
    (folder / "damaged").unlink()
    journal.prune()
    assert segment_files(folder) == []
    assert (folder / "damaged" / f"{torn.name}@{len(line(1))}").read_bytes() == b'{"half'


def test_a_reason_that_cannot_be_written_keeps_nothing_from_the_quarantine(make_disk, folder):
    journal = make_disk("main")
    bad = folder / "segments" / f"{uuid7()}.jsonl"
    bad.mkdir()
    (folder / "damaged").mkdir(mode=0o700)
    (folder / "damaged" / f"{bad.name}.reason").mkdir()
    with pytest.raises(SegmentsUnreadable):
        deliver(journal)
    assert (folder / "damaged" / bad.name).is_dir()
    assert unread(journal) == []


def test_a_full_journal_drops_past_a_segment_that_cannot_be_deleted(
    make_disk, folder, counters, monkeypatch
):
    journal = make_disk("main", max_bytes=SMALLEST)
    first = []
    unlink = Segment.unlink

    def refuse_first(segment):
        first[:] = first or [segment.name]
        if segment.name == first[0]:
            raise PermissionError(13, "Permission denied")
        unlink(segment)

    monkeypatch.setattr(Segment, "unlink", refuse_first)
    kept = [number for number in range(600) if journal.append(line(number, 4_000))]
    assert kept == list(range(600))
    assert size_of(folder / "segments") <= SMALLEST + 2 * SMALLEST // 16
    monkeypatch.undo()
    left = numbers(deliver(journal, max_bytes=100 * SMALLEST))
    assert counters.by_reason("dropped main") == {"journal_full": 600 - len(left)}
    assert 0 in left, "what is not deleted is not counted as dropped"


# -- Numbers in the log --------------------------------------------------------------------------


def logged_number(messages, text):
    """Return the sum of the numbers in the lines that have a text."""
    return sum(
        int(message.partition("(")[2].partition(")")[0].replace(",", ""))
        for message in messages
        if text in message
    )


def test_every_record_that_a_full_journal_drops_is_in_a_line_of_the_log(make_disk, counters, said):
    journal = make_disk("main", max_bytes=SMALLEST, when_full="drop_newest")
    answers = [journal.append(line(number, 4_000)) for number in range(1_500)]
    journal._throttle.flush()
    dropped = counters.by_reason("dropped")["journal_full"]
    assert dropped == answers.count(False) > 1_000
    assert logged_number(said(), "New records are dropped") == dropped
    assert sum("New records are dropped" in message for message in said()) == 2


def test_every_record_that_is_dropped_before_an_exporter_had_it_is_in_a_line(
    make_disk, counters, said
):
    journal = make_disk("main", max_bytes=SMALLEST)
    for number in range(1_500):
        assert journal.append(line(number, 4_000))
    journal._throttle.flush()
    dropped = counters.by_reason("dropped main")["journal_full"]
    assert dropped > 1_000
    assert logged_number(said(), "Records are dropped before the exporter 'main'") == dropped


def test_every_record_that_a_full_memory_drops_is_in_a_line(make_memory, counters, said):
    journal = make_memory("main", max_bytes=SMALLEST)
    for number in range(1_500):
        journal.append(line(number, 4_000))
    journal.reader("main")._throttle.flush()
    dropped = counters.by_reason("dropped main")["memory_full"]
    assert dropped > 1_000
    assert logged_number(said(), "Records are lost") == dropped


def test_every_record_that_the_disk_refuses_is_in_a_line(
    make_disk, counters, said, file_size_limit
):
    journal = make_disk("main")
    journal.append(line(1))
    file_size_limit(journal._own.writer.size)
    answers = [journal.append(line(number)) for number in range(500)]
    file_size_limit(resource.RLIM_INFINITY)
    journal._throttle.flush()
    assert answers == [False] * 500
    assert counters.by_reason("dropped") == {"disk_full": 500}
    assert logged_number(said(), "Records are lost") == 500


def test_an_application_starts_while_the_disk_is_full(make_disk, file_size_limit, counters):
    file_size_limit(0)
    journal = make_disk("main")
    assert not journal.append(line(1))
    file_size_limit(resource.RLIM_INFINITY)
    assert counters.by_reason("dropped") == {"disk_full": 1}
    assert journal.append(line(2))
