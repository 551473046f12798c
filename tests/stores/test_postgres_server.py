"""The PostgreSQL store beside what a real server does: its settings, partitions, pooler, errors."""

from __future__ import annotations

import re
import subprocess
import threading
import time
import traceback
from contextlib import contextmanager
from datetime import datetime, timedelta, timezone
from urllib.parse import urlsplit
from uuid import uuid4

import psycopg
import pytest
from flask_chest_postgres.errors import refuse_server
from sqlalchemy import event
from support.backends import Postgres
from support.certificates import make_authority, make_certificate

from flask_chest.errors import (
    BatchRejected,
    ConfigurationError,
    ExporterUnavailable,
    SchemaMismatch,
)
from flask_chest.exporter import Batch
from flask_chest.testing.records import START, as_stored, make_batch, make_record
from flask_chest.testing.relay import Relay
from tools.pgbouncer import PgBouncer
from tools.servers import PostgresServer, free_port

PASSWORD = "plänted-s3cret@/:?#%"


@pytest.fixture
def backend(postgres):
    return Postgres(postgres)


@pytest.fixture
def opened():
    """Return what opens an exporter, which is closed in the end."""
    made = []

    def start(backend, **fields):
        made.append(backend.new(**fields))
        made[-1].open()
        return made[-1]

    yield start
    for each in made:
        each.close()


@pytest.fixture
def make_role(backend):
    """Return what makes a role with PASSWORD, and gives a backend that signs in as it."""
    made = []

    def make(grants="ALL ON SCHEMA public", options="", **fields):
        role = f"chest_{uuid4().hex[:12]}"
        backend.execute(f"CREATE ROLE {role} LOGIN {options} PASSWORD '{PASSWORD}'")
        made.append(role)
        if grants:
            backend.execute(f"GRANT {grants} TO {role}")
        found = Postgres(backend.url, **fields)
        found.config = {**found.config, "user": role, "password": PASSWORD}
        return found

    yield make
    for role in made:
        backend.execute(f"DROP OWNED BY {role} CASCADE")
        backend.execute(f"DROP ROLE {role}")


@contextmanager
def transaction(backend, statement):
    """Hold what a statement locks."""
    with psycopg.connect(backend.url) as connection:
        connection.execute(statement)
        yield connection
        connection.rollback()


def utc(*parts):
    return datetime(*parts, tzinfo=timezone.utc)


def batch_of(*moments):
    return make_batch(*(make_record(started_at=moment) for moment in moments))


# -- What is in the database -----------------------------------------------------------------------


def test_the_columns_have_postgresqls_own_types(backend, opened):
    opened(backend)
    rows = backend.execute(
        "SELECT column_name, udt_name, is_nullable FROM information_schema.columns"
        " WHERE table_name = 'chest_records'"
    )
    types = {name: kind for name, kind, _ in rows}
    assert {kind for name, kind in types.items() if name not in _NO_TEXT} == {"varchar", "text"}
    assert {name: types[name] for name in _NO_TEXT} == _NO_TEXT
    assert {name for name, _, nullable in rows if nullable == "YES"} == {
        *("trace_id", "endpoint", "route", "status_code", "error")
    }


_NO_TEXT = {
    "id": "uuid",
    "started_at": "timestamptz",
    "variables": "jsonb",
    "status_code": "int2",
    "duration_ms": "float8",
    "weight": "float8",
}


@pytest.mark.parametrize("time_index", ["btree", "brin"])
@pytest.mark.parametrize("partition_by_day", [False, True])
def test_the_indexes_are_used_by_the_questions_that_they_are_for(
    postgres, opened, time_index, partition_by_day
):
    backend = Postgres(
        postgres, time_index=time_index, variables_index=True, partition_by_day=partition_by_day
    )
    store = opened(backend)
    for hour in range(10):
        moments = [START + timedelta(hours=hour, seconds=3 * n) for n in range(1_000)]
        store.export(
            make_batch(
                *(
                    make_record(
                        started_at=moment, request_id=f"{hour}-{n}", variables={"user": hour * n}
                    )
                    for n, moment in enumerate(moments)
                )
            )
        )
    backend.execute("ANALYZE")
    definitions = [row[0] for row in backend.execute("SELECT indexdef FROM pg_indexes")]
    assert any(f"USING {time_index} (started_at)" in each for each in definitions)
    assert any("USING gin (variables jsonb_path_ops)" in each for each in definitions)

    hour = {"since": START + timedelta(hours=5), "until": START + timedelta(hours=5, minutes=1)}
    plans = _plans_of(
        store,
        lambda: store.count(**hour),
        lambda: store.query(request_id="5-5"),
        lambda: store.query(variables={"user": 8991}),
    )
    for plan, wanted in zip(plans, ("started_at", "request_id", "variables"), strict=True):
        assert re.search(rf"Index (Only )?Scan (using|on) \S*{wanted}", plan), plan


