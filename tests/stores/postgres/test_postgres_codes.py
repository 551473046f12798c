"""Only a fault of the data rejects a record: each SQLSTATE, and states of a real server."""

from __future__ import annotations

import os
import random
from datetime import timedelta

import psycopg
import pytest
from psycopg.errors import lookup
from support.backends import Postgres
from support.moments import batch_of
from support.postgres import is_waiting_for_a_lock
from support.waiting import in_thread, until

from flask_chest.errors import BatchRejected, ChestError, ConfigurationError, ExporterUnavailable
from flask_chest.testing.records import START, make_batch, make_record
from tools.servers import PostgresServer

RAISES = (
    "CREATE FUNCTION raises() RETURNS trigger LANGUAGE plpgsql AS"
    " $$ BEGIN RAISE EXCEPTION 'as told' USING ERRCODE = new.request_id; END $$;"
    "CREATE TRIGGER raises BEFORE INSERT ON chest_records FOR EACH ROW EXECUTE FUNCTION raises()"
)
"""Makes the server refuse a record with the SQLSTATE that is its request ID."""

CLASSES = [f"{first}{second}" for first in "0123456789FHPX" for second in "0123456789ABCDFLPVXZ"]


def known_codes():
    """Return all codes that psycopg knows, and some that nobody does."""
    digits = "0123456789ABCDEFGHP"
    suffixes = [f"{a}{b}{c}" for a in "0123P" for b in digits for c in digits]
    found = []
    for each in CLASSES:
        for suffix in suffixes:
            try:
                lookup(f"{each}{suffix}")
            except KeyError:
                continue
            found.append(f"{each}{suffix}")
    return [*found, "ZZ999", "99999", "54999", "21P09"]


def test_every_code_but_those_of_data_is_retried(backend, store):
    backend.execute(RAISES)
    codes = [code for code in known_codes() if not code.startswith(("00", "01", "02"))]
    assert len(codes) > 200
    rejected = set()
    for code in codes:
        with pytest.raises(ChestError, match="as told") as caught:
            store.export(make_batch(make_record(request_id=code)))
        if isinstance(caught.value, BatchRejected):
            rejected.add(code)
    wanted = {code for code in codes if code.startswith(("22", "23"))}
    # 54000 depends on the file of the server that says so, and a trigger is none of them.
    # And 23001, 23503, 23505 and 23P01 are of constraints that others made.
    assert rejected == wanted - {"2200H", "23001", "23503", "23505", "23P01"} | {"54001"}
    assert backend.ids() == []


def test_a_value_that_an_index_cannot_hold_is_rejected(backend, store):
    backend.execute("CREATE INDEX mine ON chest_records (path)")
    path = random.Random(1).randbytes(20_000).hex()
    with pytest.raises(BatchRejected, match="index row"):
        store.export(make_batch(make_record(), make_record(path=path)))
    store.export(make_batch(make_record()))


class WornServer(PostgresServer):
    """Takes no transactions, so its start cannot be told by a new database."""

    is_worn = False

    def create(self, database):
        if self.is_worn:
            psycopg.connect(self.url("postgres")).close()
        else:
            super().create(database)

    def drop(self, database):
        if not self.is_worn:
            super().drop(database)


@pytest.fixture(scope="module")
def worn_server():
    """Return a server that takes no transactions until its oldest database was vacuumed."""
    with WornServer() as server:
        server.create("worn")
        store = Postgres(server.url("worn")).new()
        store.open()
        store.export(batch_of(START))
        store.close()
        server.stop()
        data = server.folder / "data"
        nearly = 2**31 - 1_000_000
        commits = data / "pg_xact" / f"{nearly // (8192 * 4 * 32):04X}"
        commits.write_bytes(b"\x55" * 8192 * 32)  # of transactions that nobody has begun
        commits.chmod(0o600)
        os.chown(commits, data.stat().st_uid, data.stat().st_gid)
        server._run_once(str(server._programs / "pg_resetwal"), f"-x{nearly}", str(data))
        server.is_worn = True
        server.start()
        yield server


def test_a_server_that_must_be_vacuumed_is_no_fault_of_the_data(worn_server):
    backend = Postgres(worn_server.url("worn"))
    store = backend.new()
    store.open()
    with pytest.raises(ExporterUnavailable, match=r"wraparound.*Vacuum the database"):
        store.export(batch_of(START))
    assert store.count() == 1
    store.close()


