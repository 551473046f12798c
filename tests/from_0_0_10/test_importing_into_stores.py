"""Old rows in each database, from an application, and when the import is interrupted."""

from __future__ import annotations

import os
import shutil
import sqlite3
from contextlib import closing
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest
from support.list_store import ListStore
from support.picky import Plugin

from flask_chest import ExporterUnavailable, open_store
from flask_chest.encode.record_fields import RecordFields
from flask_chest.redaction import Redactor, SecretKeys
from flask_chest.testing import RecordingExporter
from flask_chest.upkeep.importing import RecordMaker, import_rows
from flask_chest.upkeep.old_rows import OldRows
from flask_chest.upkeep.old_variables import Kinds, OldVariables

FILE = Path(__file__).with_name("shop.sqlite3")
NOW = datetime.now(timezone.utc).replace(microsecond=0)
NUMBERS = Kinds(numbers=("cart_*", "items", "small"), booleans=("is_paid",))
REDACT = Redactor(SecretKeys())


def take(path, target, *, kinds=NUMBERS, started_at=NOW, **options):
    """Import a file as the command does; return the report."""
    variables = OldVariables(REDACT, (), kinds)
    fields = RecordFields({}, REDACT, lambda _: None)
    with OldRows(str(path)) as rows:
        maker = RecordMaker("shop", started_at, variables, fields)
        return import_rows(rows, target, maker, **options)


@pytest.fixture
def old(tmp_path):
    """Return a file of 0.0.10 with 1,100 requests."""
    path = tmp_path / "old.sqlite3"
    shutil.copy(FILE, path)
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute(
            "WITH RECURSIVE n(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n WHERE n < 1091) "
            "INSERT INTO flask_chest (request_id, name, value) "
            "SELECT 'many-' || n, 'number', n FROM n"
        )
    return path


SLOW = [
    pytest.param(name, marks=pytest.mark.slow)
    for name in ("mysql", "mongo", "clickhouse", "parquet")
]


@pytest.mark.parametrize("name", ["sqlite", "postgres", *SLOW])
def test_each_store_gets_the_records_once(name, old, tmp_path, request):
    if name in ("sqlite", "parquet"):
        url = f"{name}:///{tmp_path}/{name}"
    else:
        url = request.getfixturevalue(name)
    with closing(open_store(url, create=True)) as store:
        first = take(old, store)
        assert (first.imported, first.present, first.rejected) == (1_100, 0, 0)
        again = take(old, store, started_at=NOW - timedelta(days=3))
        assert (again.imported, again.present, again.different) == (0, 1_100, ())
        assert store.count() == 1_100
        [order] = store.records("request_id == 'order-1'")
        assert order.variables == {
            "user_id": "u-17",
            "cart_total": 24.5,
            "items": 3,
            "is_paid": True,
            "coupon": None,
            "note": "für 007",
            "digest": "AP8=",
        }
        rows = store.measure("sum(items)", "count", where="method == 'IMPORT' and exists(items)")
        assert rows == [{"sum(items)": 9.0, "count": 3.0}]


def test_an_exporter_that_cannot_be_read_gets_them_under_the_same_ids_each_time(old):
    first, second = RecordingExporter(), RecordingExporter()
    for target in (first, second):
        assert take(old, target).imported == 1_100
    assert first.records == second.records


class Failing(ListStore):
    fails_after = 1

    def export(self, batch):
        self.fails_after -= 1
        if self.fails_after < 0:
            raise ExporterUnavailable("it is down")
        super().export(batch)


def test_an_interrupted_import_goes_on_where_it_was(old):
    target = Failing()
    with pytest.raises(ExporterUnavailable):
        take(old, target)
    assert len(target.kept) == 500
    target.fails_after = 1

    def stop(_number):
        if len(target.kept) == 1_000:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        take(old, target, progress=stop)
    target.fails_after = 9
    report = take(old, target)
    assert (report.imported, report.present) == (100, 1_000)
    assert len(target.kept) == 1_100


def test_one_file_after_another_makes_one_record_of_a_request_that_is_in_both(old, tmp_path):
    target = ListStore()
    take(old, target)
    assert take(FILE, target).present == 9
    assert len(target.kept) == 1_100


# -- The command, in an application ----------------------------------------------------------------


@pytest.fixture
def flask_chest_import(app, old):
    """Return a function that runs the command in the application, and returns what it did."""
    os.utime(old, (NOW.timestamp(), NOW.timestamp()))

    def run(*arguments, code=0):
        words = ["chest", "import", "--from-0.0.10", str(old), *arguments]
        done = app.test_cli_runner().invoke(args=words)
        assert done.exit_code == code, done.output
        return done

    return run


def test_an_application_knows_where_and_whose_the_records_are(make_chest, app, flask_chest_import):
    chest = make_chest(service="till")
    chest.init_app(app)
    assert "1,100 records imported" in flask_chest_import().output
    [record] = chest.store("main").records("request_id == 'order-1'")
    assert record.service == "till"
    assert record.started_at == NOW + timedelta(microseconds=1)
    assert "0 records imported, 1,100 were there" in flask_chest_import().output


def test_what_the_target_refuses_is_said_and_the_rest_is_imported(
    make_chest, app, old, flask_chest_import, tmp_path
):
    picky = {"type": "picky", "path": str(tmp_path / "picky.sqlite3")}
    chest = make_chest(exporters={"main": picky})
    chest.register_plugin(Plugin())
    chest.init_app(app)
    with closing(sqlite3.connect(old)) as connection, connection:
        connection.execute(
            "INSERT INTO flask_chest (request_id, name, value) VALUES ('b-1', 'bad', 'x')"
        )
    done = flask_chest_import(code=1)
    assert "b-1 was refused: does not like `bad`" in done.output
    assert "1,100 records imported, 0 were there, 1 refused" in done.output
    assert "Error: 1 record refused by the target" in done.output


def test_records_that_the_retention_would_delete_are_announced(make_chest, app, flask_chest_import):
    make_chest(retention="90d").init_app(app)
    assert "older than the retention" in flask_chest_import("--started-at", "700d").output


def test_under_test_nothing_is_imported(make_chest, app, flask_chest_import):
    app.testing = True
    make_chest(testing="memory").init_app(app)
    assert "Nothing was done" in flask_chest_import(code=1).output