def _plans_of(store, *calls):
    """Return the plans of what the calls ask, as the server makes them for its log."""
    plans = []

    def explain(connection, cursor, statement, parameters, context, executemany):
        if statement.startswith("SELECT") and "chest_records" in statement:
            with connection.connection.driver_connection.cursor() as other:
                other.execute("SET LOCAL enable_seqscan = off")
                other.execute(f"EXPLAIN {statement}", parameters)
                plans.append("\n".join(line for (line,) in other))

    event.listen(store._engine, "before_cursor_execute", explain)
    for call in calls:
        call()
    event.remove(store._engine, "before_cursor_execute", explain)
    return plans


@pytest.mark.parametrize(
    ("zone", "style"),
    [
        ("Pacific/Kiritimati", "SQL, DMY"),
        ("America/St_Johns", "German"),
        ("<+05>-05", "Postgres, MDY"),
    ],
)
def test_times_and_numbers_are_right_whatever_the_users_settings_are(
    make_role, opened, zone, style
):
    backend = make_role(partition_by_day=True)
    for setting in (
        f"timezone = '{zone}'",
        f"datestyle = '{style}'",
        "intervalstyle = 'iso_8601'",
        "extra_float_digits = -15",
        "client_encoding = 'LATIN1'",
        "standard_conforming_strings = off",
    ):
        backend.execute(f"ALTER ROLE {backend.config['user']} SET {setting}")
    store = opened(backend)
    records = [
        make_record(started_at=moment, duration_ms=0.1 + 0.2, variables={"€": "☂"})
        for moment in (
            utc(1, 1, 1),
            utc(1899, 12, 31, 23, 59, 59, 999_999),
            utc(2024, 3, 31, 1, 30),
            utc(2024, 12, 11, 10, 9, 8, 7),
            utc(9999, 12, 31, 23, 59, 59, 999_999),
        )
    ]
    store.export(make_batch(*records))
    assert store.query(newest_first=False) == [as_stored(record) for record in records]
    for record in records:
        moment = as_stored(record).started_at
        assert [r.id for r in store.query(since=moment)][-1] == record["id"]
        backend.execute("SET timezone = 'Asia/Tokyo'")
    epochs = backend.execute("SELECT extract(epoch FROM started_at) FROM chest_records ORDER BY 1")
    assert float(epochs[3][0]) == pytest.approx(utc(2024, 12, 11, 10, 9, 8, 7).timestamp(), 0, 1e-6)


@pytest.mark.parametrize("isolation", ["serializable", "repeatable read"])
def test_a_user_with_another_isolation_level_may_deliver(make_role, opened, isolation):
    backend = make_role()
    role = backend.config["user"]
    backend.execute(f"ALTER ROLE {role} SET default_transaction_isolation = '{isolation}'")
    store = opened(backend)
    record = make_record()
    for _ in range(2):
        store.export(make_batch(record, make_record()))
    assert store.count() == 3


