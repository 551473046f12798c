"""Erasing records from a journal on disk that other processes write and read at this moment."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
from support.journals import ALL, SMALLEST, deliver, line, numbers, segment_files
from support.waiting import until

from flask_chest.errors import DeliveryBusy
from flask_chest.journal import DiskJournal
from flask_chest.journal.segment import Segment
from flask_chest.record import uuid7
from flask_chest.runtime.counters import Counters
from flask_chest.runtime.log import Throttle

SECRET = "u-17"


def of(user, number=0):
    return json.dumps({"id": f"r{number}", "n": number, "user": user}).encode() + b"\n"


def is_secret(record):
    return record["user"] == SECRET


def erase(journal, matches=is_secret):
    with journal.erase(matches) as erased:
        return erased


def everything(folder):
    return b"".join(path.read_bytes() for path in folder.rglob("*") if path.is_file())


def test_nothing_in_the_folder_has_what_was_erased(make_disk, folder):
    """Neither segments, delivered or not, nor dead letters of any exporter, nor damaged parts."""
    former = make_disk("former")
    with former.reader("former").lease():
        former.reader("former").dead_letter(of(SECRET), ValueError("no"))
    former.close()
    journal = make_disk("main")
    journal.prune()  # nothing is kept for it any more
    journal.append(of("u-1", 1))
    journal.append(of(SECRET, 2))
    deliver(journal)
    journal.append(of(SECRET, 3))
    journal.append(of("u-2", 4))
    with journal.reader("main").lease():
        journal.reader("main").dead_letter(of(SECRET, 5), ValueError("no"))
        journal.reader("main").dead_letter(of("u-3", 6), ValueError("no"))
    (folder / "dead-letter" / "main.new").write_bytes(of(SECRET, 7))  # a killed process left it
    (folder / "damaged").mkdir(mode=0o700)
    part = folder / "damaged" / f"{uuid7()}.jsonl@9"
    part.write_bytes(of("u-4", 8) + of(SECRET, 9) + of(SECRET, 10)[:-1])
    (folder / "damaged" / f"{part.name}.reason").write_text("why\n")
    size = part.stat().st_size

    erased = erase(journal)

    assert SECRET.encode() not in everything(folder)
    assert (erased.waiting, erased.delivered, erased.dead_letters, erased.quarantined) == (
        1,
        1,
        2,
        2,
    )
    assert (erased.total, erased.unreadable) == (6, 0)
    assert part.stat().st_size == size
    assert part.read_bytes().startswith(of("u-4", 8) + b" ")
    assert [letter.id for letter in journal.reader("main").dead_letters()] == ["r6"]
    assert deliver(journal) == [of("u-2", 4)]
    again = erase(journal)
    assert (again.total, again.unreadable) == (0, 0), "what was erased is no line that is no record"


def test_what_is_no_record_is_left_alone_and_counted(make_disk, folder):
    journal = make_disk("main")
    journal.append(of(SECRET))
    journal.append(b"no JSON " + SECRET.encode() + b"\n")
    journal.append(b"[1]\n")
    journal.append(b'{"another": "kind"}\n')
    journal.close()
    with segment_files(folder)[0].open("ab") as file:
        file.write(b'{"user": "u-17", "half')
    os.mkfifo(folder / "segments" / f"{uuid7()}.jsonl")
    (folder / "segments" / f"{uuid7()}.jsonl").mkdir()
    erased = erase(journal)
    assert (erased.waiting, erased.unreadable) == (1, 6)


def test_a_dead_letter_that_is_no_record_counts_once_beside_one_that_is_erased(make_disk):
    journal = make_disk("main")
    reader = journal.reader("main")
    for each in (b"no JSON\n", of(SECRET), b"[1]\n", of("u-18")):
        reader.dead_letter(each, ValueError("refused"))
    erased = erase(journal)
    assert (erased.dead_letters, erased.unreadable) == (1, 2)
    assert [letter.line for letter in reader.dead_letters()] == [b"no JSON\n", b"[1]\n", of("u-18")]


def test_dead_letters_that_are_all_erased_are_gone_from_the_disk(make_disk, folder, monkeypatch):
    """As after a power cut: the removal of the file must not be left to the kernel."""
    journal = make_disk("main")
    journal.reader("main").dead_letter(of(SECRET), ValueError("refused"))
    synced = []
    fsync = os.fsync

    def noted(descriptor):
        synced.append(Path(f"/proc/self/fd/{descriptor}").readlink())
        fsync(descriptor)

    monkeypatch.setattr(os, "fsync", noted)
    assert erase(journal).dead_letters == 1
    assert folder / "dead-letter" in synced


def test_erased_records_are_neither_waited_for_nor_counted_as_dropped(make_disk, folder, counters):
    journal = make_disk("main")
    for number in range(10):
        journal.append(of(SECRET if number % 2 else "u-1", number))
    journal.close()
    erase(journal)
    segment = Segment(journal._layout.segments, segment_files(folder)[0].name)
    assert segment.count(0) == 5
    assert segment.count(len(of("u-1", 0))) == 4
    erase(journal, lambda record: record["user"] == "u-1")
    assert segment.count(0) == 0
    assert deliver(journal) == []
    journal.prune()
    assert segment_files(folder) == []
    assert counters.by_reason("dropped") == {}


def test_a_full_journal_counts_as_dropped_only_what_is_there(make_disk, folder, counters):
    journal = make_disk("main", max_bytes=SMALLEST)
    count = 0
    while not counters.by_reason("dropped main"):
        assert journal.append(line(count, 4_000))
        count += 1
        if count == 5:
            erase(journal, lambda record: record["n"] in (0, 3))
    dropped = counters.by_reason("dropped main")["journal_full"]
    left = numbers(deliver(journal, max_bytes=100 * ALL))
    assert dropped == count - len(left) - 2


def test_a_line_that_a_killed_process_has_erased_by_half_is_passed_over(make_disk, folder):
    journal = make_disk("main")
    lines = [line(number, 100) for number in range(3)]
    for each in lines:
        journal.append(each)
    with segment_files(folder)[0].open("r+b") as file:
        file.seek(len(lines[0]))
        file.write(b" " * 40)
    assert deliver(journal) == [lines[0], lines[2]]


APPENDS = """
import json, sys
from pathlib import Path
from flask_chest.journal import DiskJournal
from flask_chest.runtime.counters import Counters
from flask_chest.runtime.log import Throttle
journal = DiskJournal(Path(sys.argv[1]), ["main"], Counters(), Throttle())
for number in range(int(sys.argv[2]), int(sys.argv[3])):
    user = "u-17" if number % 3 == 0 else "u-1"
    line = json.dumps({"id": f"r{number}", "n": number, "user": user, "pad": "x" * (number % 200)})
    assert journal.append(line.encode() + b"\\n")
