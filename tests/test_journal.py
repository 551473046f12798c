"""The journal: one contract for both kinds, and what only the one on disk has to promise."""

from __future__ import annotations

import json
import logging
import os
import resource
import shutil
import signal
import tempfile
import threading
import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from flask_chest.errors import ConfigurationError
from flask_chest.journal import DiskJournal, MemoryJournal
from flask_chest.journal.segment import SegmentWriter
from flask_chest.log import Throttle
from flask_chest.record import uuid7
from flask_chest.stats import Counters

ALL = 1_000_000


def line(number, size=0):
    """Return a line as long as `size`, or as short as it can be."""
    text = json.dumps({"n": number, "pad": ""})
    pad = max(size - len(text) - 1, 0)
    return json.dumps({"n": number, "pad": "x" * pad}).encode() + b"\n"


def unread(journal, exporter="main", max_bytes=ALL):
    """Return the lines that wait, without acknowledging them."""
    taken = {}
    reader = journal.reader(exporter)
    with reader.turn() as held:
        assert held
        for chunk in reader.chunks(ALL, max_bytes):
            if (chunk.segment, chunk.end) in taken:
                break  # the one in memory has but one segment, and repeats it
            taken[chunk.segment, chunk.end] = chunk.lines
    return b"".join(taken.values()).splitlines(keepends=True)


def deliver(journal, exporter="main", max_records=ALL, max_bytes=ALL, chunks=ALL):
    """Take and acknowledge so many chunks; return their lines."""
    taken = []
    reader = journal.reader(exporter)
    with reader.turn() as held:
        assert held
        for number, chunk in enumerate(reader.chunks(max_records, max_bytes)):
            if number == chunks:
                break
            assert chunk.count == chunk.lines.count(b"\n") > 0
            reader.acknowledge(chunk)
            taken += chunk.lines.splitlines(keepends=True)
    return taken


@pytest.fixture
def counters():
    return Counters()


@pytest.fixture
def make_disk(tmp_path, counters):
    made = []

    def make(*exporters, folder=tmp_path / "chest"):
        journal = DiskJournal(folder, exporters or ("main", "other"), counters, Throttle())
        made.append(journal)
        return journal

    yield make
    for journal in made:
        journal.close()


@pytest.fixture
def make_memory(counters):
    return lambda *exporters: MemoryJournal(exporters or ("main", "other"), counters, Throttle())


@pytest.fixture(params=["disk", "memory"])
def journal(request, make_disk, make_memory):
    return {"disk": make_disk, "memory": make_memory}[request.param]()


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "chest"


def open_descriptors():
    return sum(1 for _ in Path("/proc/self/fd").iterdir())


def segment_files(folder):
    return sorted((folder / "segments").glob("*.jsonl"))


# -- The contract --------------------------------------------------------------------------------


def test_nothing_waits_in_a_new_journal(journal):
    assert unread(journal) == []
    assert journal.reader("main").pending() == (0, 0.0)
    assert journal.appended == 0


def test_records_come_out_as_they_went_in_and_in_order(journal):
    lines = [line(number) for number in range(100)]
    assert all(journal.append(each) for each in lines)
    assert deliver(journal) == lines
    assert journal.appended == 100


def test_each_exporter_has_its_own_way_through_the_journal(journal):
    journal.append(line(1))
    assert deliver(journal, "main") == [line(1)]
    journal.append(line(2))
    assert deliver(journal, "other") == [line(1), line(2)]
    assert deliver(journal, "main") == [line(2)]


def test_what_was_not_acknowledged_comes_again(journal):
    lines = [line(number) for number in range(10)]
    for each in lines:
        journal.append(each)
    reader = journal.reader("main")
    with reader.turn():
        assert next(reader.chunks(4, ALL)).lines == b"".join(lines[:4])
    assert deliver(journal, max_records=4, chunks=1) == lines[:4]
    assert deliver(journal) == lines[4:]
    assert deliver(journal) == []


