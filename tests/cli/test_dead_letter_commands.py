"""`flask chest dead-letter`, and that every other command says that there are some."""

from __future__ import annotations

import json
import shutil
import sqlite3
import subprocess
from contextlib import closing

import pytest
from support.commands import PROGRAMS, Place

TRIGGER = (
    "CREATE TRIGGER no_ada BEFORE INSERT ON chest_records "
    "WHEN new.variables LIKE '%ada%' "
    "BEGIN SELECT RAISE(ABORT, 'CHECK constraint failed: no ada here'); END"
)


def sql(place, statement):
    with closing(sqlite3.connect(place.database)) as connection, connection:
        connection.execute(statement)


@pytest.fixture(scope="module")
def template(tmp_path_factory, warm_python, recorded):
    """Return the instance folder of an application with two dead letters of three records."""
    folder = tmp_path_factory.mktemp("refused")
    shutil.copy(PROGRAMS / "app.py", folder)
    place = Place(folder, warm_python)
    place.flask("schema", "apply", code=0)
    sql(place, TRIGGER)
    shutil.copytree(recorded / "chest", folder / "instance" / "chest", dirs_exist_ok=True)
    place.flask("flush", code=0)
    return folder / "instance"


@pytest.fixture
def refused(place, template):
    """Return the folder of an application of which the database refused two of three records."""
    shutil.copytree(template, place.folder / "instance")
    return place


def listed(place, *arguments):
    lines = place.flask("dead-letter", "list", "--json", *arguments, code=0).stdout.splitlines()
    return [json.loads(line) for line in lines]


def test_two_dead_letters_are_said_by_status_check_and_flush(refused):
    told = json.loads(refused.flask("status", "--json", code=0).stdout)["exporters"]["main"]
    assert told["dead_letters"] == 2
    assert "no ada here" in told["last_rejection"]
    assert told["dead_letter_bytes"] > 0
    text = refused.flask("status", code=0).stdout
    assert "flask chest dead-letter list --exporter main" in text
    assert "no ada here" in text
    checked = refused.flask("check", code=0).stdout
    assert "main: warning: dead letters: 2 records refused by the database" in checked
    assert "no ada here" in checked
    assert "Look at them: flask chest dead-letter list --exporter main" in checked
    flushed = refused.flask("flush", code=0).stdout
    assert "0 bytes waiting, 2 dead-lettered (" in flushed
    assert "no ada here" in flushed
    assert "flask chest dead-letter list" in flushed


def test_a_limit_for_dead_letters_decides_the_exit_code(refused):
    refused.flask("check", "--max-dead-letters", "2", code=0)
    done = refused.flask("check", "--max-dead-letters", "1", code=1)
    assert "main: error: dead letters: 2, above 1. Look at them" in done.stderr


def test_the_error_rate_counts_what_was_refused(refused):
    refused.flask("check", "--max-error-rate", "0.7", code=0)
    done = refused.flask("check", "--max-error-rate", "0.6", code=1)
    assert "main: error: error rate: 66.667% of 3 records, above 60.000%" in done.stderr


def test_since_the_last_run_only_what_is_new_counts(refused):
    file = refused.folder / "check.json"
    limits = ("--max-error-rate", "0", "--since-last", file)
    refused.flask("check", *limits, code=1)
    refused.flask("check", *limits, code=0)
    refused.record_three()
    refused.flask("flush", code=0)
    refused.flask("check", *limits, code=1)
    assert json.loads(file.read_text()) == {
        "delivered main": 2,
        "dropped": 0,
        "dropped main": 0,
        "failed main": 4,
    }


def test_what_another_journal_has_counted_is_new_since_the_last_run(refused):
    """As after a redeployment without the old volume: its counters begin anew."""
    file = refused.folder / "check.json"
    limits = ("--max-error-rate", "0", "--since-last", file)
    refused.record_three()
    refused.flask("flush", code=0)
    refused.flask("check", *limits, code=1)
    refused.flask("check", *limits, code=0)
    shutil.rmtree(refused.journal)
    refused.run("record_three.py", code=0)
    refused.flask("flush", code=0)
    done = refused.flask("check", *limits, code=1)
    assert "main: error: error rate: 66.667% of 3 records" in done.stderr


def test_they_are_listed_with_time_route_and_error(refused):
    lines = refused.flask("dead-letter", "list", code=0).stdout.splitlines()
    assert lines[-1] == "main: 2 records dead-lettered"
    name, identity, since, where, error = lines[0].split("\t")
    assert (name, where) == ("main", "GET /hello/<name>")
    assert len(identity) == 36
    assert since.endswith(" UTC")
    assert "no ada here" in error
    assert [each["record"]["variables"]["user"] for each in listed(refused)] == ["ada", "ada"]
    assert len(listed(refused, "--limit", "1")) == 1
    assert listed(refused, "--exporter", "main") == listed(refused)


def test_one_is_shown_whole(refused):
    letter = listed(refused)[0]
    assert json.loads(refused.flask("dead-letter", "show", letter["id"], code=0).stdout) == letter
    assert "has the ID nonsense" in refused.flask("dead-letter", "show", "nonsense", code=1).stderr


