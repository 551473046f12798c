"""Errors of PostgreSQL that a person has to fix, and the remedy that each names."""

from __future__ import annotations

import re
from datetime import timedelta
from pathlib import Path

import pytest
from flask_chest_postgres.errors import refuse_server
from support.moments import batch_of
from support.postgres import (
    error_of,
    refused,
)
from support.programs import run

from flask_chest.errors import (
    ConfigurationError,
    ExporterUnavailable,
)
from flask_chest.testing import make_batch, make_record
from flask_chest.testing.records import START
from tools.servers import free_port

PROGRAMS = Path(__file__).with_name("programs")


def test_a_wrong_user_or_password_is_refused_with_the_remedy(make_role):
    backend = make_role()
    assert "Correct the user or the password" in refused(backend, password="another-secret")
    assert "Correct the user or the password" in refused(backend, user="nobody", password="x")
    assert "Correct the user or the password" in refused(backend, password=None)
    backend.execute(f"ALTER ROLE {backend.config['user']} NOLOGIN")
    assert "is not permitted to log in. Correct the user" in refused(backend)


def test_an_unknown_database_is_refused_with_the_remedy(backend):
    assert 'database "nowhere" does not exist. Create' in refused(backend, database="nowhere")


def test_a_missing_privilege_is_refused_with_the_remedy(make_role, backend, opened):
    assert "permission denied for schema public. Grant" in refused(make_role(grants=""))
    opened(backend).export(batch_of(START))
    reader = make_role(grants="SELECT ON ALL TABLES IN SCHEMA public")
    assert "permission denied for table chest_records. Grant" in refused(reader)
    reading = opened(reader)
    assert reading.count() == 1
    with pytest.raises(ConfigurationError, match=r"permission denied.*DELETE"):
        reading.purge(before=START)


def test_a_role_that_creates_nothing_may_deliver_read_and_purge(make_role, store, opened):
    writer = make_role(grants="INSERT, SELECT ON ALL TABLES IN SCHEMA public")
    store = opened(writer)
    store.export(batch_of(START))
    assert store.count() == 1
    assert store.top_values("a") == []
    writer.execute(f"GRANT DELETE ON chest_records TO {writer.config['user']}")
    assert store.purge(before=START + timedelta(days=1)) == 1


def test_a_user_who_may_not_connect_is_told(make_role):
    backend = make_role()
    database = backend.config["database"]
    backend.execute(f'REVOKE CONNECT ON DATABASE "{database}" FROM PUBLIC')
    try:
        assert "permission denied for database" in refused(backend)
    finally:
        backend.execute(f'GRANT CONNECT ON DATABASE "{database}" TO PUBLIC')


def test_too_many_connections_make_the_exporter_unavailable(make_role):
    backend = make_role(options="CONNECTION LIMIT 1")
    first, second = backend.new(), backend.new()
    first.open()
    first.export(make_batch(make_record()))
    with pytest.raises(ExporterUnavailable, match=r"too many connections.*pgbouncer"):
        second.open()
    first.close()
    second.close()


def test_versions_before_postgresql_12_are_refused():
    for version in (80_400, 90_624, 110_022):
        with pytest.raises(ConfigurationError, match=r"here is version .* PostgreSQL 12 or newer"):
            refuse_server("here", version, "UTF8")
    for version in (120_000, 150_004, 180_006, 190_000):
        refuse_server("here", version, "UTF8")
    with pytest.raises(ConfigurationError, match=r"version 9\.6\."):
        refuse_server("here", 90_624, "UTF8")


def test_an_error_of_the_network_is_shown_in_full(backend):
    text = str(error_of(backend, host="no.such.host.invalid"))
    assert "no.such.host.invalid" in text
    port = free_port()
    text = str(error_of(backend, port=port))
    assert re.search(rf"127\.0\.0\.1:{port}/.*[Cc]onnection refused\. Is the server", text)


@pytest.mark.parametrize("implementation", ["binary", "python"])
def test_errors_of_each_libpq_get_their_remedy(make_role, monkeypatch, implementation, warm_python):
    # `python` loads the system's libpq, which may be older than the one in the wheel.
    monkeypatch.setenv("PSYCOPG_IMPL", implementation)
    for line, remedy in zip(
        run(warm_python, PROGRAMS / "refused_configurations.py", make_role()),
        (
            "Correct the user or the password",
            "Create the database",
            "It offers no TLS",
            "Correct this parameter",
            "Correct the name of the service",
            "It offers no TLS",
        ),
        strict=True,
    ):
        assert remedy in line
