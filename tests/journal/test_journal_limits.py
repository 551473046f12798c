"""A journal that is full, a disk that is full, and folders that disappear."""

from __future__ import annotations

import json
import os
import resource
import shutil
import signal
import stat
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from flask import Flask, g
from support.journals import deliver, line, segment_files, unread

from flask_chest.errors import ConfigurationError
from flask_chest.journal import DiskJournal, disk, files
from flask_chest.record import uuid7
from flask_chest.runtime.counters import Counters
from flask_chest.runtime.log import Throttle

MIB = 1024 * 1024
SMALLEST = 1_048_576


def size_of(folder):
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def numbers(lines):
    return [json.loads(each)["n"] for each in lines]


def until(condition, seconds=15.0):
    deadline = time.monotonic() + seconds
    while not (result := condition()):
        assert time.monotonic() < deadline, "it never happened"
        time.sleep(0.01)
    return result


# -- CHEST_JOURNAL_MAX_BYTES ---------------------------------------------------------------------


def test_the_oldest_records_make_room_and_each_is_counted_for_who_did_not_have_it(
    make_disk, folder, counters, caplog
):
    journal = make_disk(max_bytes=SMALLEST)
    for number in range(100):
        assert journal.append(line(number, 1_000))
    assert deliver(journal, "main") != []
    for number in range(100, 5_000):
        assert journal.append(line(number, 1_000))
    assert size_of(folder / "segments") <= SMALLEST + SMALLEST // 64 + 1_000
    left = numbers(unread(journal, "other", 64 * MIB))
    assert left == list(range(left[0], 5_000)), "the newest are there, in order"
    assert len(left) > 900
    assert counters.by_reason("dropped") == {}
    assert counters.by_reason("dropped other") == {"journal_full": left[0]}
    assert counters.by_reason("dropped main") == {"journal_full": left[0] - 100}
    said = [record.getMessage() for record in caplog.records]
    assert len(said) == 2, "once a minute for each exporter"
    assert all("CHEST_JOURNAL_MAX_BYTES=1048576" in message for message in said)


def test_new_records_are_dropped_when_the_oldest_are_to_stay_and_kept_again_when_there_is_room(
    make_disk, folder, counters, caplog, monkeypatch
):
    journal = make_disk("main", max_bytes=SMALLEST, when_full="drop_newest")
    kept = [number for number in range(3_000) if journal.append(line(number, 1_000))]
    assert kept == list(range(len(kept)))
    assert 900 < len(kept) < 1_100
    assert size_of(folder / "segments") <= SMALLEST + SMALLEST // 64 + 1_000
    assert counters.by_reason("dropped") == {"journal_full": 3_000 - len(kept)}
    assert [record.levelname for record in caplog.records] == ["ERROR"]
    assert numbers(deliver(journal)) == kept
    journal.prune()
    monkeypatch.setattr(disk, "_FULL_SECONDS", 0.0)
    until(lambda: journal.append(line(3_000)))
    assert numbers(deliver(journal)) == [3_000]


WRITER = """
import sys
from pathlib import Path
from flask_chest.journal import DiskJournal
from flask_chest.runtime.log import Throttle
from flask_chest.runtime.counters import Counters
counters = Counters()
journal = DiskJournal(
    Path(sys.argv[1]), ["main"], counters, Throttle(), max_bytes=1_048_576, when_full=sys.argv[2]
)
kept = sum(journal.append(b'{"pad": "%s"}\\n' % (b"x" * 989)) for _ in range(4_000))
print(kept, counters.by_reason("dropped main").get("journal_full", 0))
"""


def stop(process):
    """Stop a process until it gets SIGCONT; come back when it has stopped or ended."""
    process.send_signal(signal.SIGSTOP)
    status = Path(f"/proc/{process.pid}/stat")
    while process.poll() is None and status.read_text().rpartition(")")[2].split()[0] != "T":
        time.sleep(0.0005)