def test_no_command_prints_a_password_of_their_errors(refused):
    """A driver or an exporter of somebody else puts into its error what it was connected with."""
    file = refused.journal / "dead-letter" / "main.jsonl"
    file.write_bytes(file.read_bytes().replace(b"no ada here", b"user=x password=hunter2"))
    [letter, _] = listed(refused)
    for arguments in (
        ("dead-letter", "list"),
        ("dead-letter", "show", letter["id"]),
        ("check",),
        ("status",),
        ("status", "--json"),
        ("flush",),
    ):
        done = refused.flask(*arguments, code=0)
        assert "hunter2" not in done.stdout + done.stderr, arguments
        assert "password=***" in done.stdout, arguments


def test_without_the_application_they_are_the_same(refused):
    lines = refused.alone("--journal", refused.journal, "dead-letter", "list", "--json", code=0)
    assert [json.loads(line) for line in lines.stdout.splitlines()] == listed(refused)


def test_dropped_ones_are_gone_and_the_others_stay(refused):
    first, second = listed(refused)
    done = refused.flask("dead-letter", "drop", first["id"], "--yes", code=0)
    assert done.stdout == "main: 1 record dropped\n"
    assert listed(refused) == [second]
    refused.flask("dead-letter", "drop", "--all", "--yes", code=0)
    assert listed(refused) == []
    assert refused.flask("dead-letter", "drop", "--all", code=0).stdout == "no dead letters\n"


def test_dropping_asks_and_no_is_no(refused, terminal):
    shown = terminal("-m", "flask", "chest", "dead-letter", "drop", "--all")
    shown.wait_for("Delete 2 records for good? [y/N]: ")
    assert shown.answered("n\n") == 1
    assert "Nothing was deleted" in shown.text
    assert len(listed(refused)) == 2
    shown = terminal("-m", "flask", "chest", "dead-letter", "drop", "--all")
    shown.wait_for("[y/N]: ")
    assert shown.answered("\x03") == 130
    assert "Interrupted. Nothing was deleted." in shown.text
    assert len(listed(refused)) == 2
    shown = terminal("-m", "flask", "chest", "dead-letter", "drop", "--all")
    shown.wait_for("[y/N]: ")
    assert shown.answered("y\n") == 0
    assert listed(refused) == []


@pytest.mark.parametrize("arguments", [[], ["--all", "some-id"]])
def test_what_to_drop_must_be_said(refused, arguments):
    assert "or give --all" in refused.flask("dead-letter", "drop", *arguments, code=2).stderr


def test_without_a_terminal_nothing_is_dropped_unasked(refused):
    done = refused.flask("dead-letter", "drop", "--all", code=2, stdin=subprocess.DEVNULL)
    assert "give --yes" in done.stderr
    assert len(listed(refused)) == 2


def test_an_unknown_id_or_exporter_is_an_error(refused):
    done = refused.flask("dead-letter", "drop", "nonsense", "--yes", code=1)
    assert "No dead letter has the ID nonsense. Nothing was deleted" in done.stderr
    done = refused.flask("dead-letter", "list", "--exporter", "mian", code=2)
    assert "no such exporter. CHEST_EXPORTERS has ['main']" in done.stderr


# -- retry ---------------------------------------------------------------------------------------


def users(place):
    lines = place.flask("query", "--format", "json", code=0).stdout.splitlines()
    return sorted(json.loads(line)["variables"]["user"] for line in lines)


def test_retried_ones_are_stored_and_are_dead_letters_no_more(refused):
    refused.flask("dead-letter", "retry", code=1)
    assert len(listed(refused)) == 2, "the cause is still there"
    sql(refused, "DROP TRIGGER no_ada")
    done = refused.flask("dead-letter", "retry", code=0)
    assert done.stdout == "main: 2 of 2 records stored\n"
    assert listed(refused) == []
    assert users(refused) == ["ada", "ada", "bob"]
    told = json.loads(refused.flask("status", "--json", code=0).stdout)["exporters"]["main"]
    assert told["delivered"] == 3
    assert refused.flask("dead-letter", "retry", code=0).stdout == "main: no dead letters\n"


def test_one_is_retried_by_its_id_without_the_application(refused):
    first, second = listed(refused)
    sql(refused, "DROP TRIGGER no_ada")
    options = ("--journal", refused.journal)
    done = refused.alone(*options, "dead-letter", "retry", first["id"], code=1)
    assert "main: its URL is not known here. Give it: --store main=URL" in done.stderr
    options += ("--store", refused.url)
    done = refused.alone(*options, "dead-letter", "retry", first["id"], code=0)
    assert done.stdout == "main: 1 of 1 record stored\n"
    assert listed(refused) == [second]
    done = refused.alone(*options, "dead-letter", "retry", first["id"], code=1)
    assert "Nothing was sent" in done.stderr


def test_what_is_refused_again_is_named_with_the_reason(refused):
    done = refused.flask("dead-letter", "retry", code=1)
    for letter in listed(refused):
        assert f"main: {letter['id']} was refused again: SQLite" in done.stderr
    assert done.stdout == "main: 0 of 2 records stored\n"


def test_a_letter_that_cannot_be_read_is_told_without_an_error(refused):
    (refused.journal / "dead-letter" / "main.jsonl").write_bytes(b"garbage\n")
    for command in ("status", "check"):
        told = refused.flask(command).stdout
        assert "None" not in told, command
        assert "dead-letter list" in told, command
