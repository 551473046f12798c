"""What is lost on a full disk is counted there while it is full."""

from __future__ import annotations

import threading

import pytest
from support.counting import Process, files
from support.journals import line
from support.small_disk import needs_mount, small_disk
from support.waiting import until

from flask_chest.journal.host_counters import read_host

pytestmark = needs_mount


@pytest.fixture
def disk(tmp_path):
    with small_disk(tmp_path / "small") as disk:
        yield disk


@pytest.fixture
def process(disk):
    """Return a process that has recorded once, and whose counters are on the disk."""
    process = Process(disk.path / "chest")
    process.journal.start()
    process.record(1)
    until(lambda: read_host(disk.path / "chest").recorded == 1)
    yield process
    process.close()


def lose(process, number):
    """Let a process lose records; of the first few, one may fit into the last page."""
    lost = sum(not process.journal.append(line(each, 6_000)) for each in range(number))
    assert lost == number


def test_another_process_reads_how_many_are_lost_before_there_is_room(disk, process, said):
    folder = disk.path / "chest"
    disk.fill()
    lose(process, 229)
    until(lambda: read_host(folder).dropped == {"disk_full": 229})
    lose(process, 771)
    until(lambda: read_host(folder).dropped == {"disk_full": 1_000})
    assert (read_host(folder).processes, read_host(folder).recorded) == (1, 1)
    assert read_host(folder).journal.disk_free_bytes == 0
    assert not [text for text in said() if "counters" in text.lower()]
    disk.make_room()
    process.record(1)
    until(lambda: read_host(folder).recorded == 2)
    assert read_host(folder).dropped == {"disk_full": 1_000}
    assert read_host(folder).journal.disk_free_bytes > 0


def test_what_a_killed_process_lost_on_a_full_disk_is_counted_still(disk, process):
    folder = disk.path / "chest"
    disk.fill()
    lose(process, 7)
    until(lambda: read_host(folder).dropped == {"disk_full": 7})
    process.journal._process._file.give_up()  # as its end does: the lock goes, the file stays
    stats = read_host(folder)
    assert (stats.dropped, stats.processes) == ({"disk_full": 7}, 0)


@pytest.mark.slow
def test_counters_that_need_more_than_a_block_are_told_once_there_is_room(disk, process, said):
    folder = disk.path / "chest"
    for number in range(1_000):
        process.counters.add("redacted", f"a long name of a variable {number}")
    until(lambda: len(read_host(folder).redacted) == 1_000)
    disk.fill()
    lose(process, 5)
    until(lambda: [text for text in said() if "cannot be kept" in text])
    assert read_host(folder).dropped == {}
    disk.make_room()
    until(lambda: read_host(folder).dropped == {"disk_full": 5})


@pytest.mark.slow
def test_nobody_reads_half_of_what_is_written_over(disk, process):
    folder = disk.path / "chest"
    disk.fill()
    lose(process, 1)
    seen, faults, end = [], [], threading.Event()

    def look():
        while not end.is_set():
            try:
                seen.append(read_host(folder).dropped.get("disk_full", 0))
            except Exception as error:  # noqa: BLE001 - the test names it
                faults.append(error)

    thread = threading.Thread(target=look)
    thread.start()
    for _ in range(1_500):
        lose(process, 1)
        assert process.recorded == 1, "which stores what it tells"
    end.set()
    thread.join()
    assert faults == []
    assert seen == sorted(seen), "no counter goes back"
    assert read_host(folder).dropped == {"disk_full": 1_501}
    assert len(files(folder)) == 1
    assert not (folder / "damaged").exists()
