"""Whose the journal's files and folders are, and who may read them."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest
from support.journals import (
    deliver,
    line,
    open_descriptors,
    segment_files,
)

from flask_chest.errors import ConfigurationError
from flask_chest.journal import DiskJournal
from flask_chest.runtime.counters import Counters
from flask_chest.runtime.log import Throttle


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
    leases, folders = 2, 4
    assert open_descriptors() == before - 1 - leases - folders


@pytest.mark.skipif(os.geteuid() != 0, reason="only root creates files for others")
def test_files_that_root_creates_belong_to_the_owner_of_the_folder(folder, tmp_path):
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
def test_links_in_the_folder_are_not_followed(make_disk, folder, tmp_path, name):
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
