"""What `flask chest check` says of a SQL database, and the DDL for its administrator."""

from __future__ import annotations

import re

import pymysql
import pytest
from support.mysql import SECRET, user

from flask_chest.errors import ChestError, SchemaMismatch
from flask_chest.testing import make_batch, make_record


def said_of(store):
    """Return the findings by subject, each as its level, its text and its remedy."""
    found = {}
    for finding in store.findings():
        found.setdefault(finding.subject, []).append(
            (finding.level, f"{finding.text} {finding.remedy}".strip())
        )
    return found


@pytest.fixture(params=["sqlite", "mysql"])
def backend(request, backend_of):
    return backend_of(request.param)


def test_a_whole_database_has_findings_without_a_fault(backend, opened):
    opened(backend).export(make_batch(make_record()))
    found = said_of(backend.new())
    assert {level for each in found.values() for level, _ in each} == {"ok"}
    assert [text for _, text in found["privileges"]] == [
        "may deliver",
        "may read",
        "may purge and erase",
    ]
    assert found["schema"] == [("ok", "the tables, the view and the indexes are ours")]
    assert ("ok", "the oldest is of 2024-05-01 12:00 UTC") in found["records"]
    [(_, version)] = found["version"]
    assert version.split()[0] in ("SQLite", "MySQL", "MariaDB")


def test_what_differs_is_a_finding_with_its_remedy(backend, opened):
    opened(backend).close()
    backend.execute("DROP VIEW chest_variables")
    backend.execute("ALTER TABLE chest_records ADD COLUMN note VARCHAR(20)")
    found = said_of(backend.new())["schema"]
    assert [level for level, _ in found] == ["warning", "warning"]
    assert "the view chest_variables is missing Run: CREATE" in found[0][1]
    assert found[1][1] == "chest_records has another column note"
    backend.execute("CREATE UNIQUE INDEX mine ON chest_records (request_id)")
    found = said_of(backend.new())["schema"]
    assert found[0][0] == "error"
    assert "records would be lost Drop mine" in found[0][1]


def test_an_empty_database_and_a_foreign_one_are_findings(backend):
    [(level, text)] = said_of(backend.new())["schema"]
    assert (level, "no tables yet" in text) == ("warning", True)
    backend.take_names()
    [(level, text)] = said_of(backend.new())["schema"]
    assert (level, "did not create" in text) == ("error", True)


def test_findings_leave_nothing_behind(backend):
    store = backend.new()
    store.findings()
    assert backend.tables() == []
    with pytest.raises(ChestError, match="is not open"):
        store.count()


def test_missing_rights_on_mysql_are_named(backend_of, opened):
    backend = backend_of("mysql")
    opened(backend).export(make_batch(make_record()))
    with user(backend, "SELECT, SHOW VIEW") as name:
        found = said_of(backend.new(user=name, password=SECRET))["privileges"]
        assert [level for level, _ in found] == ["error", "ok", "warning"]
        assert "may not deliver" in found[0][1]
        assert re.search("Grant this user (SELECT, )?INSERT", found[0][1])
        assert "may not purge and erase" in found[2][1]
        assert "Grant this user DELETE on this table" in found[2][1]


@pytest.mark.parametrize("name", ["mysql", "postgres"])
def test_the_records_of_a_small_table_are_counted(backend_of, opened, name):
    backend = backend_of(name)
    opened(backend).export(make_batch(*(make_record() for _ in range(200))))
    found = said_of(backend.new())
    subject = "records" if name == "mysql" else "size"
    assert any(text.startswith("200") for _, text in found[subject])


# -- DDL for an administrator ------------------------------------------------------------------


def test_the_ddl_of_sqlite_run_by_hand_is_what_open_creates(backend_of, opened, tmp_path):
    backend = backend_of("sqlite")
    for statement in backend.new().ddl():
        backend.execute(statement)
    before = backend.execute("SELECT name, sql FROM sqlite_master ORDER BY name")
    store = opened(backend)
    store.export(make_batch(make_record()))
    assert backend.execute("SELECT name, sql FROM sqlite_master ORDER BY name") == before
    assert said_of(backend.new())["schema"][0][0] == "ok"