@pytest.mark.parametrize("when_full", ["drop_oldest", "drop_newest"])
def test_processes_that_write_at_the_same_time_stay_below_the_limit_together(
    make_disk, folder, when_full
):
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", WRITER, folder, when_full], stdout=subprocess.PIPE, text=True
        )
        for _ in range(4)
    ]
    largest = 0
    while any(process.poll() is None for process in processes):
        if (folder / "segments").is_dir():
            for process in processes:  # else they write on between one look and the next
                stop(process)
            largest = max(largest, sum(path.stat().st_size for path in segment_files(folder)))
            for process in processes:
                process.send_signal(signal.SIGCONT)
        time.sleep(0.002)
    said = [process.communicate()[0].split() for process in processes]
    assert [process.returncode for process in processes] == [0] * 4
    assert SMALLEST // 2 < largest <= SMALLEST + 4 * (SMALLEST // 64 + 1_000)
    kept, dropped = (sum(int(each[place]) for each in said) for place in (0, 1))
    left = len(unread(make_disk("main"), max_bytes=64 * MIB))
    assert left == kept - dropped
    if when_full == "drop_oldest":
        assert kept == 16_000
    else:
        assert dropped == 0
        assert kept < 2_000


def test_more_processes_than_have_room_go_on_once_their_segments_are_delivered(make_disk, folder):
    # Nobody may delete a segment that is written to, and each of these has one.
    journals = [make_disk("main", max_bytes=SMALLEST, when_full="drop_newest") for _ in range(20)]
    for journal in journals:
        while journal.append(line(1, 10_000)) and journal._writer.size < 60_000:
            pass
    assert size_of(folder / "segments") >= SMALLEST - 60_000
    assert deliver(journals[0], max_bytes=64 * MIB)
    for journal in journals:
        journal._full_until = None
        until(lambda: (journals[0].prune(), journal.append(line(2)))[1])  # noqa: B023


def test_a_record_larger_than_all_the_room_is_kept_alone_or_dropped_and_the_next_one_fits(
    make_disk, counters
):
    journal = make_disk("main", max_bytes=SMALLEST)
    journal.append(line(1))
    assert journal.append(line(2, 2 * SMALLEST))
    for number in range(3, 6):
        assert journal.append(line(number))
    left = numbers(unread(journal, max_bytes=4 * SMALLEST))
    assert left[-3:] == [3, 4, 5]
    lost = counters.by_reason("dropped main").get("journal_full", 0)
    assert lost + len(left) == 5


def test_a_process_that_records_nothing_for_long_leaves_its_segment(make_disk, folder, monkeypatch):
    journal = make_disk("main")
    journal.append(line(1))
    assert deliver(journal) == [line(1)]
    journal.prune()
    assert len(segment_files(folder)) == 1
    monkeypatch.setattr(disk, "IDLE_SECONDS", 0.0)
    journal.start()
    until(lambda: (journal.prune(), segment_files(folder))[1] == [])
    assert journal.append(line(2))
    assert deliver(journal) == [line(2)]


def test_dead_letters_do_not_grow_for_ever(make_disk, folder, counters, caplog):
    reader = make_disk("main", max_bytes=SMALLEST).reader("main")
    with reader.lease():
        for number in range(300):
            reader.dead_letter(line(number, 1_000), ValueError("no"))
    letters = (folder / "dead-letter" / "main.jsonl").read_text().splitlines()
    assert SMALLEST // 8 <= size_of(folder / "dead-letter") < SMALLEST // 8 + 2_000
    assert counters.by_reason("dropped main") == {"dead_letters_full": 300 - len(letters)}
    assert "Look into it, and delete it" in caplog.text


def test_damaged_parts_make_room_for_newer_ones(make_disk, folder, counters):
    for _ in range(4):
        journal = make_disk("main", max_bytes=SMALLEST)
        journal.append(line(1))
        with segment_files(folder)[-1].open("ab") as file:
            file.write(b"x" * 50_000)
        newest = segment_files(folder)[-1].name
        journal.close()
        deliver(journal)
        journal.prune()
    assert segment_files(folder) == []
    assert size_of(folder / "damaged") <= SMALLEST // 8 + 1_000
    assert (folder / "damaged" / f"{newest}@{len(line(1))}").read_bytes() == b"x" * 50_000
    assert counters.by_reason("dropped") == {"torn": 4}


def test_the_limit_in_memory_holds_for_each_exporter_and_either_policy(make_memory, counters):
    oldest = make_memory("main", "other", max_bytes=10_000)
    for number in range(30):
        oldest.append(line(number, 1_000))
        deliver(oldest, "other")
    assert numbers(unread(oldest)) == list(range(20, 30))
    assert counters.by_reason("dropped main") == {"memory_full": 20}
    newest = make_memory("third", max_bytes=10_000, when_full="drop_newest")
    for number in range(30):
        newest.append(line(number, 1_000))
    assert numbers(unread(newest, "third")) == list(range(10))
    assert counters.by_reason("dropped third") == {"memory_full": 20}
    assert counters.by_reason("dropped other") == {}