print("done", flush=True)
sys.stdin.read()
"""


def test_other_processes_that_write_meanwhile_lose_nothing_and_keep_nothing(folder):
    counters = Counters()
    journal = DiskJournal(folder, ["main"], counters, Throttle())
    writers = [
        subprocess.Popen(
            [sys.executable, "-c", APPENDS, str(folder), str(start), str(start + 4_000)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        for start in (0, 4_000)
    ]
    taken, seen = [], set()

    def taking_the_secret(record):
        if is_secret(record):
            seen.add(record["n"])
        return is_secret(record)

    try:
        until(lambda: len(segment_files(folder)) == 2)
        while sum(path.stat().st_size for path in segment_files(folder)) < 600_000:
            taken += deliver(journal, max_records=100, chunks=2)
            erase(journal, taking_the_secret)
        assert [writer.stdout.readline() for writer in writers] == [b"done\n"] * 2
        erase(journal, taking_the_secret)
        assert b'"u-17"' not in everything(folder / "segments")
        taken += deliver(journal, max_records=100)
    finally:
        for writer in writers:
            writer.communicate()
    assert [writer.returncode for writer in writers] == [0, 0]
    got = numbers(taken)
    assert len(set(got)) == len(got)
    assert set(got) | seen == set(range(8_000))
    assert seen <= set(range(0, 8_000, 3))
    journal.prune()
    assert segment_files(folder) == []
    assert counters.by_reason("dropped") == {}
    journal.close()


DELIVERS = """
import sys
from pathlib import Path
from flask_chest.journal import DiskJournal
from flask_chest.runtime.counters import Counters
from flask_chest.runtime.log import Throttle
journal = DiskJournal(Path(sys.argv[1]), ["new"], Counters(), Throttle())
with journal.reader("new").lease() as held:
    chunk = next(journal.reader("new").chunks(10, 1000))
    print(held, flush=True)
    sys.stdin.readline()
print("ended", flush=True)
sys.stdin.readline()
"""


def test_an_erasure_waits_for_a_delivery_of_another_process_with_another_exporter(
    make_disk, folder
):
    """Its database would have the record after the caller has erased it there."""
    journal = make_disk("main")
    journal.append(of(SECRET))
    other = subprocess.Popen(
        [sys.executable, "-c", DELIVERS, str(folder)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert other.stdout.readline() == "True\n"
        with pytest.raises(DeliveryBusy) as raised, journal.erase(is_secret, timeout_seconds=0.1):
            raise AssertionError
        assert raised.value.exporter == "new"
        other.stdin.write("\n")
        other.stdin.flush()
        assert erase(journal).waiting == 1
        assert other.stdout.readline() == "ended\n"
    finally:
        other.communicate("\n")


def test_two_erasures_at_once_wait_for_each_other(make_disk):
    one, two = make_disk("a", "b"), make_disk("b", "a")
    one.append(of(SECRET))
    with one.erase(is_secret) as erased:
        assert erased.waiting == 1
        began = time.monotonic()
        with pytest.raises(DeliveryBusy), two.erase(is_secret, timeout_seconds=0.2):
            raise AssertionError
        assert time.monotonic() - began >= 0.2
    assert erase(two).total == 0


def test_where_there_is_no_journal_nothing_is_erased_and_none_is_made(tmp_path, make_disk):
    journal = make_disk("main", folder=tmp_path / "none", opens="nothing")
    assert erase(journal).total == 0
    assert not (tmp_path / "none").exists()
