"""`flask chest rollup`, on a real file."""

from __future__ import annotations

import sqlite3
from contextlib import closing

import pytest


@pytest.fixture
def rolled(delivered):
    done = delivered.flask("rollup", "--rebuild", code=0)
    assert done.stdout == "main: 1 hours computed anew\n"
    return delivered


def test_rollups_are_shown_and_verified(rolled):
    shown = rolled.flask("rollup", code=0).stdout
    assert shown.startswith("main: 2 of 2 series complete, ")
    done = rolled.flask("rollup", "--verify", code=0)
    assert done.stdout == "main: the rollups agree with the records\n"


def test_a_row_that_was_lost_is_found_and_put_right(rolled):
    with closing(sqlite3.connect(rolled.database)) as connection, connection:
        assert connection.execute("DELETE FROM chest_rollups").rowcount
        connection.execute("DELETE FROM chest_rollup_marks")
    done = rolled.flask("rollup", "--verify", code=1)
    assert "in the rollups, " in done.stdout
    assert "flask chest rollup --rebuild" in done.stderr
    rolled.flask("rollup", "--rebuild", code=0)
    rolled.flask("rollup", "--verify", code=0)


def test_a_store_that_has_none_says_so(delivered):
    with closing(sqlite3.connect(delivered.database)) as connection, connection:
        for name in ("chest_rollup_state", "chest_rollup_marks", "chest_rollups"):
            connection.execute(f"DROP TABLE IF EXISTS {name}")
    done = delivered.alone("--store", delivered.url, "rollup", code=0)
    assert done.stdout == "main: has no rollups\n"
    done = delivered.flask("rollup", "--verify", "--rebuild", code=2)
    assert "Give --verify or --rebuild" in done.stderr


@pytest.mark.slow
def test_an_application_that_has_them_off_leaves_right_what_others_read(rolled, monkeypatch):
    def counted():
        done = rolled.alone("--store", rolled.url, "measure", "count", "--format", "json", code=0)
        return done.stdout

    assert counted() == '{"count": 3}\n'
    rolled.run("record_three.py", code=0)
    monkeypatch.setenv("FLASK_CHEST_ROLLUPS", "0")
    rolled.flask("flush", code=0)
    assert rolled.flask("rollup", code=0).stdout == "main: has no rollups\n"
    assert counted() == '{"count": 6}\n'
    rolled.flask("erase", "user == 'bob'", "--yes", code=0)
    assert counted() == '{"count": 4}\n'
    monkeypatch.delenv("FLASK_CHEST_ROLLUPS")
    rolled.flask("rollup", "--verify", code=0)
