"""A disk that is full or read-only, and a journal that is deleted under a running process."""

from __future__ import annotations

import os
import resource
import shutil
import stat
import subprocess

import pytest
from support.journals import (
    asked,
    deliver,
    line,
    numbers,
    segment_files,
    variables,
)
from support.waiting import until


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
        said = [r.getMessage() for r in caplog.records if "Records are lost (" in r.getMessage()]
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
    gone = folder.rename(folder.with_name("gone"))  # else it could be made again meanwhile
    # The process has it open, and may make and delete files in it until it looks again.
    until(lambda: shutil.rmtree(gone, ignore_errors=True) or not gone.exists())
    asked(client, range(10, 15))
    until(lambda: folder.is_dir() and segment_files(folder))
    asked(client, range(15, 20))
    assert variables(recorded(chest, 20)) == list(range(20))
    assert any("was deleted while it was written to" in message for message in said())
    for path in (folder, *folder.rglob("*")):
        assert stat.S_IMODE(path.stat().st_mode) == (0o700 if path.is_dir() else 0o600), path
