"""CHEST_FSYNC: when the disk is waited for."""

from __future__ import annotations

import os
import threading
import time
from pathlib import Path

import pytest
from support.counting import files as files_of_processes
from support.counting import lead, total_of
from support.journals import (
    deliver,
    line,
    numbers,
    segment_files,
)
from support.waiting import until

from flask_chest.journal import disk, files


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


def test_interval_syncs_new_records_in_the_maintenance_thread(
    make_disk, folder, synced, monkeypatch
):
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
def test_a_dead_letter_is_synced_before_the_cursor_passes_its_record(
    make_disk, synced, fsync, times
):
    reader = make_disk("main", fsync=fsync).reader("main")
    with reader.lease():
        for number in range(2):
            reader.dead_letter(line(number), ValueError("no"))
    assert synced.count("main.jsonl") == times


@pytest.mark.parametrize("fsync", ["always", "interval", "never"])
def test_a_total_of_counters_is_synced_before_the_files_that_it_contains_are_deleted(
    make_process, folder, synced, fsync
):
    ended = make_process(fsync=fsync)
    ended.record(3)
    ended.close()
    [path] = files_of_processes(folder)
    synced.clear()
    leader = lead(make_process(fsync=fsync))
    until(lambda: not path.exists())
    assert total_of(folder)["counts"]["recorded"] == {"": 3}
    assert leader.recorded == 3
    assert any(name.startswith("total") for name in synced) == (fsync != "never")


def test_a_dead_letter_whose_sync_fails_is_kept_once_and_that_is_logged(
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


def test_a_disk_that_hangs_or_fails_delays_no_record(make_disk, monkeypatch, caplog):
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
