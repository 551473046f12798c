"""Kills between the borders of a batch, its attempt, its commit and its acknowledgement.

The destination knows batches by their tokens, and no records. So it shows every batch that comes
again with other borders.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from support.waiting import until

HERE = Path(__file__).parent


class FilesHost:
    """Processes of one host, which deliver to files."""

    def __init__(self, forks, folder):
        self.folder = folder
        self._forks = forks

    def run(self, code=0, **command):
        """Let a new process do something, to its end; for a live one return its process ID."""
        command["folder"] = str(self.folder)
        self._forks.stdin.write(json.dumps(command).encode() + b"\n")
        self._forks.stdin.flush()
        process, status = json.loads(self._forks.stdout.readline())
        assert status == (None if command.get("live") else code)
        return process

    def deliver_and_die(self, moment, **command):
        self.run(-signal.SIGKILL, deliver=True, die=moment, **command)

    def stored(self):
        """Return the IDs of all records in whole files."""
        files = [path for path in (self.folder / "files").glob("*") if not path.suffix]
        lines = [line for path in files for line in path.read_text().splitlines()]
        return sorted(json.loads(line)["id"] for line in lines)

    def dead_letters(self):
        lines = (self.folder / "chest" / "dead-letter" / "main.jsonl").read_text().splitlines()
        return {json.loads(line)["record"]["id"] for line in lines}

    def recorded(self, kind="good"):
        path = self.folder / kind
        return sorted(path.read_text().split()) if path.exists() else []

    def segments(self):
        return list((self.folder / "chest" / "segments").glob("*.jsonl"))


@pytest.fixture(scope="module")
def forks():
    """Return the process that forks all others: imports take longer than these tests."""
    process = subprocess.Popen(
        [sys.executable, HERE / "programs" / "forks_processes_with_files.py"],
        env={**os.environ, "PYTHONPATH": str(HERE.parent)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    yield process
    process.communicate(timeout=60)


@pytest.fixture
def host(forks, tmp_path):
    return FilesHost(forks, tmp_path)


@pytest.mark.parametrize("moment", ["fixed", "half", "stored", "acknowledged"])
def test_each_record_is_stored_once_whenever_the_process_is_killed(host, moment):
    host.run(record=5)
    host.run(record=6)
    host.deliver_and_die(f"{moment} 1")
    host.run(record=7)
    host.deliver_and_die(f"{moment} 1")
    host.run(record=8)
    host.run(deliver=True)
    assert len(host.recorded()) == 26
    assert host.stored() == host.recorded()
    assert host.segments() == []


def test_without_fixed_borders_such_a_destination_stores_records_twice(host):
    """So the tests here can fail."""
    host.run(record=5)
    host.deliver_and_die("stored 1", fixed=False)
    host.run(record=5)
    host.run(deliver=True, fixed=False)
    assert len(host.stored()) == 15
    assert set(host.stored()) == set(host.recorded())


@pytest.mark.parametrize(
    "moment",
    [
        *("halved 1", "halved 2", "halved 5"),
        *("half 2", "stored 1", "stored 2", "stored 3", "stored 5"),
        *("acknowledged 2", "acknowledged 4"),
    ],
)
def test_halves_are_stored_once_whenever_the_process_is_killed(host, moment):
    host.run(record=5)
    host.run(record=9, refused=1, then=8)
    host.run(record=3, refused=1)
    host.deliver_and_die(moment)
    host.run(record=4)
    host.run(deliver=True)
    assert len(host.recorded()) == 29
    assert host.stored() == host.recorded()
    assert host.dead_letters() == set(host.recorded("refused"))
    assert host.segments() == []


def test_each_record_is_stored_once_while_leaders_are_killed_and_writers_go_on(host):
    living = [host.run(live=True) for _ in range(3)]
    for wanted in range(1, 7):
        until(lambda: len(host.stored()) >= 30 * wanted)  # noqa: B023
        os.kill(living.pop(0), signal.SIGKILL)  # the leader, as the others wait in their order
        living.append(host.run(live=True))
    for process in living:
        os.kill(process, signal.SIGKILL)
    host.run(deliver=True)
    stored = host.stored()
    assert len(stored) == len(set(stored))
    assert set(host.recorded()) <= set(stored)
    # At most one record of each was in the journal and not yet told.
    assert len(stored) <= len(host.recorded()) + 9