def test_a_user_without_rights_on_tables_delivers_into_the_ddl_of_an_administrator(
    backend_of, opened
):
    backend = backend_of("mysql")
    with pytest.raises(ChestError, match="CREATE"), user(backend, "SELECT, INSERT") as name:
        opened(backend, user=name, password=SECRET)
    statements = backend.new().ddl()
    with backend.connection() as cursor:
        for statement in statements:
            cursor.execute(statement)
        cursor.connection.commit()
    # UPDATE skips records that are there; DELETE is for purges.
    with user(backend, "SELECT, INSERT, UPDATE, DELETE, SHOW VIEW") as name:
        store = opened(backend, user=name, password=SECRET)
        record = make_record(variables={"a": 1})
        store.export(make_batch(record, record))
        assert store.incomplete == []
        assert store.top_values("a")[0].count == 1
        assert store.delete(store.page()) == 1
        levels = {level for each in said_of(store).values() for level, _ in each}
        assert levels == {"ok"}
    assert backend.new().repair() == []


def test_a_view_that_a_user_may_not_create_stops_no_delivery_and_is_said(backend_of, opened, said):
    backend = backend_of("mysql")
    opened(backend).close()
    backend.execute("DROP VIEW chest_variables")
    backend.execute("DROP TABLE chest_schema")
    with user(backend, "SELECT, INSERT, UPDATE") as name:
        for _ in range(2):
            store = opened(backend, user=name, password=SECRET)
            store.export(make_batch(make_record(variables={"a": 1})))
            assert len(store.incomplete) == 3
            store.close()
    lines = [line for line in said() if "is missing" in line]
    assert len(lines) == 3, "each once"
    assert any("The view chest_variables is missing" in line for line in lines)
    assert all("Let somebody who may run: " in line for line in lines)
    assert len(backend.ids()) == 2
    assert len(opened(backend).incomplete) == 0


@pytest.mark.parametrize(
    ("change", "shown"),
    [
        ("MODIFY path VARCHAR(10) NOT NULL", "a column path of the type VARCHAR(10)"),
        ("MODIFY request_id VARCHAR(100) NOT NULL", "a column request_id of the type VARCHAR(100)"),
        ("MODIFY started_at DATETIME NOT NULL", "a column started_at of the type DATETIME, which"),
        ("MODIFY duration_ms INT NOT NULL", "a column duration_ms of the type INTEGER"),
        ("MODIFY weight FLOAT NOT NULL", "a column weight of the type FLOAT"),
        ("MODIFY status_code TINYINT", "a column status_code of the type TINYINT"),
    ],
)
def test_a_type_of_mysql_that_would_lose_data_is_refused_and_repaired(
    backend_of, opened, change, shown
):
    backend = backend_of("mysql")
    store = opened(backend)
    backend.execute(f"ALTER TABLE chest_records {change}")
    with pytest.raises(ChestError) as caught:
        opened(backend)
    assert shown in str(caught.value)
    _, statement = str(caught.value).split("Run: ")
    backend.execute(statement)
    opened(backend).export(make_batch(make_record(status_code=100)))
    backend.execute(f"ALTER TABLE chest_records {change}")
    assert "put right" in backend.new().repair()[0]
    store.export(make_batch(make_record()))
    assert len(backend.ids()) == 2
    assert backend.new().repair() == []


@pytest.mark.parametrize(
    "change",
    [
        "MODIFY path LONGTEXT NOT NULL",
        "MODIFY request_id VARCHAR(500) NOT NULL",
        "MODIFY status_code BIGINT",
        "MODIFY endpoint LONGTEXT",
        "MODIFY started_at TIMESTAMP(6) NOT NULL",
        "MODIFY service TEXT NOT NULL",
    ],
)
def test_a_wider_type_of_mysql_is_tolerated(backend_of, opened, change):
    backend = backend_of("mysql")
    opened(backend).close()
    backend.execute(f"ALTER TABLE chest_records {change}")
    opened(backend).export(make_batch(make_record()))
    assert len(backend.ids()) == 1


def test_a_character_set_of_mysql_rejects_no_record_and_is_repaired(backend_of, opened):
    backend = backend_of("mysql")
    store = opened(backend)
    backend.execute("ALTER TABLE chest_records CONVERT TO CHARACTER SET latin1")
    record = make_record(path="/\N{SNOWMAN}", variables={"a": "\N{SNOWMAN}"})
    with pytest.raises(SchemaMismatch, match="character set latin1"):
        store.export(make_batch(record))
    assert "put right" in backend.new().repair()[0]
    assert backend.new().repair() == []
    store.export(make_batch(record))
    assert [r.path for r in store.query()] == [record["path"]]


