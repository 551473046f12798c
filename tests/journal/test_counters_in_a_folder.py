"""Counters in a folder in which somebody deletes, damages or plants files."""

from __future__ import annotations

import json
import os
import shutil

import pytest
from support.counting import files, lead, total_of
from support.journals import deliver
from support.other_user import needs_root, own
from support.waiting import until

from flask_chest.journal.host_counters import read_host


def test_an_older_journal_without_the_folder_has_it_soon(make_process, ended, folder):
    ended(1)
    shutil.rmtree(folder / "processes")
    assert read_host(folder).recorded == 0
    process = make_process()
    process.journal.start()
    process.record(2)
    until(lambda: read_host(folder).recorded == 2)


def test_a_folder_that_is_deleted_has_the_counters_of_a_living_process_again(make_process, folder):
    process = make_process()
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


def test_a_process_whose_file_was_replaced_is_counted_once(make_process, folder):
    process = make_process()
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
    lead(make_process())
    until(lambda: len(files(folder)) == 2)
    assert process.recorded == read_host(folder).recorded == 3


def test_a_process_that_was_added_up_while_it_lives_is_counted_once(make_process, folder):
    process = make_process()
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


@pytest.mark.parametrize("which", ["process", pytest.param("total", marks=pytest.mark.slow)])
@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_file_is_quarantined_and_said_once(
    damage, which, make_process, ended, folder, said
):
    ended(3, 4)
    name = "total.json" if which == "total" else files(folder)[0].name
    (folder / "processes" / name).write_bytes(DAMAGES[damage])
    left = 7 if which == "total" else 4
    assert read_host(folder).recorded == left
    leader = lead(make_process())
    until((folder / "damaged" / f"{name}.reason").exists)
    until(lambda: leader.recorded == left and len(files(folder)) == 1)
    until(lambda: total_of(folder)["counts"] == {"recorded": {"": left}})
    assert (folder / "damaged" / name).read_bytes() == DAMAGES[damage]
    leader.record(1)
    assert deliver(leader.journal)
    assert leader.counters.by_reason("dropped") == {}, "no record is lost with it"
    assert len([text for text in said() if "Quarantined" in text]) == 1


def test_a_file_of_a_newer_release_is_left_to_that_one(make_process, ended, folder, said):
    ended(3)
    newer = folder / "processes" / "0.json"
    newer.write_text('{"version": 2, "counters": []}')
    leader = lead(make_process())
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
def test_what_somebody_planted_counts_for_nothing(name, how, make_process, ended, folder):
    ended(3)
    planted = folder / "processes" / name
    plant(planted, how)
    assert read_host(folder).recorded == 3
    leader = lead(make_process())
    until(lambda: len(files(folder)) == 1 and (folder / "damaged" / f"{name}.reason").exists())
    assert leader.recorded == 3
    assert os.path.lexists(folder / "damaged" / name)
    leader.record(1)
    assert deliver(leader.journal)


@needs_root
def test_a_folder_of_somebody_else_is_not_used(make_process, ended, folder, said):
    ended(1)
    os.chown(folder / "processes", 65_534, 65_534)
    process = lead(make_process())
    process.record(2)
    until(lambda: [text for text in said() if "belongs to" in text])
    assert process.recorded == 2
    assert deliver(process.journal)
    assert len(files(folder)) == 1


def test_a_full_disk_costs_counters_at_most(make_process, folder, file_size_limit, said):
    process = make_process()
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


def test_a_name_with_half_a_surrogate_is_counted(make_process, folder):
    process = make_process()
    process.counters.add("redacted", "key\ud800")
    process.close()
    assert read_host(folder).redacted == {"key?": 1}
