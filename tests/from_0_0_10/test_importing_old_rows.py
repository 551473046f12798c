"""`flask chest import`: what Flask-Chest 0.0.10 wrote, as records. `old_shop.py` made the file."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
from contextlib import closing

import pytest
from support.commands import run_alone

from flask_chest import open_store
from flask_chest.testing import make_batch, make_record
from flask_chest.upkeep import importing
from flask_chest.upkeep.old_rows import COLUMNS

WRITTEN = 1_700_000_000  # 2023-11-14T22:13:20Z, as conftest.py sets it
SHOPS = "method == 'IMPORT' and service == 'shop'"
NUMBERS = ("--number", "cart_*", "--number", "items", "--boolean", "is_paid")


def test_there_is_one_record_for_each_request_id_and_values_stay_texts(target):
    done = target.take()
    assert done.stdout == "35 rows: 9 records imported, 0 were there, 0 refused\n"
    records = target.records()
    assert list(records)[:5] == ["order-1", "order-2", "login-1", "inner", "ü" * 255]
    assert records["order-1"].variables == {
        "user_id": "u-17",
        "cart_total": "24.5",
        "items": "3",
        "is_paid": "1",
        "coupon": None,
        "note": "für 007",
        "digest": "AP8=",
    }
    assert records["ü" * 255].variables == {
        "large": "4611686018427387904",
        "small": "1.0e-07",
        "infinite": "Inf",
        "no_number": None,
        "zip": "04109",
    }
    assert records["list-1"].variables == {"first": "a"}  # 0.0.10 could write no list
    assert "order-3" in records, "of the second table"


def test_what_0_0_10_did_not_keep_is_not_made_up(target):
    target.take()
    record = target.records()["order-2"]
    assert (record.method, record.service) == ("IMPORT", "shop")
    assert record.instance == "flask-chest-0.0.10"
    assert record.id.startswith("00000000-0000-7")
    nothing = (record.trace_id, record.endpoint, record.route, record.status_code, record.error)
    assert nothing == (None,) * 5
    assert (record.path, record.duration_ms, record.weight) == ("", 0.0, 1.0)


def test_a_kind_that_is_told_makes_numbers_and_booleans_and_nothing_else(target):
    done = target.take(*NUMBERS, "--number", "zip", "--number", "infinite", "--number", "small")
    records = target.records()
    order = records["order-1"].variables
    assert (order["cart_total"], order["items"], order["is_paid"]) == (24.5, 3, True)
    assert type(order["items"]) is int
    assert order["coupon"] is None
    odd = records["ü" * 255].variables
    assert (odd["zip"], odd["infinite"], odd["small"]) == ("04109", "Inf", 1e-07)
    assert "left texts: infinite 1, zip 1" in done.stderr


def test_running_it_again_doubles_nothing_whenever_the_file_was_written(target):
    target.take()
    before = target.records()
    os.utime(target.old, (WRITTEN + 5_000_000, WRITTEN + 5_000_000))
    done = target.take()
    assert done.stdout == "35 rows: 0 records imported, 9 were there, 0 refused\n"
    assert target.records() == before
    target.write([("order-9", "user_id", "u-9")])
    done = target.take()
    assert done.stdout == "36 rows: 1 record imported, 9 were there, 0 refused\n"


def test_what_is_there_with_other_variables_is_left_and_said(target):
    target.take()
    target.write([("order-1", "more", "x"), ("order-2", "note", "y")])
    done = target.take(code=1)
    assert "There with other variables, and left as they were: order-1, order-2" in done.stderr
    assert "Error: 2 records left as they were" in done.stderr
    assert "more" not in target.records()["order-1"].variables


def test_a_number_that_was_forgotten_is_taken_once_the_first_import_is_erased(target):
    target.take()
    done = target.take("--number", "cart_total", code=1)
    assert f'flask-chest --store {target.url} erase "{SHOPS}". Then repeat' in done.stderr
    run_alone(
        target._monkeypatch,
        ["--store", target.url, "erase", SHOPS, "--yes"],
        0,
    )
    target.take("--number", "cart_total")
    assert target.records()["order-1"].variables["cart_total"] == 24.5


def test_secrets_are_redacted_as_on_a_route_and_counted(target):
    target.write([("bearer 7f0a1c9be2d84f6c9b1d5e", "card", "4111 1111 1111 1111")])
    done = target.take()
    login = target.records()["login-1"].variables
    assert login["password"] == "[redacted]"
    assert login["session_id"] == "s-4711", "weak, and named by the route of 0.0.10"
    assert login["note"] == "Authorization: Bearer [redacted]"
    assert "Redacted: " in done.stderr
    for counted in ("password 1", "note 1", "card 1"):
        assert counted in done.stderr
    with closing(sqlite3.connect(target.url.removeprefix("sqlite:///"))) as connection:
        written = "\n".join(connection.iterdump())
    for secret in ("hunter2", "7f0a1c9be2d84f6c9b1d", "4111 1111"):
        assert secret not in written


def test_the_settings_of_redaction_and_exclusions_hold(target, monkeypatch):
    monkeypatch.setenv("FLASK_CHEST_REDACT_KEYS", "session_id")
    monkeypatch.setenv("FLASK_CHEST_VARIABLES", "*,!note")
    done = target.take()
    assert target.records()["login-1"].variables == {
        "password": "[redacted]",
        "session_id": "[redacted]",
    }
    assert "4 values left out, as CHEST_VARIABLES excludes them" in done.stderr


def test_rows_that_lack_something_are_counted_and_said(target):
    target.write([("order-1", None, "x"), ("", "alone", "x"), (b"\xff", "bytes", b"\x00")])
    with closing(sqlite3.connect(target.old)) as connection, connection:
        connection.execute(
            "INSERT INTO flask_chest (request_id, name, value) "
            "VALUES ('torn', 'text', CAST(X'ff41' AS TEXT))"
        )
    done = target.take()
    assert "3 rows without a request ID: each is a record of its own" in done.stderr
    assert "1 row without a name left out" in done.stderr
    assert "1 row left out, as a later row has the same request ID and name" in done.stderr
    records = target.records()
    assert records["inner"].variables == {"step": "outer", "other": "x"}
    assert records["\ufffd"].variables == {"bytes": "AA=="}
    assert records["torn"].variables == {"text": "\ufffdA"}
    alone = [each for each in records.values() if each.request_id == each.id]
    assert sorted(each.variables.popitem() for each in alone) == [
        ("alone", "x"),
        ("step", "no request"),
        ("step", "no request either"),
    ]
    assert target.take().stdout.startswith("39 rows: 0 records imported, 12 were there")


def test_the_order_of_writing_and_the_time_of_the_file_are_all_that_is_known_of_time(target):
    done = target.take()
    assert "last written, 2023-11-14 22:13:20 UTC; --started-at gives them another" in done.stderr
    records = target.records()
    assert records["order-1"].started_at.isoformat() == "2023-11-14T22:13:20.000001+00:00"
    assert records["order-2"].started_at.isoformat() == "2023-11-14T22:13:20.000008+00:00"


def test_a_time_may_be_given_in_any_zone(target):
    done = target.take("--started-at", "2024-05-01T02:00:00+02:00")
    assert "kept no times" not in done.stderr
    assert target.records()["order-1"].started_at.isoformat() == "2024-05-01T00:00:00.000001+00:00"


def test_a_dry_run_counts_and_writes_nothing(target):
    with closing(open_store(target.url, create=True)) as store:
        done = target.take("--dry-run")
        assert done.stdout == "35 rows: 9 records to import, 0 were there, 0 refused\n"
        assert store.count() == 0


def test_the_old_file_stays_as_it_was(target):
    before = target.old.read_bytes()
    target.old.chmod(0o400)
    target.take()
    assert target.old.read_bytes() == before
    assert not list(target.old.parent.glob("db.sqlite3-*"))


def test_an_old_application_that_still_writes_waits_for_nothing(target, monkeypatch):
    take = importing._Import.take

    def write_meanwhile(self, page):
        target.write([("late", "user_id", "u")])
        take(self, page)

    monkeypatch.setattr(importing._Import, "take", write_meanwhile)
    assert target.take().stdout.startswith("35 rows: 9 records")


def test_ctrl_c_says_how_to_go_on(target, monkeypatch):
    def interrupt(self, page):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(importing._Import, "take", interrupt)
        done = target.take(code=130)
    assert "Interrupted. What is imported stays. Run the same command again" in done.stderr
    assert target.take().stdout.startswith("35 rows: 9 records imported")


def test_a_url_is_taken_as_well_as_a_path(target):
    assert target.take(old=f"sqlite:///{target.old}").stdout.startswith("35 rows: 9 records")


def _drop(target):
    with closing(sqlite3.connect(target.old)) as connection, connection:
        connection.execute("DROP TABLE flask_chest")
        connection.execute("DROP TABLE more")


def _scribble(target):
    target.old.write_bytes(b"no database" * 1_000)


def _lock(target):
    target.lock = sqlite3.connect(target.old)
    target.lock.execute("BEGIN EXCLUSIVE")


@pytest.mark.parametrize(
    ("spoil", "text"),
    [
        (lambda target: target.old.unlink(), "db.sqlite3 cannot be read: No such file"),
        (_drop, f"with the columns {', '.join(COLUMNS)}"),
        (_scribble, "file is not a database"),
        (_lock, "database is locked. Stop the old application, and try again"),
    ],
)
def test_a_file_that_cannot_be_read_is_said_in_a_sentence(target, monkeypatch, spoil, text):
    monkeypatch.setattr("flask_chest.upkeep.old_rows._BUSY_SECONDS", 0.01)
    spoil(target)
    done = target.take(code=1)
    if spoil is _lock:
        target.lock.close()
    assert text in done.stderr
    assert "Traceback" not in done.stderr


def test_a_full_disk_is_said_with_where_the_room_is_needed(target, tmp_path):
    """SQLite writes no temporary file that is larger than this process may make."""
    with closing(sqlite3.connect(target.old)) as connection, connection:
        connection.execute(
            "WITH RECURSIVE n(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n WHERE n < 100) "
            "INSERT INTO flask_chest (request_id, name, value) "
            "SELECT n, 'text', hex(zeroblob(100000)) FROM n"
        )
    code = (
        "import resource, signal, sys; from flask_chest.cli.standalone import main; "
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN); "
        "resource.setrlimit(resource.RLIMIT_FSIZE, (4_000_000, 4_000_000)); main()"
    )
    words = ("import", "--from-0.0.10", target.old, "--service", "shop", "--to", target.url)
    done = subprocess.run(
        [sys.executable, "-c", code, *words], capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert "make room, or set SQLITE_TMPDIR" in done.stderr


KILLED = """
import os, sqlite3, sys
connection = sqlite3.connect(sys.argv[1], isolation_level=None)
connection.execute("PRAGMA cache_size = 1")
connection.execute("BEGIN")
connection.execute("UPDATE flask_chest SET value = hex(zeroblob(9000))")
os._exit(0)
"""


def test_what_a_killed_process_has_left_is_rolled_back_first(target):
    subprocess.run([sys.executable, "-c", KILLED, target.old], check=True)
    done = target.take(code=1)
    assert 'Let SQLite roll that back: sqlite3 FILE "PRAGMA schema_version"' in done.stderr
    with closing(sqlite3.connect(target.old)) as connection:
        connection.execute("PRAGMA schema_version").fetchone()
    assert target.take().stdout.startswith("35 rows: 9 records imported")
    assert target.records()["order-1"].variables["user_id"] == "u-17"


def test_records_of_this_version_are_left_to_copy(target):
    target.take()
    done = target.take(code=1, old=target.url)
    assert "It has records of this version: `flask chest copy` is for those" in done.stderr


@pytest.mark.parametrize(
    "url",
    ["postgresql://u:hunter2@db/x", "mysql://u:hunter2@db/x", "mongodb://db/x", "influxdb://x"],
)
def test_0_0_10_wrote_no_table_anywhere_else(target, url):
    done = target.take(code=2, old=url)
    assert "wrote tables to SQLite only" in done.stderr
    assert "hunter2" not in done.stderr


def test_without_the_application_the_service_has_to_be_said(target):
    done = target.take(code=2, service="")
    assert "--service NAME" in done.stderr


def test_a_name_of_a_table_that_needs_quotes_is_no_trap(target):
    with closing(sqlite3.connect(target.old)) as connection, connection:
        connection.execute(
            """CREATE TABLE "it's "" odd" (unique_id INTEGER PRIMARY KEY AUTOINCREMENT,
            request_id TEXT, name TEXT, value TEXT)"""
        )
        connection.execute("INSERT INTO \"it's \"\" odd\" VALUES (1, 'odd', 'a', 'b')")
    assert target.take().stdout.startswith("36 rows: 10 records")


def test_it_says_how_to_leave_out_records_whose_duration_is_not_known(target):
    assert "--where \"method != 'IMPORT'\"" in target.take().stderr
    assert "IMPORT" not in target.take().stderr  # they are there already
    request = make_record(method="GET", route="/orders", duration_ms=80.0)
    with closing(open_store(target.url)) as store:
        store.export(make_batch(request))
        asked = "count", "p50(duration_ms)", "mean(duration_ms)"
        [alone] = store.measure(*asked, where="method != 'IMPORT'")
        assert alone["count"] == 1.0
        assert alone["p50(duration_ms)"] == pytest.approx(80.0, rel=0.02)
        assert alone["mean(duration_ms)"] == 80.0
        assert store.measure(*asked)[0]["mean(duration_ms)"] == 8.0
