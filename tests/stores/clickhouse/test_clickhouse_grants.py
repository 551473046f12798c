"""What a ClickHouse user must be granted to keep rollups, and what is said of what is missing."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

import pytest
from support.backends import ClickHouse
from support.clickhouse import GrantedServer
from support.rollup_host import DECLARATION, Host, check_rows

from flask_chest.testing import make_batch, make_record

RECORDS = {
    "chest_schema": "SELECT, INSERT",
    "chest_records": "SELECT, INSERT, ALTER DELETE",
    "chest_variables": "SELECT",
}
ROLLUPS = {
    "chest_rollups": "SELECT, INSERT, ALTER DELETE",
    "chest_rollup_marks": "SELECT, INSERT",
}


MARKS_LACK_INSERT = {"chest_rollup_marks": "SELECT"}
CREATING = {"*": "CREATE TABLE"}
WHOLE = "SELECT, INSERT, ALTER DELETE, CREATE TABLE, CREATE VIEW, ALTER TABLE"

GRANTS = {
    "whole": RECORDS | ROLLUPS,
    "late": RECORDS | ROLLUPS | MARKS_LACK_INSERT,
    "later": RECORDS | ROLLUPS | MARKS_LACK_INSERT,
    "unwritten": RECORDS | ROLLUPS | {"chest_rollups": "SELECT"},
    "unread": RECORDS | {"chest_rollups": "INSERT, ALTER DELETE", "chest_rollup_marks": "INSERT"},
    "unseen": RECORDS,
    "missing": RECORDS,
    "wanted": RECORDS | CREATING,
    "dropped": RECORDS | ROLLUPS | CREATING,
    "own": {"*": WHOLE},
    "kept": RECORDS,
}
"""What a user may do in each database. An administrator has created the tables, but those of `own`.
"""

ALL_OF_THEM = [
    f"{rights} ON {database}.{table}"
    for database, granted in GRANTS.items()
    for table, rights in granted.items()
]

WITHOUT_ROLLUPS = ("missing", "wanted")


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    """Return a server whose only user has these privileges."""
    with GrantedServer(tmp_path_factory.mktemp("users")) as server:
        for name in GRANTS:
            server.create(name)
            backend = ClickHouse(server.url(name))
            store = declared(backend)
            if name in WITHOUT_ROLLUPS:
                store.rollups = False
            for statement in store.ddl() if name != "own" else ():
                backend.run(statement)
        ClickHouse(server.url("dropped")).run("DROP TABLE chest_rollup_marks SYNC")
        server.grant(*ALL_OF_THEM)
        yield server


@pytest.fixture
def backend(server):
    """Return a function that gives a database."""
    return lambda name: ClickHouse(server.url(name))


def declared(backend):
    store = backend.new()
    store.rollups = DECLARATION
    return store


def of_rollups(store):
    return [(f.level, f.text, f.remedy) for f in store.findings() if "rollups" in str(f)]


@pytest.mark.slow
def test_a_user_with_the_pages_privileges_keeps_rollups_and_is_told_nothing(backend, said):
    store = declared(backend("whole"))
    assert [str(f) for f in store.findings() if f.level != "ok"] == []
    assert of_rollups(store) == [("ok", "may keep the rollups up to date", "")]
    store.open()
    host = Host(store)
    host.deliver(timedelta(hours=2), timedelta(minutes=5))
    assert store.rollup_storage().marked()
    host.lead()
    check_rows(host)
    host.purge(host.now - timedelta(hours=1))
    assert store.count() == 1
    store.close()
    assert said() == []


@pytest.mark.slow
def test_a_user_with_the_pages_privileges_creates_all_and_follows_a_retention(backend, said):
    for days in (30, 20):
        store = declared(backend("own"))
        store.retention = timedelta(days=days)
        store.open()
        store.export(make_batch(make_record(started_at=datetime.now(timezone.utc))))
        store.close()
        assert [str(f) for f in store.findings() if f.level != "ok"] == []
    assert len(backend("own").ids()) == 2
    names = {name for (name,) in backend("own").execute("SHOW TABLES")}
    assert names == {"chest_schema", *RECORDS, *ROLLUPS}
    backend("own").run("ALTER TABLE chest_records DROP INDEX chest_request_id")
    [done] = store.repair()
    assert "chest_request_id" in done
    assert said() == []


@pytest.mark.slow
def test_a_user_who_may_not_change_the_ttl_delivers_and_is_told_who_does(backend, server, said):
    store = backend("kept").new()
    store.retention, store.rollups = timedelta(days=30), False
    store.open()
    store.export(make_batch(make_record()))
    store.close()
    assert len(backend("kept").ids()) == 1
    [line] = said()
    assert "the TTL of chest_records stays as it is" in line
    assert "Let an administrator run: ALTER TABLE `chest_records` MODIFY TTL" in line
    [finding] = [f for f in store.findings() if f.level != "ok"]
    assert (finding.level, finding.subject) == ("warning", "retention")
    assert "the server has another TTL, and this user may not change it" in finding.text
    change = finding.remedy.removeprefix("Let an administrator run: ")
    assert change in line
    server.grant("ALL ON *.*")
    backend("kept").run(change)
    server.grant(*ALL_OF_THEM)
    assert [str(f) for f in store.findings() if f.level != "ok"] == []


LATE = "may not mark what changes, so the rollups get records an hour later: it lacks "
UNUSED = "may not keep the rollups up to date: it lacks "


@pytest.mark.parametrize(
    ("name", "text", "remedy"),
    [
        ("late", f"{LATE}INSERT on chest_rollup_marks", "GRANT INSERT ON chest_rollup_marks"),
        (
            "unwritten",
            f"{UNUSED}INSERT on chest_rollups, ALTER DELETE on chest_rollups",
            "GRANT INSERT, ALTER DELETE ON chest_rollups",
        ),
        (
            "unread",
            f"{UNUSED}SELECT on chest_rollups, SELECT on chest_rollup_marks",
            "GRANT SELECT ON chest_rollups; GRANT SELECT ON chest_rollup_marks",
        ),
    ],
)
def test_each_privilege_that_the_rollups_lack_is_a_finding(backend, name, text, remedy):
    found = of_rollups(declared(backend(name)))
    assert found == [("warning", text, f"{remedy}. Or do without: CHEST_ROLLUPS=0")]


@pytest.mark.parametrize("name", ["missing", "unseen"])
def test_tables_that_a_user_neither_sees_nor_creates_are_a_finding(backend, name):
    [(level, text, remedy)] = of_rollups(declared(backend(name)))
    assert level == "warning"
    assert text == (
        "their tables are not there, or not to be seen, and this user may not create them: it lacks"
        " CREATE TABLE on chest_rollups, CREATE TABLE on chest_rollup_marks"
    )
    assert "flask chest schema print" in remedy


def test_a_table_that_was_dropped_takes_the_privilege_to_drop_the_other(backend):
    [(_, text, _)] = of_rollups(declared(backend("dropped")))
    assert text.endswith("it lacks DROP TABLE on chest_rollups, DROP TABLE on chest_rollup_marks")


def test_tables_that_a_user_may_create_are_left_to_the_leader(backend):
    found = of_rollups(declared(backend("wanted")))
    assert found == [("ok", "their tables are not there yet: the leader creates them", "")]
    assert "chest_rollups" not in str(backend("wanted").execute("SHOW TABLES"))


def test_nothing_is_said_of_rollups_that_are_not_wanted(backend):
    store = backend("missing").new()
    for is_wanted in (False, True):  # True, as without an application
        store.rollups = is_wanted
        assert of_rollups(store) == []


def test_check_writes_nothing(backend):
    def rows():
        return [
            backend("whole").execute(f"SELECT toUInt32(count()) FROM {table}") for table in ROLLUPS
        ]

    before = rows()
    store = declared(backend("whole"))
    store.findings()
    store.check()
    assert rows() == before


def test_a_user_who_may_write_no_marks_delivers_and_deletes(backend, said):
    store = declared(backend("later"))
    store.open()
    store.export(make_batch(*(make_record() for _ in range(3))))
    assert store.rollup_storage().marked() == set()
    records = store.query()
    assert store.delete(records[:1]) == 1
    assert store.purge(before=records[0].started_at + timedelta(seconds=1)) == 2
    store.close()
    [line] = said()
    assert "may not write chest_rollup_marks, so the rollups get its records an hour later" in line
