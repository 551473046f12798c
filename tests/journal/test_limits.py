"""CHEST_JOURNAL_MAX_BYTES: what is dropped, and what is counted."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from support.hosts import stop
from support.journals import (
    MIB,
    SMALLEST,
    deliver,
    line,
    numbers,
    segment_files,
    size_of,
    unread,
)
from support.waiting import until

from flask_chest.errors import ConfigurationError
from flask_chest.journal import disk

PROGRAMS = Path(__file__).parent / "programs"


def test_the_oldest_records_make_room_and_are_counted_for_each_exporter_that_missed_them(
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


def test_new_records_are_dropped_with_drop_newest_until_there_is_room_again(
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


@pytest.mark.parametrize(
    "when_full", ["drop_newest", pytest.param("drop_oldest", marks=pytest.mark.slow)]
)
@pytest.mark.slow
def test_processes_that_write_at_the_same_time_stay_below_the_limit_together(
    make_disk, folder, when_full
):
    processes = [
        subprocess.Popen(
            [sys.executable, PROGRAMS / "writes_to_the_limit.py", folder, when_full],
            stdout=subprocess.PIPE,
            text=True,
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


def test_many_full_segments_of_living_processes_are_deleted_once_they_are_delivered(
    make_disk, folder
):
    # Nobody may delete a segment that is written to, and each of these has one.
    journals = [make_disk("main", max_bytes=SMALLEST, when_full="drop_newest") for _ in range(20)]
    for journal in journals:
        while journal.append(line(1, 10_000)) and journal._own.writer.size < 60_000:
            pass
    assert size_of(folder / "segments") >= SMALLEST - 60_000
    assert deliver(journals[0], max_bytes=64 * MIB)
    for journal in journals:
        journal._full_until = None
        until(lambda: (journals[0].prune(), journal.append(line(2)))[1])  # noqa: B023


def test_a_record_larger_than_the_limit_is_kept_alone_or_dropped_and_the_next_one_fits(
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
        ("journal_max_bytes", 1_000, "at least 1048576"),
        ("journal_when_full", "drop_all", "'drop_oldest' or 'drop_newest'"),
        ("fsync", "sometimes", "'interval', 'always' or 'never'"),
        ("retry_seconds", 0, "at least 0.01"),
        ("export_timeout_seconds", -1, "at least 0.1"),
    ],
)
def test_a_wrong_setting_is_named_with_the_remedy(make_chest, app, setting, value, remedy):
    with pytest.raises(ConfigurationError, match=f"CHEST_{setting.upper()}=") as error:
        make_chest(**{setting: value}).init_app(app)
    assert remedy in str(error.value)
    assert repr(value) in str(error.value)
