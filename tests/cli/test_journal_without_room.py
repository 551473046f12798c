"""`status` and `check` where no record can be kept: a full disk, a read-only one, a wrong path."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from contextlib import contextmanager

import pytest
from support.other_user import as_other_user, needs_root, own, place_for_all
from support.small_disk import needs_mount, small_disk
from support.waiting import until

from flask_chest.cli.journal_state import state_of
from flask_chest.journal.layout import Layout

LOSES = """
import sys
from app import app
client = app.test_client()
client.get("/hello/ada")
app.extensions["flask_chest"].journal.host()
print("started", flush=True)
sys.stdin.readline()
for _ in range(229):
    client.get("/hello/" + "x" * 6_000)
print("lost", flush=True)
sys.stdin.readline()
"""
"""Loses 229 records once its disk is full."""


@pytest.fixture
def disk(tmp_path):
    with small_disk(tmp_path / "small") as disk:
        yield disk


@pytest.fixture
def at(place, monkeypatch):
    """Return a function that sets the journal, and returns what runs a command."""

    def set_journal(folder):
        monkeypatch.setenv("FLASK_CHEST_JOURNAL", str(folder))
        return place.flask

    return set_journal


@contextmanager
def losing(place, disk):
    """Let a process lose records on a full disk, and live on in the block."""
    with subprocess.Popen(
        [sys.executable, "-c", LOSES],
        cwd=place.folder,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env=os.environ | {"FLASK_CHEST_EXPORTERS": '{"main": "postgresql://127.0.0.1:9/x"}'},
        text=True,
    ) as process:
        try:
            assert process.stdout.readline() == "started\n"
            disk.fill()
            process.stdin.write("\n")
            process.stdin.flush()
            assert process.stdout.readline() == "lost\n"
            yield
        finally:
            process.kill()


def line_of(text, name):
    [line] = [each for each in text.splitlines() if each.startswith(f"{name} ")]
    return line.removeprefix(name).strip()


def journal_of(flask, code):
    return json.loads(flask("status", "--json", code=code).stdout)["journal"]


def disk_of(flask, code):
    told = json.loads(flask("check", "--json", code=code).stdout)["findings"]
    return {each["subject"]: each for each in told if each["where"] == "journal"}["disk"]


@needs_mount
def test_on_a_full_disk_status_says_that_records_are_lost_and_how_many(place, at, disk):
    flask = at(disk.path / "chest")
    with losing(place, disk):
        until(lambda: "229 disk_full" in flask("status").stdout)  # within a second
        done = flask("status", code=1)
        assert line_of(done.stdout, "disk") == "0 bytes are free: records are lost now"
        assert line_of(done.stdout, "dropped") == "229 disk_full"
        assert "Error: Records are lost now" in done.stderr
        assert journal_of(flask, 1)["disk_free_bytes"] == 0
        assert disk_of(flask, 1)["text"] == (
            "0 bytes are free: records are dropped now, and 229 records dropped already"
        )
        disk.make_room()
        done = flask("status", code=0)
        assert line_of(done.stdout, "disk").endswith("KiB free")
        assert line_of(done.stdout, "dropped") == "229 disk_full"
        assert journal_of(flask, 0)["fault"] is None


@needs_mount
def test_a_read_only_disk_loses_records_too(place, at, disk):
    flask = at(disk.path / "chest")
    place.run("record_three.py", code=0)
    assert disk.mount("remount", "ro")
    done = flask("status", code=1)
    assert line_of(done.stdout, "disk") == "the file system is read-only: records are lost now"
    assert disk_of(flask, 1)["text"] == "the file system is read-only: records are dropped now"


@needs_mount
def test_a_disk_that_does_not_say_what_is_free_is_not_called_full(place, at, tmp_path):
    with small_disk(tmp_path / "unlimited", size="0") as disk:
        flask = at(disk.path / "chest")
        place.run("record_three.py", code=0)
        assert "disk " not in flask("status", code=0).stdout
        assert journal_of(flask, 0)["disk_free_bytes"] is None
        assert disk_of(flask, 0)["level"] == "ok"


def test_a_journal_that_is_not_there_does_not_look_like_an_empty_one(at, tmp_path):
    flask = at(tmp_path / "later" / "chest")
    told = line_of(flask("status", code=0).stdout, "journal")
    assert told == f"{tmp_path / 'later' / 'chest'} is not there: nothing waits"
    assert journal_of(flask, 0)["is_there"] is False
    assert not (tmp_path / "later").exists()


def test_a_journal_that_nobody_can_create_is_an_error(at):
    flask = at("/proc/foo")
    done = flask("status", code=1)
    assert line_of(done.stdout, "journal").startswith(
        "/proc/foo is not there: this user cannot create it in /proc: "
    )
    assert "Error: No record can be kept: /proc/foo is not there" in done.stderr
    assert journal_of(flask, 1)["fault"].startswith("this user cannot create it in /proc")


@needs_root
@pytest.mark.parametrize("name", ["", "segments"])
def test_a_journal_without_the_right_to_write_takes_no_record(name):
    with place_for_all() as above:
        folder = above / "chest"
        layout = Layout(folder)
        layout.make()
        layout.close()
        (folder / name).chmod(0o500)
        for path in (folder, *folder.iterdir()):
            own(path)
        fault = as_other_user(lambda: state_of(folder).fault)
        assert fault == f"no right to write to {folder / name}"