@pytest.mark.parametrize("encoding", ["SQL_ASCII", "LATIN1"])
def test_a_database_that_cannot_hold_every_text_is_refused(postgres_server, opened, encoding):
    name = f"chest_{encoding.lower()}_{uuid4().hex[:8]}"
    with psycopg.connect(postgres_server.url("postgres"), autocommit=True) as connection:
        connection.execute(
            f"CREATE DATABASE {name} ENCODING '{encoding}' LOCALE 'C' TEMPLATE template0"
        )
    try:
        backend = Postgres(postgres_server.url(name))
        with pytest.raises(ConfigurationError, match=f"/{name} has the encoding {encoding}.*UTF8"):
            opened(backend)
        with pytest.raises(ExporterUnavailable, match=f"/{name} has the encoding {encoding}"):
            backend.new().check()
        assert backend.execute("SELECT count(*) FROM pg_tables WHERE tablename ~ 'chest'") == [(0,)]
    finally:
        postgres_server.drop(name)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("started_at", "infinity"),
        ("started_at", "12024-01-01T00:00:00Z"),
        ("started_at", "0001-01-01T00:00:00Z BC"),
        ("duration_ms", "NaN"),
        ("duration_ms", "Infinity"),
        ("weight", "-Infinity"),
        ("path", "a\0b"),
        ("error", "e" * 256),
        ("status_code", 40_000),
        ("id", "no id"),
    ],
)
def test_what_could_be_stored_but_not_read_is_rejected(postgres, opened, field, value):
    backend = Postgres(postgres, partition_by_day=field == "started_at")
    store = opened(backend)
    with pytest.raises(BatchRejected) as raised:
        store.export(make_batch(make_record(), make_record(**{field: value})))
    assert "/cart/1" not in str(raised.value), "a message does not show the row"
    assert backend.ids() == []


def test_a_text_that_no_record_can_have_is_no_error_in_a_question(backend, opened):
    store = opened(backend)
    store.export(make_batch(make_record(variables={"a": "b", "": 1})))
    for text in ("a\0b", "\ud800"):
        assert store.count(request_id=text) == store.count(variables={text: 1}) == 0
        assert store.count(endpoint="cart", variables={"a": text}) == 0
        assert store.top_values(text) == store.top_values("a", method=text) == []
        assert store.query(route=text) == store.routes(method=text) == []


def test_a_batch_that_fails_at_its_commit_has_not_been_taken(backend, opened):
    store = opened(backend)
    backend.execute(
        "CREATE FUNCTION fail() RETURNS trigger LANGUAGE plpgsql AS"
        " $$ BEGIN RAISE EXCEPTION 'at the commit'; END $$;"
        "CREATE CONSTRAINT TRIGGER fails AFTER INSERT ON chest_records"
        " DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION fail()"
    )
    with pytest.raises(ExporterUnavailable, match="at the commit"):
        store.export(batch_of(START))
    backend.execute("DROP TRIGGER fails ON chest_records")
    store.export(batch_of(START))
    assert len(backend.ids()) == 1


# -- Partitions ------------------------------------------------------------------------------------


@pytest.fixture
def by_day(postgres):
    return Postgres(postgres, partition_by_day=True)


def partitions(backend):
    rows = backend.execute(
        "SELECT c.relname FROM pg_inherits JOIN pg_class c ON c.oid = inhrelid"
        " WHERE c.relkind = 'r' ORDER BY 1"
    )
    return [name for (name,) in rows]


def day_name(moment):
    return f"chest_records_{moment:%Y%m%d}"


def test_partitions_are_made_ahead_for_today_and_three_days(by_day, opened):
    opened(by_day).export(Batch(b"", 0))
    now = datetime.now(timezone.utc)
    assert partitions(by_day) == [day_name(now + timedelta(days=n)) for n in range(4)]


def test_old_days_and_the_far_future_get_their_partitions_when_they_come(by_day, opened):
    store = opened(by_day)
    days = [START - timedelta(days=n) for n in range(100)] + [utc(1, 1, 1), utc(9999, 12, 31)]
    store.export(batch_of(*days, *days))
    assert store.count() == 204
    assert {day_name(day) for day in days[:100]} < set(partitions(by_day))
    assert {"chest_records_00010101", "chest_records_99991231"} < set(partitions(by_day))
    store.export(batch_of(*days))
    assert len(partitions(by_day)) == 106


