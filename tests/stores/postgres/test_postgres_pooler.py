"""PostgreSQL behind pgbouncer in transaction mode."""

from __future__ import annotations

import re
from pathlib import Path
from urllib.parse import urlsplit

import psycopg
import pytest
from support.backends import Postgres
from support.moments import batch_of
from support.postgres import (
    error_of,
)
from support.programs import run_together

from flask_chest.errors import (
    ConfigurationError,
    ExporterUnavailable,
    QueryTimeout,
)
from flask_chest.testing.records import START
from tools.pgbouncer import PgBouncer

PROGRAMS = Path(__file__).with_name("programs")


@pytest.fixture(scope="module")
def pooler(postgres_server):
    with PgBouncer(postgres_server.url()) as pooler:
        yield pooler


@pytest.fixture
def pooled(pooler, postgres):
    return Postgres(pooler.url(urlsplit(postgres).path[1:]))


def test_exporters_in_several_processes_share_the_poolers_connections(pooled, pooler, warm_python):
    run_together(warm_python, PROGRAMS / "export_and_query.py", pooled, processes=3)
    assert len(pooled.ids()) == 1_800
    with psycopg.connect(pooled.url) as one, psycopg.connect(pooled.url) as two:
        pids = set()
        for connection in (one, two):  # each holds one of the two
            pids.add(connection.execute("SELECT pg_backend_pid()").fetchone())
            assert connection.execute("TABLE pg_prepared_statements").fetchall() == []
            for setting, value in (("statement_timeout", "0"), ("lock_timeout", "0")):
                assert connection.execute(f"SHOW {setting}").fetchone() == (value,)
        assert len(pids) == pooler.pool_size


@pytest.mark.parametrize("partition_by_day", [False, True])
def test_a_restart_of_the_pooler_between_batches_fails_no_batch(
    pooled, pooler, opened, partition_by_day
):
    store = opened(pooled, partition_by_day=partition_by_day, retention_days=None)
    for _ in range(2):
        store.export(batch_of(START))
        pooler.stop()
        pooler.start()
    store.export(batch_of(START))
    assert store.count() == 3


def test_timeouts_end_statements_and_queries_behind_a_pooler(pooled, opened):
    store = opened(pooled, timeout_seconds=1, query_timeout_seconds=1)
    with pooled.transaction("LOCK TABLE chest_records IN ACCESS EXCLUSIVE MODE"):
        with pytest.raises(ExporterUnavailable, match=r"statement timeout.*timeout_seconds"):
            store.export(batch_of(START))
        with pytest.raises(QueryTimeout, match="query_timeout_seconds"):
            store.count()
    store.export(batch_of(START))
    assert store.count() == 1


def test_a_user_whom_the_pooler_does_not_know_is_refused(pooled):
    error = error_of(pooled, user="nobody")
    assert type(error) is ConfigurationError
    assert re.search("authentication failed.*Correct the user", str(error))
