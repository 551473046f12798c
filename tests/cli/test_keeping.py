"""`flask chest purge`, `erase` and `schema`, on a real file and a real journal."""

from __future__ import annotations

import json
import sqlite3
import subprocess
from contextlib import closing

import pytest


def users(place):
    lines = place.flask("query", "--format", "json", "--limit", "100", code=0).stdout.splitlines()
    return sorted(json.loads(line)["variables"]["user"] for line in lines)


def in_journal(place):
    return b"".join(path.read_bytes() for path in sorted(place.journal.rglob("*.jsonl")))


def sql(place, *statements):
    with closing(sqlite3.connect(place.database)) as connection, connection:
        for statement in statements:
            connection.execute(statement)


@pytest.fixture
def aged(delivered):
    """Let the two records of Ada be from 2020."""
    sql(
        delivered,
        "UPDATE chest_records SET started_at = '2020-01-01T00:00:00.000000Z' "
        "WHERE variables LIKE '%ada%'",
    )
    return delivered


# -- purge ---------------------------------------------------------------------------------------


def test_a_dry_run_of_purge_counts_and_deletes_nothing(aged):
    done = aged.flask("purge", "--before", "90d", "--dry-run", code=0)
    assert done.stdout.startswith("main: 2 records from before ")
    assert users(aged) == ["ada", "ada", "bob"]


@pytest.mark.parametrize(
    "before",
    [
        "90d",
        pytest.param("2021-01-01", marks=pytest.mark.slow),
        pytest.param("2021-01-01T00:00:00+01:00", marks=pytest.mark.slow),
    ],
)
def test_purge_deletes_what_is_older(aged, before):
    done = aged.flask("purge", "--before", before, "--yes", code=0)
    assert done.stdout.endswith("main: 2 records deleted\n")
    assert users(aged) == ["bob"]
    done = aged.flask("purge", "--before", before, code=0)
    assert done.stdout.startswith("main: 0 records from before ")


def test_purge_asks_and_nobody_is_no_yes(aged):
    done = aged.flask("purge", "--before", "90d", code=2, stdin=subprocess.DEVNULL)
    assert "give --yes" in done.stderr
    assert "[y/N]: \nUsage: " in done.stderr
    done = aged.flask("purge", "--before", "90d", code=1, input="n\n")
    assert "Nothing was deleted" in done.stderr
    assert users(aged) == ["ada", "ada", "bob"]
    aged.flask("purge", "--before", "90d", code=0, input="y\n")
    assert users(aged) == ["bob"]


@pytest.mark.parametrize(
    "arguments", [[], ["--before", "yesterday"], ["--before", "1d", "--exporter", "x"]]
)
def test_purge_of_nothing_that_exists_is_an_error(aged, arguments):
    done = aged.flask("purge", *arguments, "--yes")
    assert done.returncode in (1, 2)
    assert "Traceback" not in done.stderr
    assert users(aged) == ["ada", "ada", "bob"]


def test_purge_on_a_terminal_shows_how_far_it_is(aged, terminal):
    shown = terminal("-m", "flask", "chest", "purge", "--before", "90d", "--yes")
    assert shown.ended() == 0
    assert "purge main  [####################] 100%  2 of 2 records" in shown.text


# -- erase ---------------------------------------------------------------------------------------


@pytest.fixture
def everywhere(delivered):
    """Return a folder with Ada in the database, among the dead letters, and in the journal."""
    place = delivered
    trigger = (
        "CREATE TRIGGER refuse BEFORE INSERT ON chest_records "
        "BEGIN SELECT RAISE(ABORT, 'CHECK constraint failed: no'); END"
    )
    sql(place, trigger)
    place.record_three()
    place.flask("flush")
    sql(place, "DROP TRIGGER refuse")
    place.record_three()
    assert b'"ada"' in in_journal(place)
    return place


def test_a_dry_run_of_erase_counts_and_erases_nothing(everywhere):
    before = in_journal(everywhere)
    done = everywhere.flask("erase", "user == 'ada'", "--dry-run", "--json", code=0)
    told = json.loads(done.stdout)
    assert told["dry_run"]
    assert told["stores"] == {"main": 2}
    assert told["journal"]["found"] == 4
    assert in_journal(everywhere) == before
    assert users(everywhere) == ["ada", "ada", "bob"]


def test_erase_forgets_a_person_everywhere_and_says_where_it_was(everywhere):
    done = everywhere.flask("erase", "user == 'ada'", "--yes", code=0)
    assert done.stdout.splitlines() == [
        "main: 2 records erased",
        "journal, waiting: 2 records erased",
        "journal, delivered: 0 records erased",
        "journal, dead letters: 2 records erased",
        "journal, quarantined: 0 records erased",
    ]
    assert b"ada" not in in_journal(everywhere)
    everywhere.flask("flush", code=0)
    assert users(everywhere) == ["bob", "bob"]
    again = json.loads(everywhere.flask("erase", "user == 'ada'", "--yes", "--json", code=0).stdout)
    assert again["stores"] == {"main": 0}
    assert set(again["journal"].values()) == {0}