def test_a_day_ends_at_midnight_utc(make_role, opened):
    backend = make_role(partition_by_day=True)
    backend.execute(f"ALTER ROLE {backend.config['user']} SET timezone = 'Pacific/Kiritimati'")
    midnight = utc(2024, 5, 2)
    last = midnight - timedelta(microseconds=1)
    # The last is written with an offset, as records of others may be.
    odd = make_record(started_at="2024-05-01T23:30:00-01:00")
    opened(backend).export(make_batch(*(make_record(started_at=m) for m in (last, midnight)), odd))
    counts = [
        backend.execute(f"SELECT count(*) FROM chest_records_{day}")[0][0]
        for day in ("20240501", "20240502")
    ]
    assert counts == [1, 2]


def test_several_processes_make_the_same_partitions_at_once(by_day):
    script = (
        "from flask_chest.testing.records import *\nfrom datetime import timedelta\n"
        "exporter = new()\nprint('ready', flush=True)\nsys.stdin.readline()\nexporter.open()\n"
        "for n in range(8):\n"
        "    exporter.export(make_batch(make_record(started_at=START + timedelta(days=n))))\n"
        "exporter.close()"
    )
    processes = [by_day.start(script) for _ in range(4)]
    for process in processes:
        assert process.stdout.readline() == "ready\n"
    assert [process.communicate("go\n", timeout=60)[1] for process in processes] == [""] * 4
    assert len(by_day.ids()) == 32
    assert len(partitions(by_day)) == 12


def test_old_partitions_are_dropped_whole_with_the_first_delivery_of_a_day(by_day, opened):
    now = datetime.now(timezone.utc)
    days = [now - timedelta(days=n) for n in range(6)]
    opened(by_day).export(batch_of(*days, *days))
    deleted = count_deletes(by_day)
    began = time.monotonic()
    store = opened(by_day, retention_days=2)
    store.export(batch_of(now))
    assert time.monotonic() - began < 2
    assert partitions(by_day)[0] == day_name(days[2])
    assert store.count() == 7
    assert deleted() == 0


def count_deletes(backend):
    """Let the database count rows that are deleted one by one; return what returns the count."""
    backend.execute(
        "CREATE TABLE deleted (id uuid);"
        "CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS"
        " $$ BEGIN INSERT INTO deleted VALUES (old.id); RETURN old; END $$;"
        "CREATE TRIGGER note AFTER DELETE ON chest_records FOR EACH ROW EXECUTE FUNCTION note()"
    )
    return lambda: backend.execute("SELECT count(*) FROM deleted")[0][0]


def test_a_reader_of_an_old_partition_holds_up_neither_delivery_nor_the_drop_for_good(
    by_day, opened, said
):
    now = datetime.now(timezone.utc)
    old = now - timedelta(days=5)
    opened(by_day).export(batch_of(now, old))
    store = opened(by_day, retention_days=1)
    with transaction(by_day, f"SELECT * FROM {day_name(old)}"):
        began = time.monotonic()
        store.export(batch_of(now))
        assert time.monotonic() - began < 4
        assert "Old partitions cannot be dropped now" in said()[-1]
        began = time.monotonic()
        store.export(batch_of(now))
        assert time.monotonic() - began < 1, "it is not tried with every batch"
    assert day_name(old) in partitions(by_day)
    opened(by_day, retention_days=1).export(batch_of(now))
    assert day_name(old) not in partitions(by_day)


def test_purge_is_exact_and_drops_what_is_whole(by_day, opened):
    store = opened(by_day)
    moments = [utc(2024, 5, day, 12) for day in (1, 1, 2, 3, 3)] + [utc(2024, 5, 3)]
    store.export(batch_of(*moments))
    deleted = count_deletes(by_day)
    assert store.purge(before=utc(2024, 5, 3, 12)) == 4
    assert deleted() == 1
    assert "chest_records_20240503" in partitions(by_day)
    assert "chest_records_20240502" not in partitions(by_day)
    assert store.purge(before=utc(2024, 5, 4)) == 2
    assert "chest_records_20240503" not in partitions(by_day)
    assert store.count() == 0


def test_a_purge_waits_briefly_for_a_reader(by_day, opened):
    store = opened(by_day)
    store.export(batch_of(START))
    with transaction(by_day, "SELECT * FROM chest_records"):
        began = time.monotonic()
        with pytest.raises(ExporterUnavailable, match=r"lock timeout.*pg_stat_activity"):
            store.purge(before=START + timedelta(days=2))
        assert time.monotonic() - began < 4
    assert store.purge(before=START + timedelta(days=2)) == 1


