"""`flask chest erase` says what it cannot read, since a person may be in it, and ends with 1."""

from __future__ import annotations

import json
import shutil
import sqlite3
from contextlib import closing

import pytest

U = "user_id == 'u-1'"


@pytest.fixture
def damaged(shop, tmp_path):
    """Return a copy of the shop's file in which two records of `u-1` are no records."""
    copy = tmp_path / "copy.sqlite3"
    shutil.copy(shop.removeprefix("sqlite:///"), copy)
    with closing(sqlite3.connect(copy)) as connection, connection:
        connection.execute(
            "UPDATE chest_records SET variables = rtrim(variables, '}') WHERE rowid IN "
            "(SELECT rowid FROM chest_records WHERE variables LIKE '%\"u-1\"%' LIMIT 2)"
        )
        assert connection.execute("SELECT changes()").fetchone() == (2,)
    return copy


@pytest.mark.parametrize("way", ["--dry-run", "--yes"])
def test_records_that_cannot_be_read_are_counted_and_end_with_1(ask, damaged, way):
    url = f"sqlite:///{damaged}"
    done = ask("erase", U, way, "--json", url=url, code=1)
    told = json.loads(done.stdout)
    assert told["unreadable"] == {"main": 2}
    assert told["stores"]["main"] > 0
    assert "Error: 2 cannot be read, so that nobody knows whether they are meant" in done.stderr
    said = ask("erase", U, way, url=url, code=1).stdout
    assert "main: 2 records left that cannot be read\n" in said
    with closing(sqlite3.connect(damaged)) as connection:
        connection.execute("DELETE FROM chest_records WHERE NOT json_valid(variables)")
        connection.commit()
    assert json.loads(ask("erase", U, way, "--json", url=url, code=0).stdout)["unreadable"] == {}


@pytest.mark.parametrize("way", ["--dry-run", "--yes"])
def test_a_line_of_the_journal_that_is_no_record_is_said_and_no_failure(delivered, way):
    delivered.record_three()
    [segment, *_] = sorted((delivered.journal / "segments").iterdir())
    with segment.open("ab") as file:
        file.write(b'{"user": "ada", \n')
    done = delivered.flask("erase", "user == 'ada'", way, code=0)
    assert "journal: 1 lines or files are no records, and stay as they are\n" in done.stdout
    assert "Error" not in done.stderr
