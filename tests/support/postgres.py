"""Helpers for the tests of the PostgreSQL store."""

from __future__ import annotations

import traceback

import pytest
from flask_chest_sql.selecting import selecting
from flask_chest_sql.tallying import TallyQuery

from flask_chest.errors import ConfigurationError, ExporterUnavailable
from flask_chest.query import Selection
from flask_chest.testing import make_batch, make_record

PASSWORD = "plänted-s3cret@/:?#%"


def partitions(backend):
    """Return the names of the partitions of the records, in order."""
    rows = backend.execute(
        "SELECT c.relname FROM pg_inherits JOIN pg_class c ON c.oid = inhrelid"
        " WHERE c.relkind = 'r' ORDER BY 1"
    )
    return [name for (name,) in rows]


def day_name(moment):
    return f"chest_records_{moment:%Y%m%d}"


def is_waiting_for_a_lock(backend):
    """True when another session of this database waits for a lock."""
    waiting = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'"
    return backend.execute(f"{waiting} AND datname = current_database()") != [(0,)]


def refused(backend, **fields):
    """Return the error text of a store that does not open or export; `check` has to fail too.

    A traceback shows an exception's notes and causes, so all of it is searched for secrets.
    """
    store = backend.new(connect_timeout_seconds=10, **fields)
    with pytest.raises(ConfigurationError) as raised:
        store.open()
        store.export(make_batch(make_record()))
    store.close()
    with pytest.raises(ExporterUnavailable) as checked:
        store.check()
    assert type(checked.value) is ExporterUnavailable
    assert store.location in str(checked.value)
    for error in (raised.value, checked.value):
        text = "".join(traceback.format_exception(error))
        assert PASSWORD not in text
        assert "another-secret" not in text
    return str(raised.value)


def error_of(backend, **fields):
    """Return the error with which a store does not open."""
    store = backend.new(**fields)
    try:
        with pytest.raises((ConfigurationError, ExporterUnavailable)) as raised:
            store.open()
    finally:
        store.close()
    return raised.value


def plan_of(store, asked):
    """Return the server's plan for a selection or a tally."""
    expressions = store.expressions()
    if isinstance(asked, Selection):
        statement = selecting(expressions, asked).limit(asked.limit)
    else:
        statement = TallyQuery(expressions, asked, store.readable(for_summaries=True)).statement()
    with store.asking() as connection:
        compiled = statement.compile(connection, compile_kwargs={"render_postcompile": True})
        cursor = connection.connection.driver_connection.cursor()
        cursor.execute("SET LOCAL enable_seqscan = off")
        cursor.execute(f"EXPLAIN {compiled}", compiled.params)
        return "\n".join(line for (line,) in cursor)