@pytest.mark.parametrize("is_partitioned", [True, False])
def test_partitioning_a_table_that_is_there_is_refused(postgres, opened, is_partitioned):
    backend = Postgres(postgres)
    opened(backend, partition_by_day=is_partitioned).export(batch_of(START))
    with pytest.raises(
        SchemaMismatch,
        match=rf"5?/\w+: the table chest_records is {'' if is_partitioned else 'not '}partitioned."
        rf" Set partition_by_day={is_partitioned}, or another table_prefix",
    ):
        opened(backend, partition_by_day=not is_partitioned)
    assert len(backend.ids()) == 1


def test_partitions_of_others_are_left_alone_and_used(by_day, opened):
    now = datetime.now(timezone.utc)
    opened(by_day)
    month = f"'{now - timedelta(days=15)}') TO ('{now + timedelta(days=15)}'"
    by_day.execute(
        f"CREATE TABLE month PARTITION OF chest_records FOR VALUES FROM ({month});"
        "CREATE TABLE chest_records_20000101 PARTITION OF chest_records"
        " FOR VALUES FROM ('2000-01-01') TO ('2001-01-01');"
        "CREATE TABLE chest_records_old PARTITION OF chest_records"
        " FOR VALUES FROM ('1990-01-01') TO ('1991-01-01');"
        "CREATE TABLE others PARTITION OF chest_records DEFAULT"
    )
    moments = (now, START, utc(2000, 7, 1), utc(1990, 7, 1))
    store = opened(by_day, retention_days=1)
    store.export(batch_of(*moments))
    opened(by_day, retention_days=1).export(Batch(b"", 0))
    names = ["chest_records_20000101", "chest_records_old", "month", "others"]
    assert partitions(by_day) == names
    assert [by_day.execute(f"SELECT count(*) FROM {name}")[0][0] for name in names] == [1] * 4
    assert store.purge(before=now) == 3
    assert partitions(by_day) == names


def test_what_is_in_the_way_of_a_partition_is_named_and_the_records_wait(by_day, opened):
    store = opened(by_day)
    store.export(batch_of(START))
    by_day.execute("ALTER TABLE chest_records DETACH PARTITION chest_records_20240501")
    with pytest.raises(
        SchemaMismatch, match=r"chest_records_20240501 that is no partition.*Attach"
    ):
        store.export(batch_of(START))
    by_day.execute(
        "DROP TABLE chest_records_20240501;"
        "CREATE TABLE half PARTITION OF chest_records"
        " FOR VALUES FROM ('2024-05-01 00:00Z') TO ('2024-05-01 10:00Z')"
    )
    with pytest.raises(SchemaMismatch, match=r"no partition.*midnight UTC"):
        store.export(batch_of(START))
    by_day.execute("DROP TABLE half")
    store.export(batch_of(START))
    assert len(by_day.ids()) == 1


def test_a_record_is_stored_once_by_its_id_and_time(by_day, opened):
    store = opened(by_day)
    batch = batch_of(START, START - timedelta(days=1))
    store.export(batch)
    store.export(Batch(batch.lines * 2, 4))
    assert len(by_day.ids()) == 2


def test_a_connection_lost_while_idle_costs_no_failure_at_the_turn_of_a_day(by_day, opened):
    with Relay(*by_day.address) as relay:
        store = opened(by_day, **by_day.at(*relay.address))
        store.export(batch_of(START))
        store._maintenance._made_on -= timedelta(days=1)
        relay.drop()
        store.export(batch_of(START))
        assert len(by_day.ids()) == 2


# -- pgbouncer -------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def pooler(postgres_server):
    with PgBouncer(postgres_server.url()) as pooler:
        yield pooler


@pytest.fixture
def pooled(pooler, postgres):
    return Postgres(pooler.url(urlsplit(postgres).path[1:]))


