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


BACKENDS = ("sqlite", "postgres", "mysql")


@pytest.fixture
def backend(request, backend_of):
    return backend_of(request.param)


# PostgreSQL creates all in one transaction, so the first of these states cannot arise there.
@pytest.mark.parametrize(
    ("backend", "steps"),
    [(name, n) for name in BACKENDS for n in (1, 2, 3, 4) if (name, n) != ("postgres", 1)],
    indirect=["backend"],
)
def test_a_half_created_schema_is_completed(backend, opened, steps):
    opened(backend).close()
    for statement in UNDO[:steps]:
        backend.execute(statement)
    opened(backend).export(make_batch(make_record(variables={"a": 1})))
    assert [(name, str(value)) for _, name, value in backend.variables()] == [("a", "1")]
    assert [tuple(row) for row in backend.execute("SELECT version FROM chest_schema")] == [(1,)]


@pytest.mark.parametrize("backend", BACKENDS, indirect=True)
@pytest.mark.parametrize(
    ("statements", "message"),
    [
        (["ALTER TABLE chest_records DROP COLUMN trace_id"], "chest_records without trace_id"),
        (["DROP VIEW chest_variables"], "chest_variables without record_id"),
        (["DROP VIEW chest_variables", "DROP TABLE chest_records"], "chest_records without id"),
        (["DROP TABLE chest_schema"], "a chest_records and a chest_variables that Flask-Chest did"),
    ],
)
def test_a_changed_schema_is_refused_and_kept(backend, opened, statements, message):
    opened(backend).close()
    for statement in statements:
        backend.execute(statement)
    before = sorted(backend.tables())
    store = backend.new()
    with pytest.raises(SchemaMismatch, match=message) as caught:
        store.open()
    store.close()
    assert store.location in str(caught.value)
    assert sorted(backend.tables()) == before
