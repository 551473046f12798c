"""Half-created and changed tables, on each SQL database."""

from __future__ import annotations

import pytest

from flask_chest.errors import SchemaMismatch
from flask_chest.testing import make_batch, make_record

UNDO = [
    "DELETE FROM chest_schema",
    "DROP VIEW chest_variables",
    "DROP TABLE chest_records",
    "DROP TABLE chest_schema",
]
"""Undoes the creation of the tables, step by step."""


NAMES = ("sqlite", "postgres", "mysql")
BACKENDS = ("sqlite", "postgres", pytest.param("mysql", marks=pytest.mark.slow))


def of(name, *values):
    """Return parameters that begin with the name of a backend."""
    return pytest.param(name, *values, marks=[pytest.mark.slow] if name == "mysql" else [])


@pytest.fixture
def backend(request, backend_of):
    return backend_of(request.param)


def drop_index(backend, name):
    on = " ON chest_records" if backend.exporter.type == "mysql" else ""
    return f"DROP INDEX {name}{on}"


def assert_whole(backend, store, record):
    """The store takes a record, and everything of ours is there."""
    store.export(make_batch(record))
    assert record["id"] in backend.ids()
    assert (record["id"], "a", "1") in [(i, n, str(v)) for i, n, v in backend.variables()]
    assert [tuple(row) for row in backend.execute("SELECT version FROM chest_schema")] == [(1,)]
    assert store.incomplete == []
    with store.reading() as connection:
        assert store.survey(connection).is_complete
    assert store.count(request_id=record["request_id"]) >= 1
    assert store.top_values("a")[0].value == 1


# PostgreSQL creates all in one transaction, so the first of these states cannot arise there.
@pytest.mark.parametrize(
    ("backend", "steps"),
    [of(name, n) for name in NAMES for n in (1, 2, 3, 4) if (name, n) != ("postgres", 1)],
    indirect=["backend"],
)
def test_a_half_created_schema_is_completed(backend, opened, steps):
    opened(backend).close()
    for statement in UNDO[:steps]:
        backend.execute(statement)
    assert_whole(backend, opened(backend), make_record(variables={"a": 1}))


MISSING = {
    "the view": ["DROP VIEW chest_variables"],
    "the version": ["DELETE FROM chest_schema"],
    "the table of the version": ["DROP TABLE chest_schema"],
    "the view, and the table of the version": [
        "DROP VIEW chest_variables",
        "DROP TABLE chest_schema",
    ],
    "an index": ["index chest_records_started_at"],
    "both indexes": ["index chest_records_started_at", "index chest_records_request_id"],
    "columns that may be null": [
        "DROP VIEW chest_variables",
        "ALTER TABLE chest_records DROP COLUMN trace_id",
        "ALTER TABLE chest_records DROP COLUMN route",
    ],
    "everything but the records": [
        "DROP VIEW chest_variables",
        "DROP TABLE chest_schema",
        "index chest_records_started_at",
        "index chest_records_request_id",
    ],
}


@pytest.mark.parametrize("backend", BACKENDS, indirect=True)
@pytest.mark.parametrize("statements", MISSING.values(), ids=MISSING)
def test_what_is_missing_is_created_again_and_the_records_stay(backend, opened, statements, said):
    store = opened(backend)
    old = make_record(variables={"a": 1})
    store.export(make_batch(old))
    store.close()
    for statement in statements:
        if statement.startswith("index "):
            statement = drop_index(backend, statement.removeprefix("index "))  # noqa: PLW2901 - the dialect's own
        backend.execute(statement)
    said()
    assert_whole(backend, opened(backend), make_record(variables={"a": 1}))
    assert old["id"] in backend.ids()
    assert any("again" in line for line in said())


@pytest.mark.parametrize("backend", ["sqlite", "mysql"], indirect=True)
def test_records_that_were_dropped_get_a_new_table(backend, opened):
    opened(backend).close()
    backend.execute("DROP TABLE chest_records")
    assert_whole(backend, opened(backend), make_record(variables={"a": 1}))


