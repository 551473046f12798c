"""Counters of all processes that share a journal, in files of its folder."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from support.journals import deliver, line
from support.other_user import needs_root, own
from support.waiting import until

from flask_chest.errors import ConfigurationError
from flask_chest.journal import DiskJournal
from flask_chest.journal.host_counters import read_host
from flask_chest.runtime.counters import Counters
from flask_chest.runtime.log import Throttle

PROGRAM = Path(__file__).parent / "programs" / "counts_and_is_killed.py"


class Process:
    """What a process has of a journal."""

    def __init__(self, folder, **options):
        self.counters = Counters()
        self.journal = DiskJournal(folder, ["main"], self.counters, Throttle(), **options)

    def record(self, number):
        for each in range(number):
            assert self.journal.append(line(each))

    @property
    def recorded(self):
        return self.journal.host().counts.get("recorded", {}).get("", 0)

    def close(self):
        self.journal.close()


@pytest.fixture
def make(folder):
    made = []

    def make_process(**options):
        made.append(Process(folder, **options))
        return made[-1]

    yield make_process
    for process in made:
        process.close()


@pytest.fixture
def ended(make):
    """Return a function that records in processes that end."""

    def record(*numbers):
        for number in numbers:
            process = make()
            process.record(number)
            process.close()

    return record


def files(folder):
    return sorted(path for path in (folder / "processes").glob("*.json") if path.stem != "total")


def total_of(folder):
    return json.loads((folder / "processes" / "total.json").read_text())


# -- What is kept ----------------------------------------------------------------------------------


def test_counters_of_ended_processes_stay(make, ended, folder):
    ended(3, 4)
    process = make()
    assert process.recorded == 7
    process.record(1)
    assert process.recorded == 8
    assert read_host(folder).recorded == 7, "the eighth is not yet in a file"
    process.close()
    assert read_host(folder).recorded == 8


def test_what_a_living_process_counts_is_in_its_file_soon(make, folder):
    process = make()
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
    make().record(1)  # another process, which is not started
    process.record(1)
    until(lambda: read_host(folder).recorded == 6)
    assert path.stat().st_ino != before.st_ino, "it is replaced as a whole"


def test_a_file_is_left_alone_while_nothing_changes(make, folder):
    process = make()
    process.journal.start()
    process.record(1)
    until(lambda: read_host(folder).recorded == 1)
    [path] = files(folder)
    before = path.stat()
    other = make()
    other.journal.start()  # its thread began later, and has looked again
    until(lambda: len(files(folder)) == 2)
    assert path.stat() == before


def test_a_process_that_is_started_again_goes_on_where_it_was(make, folder):
    process = make()
    process.journal.start()
    process.record(2)
    process.close()
    assert (process.recorded, read_host(folder).recorded) == (2, 2)
    process.journal.start()
    process.record(3)
    assert process.recorded == 5
    process.close()
    assert (process.recorded, read_host(folder).recorded) == (5, 5)


def test_every_kind_of_counter_is_that_of_the_host(make, folder):
    for _ in range(2):
        process = make()
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


def test_a_success_of_a_later_process_ends_the_failure_of_an_earlier_one(make, folder):
    first = make()
    first.counters.failed("main", "down", 1.0)
    first.close()
    second = make()
    second.counters.failed("main", "still down", 1.0)
    main = second.journal.host().attempts["main"]
    assert main.last_error == "still down"
    assert main.failing_since < main.failed_at, "since the first process failed"
    second.counters.succeeded("main")
    assert second.journal.host().attempts["main"].last_error is None
    second.close()
    assert read_host(folder).exporters["main"].failing_since is None


def test_the_leader_is_known_to_all(make, folder):
    leader, other = make(), make()
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


def test_waiting_records_are_counted_as_they_come_and_go(make, folder):
    process = make()
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


def test_half_a_line_is_no_waiting_record(make, folder):
    process = make()
    process.record(3)
    process.close()
    [segment] = (folder / "segments").iterdir()
    with segment.open("ab") as file:
        file.write(b'{"half')
    assert read_host(folder).exporters["main"].pending_records == 3
    content = segment.read_bytes()
    segment.write_bytes(b" " * (content.index(b"\n")) + content[content.index(b"\n") :])
    assert read_host(folder).exporters["main"].pending_records == 2, "a blank line is none, too"


def test_what_is_dead_lettered_is_counted(make, folder):
    process = make()
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


# -- One total -------------------------------------------------------------------------------------


def lead(process):
    assert process.journal.try_lead()
    process.journal.start()
    return process


def test_the_leader_adds_up_what_ended_processes_left(make, ended, folder):
    ended(3, 4)
    assert len(files(folder)) == 2
    leader = lead(make())
    until(lambda: (folder / "processes" / "total.json").exists() and len(files(folder)) == 1)
    assert total_of(folder)["counts"] == {"recorded": {"": 7}}
    assert leader.recorded == read_host(folder).recorded == 7
    leader.record(1)
    assert leader.recorded == 8


def test_a_process_that_lives_is_not_added_up(make, ended, folder):
    other = make()
    other.journal.start()
    other.record(2)
    until(lambda: read_host(folder).recorded == 2)
    [path] = files(folder)
    ended(3)
    lead(make())
    until((folder / "processes" / "total.json").exists)
    assert path.exists()
    assert read_host(folder).recorded == 5


def test_many_files_are_added_up_where_no_process_ever_leads(make, ended, folder):
    ended(*[1] * 140)
    assert len(files(folder)) < 70
    assert read_host(folder).recorded == 140


def test_names_are_bounded_for_the_host_as_for_a_process(make, folder):
    for number in range(3):
        process = make()
        for each in range(700):
            process.counters.add("redacted", f"{number}-{each}")
        process.close()
    lead(make())
    until((folder / "processes" / "total.json").exists)
    redacted = read_host(folder).redacted
    assert len(redacted) == 1_001
    assert sum(redacted.values()) == 2_100
    assert redacted["…"] == 1_100


@pytest.mark.parametrize("work", ["fold", "write"])
def test_a_kill_at_any_moment_neither_loses_nor_doubles(work, tmp_path):
    done = subprocess.run(
        [sys.executable, PROGRAM, tmp_path, work], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    found = [tuple(map(int, each.split())) for each in done.stdout.splitlines()]
    assert len(found) > 20, "so many moments there are"
    if work == "fold":
        assert set(found) == {(15, 15)}
    else:
        assert found == sorted(found), "nothing of it, and then all of it"
        assert set(found) == {(15, 15), (18, 18)}


# -- What somebody does in the folder --------------------------------------------------------------


def test_an_older_journal_without_the_folder_has_it_soon(make, ended, folder):
    ended(1)
    shutil.rmtree(folder / "processes")
    assert read_host(folder).recorded == 0
    process = make()
    process.journal.start()
    process.record(2)
    until(lambda: read_host(folder).recorded == 2)


def test_a_folder_that_is_deleted_has_the_counters_of_a_living_process_again(make, folder):
    process = make()
    process.journal.start()
    process.record(2)
    until(lambda: read_host(folder).recorded == 2)
    shutil.rmtree(folder / "processes")
    assert process.recorded == 2
    until(lambda: read_host(folder).recorded == 2)
    shutil.rmtree(folder)
    process.record(1)
    until(lambda: folder.exists() and read_host(folder).recorded == 3)
    assert process.recorded == 3


def test_a_process_whose_file_was_replaced_is_counted_once(make, folder):
    process = make()
    process.journal.start()
    process.record(2)
    until(lambda: read_host(folder).recorded == 2)
    [path] = files(folder)
    copy = shutil.copy(path, path.with_suffix(".copy"))
    shutil.move(copy, path)  # nobody has a lock on this one
    inode = path.stat().st_ino
    process.record(1)
    assert process.recorded == 3
    until(lambda: read_host(folder).recorded == 3 and path.stat().st_ino != inode)
    lead(make())
    until(lambda: len(files(folder)) == 2)
    assert process.recorded == read_host(folder).recorded == 3


def test_a_process_that_was_added_up_while_it_lives_is_counted_once(make, folder):
    process = make()
    process.journal.start()
    process.record(2)
    until(lambda: read_host(folder).recorded == 2)
    [path] = files(folder)
    total = {**json.loads(path.read_text()), "contains": [path.name]}
    (folder / "processes" / "total.json").write_text(json.dumps(total))
    assert (process.recorded, read_host(folder).recorded) == (2, 2)
    path.unlink()
    process.record(1)
    assert process.recorded == 3
    until(lambda: read_host(folder).recorded == 3)
    assert process.recorded == 3


DAMAGES = {
    "empty": b"",
    "half": b'{"version": 1, "pid": 7, "cou',
    "zeros": b"\0" * 4_096,
    "a list": b"[]",
    "no version": b'{"counts": {}}',
    "a negative count": b'{"version": 1, "counts": {"recorded": {"": -3}}}',
    "a huge count": b'{"version": 1, "counts": {"recorded": {"": 1' + b"0" * 30 + b"}}}",
    "a text": b'{"version": 1, "counts": {"recorded": {"": "3"}}}',
    "nested": b"[" * 100_000,
    "an older version": b'{"version": 0, "counts": {}}',
    "too large": b" " * (17 * 1024 * 1024),
}


@pytest.mark.parametrize("which", ["process", "total"])
@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_file_is_quarantined_and_said_once(damage, which, make, ended, folder, said):
    ended(3, 4)
    name = "total.json" if which == "total" else files(folder)[0].name
    (folder / "processes" / name).write_bytes(DAMAGES[damage])
    left = 7 if which == "total" else 4
    assert read_host(folder).recorded == left
    leader = lead(make())
    until((folder / "damaged" / f"{name}.reason").exists)
    until(lambda: leader.recorded == left and len(files(folder)) == 1)
    until(lambda: total_of(folder)["counts"] == {"recorded": {"": left}})
    assert (folder / "damaged" / name).read_bytes() == DAMAGES[damage]
    leader.record(1)
    assert deliver(leader.journal)
    assert leader.counters.by_reason("dropped") == {}, "no record is lost with it"
    assert len([text for text in said() if "Quarantined" in text]) == 1


def test_a_file_of_a_newer_release_is_left_to_that_one(make, ended, folder, said):
    ended(3)
    newer = folder / "processes" / "0.json"
    newer.write_text('{"version": 2, "counters": []}')
    leader = lead(make())
    until((folder / "processes" / "total.json").exists)
    assert newer.exists()
    assert leader.recorded == 3
    assert len([text for text in said() if "passed over" in text]) == 1


def plant(path, how):
    path.parent.mkdir(mode=0o700, exist_ok=True)
    if how == "link":
        path.symlink_to("/etc/passwd")
    elif how == "FIFO":
        os.mkfifo(path)
    elif how == "folder":
        path.mkdir()
    else:
        path.write_text('{"version": 1, "counts": {"recorded": {"": 1000}}}')
        own(path)


@pytest.mark.parametrize(
    "how", ["link", "FIFO", "folder", pytest.param("somebody else's", marks=needs_root)]
)
@pytest.mark.parametrize("name", ["0.json", "total.json"])
def test_what_somebody_planted_counts_for_nothing(name, how, make, ended, folder):
    ended(3)
    planted = folder / "processes" / name
    plant(planted, how)
    assert read_host(folder).recorded == 3
    leader = lead(make())
    until(lambda: len(files(folder)) == 1 and (folder / "damaged" / f"{name}.reason").exists())
    assert leader.recorded == 3
    assert os.path.lexists(folder / "damaged" / name)
    leader.record(1)
    assert deliver(leader.journal)


@needs_root
def test_a_folder_of_somebody_else_is_not_used(make, ended, folder, said):
    ended(1)
    os.chown(folder / "processes", 65_534, 65_534)
    process = lead(make())
    process.record(2)
    until(lambda: [text for text in said() if "belongs to" in text])
    assert process.recorded == 2
    assert deliver(process.journal)
    assert len(files(folder)) == 1


def test_a_full_disk_costs_counters_at_most(make, folder, file_size_limit, said):
    process = make()
    process.journal.start()
    process.record(1)
    until(lambda: read_host(folder).recorded == 1)
    for number in range(1_000):
        process.counters.add("redacted", f"a long name of a variable {number}")
    file_size_limit(16_384)
    until(lambda: [text for text in said() if "cannot be kept" in text])
    process.record(1)
    assert process.recorded == 2
    assert len(deliver(process.journal)) == 2
    assert read_host(folder).recorded == 1, "as it was"
    file_size_limit(-1)
    until(lambda: read_host(folder).recorded == 2)
    assert len(read_host(folder).redacted) == 1_000
    assert len(list((folder / "processes").iterdir())) == 1


def test_a_name_with_half_a_surrogate_is_counted(make, folder):
    process = make()
    process.counters.add("redacted", "key\ud800")
    process.close()
    assert read_host(folder).redacted == {"key?": 1}


# -- From outside ----------------------------------------------------------------------------------


def tree(folder):
    return {path: path.lstat().st_mtime_ns for path in [folder, *folder.rglob("*")]}


def test_nothing_is_written_when_a_host_is_read(make, ended, folder):
    ended(3)
    process = make(max_bytes=2**20)
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


def test_a_folder_that_others_may_write_is_refused(make, ended, folder):
    ended(1)
    folder.chmod(0o777)
    with pytest.raises(ConfigurationError, match="chmod go-w"):
        read_host(folder)
    folder.chmod(0o700)


def test_a_folder_without_journal_has_nothing(tmp_path):
    stats = read_host(tmp_path)
    assert (stats.recorded, stats.exporters) == (0, {})
    assert list(tmp_path.iterdir()) == []