def test_records_appended_during_a_delivery_wait_for_the_next(journal):
    journal.append(line(1))
    reader = journal.reader("main")
    taken = []
    with reader.turn():
        for chunk in reader.chunks(1, ALL):
            taken.append(chunk.lines)
            journal.append(line(len(taken) + 1))
            reader.acknowledge(chunk)
    assert taken == [line(1)]
    assert deliver(journal) == [line(2)]


@settings(max_examples=40, deadline=None)
@given(
    sizes=st.lists(st.integers(min_value=20, max_value=400), max_size=40),
    max_records=st.integers(min_value=1, max_value=12),
    max_bytes=st.integers(min_value=1, max_value=1_000),
    kind=st.sampled_from(["disk", "memory"]),
)
def test_chunks_keep_their_limits_unless_a_single_record_is_larger(
    sizes, max_records, max_bytes, kind
):
    with tempfile.TemporaryDirectory() as folder:
        journal = (
            DiskJournal(Path(folder), ["main"], Counters(), Throttle())
            if kind == "disk"
            else MemoryJournal(["main"], Counters(), Throttle())
        )
        lines = [line(number, size) for number, size in enumerate(sizes)]
        for each in lines:
            journal.append(each)
        taken = []
        reader = journal.reader("main")
        with reader.turn():
            for chunk in reader.chunks(max_records, max_bytes):
                reader.acknowledge(chunk)
                part = chunk.lines.splitlines(keepends=True)
                assert 1 <= len(part) == chunk.count <= max_records
                assert len(chunk.lines) <= max_bytes or len(part) == 1
                taken += part
        assert taken == lines
        journal.close()


def test_pending_counts_bytes_and_says_how_long_the_oldest_waits(journal):
    started = time.time()
    journal.append(line(1))
    journal.append(line(2))
    waiting, age = journal.reader("main").pending()
    assert waiting == len(line(1) + line(2))
    assert 0.0 <= age <= time.time() - started + 0.1
    deliver(journal, max_records=1, chunks=1)
    assert journal.reader("main").pending()[0] == len(line(2))
    deliver(journal)
    assert journal.reader("main").pending() == (0, 0.0)
    assert journal.reader("other").pending()[0] == len(line(1) + line(2))


def test_one_thread_at_a_time_has_the_turn(journal):
    reader = journal.reader("main")
    answers = []

    def try_it():
        with reader.turn() as held:
            answers.append(held)

    with reader.turn() as held:
        assert held
        for _ in range(3):
            thread = threading.Thread(target=try_it)
            thread.start()
            thread.join()
        with journal.reader("other").turn() as other:
            assert other
    assert answers == [False, False, False]
    try_it()
    assert answers[-1] is True


def test_the_turn_ends_with_an_exception(journal):
    reader = journal.reader("main")
    with pytest.raises(ZeroDivisionError), reader.turn():
        raise ZeroDivisionError
    with reader.turn() as held:
        assert held


def test_appends_from_many_threads_all_arrive_whole(journal):
    def append(start):
        for number in range(start, start + 200):
            assert journal.append(line(number, 300))

    threads = [threading.Thread(target=append, args=(start,)) for start in range(0, 1_600, 200)]
    for thread in threads:
        thread.start()
    taken = []
    while any(thread.is_alive() for thread in threads):
        taken += deliver(journal, max_records=50)
    taken += deliver(journal, max_records=50)
    assert sorted(json.loads(each)["n"] for each in taken) == list(range(1_600))
    assert journal.appended == 1_600


def test_who_is_in_charge_stays_so_until_it_gives_up(journal):
    assert journal.claim()
    assert journal.claim()
    journal.release()
    journal.release()
    assert journal.claim()
    journal.close()
    assert journal.claim()


def test_a_closed_journal_takes_further_records(journal):
    journal.append(line(1))
    journal.close()
    assert journal.append(line(2))
    journal.close()
    assert deliver(journal) == [line(1), line(2)]