@pytest.mark.parametrize(
    ("setting", "value", "remedy"),
    [
        ("journal_max_bytes", 1_000, "greater than or equal to 1048576"),
        ("journal_when_full", "drop_all", "'drop_oldest' or 'drop_newest'"),
        ("fsync", "sometimes", "'interval', 'always' or 'never'"),
        ("retry_seconds", 0, "greater than or equal to 0.01"),
        ("export_timeout_seconds", -1, "greater than or equal to 0.1"),
    ],
)
def test_a_wrong_setting_is_named_with_the_remedy(make_chest, app, setting, value, remedy):
    with pytest.raises(ConfigurationError, match=f"CHEST_{setting.upper()}=") as error:
        make_chest(**{setting: value}).init_app(app)
    assert remedy in str(error.value)
    assert repr(value) in str(error.value)


# -- A disk that is full, and folders that disappear ----------------------------------------------


@pytest.fixture
def shop(make_chest, tmp_path):
    """Return an application with a tracked view, its chest, and its journal's folder."""
    chest = make_chest(export_interval_seconds=0.05, raise_errors=False)
    app = Flask("shop")

    @app.get("/<int:number>")
    @chest.track("number")
    def view(number):
        g.number = number
        return str(number)

    chest.init_app(app)
    return app, chest, tmp_path / "journal"


def asked(client, wanted):
    for number in wanted:
        response = client.get(f"/{number}")
        assert (response.status_code, response.text) == (200, str(number))


def variables(rows):
    return sorted(row["variables"]["number"] for row in rows)


def test_requests_go_on_while_the_disk_is_full_and_recording_resumes_by_itself(
    shop, serve, recorded, file_size_limit
):
    app, chest, folder = shop
    client = serve(app)
    asked(client, range(5))
    recorded(chest, 5)
    written = max(path.stat().st_size for path in segment_files(folder))
    file_size_limit(written)
    asked(client, range(5, 12))
    file_size_limit(resource.RLIM_INFINITY)
    assert chest.stats().dropped == {"disk_full": 7}
    asked(client, range(12, 15))
    assert variables(recorded(chest, 8)) == [*range(5), *range(12, 15)]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can mount")
def test_a_file_system_that_is_full_to_the_last_byte_is_emptied_by_delivery(
    tmp_path, make_disk, counters
):
    small = tmp_path / "small"
    small.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=256k", "chest", str(small)]
    if subprocess.run(mount, capture_output=True, check=False).returncode != 0:
        pytest.skip("this machine lets nobody mount; RLIMIT_FSIZE stands for it above")
    try:
        journal = make_disk("main", folder=small / "chest")
        kept = [number for number in range(400) if journal.append(line(number, 1_000))]
        assert 100 < len(kept) < 300
        assert counters.by_reason("dropped") == {"disk_full": 400 - len(kept)}
        journal.close()  # its segment may go once it is delivered
        taken = numbers(deliver(journal, max_records=10))
        assert taken == kept, "though no cursor could be stored"
        assert deliver(journal) == []
        journal.prune()
        assert segment_files(small / "chest") == []
        assert journal.append(line(400))
        assert numbers(deliver(journal)) == [400]
        journal.close()
    finally:
        subprocess.run(["umount", "--lazy", str(small)], check=True)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can mount")
def test_requests_go_on_while_the_file_system_is_read_only(tmp_path, make_disk, counters, caplog):
    place = tmp_path / "place"
    place.mkdir()

    def mount(*options):
        command = ["mount", "-t", "tmpfs", *options, "chest", str(place)]
        return subprocess.run(command, capture_output=True, check=False).returncode == 0

    if not mount():
        pytest.skip("this machine lets nobody mount")
    try:
        journal = make_disk("main", folder=place / "chest")
        assert journal.append(line(1))
        journal.close()  # else the kernel does not allow it
        assert mount("-o", "remount,ro")
        assert not journal.append(line(2))
        assert not journal.append(line(3))
        assert counters.by_reason("dropped") == {"journal": 2}
        assert not journal.try_lead()
        with pytest.raises(OSError, match="Read-only"):
            deliver(journal)
        journal.prune()
        journal.start()
        assert mount("-o", "remount,rw")
        assert journal.append(line(4))
        assert journal.try_lead()
        assert deliver(journal) == [line(1), line(4)]
        said = [r.getMessage() for r in caplog.records if "A record is lost" in r.getMessage()]
        assert len(said) == 1
        journal.close()
    finally:
        subprocess.run(["umount", "--lazy", str(place)], check=True)


