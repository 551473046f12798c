"""`flask chest copy`: between any two stores, repeatable, and resumable."""

from __future__ import annotations

import sqlite3
from contextlib import closing

import pytest

MANY = 20_000
MULTIPLY = f"""
WITH RECURSIVE number(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM number WHERE n < {MANY})
INSERT INTO chest_records SELECT printf('01a2260a-%04x-7000-8000-%012x', n, n), request_id,
trace_id, service, instance, endpoint, route, method, path, status_code, error,
strftime('%Y-%m-%dT%H:%M:%S.000000Z', '2026-01-01', '+' || n || ' seconds'), duration_ms, weight,
variables FROM number, (SELECT * FROM chest_records LIMIT 1)
"""


def ids(path):
    with closing(sqlite3.connect(path)) as connection:
        return sorted(row[0] for row in connection.execute("SELECT id FROM chest_records"))


@pytest.fixture
def many(delivered):
    with closing(sqlite3.connect(delivered.database)) as connection, connection:
        connection.execute(MULTIPLY)
    return delivered


def test_a_copy_has_all_records_and_may_be_repeated(delivered):
    target = delivered.folder / "copy.sqlite3"
    arguments = ("copy", "--from", "main", "--to", f"sqlite:///{target}")
    done = delivered.flask(*arguments, code=0)
    assert done.stdout == "3 records copied, 0 were there, 0 refused, 0 erased meanwhile\n"
    assert ids(target) == ids(delivered.database)
    done = delivered.flask(*arguments, code=0)
    assert done.stdout == "0 records copied, 3 were there, 0 refused, 0 erased meanwhile\n"


def test_without_the_application_urls_or_names_of_stores_are_enough(delivered):
    target = delivered.folder / "copy.sqlite3"
    delivered.alone("copy", "--from", delivered.url, "--to", f"sqlite:///{target}", code=0)
    assert ids(target) == ids(delivered.database)
    second = delivered.folder / "second.sqlite3"
    stores = ("--store", f"a={delivered.url}", "--store", f"b=sqlite:///{second}")
    delivered.alone(*stores, "copy", "--from", "a", "--to", "b", code=0)
    assert ids(second) == ids(delivered.database)


def test_times_choose_what_is_copied(many):
    target = many.folder / "copy.sqlite3"
    times = ("--since", "2026-01-01T00:00:10Z", "--until", "2026-01-01T00:00:20Z")
    done = many.flask("copy", "--from", "main", "--to", f"sqlite:///{target}", *times, code=0)
    assert done.stdout.startswith("10 records copied")


def test_ctrl_c_ends_a_copy_which_then_goes_on(many, terminal):
    target = many.folder / "copy.sqlite3"
    arguments = ("copy", "--from", "main", "--to", f"sqlite:///{target}", "--resume", "position")
    shown = terminal("-m", "flask", "chest", *arguments)
    shown.wait_for("of 20,003 records")
    shown.press("\x03")
    assert shown.ended() == 130
    assert "Interrupted. What is copied stays copied. Run the same command again" in shown.text
    assert "Traceback" not in shown.text
    part = len(ids(target))
    assert 0 < part < MANY
    done = many.flask(*arguments, code=0)
    assert done.stdout.startswith(f"{MANY + 3 - part:,} records copied, 0 were there")
    assert ids(target) == ids(many.database)
    assert not (many.folder / "position").exists()


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (["--from", "mian", "--to", "main"], "no such exporter"),
        (["--from", "main", "--to", "nonsuch://x"], "nonsuch"),
        (["--from", "main", "--to", "postgresql://u:hunter2@127.0.0.1:9/x"], "127.0.0.1:9"),
        (["--from", "main"], "--to"),
        (["--from", "main", "--to", "main", "--since", "x"], "is no time"),
    ],
)
def test_what_cannot_be_copied_is_said_in_a_sentence(delivered, arguments, text):
    done = delivered.flask("copy", *arguments)
    assert done.returncode in (1, 2)
    assert text in done.stderr
    assert "Traceback" not in done.stderr
    assert "hunter2" not in done.stderr


@pytest.fixture
def damaged(delivered):
    """Return an application one of whose three records is no record any more."""
    with closing(sqlite3.connect(delivered.database)) as connection, connection:
        connection.execute(
            "UPDATE chest_records SET variables = '{' "
            "WHERE rowid = (SELECT min(rowid) FROM chest_records)"
        )
    return delivered


def test_a_copy_without_the_records_that_cannot_be_read_ends_with_1(damaged):
    """A script that deletes the source then would lose them."""
    target = damaged.folder / "copy.sqlite3"
    for _ in range(2):
        done = damaged.flask("copy", "--from", "main", "--to", f"sqlite:///{target}", code=1)
        assert "Error: Not copied: 1 record that cannot be read. They are in" in done.stderr
        assert len(ids(target)) == 2
    arguments = (
        "copy",
        "--from",
        damaged.url,
        "--to",
        f"sqlite:///{target}",
        "--until",
        "2000-01-01",
    )
    damaged.alone(*arguments, code=0)


@pytest.mark.parametrize("output", [(), ("--output", "a.csv"), ("--output", "a.parquet")])
def test_an_export_without_the_records_that_cannot_be_read_ends_with_1(damaged, output):
    done = damaged.flask("export", *output, code=1)
    assert "Error: Not exported: 1 record that cannot be read" in done.stderr
    if output:
        assert (damaged.folder / output[1]).stat().st_size
    else:
        assert len(done.stdout.splitlines()) == 2
    damaged.flask("export", "--where", "unknown == 1", *output, code=0)