def test_a_column_of_others_that_takes_no_null_is_no_fault_of_the_data(backend, store):
    backend.execute("ALTER TABLE chest_records ADD COLUMN region text NOT NULL")
    with pytest.raises(ExporterUnavailable, match=r"\"region\".*Give that column a default"):
        store.export(batch_of(START))
    backend.execute("ALTER TABLE chest_records ALTER COLUMN region SET DEFAULT 'eu'")
    store.export(batch_of(START))
    assert len(backend.ids()) == 1


def test_a_missing_privilege_is_no_fault_of_the_data(make_role, store, opened):
    writer = make_role(grants="INSERT, SELECT ON ALL TABLES IN SCHEMA public")
    role = writer.config["user"]
    delivering = opened(writer)
    delivering.export(batch_of(START))
    writer.execute(f"REVOKE INSERT ON chest_records FROM {role}")
    with pytest.raises(ConfigurationError, match="permission denied"):
        delivering.export(batch_of(START))
    writer.execute(f"GRANT INSERT ON chest_records TO {role}")
    delivering.export(batch_of(START))
    assert delivering.count() == 2


def test_a_server_without_space_for_temporary_files_is_no_fault_of_the_data(backend, opened):
    [(database,)] = backend.execute("SELECT current_database()")
    for setting in ("temp_file_limit = 1", "work_mem = '64kB'"):
        backend.execute(f'ALTER DATABASE "{database}" SET {setting}')
    batch = make_batch(*(make_record(variables={"t": "x" * 500}) for _ in range(2_000)))
    try:
        store = opened(backend)
        with pytest.raises(ExporterUnavailable, match="temporary file size exceeds"):
            store.export(batch)
    finally:
        for setting in ("temp_file_limit", "work_mem"):
            backend.execute(f'ALTER DATABASE "{database}" RESET {setting}')
    opened(backend).export(batch)
    assert len(backend.ids()) == 2_000


def test_a_read_only_database_is_no_fault_of_the_data(backend, opened):
    opened(backend)
    [(database,)] = backend.execute("SELECT current_database()")
    backend.execute(f'ALTER DATABASE "{database}" SET default_transaction_read_only = on')
    try:
        with pytest.raises(ConfigurationError, match="read-only transaction"):
            opened(backend).export(batch_of(START))
    finally:
        with psycopg.connect(backend.url, autocommit=True) as connection:
            connection.execute("SET default_transaction_read_only = off")
            connection.execute(f'ALTER DATABASE "{database}" RESET default_transaction_read_only')
    opened(backend).export(batch_of(START))


def test_a_lock_timeout_of_the_role_is_no_fault_of_the_data(make_role, opened):
    backend = make_role()
    backend.execute(f"ALTER ROLE {backend.config['user']} SET lock_timeout = '100ms'")
    store = opened(backend)
    with (
        backend.transaction("LOCK TABLE chest_records IN ACCESS EXCLUSIVE MODE"),
        pytest.raises(ExporterUnavailable, match=r"lock timeout.*pg_stat_activity"),
    ):
        store.export(batch_of(START))
    store.export(batch_of(START))


@pytest.mark.parametrize(("end", "is_retried"), [("cancel", False), ("terminate", True)])
def test_a_batch_that_an_administrator_ends_is_no_fault_of_the_data(
    backend, store, end, is_retried
):
    store.export(batch_of(START))
    with backend.transaction("LOCK TABLE chest_records IN ACCESS EXCLUSIVE MODE"):
        wait = in_thread(lambda: store.export(batch_of(START)))
        until(lambda: is_waiting_for_a_lock(backend))
        backend.execute(
            f"SELECT pg_{end}_backend(pid) FROM pg_stat_activity"
            " WHERE wait_event_type = 'Lock' AND datname = current_database()"
        )
    error = wait()
    assert error is None if is_retried else type(error) is ExporterUnavailable, error
    store.export(batch_of(START))
    assert len(backend.ids()) == 2 + is_retried


def test_a_catalog_that_refuses_a_partition_is_no_fault_of_the_data(by_day, opened):
    store = opened(by_day)
    by_day.execute("CREATE TYPE chest_records_20240501 AS (a int)")
    with pytest.raises(ChestError) as caught:
        store.export(batch_of(START))
    assert not isinstance(caught.value, BatchRejected)
    by_day.execute("DROP TYPE chest_records_20240501")
    store.export(batch_of(START))


def test_no_read_is_rejected(backend, store):
    store.export(batch_of(START))
    with pytest.raises(ExporterUnavailable):
        store.page(after=(START - timedelta(days=1), "no UUID"))