def test_exporters_in_several_processes_share_the_connections_of_a_pooler(pooled, pooler):
    script = (
        "from flask_chest.testing.records import *\n"
        "exporter = new()\nprint('ready', flush=True)\nsys.stdin.readline()\nexporter.open()\n"
        "for n in range(30):\n"
        "    exporter.export(make_batch(*(make_record() for _ in range(20))))\n"
        "    assert exporter.count() >= 20 * n\n"
        "assert len(exporter.query(limit=50)) == 50 and exporter.routes()[0].count >= 600\n"
        "exporter.close()"
    )
    processes = [pooled.start(script) for _ in range(3)]
    for process in processes:
        assert process.stdout.readline() == "ready\n"
    assert [process.communicate("go\n", timeout=60)[1] for process in processes] == [""] * 3
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
def test_a_restart_of_the_pooler_between_batches_costs_no_failure(
    pooled, pooler, opened, partition_by_day
):
    store = opened(pooled, partition_by_day=partition_by_day, retention_days=None)
    for _ in range(2):
        store.export(batch_of(START))
        pooler.stop()
        pooler.start()
    store.export(batch_of(START))
    assert store.count() == 3


def test_statements_end_in_time_behind_a_pooler_as_well(pooled, opened):
    store = opened(pooled, timeout_seconds=1)
    with transaction(pooled, "LOCK TABLE chest_records IN ACCESS EXCLUSIVE MODE"):
        for call in (lambda: store.export(batch_of(START)), store.count):
            with pytest.raises(ExporterUnavailable, match=r"statement timeout.*timeout_seconds"):
                call()
    store.export(batch_of(START))
    assert store.count() == 1


def test_an_unknown_user_of_a_pooler_is_named(pooled):
    error = _error_of(pooled, user="nobody")
    assert type(error) is ConfigurationError
    assert re.search("authentication failed.*Correct the user", str(error))


# -- Errors ----------------------------------------------------------------------------------------


def refused(backend, **fields):
    """Return the text of the error with which a store does not open, and check that `check` tells.

    An exception's notes and causes are part of a traceback, so they are searched for secrets too.
    """
    store = backend.new(connect_timeout_seconds=2, **fields)
    with pytest.raises(ConfigurationError) as raised:
        store.open()
        store.export(batch_of(START))
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


def test_a_wrong_password_or_user_is_named(make_role):
    backend = make_role()
    assert "Correct the user or the password" in refused(backend, password="another-secret")
    assert "Correct the user or the password" in refused(backend, user="nobody", password="x")
    assert "Correct the user or the password" in refused(backend, password=None)
    backend.execute(f"ALTER ROLE {backend.config['user']} NOLOGIN")
    assert "is not permitted to log in. Correct the user" in refused(backend)


def test_an_unknown_database_is_named(backend):
    assert 'database "nowhere" does not exist. Create' in refused(backend, database="nowhere")


def test_a_missing_privilege_is_named(make_role, backend, opened):
    assert "permission denied for schema public. Grant" in refused(make_role(grants=""))
    opened(backend).export(batch_of(START))
    reader = make_role(grants="SELECT ON ALL TABLES IN SCHEMA public")
    assert "permission denied for table chest_records. Grant" in refused(reader)
    reading = opened(reader)
    assert reading.count() == 1
    with pytest.raises(ConfigurationError, match=r"permission denied.*DELETE"):
        reading.purge(before=START)


def test_the_privileges_that_the_readme_names_are_enough(make_role, backend, opened):
    opened(backend)
    writer = make_role(grants="INSERT, SELECT ON ALL TABLES IN SCHEMA public")
    store = opened(writer)
    store.export(batch_of(START))
    assert store.count() == 1
    assert store.top_values("a") == []
    writer.execute(f"GRANT DELETE ON chest_records TO {writer.config['user']}")
    assert store.purge(before=START + timedelta(days=1)) == 1


def test_a_database_that_does_not_admit_the_user_is_named(make_role):
    backend = make_role()
    database = backend.config["database"]
    backend.execute(f'REVOKE CONNECT ON DATABASE "{database}" FROM PUBLIC')
    try:
        assert "permission denied for database" in refused(backend)
    finally:
        backend.execute(f'GRANT CONNECT ON DATABASE "{database}" TO PUBLIC')


