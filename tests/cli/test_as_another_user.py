"""`flask chest`, run by a user whom neither the journal nor the SQLite file belongs to."""

from __future__ import annotations

import os
import sys

import pytest
from flask import Flask
from flask.cli import FlaskGroup
from support.commands import runner
from support.other_user import (
    as_other_user,
    as_root_without_rights,
    needs_root,
    place_for_all,
)

from flask_chest import FlaskChest

pytestmark = needs_root


def make_app(place):
    app = Flask("shop", instance_path=str(place / "instance"))
    chest = FlaskChest(app)
    app.get("/")(chest.track(lambda: ""))
    return app, chest


@pytest.fixture
def place():
    """Return the folder of an application that has delivered, as root or as whom the test says."""
    with place_for_all() as place:
        app, chest = make_app(place)
        app.test_client().get("/")
        assert chest.flush(60)
        chest.close()
        yield place


def give(place, uid):
    for path in (place, *place.rglob("*")):
        os.chown(path, uid, uid)


def run(place, *arguments):
    """Run a command as `flask` does, and return all that it said."""

    def create():
        app, chest = make_app(place)
        made.append(chest)
        return app

    made = []
    sys.argv = ["flask", "chest", *arguments]
    done = runner().invoke(FlaskGroup(create_app=create), ["chest", *arguments])
    for chest in made:
        chest.close()
    return f"{done.exit_code} {done.stdout}{done.stderr}"


@pytest.mark.parametrize(("uid", "sudo"), [(0, "root"), (1, "daemon"), (4_321, "'#4321'")])
@pytest.mark.parametrize("command", ["status", "check", "flush", "erase"])
def test_a_command_says_as_whom_to_run_it_and_not_to_give_the_folder_away(
    place, uid, sudo, command
):
    give(place, uid)
    arguments = ["user == 'x'", "--yes"] if command == "erase" else []
    said = as_other_user(lambda: run(place, command, *arguments))
    assert said.startswith("1 ")
    assert f"{place / 'instance' / 'chest'} belongs to" in said
    assert f"sudo -u {sudo} ..." in said
    assert "chown" not in said
    assert "Errno" not in said
    assert "cannot be kept" not in said


@pytest.mark.parametrize("command", ["query", "routes"])
def test_a_command_that_only_reads_says_why_it_needs_the_right_to_write(place, command):
    give(place, 1)
    said = as_other_user(lambda: run(place, command))
    assert said.startswith("1 ")
    assert "may not write" in said
    assert "Reading needs it, too: in WAL mode each reader takes its locks in" in said
    assert "chest.sqlite3-shm. Run this as daemon (user 1): sudo -u daemon ..." in said
    assert "cannot be kept" not in said


def test_a_database_that_may_be_written_is_read_beside_a_journal_of_another_user(place):
    give(place, 1)
    (place / "instance").chmod(0o777)
    (place / "instance" / "chest.sqlite3").chmod(0o666)
    said = as_other_user(lambda: run(place, "query"))
    assert said.startswith("0 ")
    assert "GET" in said
    assert "cannot be kept" not in said


def test_root_without_its_rights_is_told_whose_the_folder_is(place):
    give(place, 1)
    said = as_root_without_rights(lambda: run(place, "status"))
    folder = place / "instance" / "chest"
    assert f"CHEST_JOURNAL={str(folder)!r} cannot be used by root: Permission denied" in said
    assert f"{folder} belongs to daemon (user 1), mode 0700" in said
    assert "sudo -u daemon ..." in said
    assert "It must be a folder" not in said


@pytest.mark.parametrize("become", [as_other_user, as_root_without_rights])
def test_who_may_not_enter_the_instance_folder_is_told_whose_it_is(place, become):
    give(place, 1)
    (place / "instance").chmod(0o700)
    said = become(lambda: run(place, "status"))
    assert f"may not enter {place / 'instance'}, which belongs to daemon (user 1)" in said
    assert "Run this as daemon (user 1): sudo -u daemon ..." in said
