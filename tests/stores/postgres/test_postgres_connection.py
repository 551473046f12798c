"""Connections to PostgreSQL: TLS, read-only servers, crashes."""

from __future__ import annotations

import subprocess
from contextlib import closing, suppress
from pathlib import Path
from urllib.parse import urlsplit

import psycopg
import pytest
from support.backends import Postgres
from support.certificates import make_authority, make_certificate
from support.moments import batch_of
from support.postgres import error_of, is_waiting_for_a_lock, refused
from support.waiting import in_thread, until

from flask_chest.errors import (
    ExporterUnavailable,
)
from flask_chest.testing.records import START, make_batch, make_record
from tools.pgbouncer import PgBouncer
from tools.servers import PostgresServer


def test_a_server_without_tls_is_refused_when_tls_is_required(backend):
    text = refused(backend, parameters={"sslmode": "require"})
    assert "server does not support SSL" in text
    assert "sslmode=prefer" in text


class OfferingTls(PgBouncer):
    """A pooler with TLS: the PostgreSQL server of the tests is built without it."""

    @property
    def own_url(self):
        return f"{super().own_url}?sslmode=require"

    def url(self, database=""):
        return urlsplit(self.own_url)._replace(path=f"/{database}").geturl()


def test_verify_full_checks_the_authority_and_the_host_name(postgres, postgres_server, tmp_path):
    good, wrong = (make_authority(tmp_path, name) for name in ("good", "wrong"))
    certificate, key = make_certificate(tmp_path, good, "localhost")
    tls = {
        "client_tls_sslmode": "require",
        "client_tls_cert_file": certificate,
        "client_tls_key_file": key,
    }
    for folder in (tmp_path, *tmp_path.parents[:3]):
        folder.chmod(folder.stat().st_mode | 0o055)  # the server is another user
    with OfferingTls(postgres_server.url(), tls) as pooler:
        backend = Postgres(pooler.url(urlsplit(postgres).path[1:]))
        backend.config = {**backend.config, "host": "localhost"}

        def trusting(authority):
            return {"sslmode": "verify-full", "sslrootcert": str(authority)}

        store = backend.new(parameters={**trusting(good), "hostaddr": "127.0.0.1"})
        store.open()
        store.export(batch_of(START))
        assert store.count() == 1
        store.close()
        text = refused(backend, parameters=trusting(wrong))
        assert "certificate verify failed" in text
        assert "sslrootcert" in text
        text = refused(backend, host="127.0.0.1", parameters=trusting(good))
        assert "does not match host name" in text
        assert "`host` the server" in text
        assert "SSL required" in str(error_of(backend, parameters={"sslmode": "disable"}))


def test_a_read_only_role_is_refused_with_the_remedy(make_role):
    backend = make_role()
    role = backend.config["user"]
    backend.execute(f"ALTER ROLE {role} SET default_transaction_read_only = on")
    assert "read-only transaction. The server is a read-only replica" in refused(backend)
    text = refused(backend, parameters={"target_session_attrs": "read-write"})
    assert "session is read-only. The server is a read-only replica" in text


@pytest.fixture(scope="module")
def own_server():
    """Return a server that a test may stop or kill."""
    with PostgresServer() as server:
        yield server


class Standby(PostgresServer):
    """A hot standby."""

    def __init__(self, primary):
        super().__init__()
        self.primary = primary

    def prepare(self):
        super().prepare()
        for path in (self.folder / "data").iterdir():
            subprocess.run(["rm", "-r", path], check=True)
        self._run_once(
            str(self._programs / "pg_basebackup"),
            f"--pgdata={self.folder / 'data'}",
            f"--dbname={self.primary.url('postgres')}",
            *("--write-recovery-conf", "--checkpoint=fast", "--no-sync"),
        )

    def create(self, database):
        psycopg.connect(self.url("postgres")).close()

    def drop(self, database):
        pass


@pytest.mark.slow
def test_a_hot_standby_can_be_read_and_refuses_batches(own_server):
    primary = own_server
    hba = primary.folder / "data" / "pg_hba.conf"
    hba.write_text(hba.read_text() + "host replication chest 127.0.0.1/32 trust\n")
    primary.stop()
    primary.start()
    with primary.database() as url:
        store = Postgres(url).new()
        store.open()
        store.export(batch_of(START))
        store.close()
        with Standby(primary) as standby:
            backend = Postgres(standby.url(urlsplit(url).path[1:]))
            for fields in ({}, {"table_prefix": "new_"}):
                assert "is a read-only replica or set to" in refused(backend, **fields)
            reading = backend.new()
            reading.open()
            assert reading.count() == 1
            reading.close()
            text = refused(backend, parameters={"target_session_attrs": "read-write"})
            assert "The server is a read-only replica" in text
            both = backend.new(
                host="127.0.0.1,127.0.0.1",
                port=None,
                parameters={
                    "port": f"{standby.port},{primary.port}",
                    "target_session_attrs": "read-write",
                },
            )
            both.open()
            both.export(batch_of(START))
            both.close()
            assert len(Postgres(url).ids()) == 2


WAITS_IN_ITS_MIDDLE = (
    "CREATE FUNCTION pause() RETURNS trigger LANGUAGE plpgsql AS"
    " $$ BEGIN PERFORM pg_advisory_xact_lock(1); RETURN new; END $$;"
    "CREATE TRIGGER pause BEFORE INSERT ON chest_records FOR EACH ROW WHEN (new.path = '/150')"
    " EXECUTE FUNCTION pause()"
)
"""Makes the insertion of the record with the path /150 wait for the advisory lock 1."""


def crash(server):
    """Kill the server, and wait for its other processes: it cannot start beside them."""
    server.kill()
    until(lambda: not any(_is_in(process, server.folder / "data") for process in processes()))


def processes():
    return [path for path in Path("/proc").iterdir() if path.name.isdecimal()]


def _is_in(process, folder):
    with suppress(OSError):  # it has just ended
        return (process / "cwd").readlink() == folder
    return False


def test_a_crash_of_the_server_loses_and_repeats_no_record(own_server):
    server = own_server
    with server.database() as url:
        backend = Postgres(url)
        store = backend.new()
        store.open()
        first = batch_of(START)
        second = make_batch(*(make_record(path=f"/{n}") for n in range(300)))
        store.export(first)
        crash(server)
        server.start()
        store.export(first)  # a connection lost between batches is replaced
        assert len(backend.ids()) == 1
        backend.execute(WAITS_IN_ITS_MIDDLE)
        with closing(psycopg.connect(backend.url)) as holder:
            holder.execute("SELECT pg_advisory_lock(1)")
            wait = in_thread(lambda: store.export(second))
            until(lambda: is_waiting_for_a_lock(backend))
            crash(server)
        error = wait()
        server.start()
        assert type(error) is ExporterUnavailable
        assert len(backend.ids()) == 1, "all of it or nothing"
        store.close()
        store.open()
        for _ in range(2):
            store.export(second)
        assert len(backend.ids()) == 301
        store.close()