def test_pruning_takes_nothing_that_an_exporter_has_yet_to_see(journal):
    journal.append(line(1))
    journal.close()
    deliver(journal, "main")
    journal.prune()
    assert deliver(journal, "other") == [line(1)]
    journal.prune()
    assert unread(journal, "main") == unread(journal, "other") == []


def test_after_a_fork_the_child_counts_from_zero_and_goes_on(journal):
    journal.append(line(1))
    journal.claim()
    with journal.reader("main").turn():
        journal.after_fork()
        with journal.reader("main").turn() as held:
            assert held
    assert journal.appended == 0
    assert journal.append(line(2))
    assert unread(journal)[-1] == line(2)


class JournalMachine(RuleBasedStateMachine):
    """Append, read, acknowledge, close, open: each exporter sees all of it, in order."""

    kind: str

    @initialize()
    def begin(self):
        self.folder = Path(tempfile.mkdtemp())
        self.counters = Counters()
        self.lines = []
        self.reached = {"main": 0, "other": 0}
        self.torn = 0
        self.open()

    def open(self):
        exporters = sorted(self.reached)
        self.journal = (
            DiskJournal(self.folder / "chest", exporters, self.counters, Throttle())
            if self.kind == "disk"
            else MemoryJournal(exporters, self.counters, Throttle())
        )

    @rule(sizes=st.lists(st.integers(min_value=20, max_value=200), min_size=1, max_size=5))
    def append(self, sizes):
        for size in sizes:
            self.lines.append(line(len(self.lines), size))
            assert self.journal.append(self.lines[-1])

    @rule(
        exporter=st.sampled_from(["main", "other"]),
        max_records=st.integers(min_value=1, max_value=6),
        max_bytes=st.integers(min_value=1, max_value=600),
        chunks=st.integers(min_value=0, max_value=4),
    )
    def acknowledge(self, exporter, max_records, max_bytes, chunks):
        taken = deliver(self.journal, exporter, max_records, max_bytes, chunks)
        start = self.reached[exporter]
        assert taken == self.lines[start : start + len(taken)]
        assert taken or not chunks or start == len(self.lines)
        self.reached[exporter] += len(taken)

    @rule(exporter=st.sampled_from(["main", "other"]))
    def read_only(self, exporter):
        reader = self.journal.reader(exporter)
        with reader.turn():
            first = next(reader.chunks(3, ALL), None)
        expected = self.lines[self.reached[exporter] :]
        taken = first.lines.splitlines(keepends=True) if first else []
        assert taken == expected[: len(taken)]
        assert taken or not expected

    @rule()
    def prune(self):
        self.journal.prune()

    @rule()
    def close(self):
        self.journal.close()

    @precondition(lambda self: self.kind == "disk")
    @rule()
    def reopen(self):
        self.journal.close()
        self.open()

    @precondition(lambda self: self.kind == "disk")
    @rule(half=st.binary(min_size=1, max_size=50).map(lambda text: text.replace(b"\n", b"")))
    def tear(self, half):
        """Leave half a line where a writer was killed, once it has let go of its segment."""
        self.journal.close()
        files = segment_files(self.folder / "chest")
        if files and half and files[-1].read_bytes().endswith(b"\n"):
            with files[-1].open("ab") as file:
                file.write(half)
            self.torn += 1
        self.open()

    @invariant()
    def what_waits_is_reported(self):
        if hasattr(self, "journal") and not self.torn:
            for exporter, start in self.reached.items():
                waiting = sum(map(len, self.lines[start:]))
                assert self.journal.reader(exporter).pending()[0] == waiting

    def teardown(self):
        if not hasattr(self, "journal"):
            return
        for exporter, start in self.reached.items():
            assert deliver(self.journal, exporter, 7) == self.lines[start:]
        self.journal.close()
        self.journal.prune()
        if self.kind == "disk":
            assert segment_files(self.folder / "chest") == []
        assert self.counters.by_reason("dropped") == ({"torn": self.torn} if self.torn else {})
        shutil.rmtree(self.folder)