def test_a_server_without_tls_is_named_when_tls_is_demanded(backend):
    text = refused(backend, parameters={"sslmode": "require"})
    assert "server does not support SSL" in text
    assert "sslmode=prefer" in text


def test_the_name_and_the_authority_of_a_server_are_verified(postgres, postgres_server, tmp_path):
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
        assert "SSL required" in str(_error_of(backend, parameters={"sslmode": "disable"}))


def _error_of(backend, **fields):
    store = backend.new(**fields)
    try:
        with pytest.raises((ConfigurationError, ExporterUnavailable)) as raised:
            store.open()
    finally:
        store.close()
    return raised.value


class OfferingTls(PgBouncer):
    """The wheel's server is built without TLS, but pgbouncer speaks the same protocol with it."""

    @property
    def own_url(self):
        return f"{super().own_url}?sslmode=require"

    def url(self, database=""):
        return urlsplit(self.own_url)._replace(path=f"/{database}").geturl()


def test_a_user_who_may_only_read_is_told(make_role):
    backend = make_role()
    role = backend.config["user"]
    backend.execute(f"ALTER ROLE {role} SET default_transaction_read_only = on")
    assert "read-only transaction. The server is a read-only replica" in refused(backend)
    text = refused(backend, parameters={"target_session_attrs": "read-write"})
    assert "session is read-only. The server is a read-only replica" in text


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


def test_a_hot_standby_can_be_read_and_delivery_says_where_to_write(own_server):
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


def test_too_many_connections_are_waited_for(make_role):
    backend = make_role(options="CONNECTION LIMIT 1")
    first, second = backend.new(), backend.new()
    first.open()
    with pytest.raises(ExporterUnavailable, match=r"too many connections.*pgbouncer"):
        second.open()
    first.close()
    second.close()


def test_a_locked_table_is_waited_for_no_longer_than_asked(backend, opened):
    store = opened(backend, timeout_seconds=1)
    with transaction(backend, "LOCK TABLE chest_records IN ACCESS EXCLUSIVE MODE"):
        for call in (
            lambda: store.export(batch_of(START)),
            store.query,
            lambda: store.purge(before=START),
        ):
            began = time.monotonic()
            with pytest.raises(ExporterUnavailable, match=r"statement timeout.*timeout_seconds"):
                call()
            assert 0.9 < time.monotonic() - began < 3
        active = "SELECT count(*) FROM pg_stat_activity WHERE state = 'active' AND query ~ 'chest_'"
        assert backend.execute(f"{active} AND pid <> pg_backend_pid()") == [(0,)]
    store.export(batch_of(START))
    assert store.count() == 1


SLOW = (
    "CREATE FUNCTION slow() RETURNS trigger LANGUAGE plpgsql AS"
    " $$ BEGIN PERFORM pg_sleep(0.003); RETURN new; END $$;"
    "CREATE TRIGGER slow BEFORE INSERT ON chest_records FOR EACH ROW EXECUTE FUNCTION slow()"
)
"""Makes a batch take its time, for something to happen in its middle."""


def in_thread(call):
    """Start a call; return what waits for its end and returns its error or None."""
    errors = []

    def run():
        try:
            call()
        except Exception as error:  # noqa: BLE001 - returned
            errors.append(error)

    thread = threading.Thread(target=run)
    thread.start()

    def wait():
        thread.join()
        return errors[0] if errors else None

    return wait


def test_exporters_of_the_same_records_do_not_lock_each_other_out(backend, opened):
    [(database,)] = backend.execute("SELECT current_database()")
    backend.execute(f"ALTER DATABASE \"{database}\" SET deadlock_timeout = '20s'")
    try:
        stores = [opened(backend, timeout_seconds=60) for _ in range(2)]
        backend.execute(SLOW)
        records = [make_record() for _ in range(100)]
        batches = [make_batch(*records), make_batch(*records[::-1])]
        began = time.monotonic()
        calls = [
            in_thread(lambda s=s, b=b: s.export(b)) for s, b in zip(stores, batches, strict=True)
        ]
        assert [wait() for wait in calls] == [None, None]
        assert time.monotonic() - began < 15, "a deadlock lasts until somebody looks for it"
    finally:
        backend.execute(f'ALTER DATABASE "{database}" RESET deadlock_timeout')
    assert len(backend.ids()) == 100


