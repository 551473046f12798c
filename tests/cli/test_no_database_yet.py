"""Commands that ask create no database, and say that there is none yet."""

from __future__ import annotations

import pytest
from support.commands import Terminal

NONE = "main: there is no database "

ASKING = [
    *(["query"], ["routes"], ["top", "user"], ["measure", "count"], ["export"]),
    ["compare", "status_code >= 500"],
    ["erase", "user == 'ada'", "--yes"],
    ["erase", "user == 'ada'", "--dry-run"],
    ["purge", "--before", "90d", "--yes"],
]


@pytest.fixture
def elsewhere(place):
    """Return a folder whose application names its file by a relative path."""
    app = place.folder / "app.py"
    made = 'FlaskChest(app, exporters="sqlite:///new.sqlite3")'
    app.write_text(app.read_text().replace("FlaskChest(app)", made))
    return place


@pytest.mark.parametrize("arguments", ASKING, ids=" ".join)
def test_a_command_that_asks_says_so_and_creates_no_file(elsewhere, arguments):
    done = elsewhere.flask(*arguments, code=0)
    file = elsewhere.folder / "new.sqlite3"
    assert f"{NONE}{file} yet" in done.stderr
    assert "Error" not in done.stderr
    assert not file.exists()


@pytest.mark.parametrize(
    "arguments", [["show", "x"], ["copy", "--from", "main", "--to", "sqlite:///b.sqlite3"]]
)
def test_a_command_that_needs_a_record_ends_with_1(elsewhere, arguments):
    done = elsewhere.flask(*arguments, code=1)
    assert f"Error: {NONE}" in done.stderr
    assert not list(elsewhere.folder.glob("*.sqlite3"))


def test_check_and_status_create_no_file_and_check_warns(elsewhere):
    said = elsewhere.flask("check", code=0).stdout
    assert "main: warning: there is no database" in said
    assert "can deliver" not in said
    elsewhere.flask("status", code=0)
    assert not list(elsewhere.folder.glob("*.sqlite3*"))


def test_what_waits_for_it_is_said(place):
    place.record_three()
    place.database.unlink(missing_ok=True)
    done = place.flask("query", code=0)
    assert NONE in done.stderr
    assert "bytes wait in the journal: flask chest flush" in done.stderr
    place.flask("flush", code=0)
    assert "ada" in place.flask("query", code=0).stdout


def test_check_finds_that_the_file_cannot_be_created(elsewhere):
    app = elsewhere.folder / "app.py"
    app.write_text(app.read_text().replace("new.sqlite3", "/proc/new.sqlite3"))
    done = elsewhere.flask("check", code=1)
    assert "/proc" in done.stderr


def test_tail_waits_until_the_first_delivery_creates_it(place):
    place.record_three()
    place.database.unlink(missing_ok=True)
    terminal = Terminal(place.folder, "-m", "flask", "chest", "tail", "--since", "1d")
    terminal.wait_for("It is waited for")
    assert not place.database.exists()
    place.flask("flush", code=0)
    terminal.wait_for("ada")
    terminal.press("\x03")
    assert terminal.ended() == 0
    assert terminal.text.count("there is no database") == 1