def test_erase_asks_with_the_filter_and_the_places(everywhere):
    done = everywhere.flask("erase", "user == 'ada'", code=1, input="\n")
    question = "Erase all records with user == 'ada' from main, the journal and the dead letters?"
    assert question in done.stderr
    assert users(everywhere) == ["ada", "ada", "bob"]
    assert b'"ada"' in in_journal(everywhere)


def test_a_wrong_filter_erases_nothing_and_points_at_the_place(everywhere):
    done = everywhere.flask("erase", "user = 'ada'", "--yes", code=2)
    assert "^" in done.stderr
    assert users(everywhere) == ["ada", "ada", "bob"]


def test_erase_without_the_application_names_the_database_that_it_cannot_reach(everywhere):
    options = ("--journal", everywhere.journal)
    done = everywhere.alone(*options, "erase", "user == 'ada'", "--yes", code=1)
    assert "main: its URL is not known here. Give it: --store main=URL" in done.stderr
    assert b"ada" not in in_journal(everywhere)
    done = everywhere.alone(
        *options, "--store", everywhere.url, "erase", "user == 'ada'", "--yes", code=0
    )
    assert done.stdout.startswith("main: 2 records erased\n")


def test_a_database_that_is_down_does_not_keep_the_others_from_forgetting(everywhere):
    app = everywhere.folder / "app.py"
    url = "postgresql://u:hunter2@127.0.0.1:9/db"
    app.write_text(
        app.read_text().replace(
            "FlaskChest(app)",
            f"FlaskChest(app, exporters={{'down': {url!r}, 'main': {everywhere.url!r}}})",
        )
    )
    done = everywhere.flask("erase", "user == 'ada'", "--yes", code=1)
    assert "main: 2 records erased" in done.stdout
    assert "down: PostgreSQL at 127.0.0.1:9/db" in done.stderr
    assert "Error: Not done: down" in done.stderr
    assert "hunter2" not in done.stderr


HOOK = """
from pydantic import BaseModel

from flask_chest import Exporter, hookimpl


class Config(BaseModel):
    pass


class Hook(Exporter):
    type = "hook"
    config_model = Config

    def open(self):
        pass

    def export(self, batch):
        pass

    def close(self):
        pass


class Plugin:
    @hookimpl
    def chest_exporters(self):
        return [Hook]


"""


@pytest.fixture
def hooked(everywhere):
    """Return the same with an exporter beside the database that cannot erase."""
    app = everywhere.folder / "app.py"
    exporters = {"main": everywhere.url, "hook": {"type": "hook"}}
    made = (
        f"FlaskChest(exporters={exporters})\nchest.register_plugin(Plugin())\nchest.init_app(app)"
    )
    app.write_text(HOOK + app.read_text().replace("FlaskChest(app)", made))
    return everywhere


def test_a_dry_run_of_erase_names_the_exporters_that_cannot(hooked):
    done = hooked.flask("erase", "user == 'ada'", "--dry-run", code=0)
    assert "main: 2 records found" in done.stdout
    assert "hook: exporters of the type 'hook' cannot erase: do it there by hand" in done.stderr
    told = json.loads(hooked.flask("erase", "user == 'ada'", "--dry-run", "--json", code=0).stdout)
    assert told["impossible"] == {"hook": "exporters of the type 'hook' cannot erase"}


def test_erase_ends_with_1_when_an_exporter_cannot(hooked):
    done = hooked.flask("erase", "user == 'ada'", code=1, input="y\n")
    assert "dead letters (not from hook, which cannot)? [y/N]" in done.stderr
    assert "main: 2 records erased" in done.stdout
    assert "hook: exporters of the type 'hook' cannot erase" in done.stderr
    assert "Error: Not done: hook" in done.stderr


# -- schema --------------------------------------------------------------------------------------


def test_what_schema_print_says_makes_the_schema(place):
    printed = place.alone("--store", place.url.replace("instance/", ""), "schema", "print", code=0)
    assert not place.database.exists(), "nothing is connected to"
    statements = printed.stdout
    assert statements.startswith("/* main: sqlite */\n")
    place.database.parent.mkdir()
    with closing(sqlite3.connect(place.database)) as connection, connection:
        connection.executescript(statements)
    place.record_three()
    assert place.flask("flush", code=0).stdout.startswith("main: 3 delivered")


def test_schema_apply_creates_it(place):
    assert place.flask("schema", "apply", code=0).stdout == "main: the schema is there\n"
    assert place.database.exists()


def test_schema_repair_creates_again_what_is_missing(delivered):
    sql(delivered, "DROP VIEW chest_variables")
    delivered.flask("schema", "repair", code=0)
    with closing(sqlite3.connect(delivered.database)) as connection:
        assert connection.execute("SELECT count(*) FROM chest_variables").fetchone()[0] >= 3


def test_a_database_that_is_down_is_named_and_the_others_are_done(place):
    options = (
        "--store",
        "a=postgresql://127.0.0.1:9/x",
        "--store",
        f"b=sqlite:///{place.folder}/b",
    )
    done = place.alone(*options, "schema", "apply", code=1)
    assert done.stdout == "b: the schema is there\n"
    assert "a: PostgreSQL at 127.0.0.1:9/x" in done.stderr
    assert "Error: Not done for a" in done.stderr
