"""Counters of ended processes, added up to one total."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from support.counting import files, lead, total_of
from support.waiting import until

from flask_chest.journal.host_counters import read_host

PROGRAM = Path(__file__).parent / "programs" / "counts_and_is_killed.py"


def test_the_leader_adds_up_what_ended_processes_left(make_process, ended, folder):
    ended(3, 4)
    assert len(files(folder)) == 2
    leader = lead(make_process())
    until(lambda: (folder / "processes" / "total.json").exists() and len(files(folder)) == 1)
    assert total_of(folder)["counts"] == {"recorded": {"": 7}}
    assert leader.recorded == read_host(folder).recorded == 7
    leader.record(1)
    assert leader.recorded == 8


def test_a_process_that_lives_is_not_added_up(make_process, ended, folder):
    other = make_process()
    other.journal.start()
    other.record(2)
    until(lambda: read_host(folder).recorded == 2)
    [path] = files(folder)
    ended(3)
    lead(make_process())
    until((folder / "processes" / "total.json").exists)
    assert path.exists()
    assert read_host(folder).recorded == 5


def test_many_files_are_added_up_where_no_process_ever_leads(make_process, ended, folder):
    ended(*[1] * 140)
    assert len(files(folder)) < 70
    assert read_host(folder).recorded == 140


def test_names_are_bounded_for_the_host_as_for_a_process(make_process, folder):
    for number in range(3):
        process = make_process()
        for each in range(700):
            process.counters.add("redacted", f"{number}-{each}")
        process.close()
    lead(make_process())
    until((folder / "processes" / "total.json").exists)
    redacted = read_host(folder).redacted
    assert len(redacted) == 1_001
    assert sum(redacted.values()) == 2_100
    assert redacted["…"] == 1_100


@pytest.mark.parametrize("work", ["fold", "write"])
@pytest.mark.slow
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