@pytest.mark.parametrize("backend", BACKENDS, indirect=True)
def test_records_that_were_renamed_are_left_alone_and_get_a_new_table(backend, opened):
    store = opened(backend)
    old = make_record(variables={"old": 1})
    store.export(make_batch(old))
    store.close()
    backend.execute("ALTER TABLE chest_records RENAME TO chest_2024")
    new = make_record(variables={"a": 1})
    assert_whole(backend, opened(backend), new)
    assert [name for _, name, _ in backend.variables()] == ["a"], "the view leads to the new table"
    assert [str(i) for (i,) in backend.execute("SELECT id FROM chest_2024")] == [old["id"]]
    assert backend.new().repair() == []


@pytest.mark.parametrize("backend", ["sqlite", "postgres"], indirect=True)
def test_a_version_without_a_number_is_written_once(backend, opened, said):
    opened(backend).close()
    backend.execute("DROP TABLE chest_schema")
    backend.execute("CREATE TABLE chest_schema (version INTEGER)")
    backend.execute("INSERT INTO chest_schema VALUES (NULL)")
    opened(backend).close()
    before = said()
    opened(backend).close()
    assert said() == before
    assert backend.new().repair() == []


TOLERATED = {
    "another index": ["CREATE INDEX mine ON chest_records (duration_ms)"],
    "an index of another name": [
        "index chest_records_request_id",
        "CREATE INDEX mine ON chest_records (request_id)",
    ],
    "another column": ["ALTER TABLE chest_records ADD COLUMN note VARCHAR(20)"],
    "another column with a default": [
        "ALTER TABLE chest_records ADD COLUMN note INT NOT NULL DEFAULT 7"
    ],
    "another table": ["CREATE TABLE chest_other (id INT)"],
}


@pytest.mark.parametrize("backend", BACKENDS, indirect=True)
@pytest.mark.parametrize("statements", TOLERATED.values(), ids=TOLERATED)
def test_what_loses_nothing_is_tolerated(backend, opened, statements):
    opened(backend).close()
    for statement in statements:
        if statement.startswith("index "):
            statement = drop_index(backend, statement.removeprefix("index "))  # noqa: PLW2901 - the dialect's own
        backend.execute(statement)
    store = opened(backend)
    assert_whole(backend, store, make_record(variables={"a": 1}))
    assert store.query()[0].variables == {"a": 1}
    assert store.page()[0].variables == {"a": 1}


@pytest.mark.parametrize("backend", BACKENDS, indirect=True)
def test_a_view_of_somebody_elses_stops_no_delivery_and_is_repaired(backend, opened):
    store = opened(backend)
    backend.execute("DROP VIEW chest_variables")
    backend.execute("CREATE VIEW chest_variables AS SELECT id FROM chest_records")
    store.close()
    store = opened(backend)
    store.export(make_batch(make_record(variables={"a": 1})))
    assert store.count() == 1
    store.close()
    done = backend.new().repair()
    assert done == ["Created the view chest_variables again"]
    assert [(name, str(value)) for _, name, value in backend.variables()] == [("a", "1")]
    assert backend.new().repair() == []


REFUSED = {
    "a column that may not be null is missing": (
        ["DROP VIEW chest_variables", "ALTER TABLE chest_records DROP COLUMN path"],
        "has no column path",
    ),
    "a column that nobody fills": (
        ["ALTER TABLE chest_records ADD COLUMN note INT NOT NULL DEFAULT 7", "no default"],
        "has a column note that takes no null",
    ),
    "a request ID only once": (
        ["CREATE UNIQUE INDEX mine ON chest_records (request_id)"],
        "takes each request_id once, because of mine: records would be lost",
    ),
}