NOT_NULL = {
    "postgres": "ALTER TABLE chest_records ALTER COLUMN trace_id SET NOT NULL",
    "mysql": "ALTER TABLE chest_records MODIFY trace_id VARCHAR(32) NOT NULL",
}


@pytest.mark.parametrize("name", NOT_NULL)
def test_a_column_that_takes_no_null_any_more_rejects_no_record_and_is_repaired(
    backend_of, opened, name
):
    backend = backend_of(name)
    store = opened(backend)
    backend.execute(NOT_NULL[name])
    record = make_record(trace_id=None)
    with pytest.raises(SchemaMismatch, match="has a column trace_id that takes no null"):
        store.export(make_batch(record))
    assert "put right" in backend.new().repair()[0]
    assert backend.new().repair() == []
    store.export(make_batch(record))
    assert [r.trace_id for r in store.query()] == [None]


TRIGGERS = {
    "sqlite": ["CREATE TRIGGER mine BEFORE INSERT ON chest_records BEGIN SELECT 1; END"],
    "postgres": [
        "CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS 'begin return null; end'",
        "CREATE TRIGGER mine BEFORE INSERT ON chest_records FOR EACH ROW EXECUTE FUNCTION f()",
    ],
}


@pytest.mark.parametrize("name", TRIGGERS)
def test_what_may_keep_a_record_out_in_silence_is_a_finding(backend_of, opened, name):
    backend = backend_of(name)
    opened(backend).close()
    index = "CREATE INDEX chest_records_started_at ON chest_records (started_at)"
    for statement in (
        *TRIGGERS[name],
        "DROP INDEX chest_records_started_at",
        f"{index} WHERE service = 'x'",
    ):
        backend.execute(statement)
    found = "\n".join(map(str, backend.new().findings()))
    assert "chest_records has a trigger mine: what it" in found
    assert "the index chest_records_started_at is another one" in found, "it has not all records"


def test_json_as_text_is_tolerated_by_sqlite(backend_of, opened):
    backend = backend_of("sqlite")
    opened(backend).close()
    for statement in (
        "DROP VIEW chest_variables",
        "ALTER TABLE chest_records DROP COLUMN variables",
        "ALTER TABLE chest_records ADD COLUMN variables TEXT NOT NULL DEFAULT '{}'",
    ):
        backend.execute(statement)
    store = opened(backend)
    store.export(make_batch(make_record(variables={"a": 1.5})))
    assert store.query()[0].variables == {"a": 1.5}


def test_a_type_of_sqlite_that_changes_values_is_refused_and_repaired(backend_of, opened):
    backend = backend_of("sqlite")
    store = opened(backend)
    old = make_record(request_id="0x")
    store.export(make_batch(old))
    store.close()
    backend.execute("PRAGMA user_version = 1")
    columns = ", ".join(make_record())
    for statement in (
        "DROP VIEW chest_variables",
        "ALTER TABLE chest_records RENAME TO old",
        f"CREATE TABLE chest_records ({columns.replace('request_id', 'request_id INT')})",
        f"INSERT INTO chest_records SELECT {columns} FROM old",
        "DROP TABLE old",
    ):
        backend.execute(statement)
    with pytest.raises(ChestError, match="makes a number of a text"):
        opened(backend)
    backend.new().repair()
    record = make_record(request_id="007")
    opened(backend).export(make_batch(record))
    assert [r.request_id for r in opened(backend).query()] == ["007", "0x"]
    assert backend.new().repair() == []


def test_mysql_refuses_rows_that_no_field_explains(backend_of, opened):
    """A table without a primary key would store each record twice."""
    backend = backend_of("mysql")
    store = opened(backend)
    store.export(make_batch(make_record()))
    backend.execute("ALTER TABLE chest_records DROP PRIMARY KEY")
    with pytest.raises(ChestError, match="no primary key on id") as caught:
        opened(backend)
    backend.execute(str(caught.value).split("run: ")[1])
    opened(backend).export(make_batch(make_record()))
    with pytest.raises(pymysql.err.IntegrityError):
        backend.execute("INSERT INTO chest_records SELECT * FROM chest_records")