def test_a_journal_deleted_under_a_running_process_is_written_again(shop, serve, recorded, said):
    app, chest, folder = shop
    client = serve(app)
    asked(client, range(5))
    recorded(chest, 5)
    asked(client, range(5, 10))
    gone = folder.rename(folder.with_name("gone"))  # as nothing is made there any more meanwhile
    shutil.rmtree(gone)
    asked(client, range(10, 15))
    until(lambda: folder.is_dir() and segment_files(folder))
    asked(client, range(15, 20))
    assert variables(recorded(chest, 20)) == list(range(20))
    assert any("was deleted while it was written to" in message for message in said())
    for path in (folder, *folder.rglob("*")):
        assert stat.S_IMODE(path.stat().st_mode) == (0o700 if path.is_dir() else 0o600), path


def test_a_lock_on_a_deleted_file_holds_nobody_off(make_disk, folder):
    one, two = make_disk("main"), make_disk("main")
    assert one.try_lead()
    (folder / "export.lock").unlink()
    assert two.try_lead()
    assert not one.try_lead(), "it notices that its lock is worth nothing"
    two.close()
    assert one.try_lead()


# -- CHEST_FSYNC ---------------------------------------------------------------------------------


@pytest.fixture
def synced(monkeypatch):
    """Return the names of the files that the disk was waited for, with the real calls made."""
    names = []

    def watching(call):
        def sync(descriptor):
            names.append(Path(f"/proc/self/fd/{descriptor}").readlink().name)
            call(descriptor)

        return sync

    monkeypatch.setattr(os, "fsync", watching(os.fsync))
    monkeypatch.setattr(os, "fdatasync", watching(os.fdatasync))
    return names


def test_always_syncs_each_record_before_append_returns(make_disk, folder, synced):
    journal = make_disk("main", fsync="always")
    for number in range(3):
        journal.append(line(number))
        assert synced.count(segment_files(folder)[0].name) == number + 1
    assert "segments" in synced, "or the file's name would be lost"


def test_interval_syncs_beside_the_requests_what_is_new(make_disk, folder, synced, monkeypatch):
    monkeypatch.setattr("flask_chest.journal.maintenance.INTERVAL_SECONDS", 0.01)
    monkeypatch.setattr(disk, "MAX_SEGMENT_BYTES", 100)
    journal = make_disk("main", fsync="interval")
    for number in range(5):
        journal.append(line(number, 60))
    assert synced == []
    journal.start()
    names = {path.name for path in segment_files(folder)}
    assert len(names) == 3
    until(lambda: {*names, "segments"} <= set(synced))
    assert synced.count("segments") == 1
    calls = len(synced)
    time.sleep(0.2)
    assert len(synced) == calls, "nothing new"
    journal.append(line(5, 60))
    journal.close()
    assert len(synced) > calls, "a last time, at the end"


def test_never_syncs_nothing(make_disk, synced, monkeypatch):
    monkeypatch.setattr("flask_chest.journal.maintenance.INTERVAL_SECONDS", 0.01)
    journal = make_disk("main", fsync="never")
    journal.append(line(1))
    journal.start()
    time.sleep(0.1)
    journal.close()
    assert synced == []


@pytest.mark.parametrize(("fsync", "times"), [("always", 2), ("interval", 2), ("never", 0)])
def test_a_dead_letter_is_synced_before_the_cursor_moves_behind_its_record(
    make_disk, synced, fsync, times
):
    reader = make_disk("main", fsync=fsync).reader("main")
    with reader.lease():
        for number in range(2):
            reader.dead_letter(line(number), ValueError("no"))
    assert synced.count("main.jsonl") == times


def test_a_dead_letter_whose_sync_fails_is_kept_once_and_that_is_said(
    make_disk, folder, monkeypatch, caplog
):
    def fail(_descriptor):
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(files.os, "fsync", fail)
    reader = make_disk("main").reader("main")
    with reader.lease():
        reader.dead_letter(line(1), ValueError("no"))
    assert (folder / "dead-letter" / "main.jsonl").read_bytes().count(b"\n") == 1
    assert "may lose records when the power fails" in caplog.text