REFUSED_BY_ONE = [
    (
        "mysql",
        ["CREATE UNIQUE INDEX mine ON chest_records (id(4))"],
        "takes each id once, because of mine: records would be lost",
    ),
    (
        "postgres",
        ["CREATE UNIQUE INDEX mine ON chest_records (lower(path))"],
        r"takes each lower\(path\) once, because of mine: records would be lost",
    ),
    (
        "postgres",
        [
            "ALTER TABLE chest_records DROP CONSTRAINT chest_records_pkey",
            "CREATE UNIQUE INDEX mine ON chest_records (id) WHERE service = 'x'",
        ],
        "has no primary key on id: records would be stored twice",
    ),
    (
        "postgres",
        ["CREATE RULE mine AS ON INSERT TO chest_records DO INSTEAD NOTHING"],
        "has a rule mine instead of insertions: records would be lost. Run: DROP RULE",
    ),
    (
        "mysql",
        ["ALTER TABLE chest_records CONVERT TO CHARACTER SET latin1"],
        "has a column path of the character set latin1, which lacks some texts",
    ),
]


@pytest.mark.parametrize(
    ("backend", "statements", "message"),
    [
        *(
            of(name, *refused)
            for name in NAMES
            for refused in REFUSED.values()
            if (name, refused[0][-1]) != ("sqlite", "no default")  # it adds no such column
        ),
        *REFUSED_BY_ONE,
    ],
    indirect=["backend"],
)
def test_what_would_lose_records_is_refused_and_kept(backend, opened, statements, message):
    opened(backend).close()
    for statement in statements:
        if statement == "no default":
            statement = "ALTER TABLE chest_records ALTER COLUMN note DROP DEFAULT"  # noqa: PLW2901
        backend.execute(statement)
    before = sorted(backend.tables())
    store = backend.new()
    with pytest.raises(SchemaMismatch, match=message) as caught:
        store.open()
    store.close()
    assert store.location in str(caught.value)
    assert sorted(backend.tables()) == before


@pytest.mark.parametrize("backend", BACKENDS, indirect=True)
def test_the_statement_that_the_error_names_makes_the_next_attempt_work(backend, opened):
    store = opened(backend)
    old = make_record(path="/old")
    store.export(make_batch(old))
    store.close()
    backend.execute("DROP VIEW chest_variables")
    backend.execute("ALTER TABLE chest_records DROP COLUMN path")
    backend.execute("ALTER TABLE chest_records DROP COLUMN method")
    store = backend.new()
    with pytest.raises(SchemaMismatch) as caught:
        store.open()
    store.close()
    _, *statements = str(caught.value).split("Run: ")
    assert len(statements) == 2
    for statement in statements:
        backend.execute(statement.rstrip("; "))
    assert_whole(backend, opened(backend), make_record(variables={"a": 1}))
    assert sorted((r.path, r.method) for r in opened(backend).query()) == [
        ("", ""),
        (make_record()["path"], "GET"),
    ]


@pytest.mark.parametrize("backend", BACKENDS, indirect=True)
def test_repair_does_what_the_error_says(backend, opened):
    opened(backend).close()
    backend.execute("DROP VIEW chest_variables")
    backend.execute("ALTER TABLE chest_records DROP COLUMN path")
    done = backend.new().repair()
    assert done[0] == "chest_records has no column path: put right"
    assert "Created the view chest_variables again" in done
    assert_whole(backend, opened(backend), make_record(variables={"a": 1}))


@pytest.mark.parametrize("backend", BACKENDS, indirect=True)
@pytest.mark.parametrize("name", ["schema", "records"])
def test_a_table_of_another_program_is_refused_until_it_is_renamed(backend, opened, name):
    opened(backend).close()
    for statement in UNDO:
        backend.execute(statement)
    backend.execute(f"CREATE TABLE chest_{name} (something INT)")
    store = backend.new()
    with pytest.raises(SchemaMismatch, match=rf"a chest_{name} that .* did not create. Rename it"):
        store.open()
    store.close()
    assert backend.tables() == [f"chest_{name}"]
    backend.execute(f"ALTER TABLE chest_{name} RENAME TO another")
    assert_whole(backend, opened(backend), make_record(variables={"a": 1}))