@pytest.mark.parametrize("kind", ["disk", "memory"])
def test_every_exporter_sees_every_record_whatever_the_order_of_events(kind):
    machine = type("Machine", (JournalMachine,), {"kind": kind})
    run_state_machine_as_test(
        machine, settings=settings(max_examples=60, stateful_step_count=25, deadline=None)
    )


# -- In memory -----------------------------------------------------------------------------------


def test_memory_drops_the_oldest_when_it_is_full_and_counts_them(make_memory, counters):
    journal = make_memory("main")
    size = 1024 * 1024
    for number in range(70):
        assert journal.append(line(number, size))
    left = [json.loads(each)["n"] for each in unread(journal, max_bytes=100 * size)]
    assert left == list(range(6, 70))
    assert counters.by_reason("dropped main") == {"memory_full": 6}


def test_memory_acknowledges_no_more_than_was_taken_when_it_overflows_meanwhile(make_memory):
    journal = make_memory("main")
    size = 1024 * 1024
    for number in range(64):
        journal.append(line(number, size))
    reader = journal.reader("main")
    with reader.turn():
        chunk = next(reader.chunks(4, 100 * size))
        for number in range(64, 70):
            journal.append(line(number, size))
        reader.acknowledge(chunk)
    left = [json.loads(each)["n"] for each in unread(journal, max_bytes=100 * size)]
    assert left == list(range(6, 70))


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


@pytest.mark.parametrize("umask", [0o000, 0o022, 0o777])
def test_nobody_else_may_read_the_journal_whatever_the_umask(make_disk, folder, umask):
    before = os.umask(umask)
    try:
        journal = make_disk()
        journal.append(line(1))
        journal.claim()
        deliver(journal)
        with journal.reader("main").turn():
            journal.reader("main").set_aside(line(1), ValueError("no"))
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


@pytest.fixture
def file_size_limit():
    """Return what limits the size of files: as on a full disk, the rest of a write is missing."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    yield lambda size: resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    resource.setrlimit(resource.RLIMIT_FSIZE, before)
    signal.signal(signal.SIGXFSZ, handler)


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
        journal.claim()
        deliver(journal, max_records=7)
        journal.prune()
        journal.reader("other").pending()
        journal.release()
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
    with reader.turn():
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
    assert "Set aside" in caplog.text
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
    with pytest.raises(IsADirectoryError), journal.reader("main").turn():
        pass
    assert journal.reader("main").pending() == (0, 0.0)
    journal.close()
    journal.prune()
    (folder / "cursors" / "main.json").rmdir()
    assert deliver(journal) == [line(1)]


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
    assert one.claim()
    assert not two.claim()
    one.close()
    assert two.claim()
    with one.reader("main").turn() as held:
        assert held
        with two.reader("main").turn() as other:
            assert not other
    with two.reader("main").turn() as held:
        assert held


def test_a_lock_that_cannot_be_opened_is_said_and_leaves_nobody_in_charge(
    make_disk, folder, caplog
):
    journal = make_disk("main")
    (folder / "export.lock").mkdir()
    assert not journal.claim()
    assert "Nothing is delivered" in caplog.text
    (folder / "export.lock").rmdir()
    assert journal.claim()


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
    with reader.turn():
        reader.set_aside(line(1), ValueError("too\nlong"))
        reader.set_aside(b'{"half": "\xff', TypeError("no JSON"))
    letters = (folder / "dead-letter" / "main.jsonl").read_text().splitlines()
    assert [json.loads(letter) for letter in letters] == [
        {"error": "ValueError: too\nlong", "record": json.loads(line(1))},
        {"error": "TypeError: no JSON", "record": '{"half": "\ufffd'},
    ]