def test_a_disk_that_does_not_answer_or_fails_holds_up_no_record(make_disk, monkeypatch, caplog):
    monkeypatch.setattr("flask_chest.journal.maintenance.INTERVAL_SECONDS", 0.01)
    entered, let_go = threading.Event(), threading.Event()

    def hang(_descriptor):
        entered.set()
        assert let_go.wait(30)
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(files.os, "fsync", hang)
    journal = make_disk("main")
    journal.append(line(0))
    journal.start()
    assert entered.wait(5)
    for number in range(1, 100):
        assert journal.append(line(number))
    assert numbers(deliver(journal)) == list(range(100))
    journal.close()  # in a second, although the thread hangs
    let_go.set()
    until(lambda: "Records may be lost when the power fails" in caplog.text)


# -- Whose the files are ---------------------------------------------------------------------------


@pytest.mark.skipif(os.geteuid() != 0, reason="only root creates files for others")
def test_what_root_creates_belongs_to_the_owner_of_the_folder(folder, tmp_path):
    tmp_path.chmod(0o755)
    folder.mkdir()
    os.chown(folder, 65_534, 65_534)
    journal = DiskJournal(folder, ["main"], Counters(), Throttle())
    journal.append(line(1))
    with segment_files(folder)[0].open("ab") as file:
        file.write(b"half")
    reader = journal.reader("main")
    with reader.lease():
        reader.dead_letter(line(2), ValueError("no"))
    assert deliver(journal) == [line(1)]
    assert journal.try_lead()
    journal.close()
    journal.prune()
    paths = list(folder.rglob("*"))
    assert {path.name for path in paths} >= {"damaged", "main.json", "main.jsonl", "export.lock"}
    assert {(path.stat().st_uid, path.stat().st_gid) for path in paths} == {(65_534, 65_534)}


@pytest.mark.parametrize("name", ["cursors/main.json.new", "cursors/main.new", "export.lock"])
def test_a_link_in_the_folder_leads_nobody_to_another_file(make_disk, folder, tmp_path, name):
    precious = tmp_path / "precious"
    precious.write_text("as it was")
    precious.chmod(0o644)
    journal = make_disk("main")
    (folder / name).symlink_to(precious)
    journal.append(line(1))
    journal.try_lead()
    deliver(journal)
    assert precious.read_text() == "as it was"
    assert stat.S_IMODE(precious.stat().st_mode) == 0o644


# -- Damage, as it looks in the database -----------------------------------------------------------


def test_whatever_is_damaged_all_else_is_in_the_database_once(shop, serve, recorded, said, caplog):
    app, chest, folder = shop
    client = serve(app)
    asked(client, range(10))
    recorded(chest, 10)
    chest.close()
    (folder / "cursors" / "main.json").write_bytes(b'{"01a2')
    # What another process left when the power failed.
    good = segment_files(folder)[0].read_bytes() if segment_files(folder) else b""
    dead = folder / "segments" / f"{uuid7()}.jsonl"
    template = {**record_of(app, client, chest), "variables": {"number": 11}}
    lines = [json.dumps({**template, "id": uuid7(), "variables": {"number": n}}) for n in (11, 12)]
    dead.write_bytes(
        good
        + f"{lines[0]}\n".encode()
        + b"\xff\x00 no JSON at all {{{\n"
        + f"{lines[1]}\n".encode()
        + b'{"id": "half a li'
        + b"\0" * 4096
    )
    (folder / "segments" / f"{uuid7()}.jsonl").mkdir()
    asked(client, range(20, 25))
    until(lambda: not chest.stats().exporters["main"].pending_bytes)
    chest.close()
    rows = recorded(chest)
    assert variables(rows) == [*range(13), *range(20, 25)]
    letters = (folder / "dead-letter" / "main.jsonl").read_text().splitlines()
    assert [json.loads(letter)["record"] for letter in letters] == [
        "\ufffd\x00 no JSON at all {{{\n"
    ]
    reasons = sorted(path.read_text() for path in (folder / "damaged").glob("*.reason"))
    assert len(reasons) == 2
    assert "4096 of them zeros" in "".join(reasons)
    assert "Is a directory" in "".join(reasons)
    assert (folder / "damaged" / f"{dead.name}@{dead_offset(lines, good)}").read_bytes() == (
        b'{"id": "half a li'
    )


def dead_offset(lines, good):
    return len(good) + len(lines[0]) + 1 + len(b"\xff\x00 no JSON at all {{{\n") + len(lines[1]) + 1


def record_of(app, client, chest):
    """Record one more request, whose number is 10, and return its record."""
    with app.app_context():
        asked(client, [10])
        assert chest.flush(10)
        newest = chest.store("main").query(limit=1)
    return newest[0].as_data()