def test_a_batch_that_is_the_victim_of_a_deadlock_is_tried_again_at_once(backend, opened):
    store = opened(backend)
    first, second = (make_record() for _ in range(2))
    insert = (
        "INSERT INTO chest_records SELECT * FROM jsonb_populate_recordset(NULL::chest_records, %s)"
    )
    with psycopg.connect(backend.url) as other:
        other.execute("SET deadlock_timeout = '10s'")  # the exporter is to notice it
        other.execute(insert, [make_batch(second).to_json().decode()])
        wait = in_thread(lambda: store.export(make_batch(first, second)))
        time.sleep(0.2)
        other.execute(insert, [make_batch(first).to_json().decode()])
        other.commit()
        assert wait() is None
    assert sorted(backend.ids()) == sorted([first["id"], second["id"]])
    assert store.count() == 2


@pytest.fixture(scope="module")
def own_server():
    """Return a server that a test may stop and kill."""
    with PostgresServer() as server:
        yield server


def test_a_server_that_crashes_loses_and_doubles_nothing(own_server):
    server = own_server
    with server.database() as url:
        backend = Postgres(url)
        store = backend.new(connect_timeout_seconds=2)
        store.open()
        first, second = batch_of(START), batch_of(*[START] * 300)
        store.export(first)
        server.kill()
        server.start()
        store.export(first)  # between batches: at once
        assert len(backend.ids()) == 1
        backend.execute(SLOW)
        wait = in_thread(lambda: store.export(second))
        time.sleep(0.3)
        server.kill()
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


def test_tables_that_vanish_are_made_again_when_delivery_begins_anew(backend, opened):
    store = opened(backend)
    backend.execute("DROP TABLE chest_records, chest_schema CASCADE")
    with pytest.raises(ExporterUnavailable, match=r"chest_records.* does not exist"):
        store.export(batch_of(START))
    store.close()
    store.open()
    store.export(batch_of(START))
    assert len(backend.ids()) == 1


def test_the_versions_that_are_refused():
    for version in (80_400, 90_624, 110_022):
        with pytest.raises(ConfigurationError, match=r"here is version .* PostgreSQL 12 or newer"):
            refuse_server("here", version, "UTF8")
    for version in (120_000, 150_004, 180_006, 190_000):
        refuse_server("here", version, "UTF8")
    with pytest.raises(ConfigurationError, match=r"version 9\.6\."):
        refuse_server("here", 90_624, "UTF8")


def test_a_text_that_is_not_known_is_shown_in_full(backend):
    text = str(_error_of(backend, host="no.such.host.invalid"))
    assert "no.such.host.invalid" in text
    port = free_port()
    text = str(_error_of(backend, port=port))
    assert re.search(rf"127\.0\.0\.1:{port}/.*[Cc]onnection refused", text)


WRONG = """
from flask_chest.errors import ConfigurationError
config = json.loads(sys.argv[1])
for fields, parameters in (
    ({"password": "x"}, {}),
    ({"database": "nowhere"}, {}),
    ({}, {"sslmode": "require"}),
    ({}, {"sslmode": "wrong"}),
    ({}, {"service": "nowhere"}),
    ({}, {"sslmode": "verify-full", "sslrootcert": sys.executable}),
):
    entry = {**config, **fields, "parameters": parameters}
    store = kind(kind.config_model.model_validate(entry))
    try:
        store.open()
    except ConfigurationError as error:
        print(error)
    finally:
        store.close()
"""


@pytest.mark.parametrize("implementation", ["binary", "python"])
def test_what_each_libpq_says_is_understood(make_role, monkeypatch, implementation):
    # `python` loads the system's libpq, which may be older than the one in the wheel.
    monkeypatch.setenv("PSYCOPG_IMPL", implementation)
    with make_role().start(WRONG) as process:
        out, err = process.communicate(timeout=60)
    assert err == ""
    for line, remedy in zip(
        out.splitlines(),
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
