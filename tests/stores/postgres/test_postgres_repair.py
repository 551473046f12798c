"""Tables that were changed: what is missing is created again, what loses data is refused."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

import psycopg
import pytest
from support.backends import Postgres
from support.moments import batch_of

from flask_chest.errors import ChestError, SchemaMismatch
from flask_chest.testing.records import START, make_batch, make_record, rfc3339

SHAPE = (
    (
        "SELECT c.relname, c.relkind, a.attname, format_type(a.atttypid, a.atttypmod), a.attnotnull"
        " FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace"
        " JOIN pg_attribute a ON a.attrelid = c.oid"
        " WHERE n.nspname !~ '^(pg_|information_schema)' AND a.attnum > 0 ORDER BY 1, 3"
    ),
    "SELECT indexdef FROM pg_indexes WHERE schemaname !~ '^pg_' ORDER BY 1",
    (
        "SELECT conname, pg_get_constraintdef(oid) FROM pg_constraint"
        " WHERE connamespace::regnamespace::text !~ '^(pg_|information_schema)' ORDER BY 1"
    ),
    "SELECT pg_get_viewdef(viewname::regclass) FROM pg_views WHERE viewname = 'chest_variables'",
)


def shape(backend):
    return [backend.execute(question) for question in SHAPE]


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"partition_by_day": True, "variables_index": True},
        {"time_index": "brin", "table_schema": '%s"x', "table_prefix": 'c"d%'},
    ],
    ids=str,
)
def test_the_ddl_creates_what_open_creates(postgres, opened, fields):
    backend = Postgres(postgres, **fields)
    store = opened(backend)
    made = shape(backend)
    assert len(made[0]) > 20
    backend.execute("DROP SCHEMA public CASCADE; CREATE SCHEMA public")
    if "table_schema" in fields:
        backend.execute('DROP SCHEMA "%s""x" CASCADE')
    for _ in range(2):  # a second time, it changes nothing
        for statement in store.ddl():
            backend.execute(statement)
    assert shape(backend) == made
    again = opened(backend)
    assert again.incomplete == []
    again.export(make_batch(make_record(variables={"a": 1})))
    assert [finding for finding in backend.new().findings() if finding.level != "ok"] == []
    assert backend.new().repair() == []


def test_a_user_without_ddl_uses_what_the_administrator_created(make_role, backend, opened, said):
    for statement in backend.new().ddl():
        backend.execute(statement)
    user = make_role(grants="INSERT, SELECT, DELETE ON ALL TABLES IN SCHEMA public")
    store = opened(user)
    store.export(batch_of(START))
    assert said() == []
    backend.execute("DROP VIEW chest_variables; DROP INDEX chest_records_request_id")
    again = opened(user)
    again.export(batch_of(START))
    assert again.count() == 2
    assert "Let somebody who may run: CREATE" in "".join(said())
    texts = {finding.text for finding in user.new().findings() if finding.level == "warning"}
    assert texts == {
        "the view chest_variables is missing",
        "the index chest_records_request_id is missing",
    }
    with pytest.raises(ChestError, match="must be owner"):
        user.new().repair()
    assert backend.new().repair() == [
        "Created the index chest_records_request_id again",
        "Created the view chest_variables again",
    ]


def test_records_that_were_dropped_get_a_new_table(backend, opened):
    opened(backend)
    backend.execute("DROP TABLE chest_records CASCADE")
    store = opened(backend)
    store.export(make_batch(make_record(variables={"a": 1})))
    assert [value for _, _, value in backend.variables()] == ["1"]
    assert backend.execute("SELECT version FROM chest_schema") == [(1,)]


HARMFUL = {
    "request_id varchar(10)": "request_id of 10 characters, which is too short",
    "path varchar(100)": "path of 100 characters",
    "weight real": "weight of the type REAL, which rounds",
    "duration_ms integer": "duration_ms of the type INTEGER, which rounds",
    "weight numeric(8, 2)": r"weight of the type NUMERIC\(8, 2\), which rounds",
    "started_at timestamptz(0)": "started_at of the type TIMESTAMP, which rounds",
    "started_at date": "started_at of the type DATE, which rounds",
}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        pytest.param(change, message, id=change, marks=[pytest.mark.slow] if number % 3 else [])
        for number, (change, message) in enumerate(HARMFUL.items())
    ],
)
def test_a_type_that_loses_data_is_refused_until_it_is_repaired(backend, opened, change, message):
    column, kind = change.split(" ", 1)
    store = opened(backend)
    record = make_record(request_id="r", path="/", weight=2.0, duration_ms=1.0)
    store.export(make_batch(record))
    backend.execute(
        "DROP VIEW chest_variables;"
        "ALTER TABLE chest_records DROP CONSTRAINT IF EXISTS chest_records_started_at_check;"
        f"ALTER TABLE chest_records ALTER COLUMN {column} TYPE {kind}"
    )
    with pytest.raises(SchemaMismatch, match=message) as caught:
        opened(backend)
    assert f"ALTER COLUMN {column} TYPE" in str(caught.value)
    [fault] = [finding for finding in backend.new().findings() if finding.level == "error"]
    assert f"ALTER COLUMN {column} TYPE" in fault.remedy
    assert any("put right" in line for line in backend.new().repair())
    long = make_record(request_id="r" * 200, path="/" * 200, weight=1.1, duration_ms=1.25)
    again = opened(backend)
    again.export(make_batch(long))
    found = {each.id: each for each in again.query()}
    assert record["id"] in found
    assert found[long["id"]].as_data() == {**long, "started_at": rfc3339(START)}


@pytest.mark.parametrize(
    "change",
    [
        "request_id text",
        "method varchar(300)",
        "status_code integer",
        "weight numeric",
        "started_at timestamp USING started_at AT TIME ZONE 'UTC'",
        "path varchar",
    ],
)
def test_a_type_that_loses_nothing_is_tolerated(backend, opened, change):
    column, kind = change.split(" ", 1)
    opened(backend)
    backend.execute(
        f"DROP VIEW chest_variables; ALTER TABLE chest_records ALTER COLUMN {column} TYPE {kind}"
    )
    store = opened(backend)
    record = make_record(weight=1.1, started_at=START, status_code=404, variables={"a": 1})
    store.export(make_batch(record))
    [found] = store.query()
    assert {**found.as_data(), "weight": float(found.weight)} == record
    assert store.page() == [found]
    assert [value for _, _, value in backend.variables()] == ["1"]


def test_an_index_that_takes_long_is_left_to_repair(backend, opened):
    store = opened(backend)
    backend.execute("DROP INDEX chest_records_request_id")
    with backend.transaction(
        "INSERT INTO chest_schema VALUES (0); LOCK chest_records IN ROW EXCLUSIVE MODE"
    ):
        delivering = opened(backend)  # building an index waits for the writer
        assert len(delivering.incomplete) == 1
        delivering.export(batch_of(START))
        assert "The index chest_records_request_id is missing" in delivering.incomplete[0]
    store.export(batch_of(START))
    assert backend.new().repair() == ["Created the index chest_records_request_id again"]
    assert opened(backend).incomplete == []


def test_repair_builds_an_index_while_others_write(backend, opened):
    opened(backend)
    backend.execute("DROP INDEX chest_records_request_id")
    backend.execute("CREATE TABLE ddl (tag text)")
    backend.execute(
        "CREATE FUNCTION note() RETURNS event_trigger LANGUAGE plpgsql AS"
        " $$ BEGIN INSERT INTO ddl VALUES (current_query()); END $$;"
        "CREATE EVENT TRIGGER note ON ddl_command_end EXECUTE FUNCTION note()"
    )
    try:
        backend.new().repair()
    finally:
        backend.execute("DROP EVENT TRIGGER note")
    [(statement,)] = backend.execute("SELECT tag FROM ddl WHERE tag ~ '^CREATE INDEX'")
    assert statement.startswith("CREATE INDEX CONCURRENTLY chest_records_request_id ON")


def test_an_index_that_was_half_built_is_built_again(backend, opened):
    opened(backend)
    backend.execute(
        "UPDATE pg_index SET indisvalid = false"
        " WHERE indexrelid = 'chest_records_request_id'::regclass"
    )
    assert backend.new().repair() == [
        "Dropped the index chest_records_request_id, which was half built",
        "Created the index chest_records_request_id again",
    ]


def test_of_two_ways_to_delete_old_records_the_shorter_is_told(by_day, opened):
    opened(by_day)
    for days, level in ((30, "warning"), (90, "ok"), (365, "ok")):
        store = by_day.new(retention_days=days)
        store.retention = timedelta(days=90)
        found = {finding.subject: finding for finding in store.findings()}["retention"]
        assert found.level == level
        assert "records are deleted after 90 days" in found.text
        assert f"partitions are dropped after {days} days" in found.text
        assert bool(found.remedy) is (level == "warning")


def test_findings_of_a_sound_database(backend, store):
    store.export(batch_of(START))
    found = {finding.subject: finding for finding in backend.new().findings()}
    assert {finding.level for finding in found.values()} == {"ok"}
    assert found["version"].text.startswith("PostgreSQL 1")
    assert "ours" in found["schema"].text
    assert found["retention"].text == "records are kept for ever"
    assert found["size"].text.startswith("1 records, ")


@pytest.mark.parametrize(
    ("grants", "missing"),
    [
        ("INSERT, SELECT", {"may not purge and erase"}),
        ("SELECT", {"may not deliver", "may not purge and erase"}),
        ("INSERT, SELECT, DELETE", set()),
    ],
)
def test_findings_name_missing_privileges(make_role, store, grants, missing):
    user = make_role(grants=f"{grants} ON ALL TABLES IN SCHEMA public")
    found = [f for f in user.new().findings() if f.subject == "privileges" and f.level != "ok"]
    assert {finding.text.partition(":")[0] for finding in found} == missing
    assert all("Grant" in finding.text for finding in found)


def test_findings_name_partitions(by_day, make_role, opened):
    store = opened(by_day)
    store.export(batch_of(datetime.now(timezone.utc)))
    found = {finding.subject: finding for finding in by_day.new().findings()}
    assert found["partitions"].text.startswith("4 days, from ")
    for name in [
        row[0]
        for row in by_day.execute(
            "SELECT relname FROM pg_class WHERE relispartition AND relkind = 'r'"
        )
    ]:
        by_day.execute(f"DROP TABLE {name}")
    store.export(batch_of(START))
    warned = {f.subject: f for f in by_day.new().findings() if f.level == "warning"}
    assert "2024-05-01: none for today" in warned["partitions"].text
    user = make_role(grants="INSERT, SELECT ON ALL TABLES IN SCHEMA public", partition_by_day=True)
    texts = [finding.text for finding in user.new().findings() if finding.level == "warning"]
    assert any("may neither create nor drop partitions" in text for text in texts)


def test_findings_of_a_foreign_table_say_what_it_is(backend):
    backend.take_names()
    [error] = [finding for finding in backend.new().findings() if finding.level == "error"]
    assert "did not create" in error.text
    assert backend.is_untouched()


def test_a_store_that_is_only_read_opens_although_the_view_is_gone(backend, opened):
    opened(backend).export(batch_of(START))
    backend.execute("DROP VIEW chest_variables")
    [(database,)] = backend.execute("SELECT current_database()")
    backend.execute(f'ALTER DATABASE "{database}" SET default_transaction_read_only = on')
    try:
        assert opened(backend).count() == 1
    finally:
        with psycopg.connect(backend.url, autocommit=True) as connection:
            connection.execute("SET default_transaction_read_only = off")
            connection.execute(f'ALTER DATABASE "{database}" RESET default_transaction_read_only')
