"""What MySQL and MariaDB alone have: sessions, packets, locks, their JSON, users and TLS."""

from __future__ import annotations

import ipaddress
import json
import math
import threading
import time
import traceback
from contextlib import contextmanager
from datetime import datetime, timedelta, timezone
from urllib.parse import quote

import pymysql
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from flask_chest_mysql import MysqlConfig, MysqlStore
from flask_chest_mysql.connection import identify
from flask_chest_mysql.errors import explain
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError
from sqlalchemy import event
from support.backends import Mysql

from flask_chest.errors import (
    BatchRejected,
    ConfigurationError,
    ExporterUnavailable,
    SchemaMismatch,
)
from flask_chest.exporter import Batch
from flask_chest.record import encode
from flask_chest.testing import make_batch, make_record
from flask_chest.testing.records import START, as_stored
from tools.servers import MariaServer

DEADLOCKS = "SHOW GLOBAL STATUS LIKE 'Innodb_deadlocks'"
HERE = {"user": "u", "database": "d"}
SECRET = "pl@nted:s/cr€t%25"


class Database(Mysql):
    @contextmanager
    def connection(self):
        names = ("host", "port", "user", "password", "database")
        given = {name: self.config[name] for name in names if name in self.config}
        with pymysql.connect(**given) as connection, connection.cursor() as cursor:
            yield cursor

    def execute(self, statement, *values):
        with self.connection() as cursor:
            cursor.execute(statement, values or None)
            rows = list(cursor.fetchall())
            cursor.connection.commit()
            return rows

    def opened(self, **fields):
        store = self.new(**fields)
        store.open()
        return store


@pytest.fixture
def backend(mysql):
    return Database(mysql)


@pytest.fixture
def store(backend):
    store = backend.opened()
    yield store
    store.close()


@pytest.fixture(scope="module")
def odd_server():
    """Return a server of our own, whose settings are none of ours, and which may be killed."""
    options = [
        "--default-time-zone=+05:30",
        "--sql-mode=ANSI_QUOTES,NO_BACKSLASH_ESCAPES",
        "--character-set-server=latin1",
        "--transaction-isolation=SERIALIZABLE",
        "--log-bin=log",
        "--max-error-count=0",
        "--innodb-buffer-pool-size=16M",
    ]
    with MariaServer(options=options) as server:
        yield server


@pytest.fixture
def odd(odd_server):
    """Return an empty database on a server with odd settings, which are back afterwards."""
    names = ("max_allowed_packet", "read_only", "binlog_format")
    with odd_server.database() as url:
        backend = Database(url)
        before = [backend.execute(f"SELECT @@GLOBAL.{name}")[0][0] for name in names]
        yield backend
        for name, value in zip(names, before, strict=True):
            backend.execute(f"SET GLOBAL {name} = %s", value)


@pytest.fixture
def odd_store(odd):
    store = odd.opened()
    yield store
    store.close()


def refusal(store, attempt="open"):
    """Return the text of the ConfigurationError that opening a store raises, and close it."""
    with pytest.raises(ConfigurationError) as caught:
        getattr(store, attempt)()
    store.close()
    return str(caught.value)


# -- Sessions ------------------------------------------------------------------------------------


def test_times_are_utc_whatever_the_zone_of_server_and_session_is(odd, odd_store):
    assert odd.execute("SELECT @@session.time_zone") == [("+05:30",)]
    record = make_record(started_at=START)
    odd_store.export(make_batch(record))
    for zone in ("+05:30", "-11:00", "+00:00"):
        with odd.connection() as cursor:
            cursor.execute(f"SET time_zone = '{zone}'")
            cursor.execute("SELECT CAST(started_at AS CHAR) FROM chest_records")
            assert cursor.fetchall() == (("2024-05-01 12:00:00.123456",),)
            cursor.execute("SELECT CAST(started_at AS CHAR) FROM chest_variables")
            assert cursor.fetchall() == ()
    assert odd_store.query(since=START, until=START + timedelta(microseconds=1)) == [
        as_stored(record)
    ]


def test_quotes_and_backslashes_survive_a_server_with_another_sql_mode(odd, odd_store):
    text = "\\ ' \" \\' \\\\\" %s \n\r\t\b\f\x00\x01\x1a\x7f é😀 ; -- /* */ `"
    record = make_record(
        path=text, endpoint=text, variables={text: text, "list": [text], "cut": "\\"}
    )
    odd_store.export(make_batch(record))
    assert odd_store.query(endpoint=text, variables={text: text}) == [as_stored(record)]
    assert {(row[1], row[2]) for row in odd.variables()} == {
        (text, text),
        ("list", json.dumps([text], ensure_ascii=False, separators=(",", ":"))),
        ("cut", "\\"),
    }


def test_a_session_that_lost_our_sql_mode_is_not_written_to(odd, odd_store):
    with odd_store.writing() as connection:
        connection.exec_driver_sql("SET sql_mode = 'NO_BACKSLASH_ESCAPES'")
        connection.commit()
    with pytest.raises(ConfigurationError, match="changed the session's sql_mode"):
        odd_store.export(make_batch(make_record(path="\\', 1); DROP TABLE chest_records; --")))
    assert odd.ids() == []


def test_what_is_cut_is_noticed_also_where_the_server_keeps_no_warnings(odd, odd_store):
    odd_store.export(make_batch(make_record(request_id="x" * 254 + " ", service=" ")))
    with pytest.raises(BatchRejected, match="Data truncated for column 'request_id'"):
        odd_store.export(make_batch(make_record(request_id="x" * 255 + " ")))
    assert odd.execute("SELECT request_id, service FROM chest_records") == [("x" * 254 + " ", " ")]


def test_a_session_does_not_hold_back_other_writers(odd, odd_store):
    odd_store.export(make_batch(make_record(started_at=START)))
    # At the server's own isolation level, the first would lock all that might come before.
    with odd_store.writing() as connection, odd_store.transaction(connection):
        odd_store.insert(connection, make_batch(make_record()))
        connection.exec_driver_sql("SELECT COUNT(*) FROM chest_records WHERE started_at < now()")
        other = odd.opened(timeout_seconds=2.0)
        other.export(make_batch(make_record(started_at=START - timedelta(days=1))))
        other.close()
    assert len(odd.ids()) == 3


@pytest.mark.parametrize("texts", [("A", "a", "á"), ("a", "a ", " a"), ("é", "e", "e\u0301")])
def test_texts_are_equal_only_when_they_are_the_same(odd, odd_store, texts):
    records = [make_record(endpoint=t, route=t, variables={"v": t, t: 1}) for t in texts]
    odd_store.export(make_batch(*records))
    for text, record in zip(texts, records, strict=True):
        for where in ({"endpoint": text}, {"variables": {"v": text}}, {"variables": {text: 1}}):
            assert [r.id for r in odd_store.query(**where)] == [record["id"]], where
    assert {summary.route for summary in odd_store.routes()} == set(texts)
    assert {top.value for top in odd_store.top_values("v")} == set(texts)
    shown = odd.execute("SELECT value FROM chest_variables WHERE name = 'v' GROUP BY value")
    assert {row[0] for row in shown} == set(texts)


# -- What a record may be ------------------------------------------------------------------------


@pytest.mark.parametrize(
    "fields",
    [
        {"request_id": "x" * 256},
        {"request_id": "x" * 255 + " "},  # the server would cut it without an error
        {"method": "M" * 33},
        {"trace_id": "é" * 33},
        {"id": "0190a6e4-5d4e-7000-8000-00000000000é"},
        {"id": "short"},
        {"path": 5},
        {"path": True},
        {"status_code": 40_000},
        {"status_code": 200.5},
        {"status_code": "200"},
        {"status_code": True},
        {"duration_ms": "1.5"},
        {"weight": "x"},
        {"started_at": 5},
        {"started_at": "2024-02-30T12:00:00.000000Z"},
        {"started_at": "0000-01-01T12:00:00.000000Z"},
        {"started_at": "2024-05-01T12:00:00.1234567Z"},
        {"started_at": "2024-05-01T12:00:00.123456+02:00"},
        {"started_at": "2024-05-01 12:00:00.123456"},
        {"started_at": "2024-05-01T24:00:00.000000Z"},
        {"started_at": "2024-05-01T12:00:00.12345\uff16Z"},
        {"variables": "{}"},
        {"variables": {"a": math.inf}},
    ],
    ids=repr,
)
def test_what_would_be_changed_to_fit_is_rejected(backend, store, fields):
    with pytest.raises(BatchRejected):
        store.export(make_batch(make_record(), make_record(**fields)))
    assert backend.ids() == []


def test_a_number_beyond_all_bounds_is_rejected(backend, store):
    line = encode(make_record(duration_ms=1.5)).replace(b":1.5", b":1e999")
    with pytest.raises(BatchRejected):
        store.export(Batch(line, 1))
    with pytest.raises(BatchRejected):
        store.export(make_batch(make_record(variables={"v": _nested(200)})))
    assert backend.ids() == []


def test_what_is_not_finite_is_found_nowhere(store):
    store.export(
        make_batch(make_record(variables={"v": [None]}), make_record(variables={"v": None}))
    )
    for value in (math.inf, math.nan, [math.nan], {"a": math.inf}):
        assert store.count(variables={"v": value}) == 0


def _nested(depth):
    value = 1
    for _ in range(depth):
        value = [value]
    return value


@pytest.mark.parametrize("year", [1, 999, 1000, 9999])
def test_the_first_and_the_last_year_are_stored_as_they_are(store, year):
    record = make_record(started_at=f"{year:04}-12-31T23:59:59.999999Z")
    store.export(make_batch(record))
    assert store.query() == [as_stored(record)]


characters = st.characters(exclude_categories=("Cs",)) | st.sampled_from("\\\"'$.*[]%:\0\n\x1f`-_")
texts = st.text(characters, max_size=6)
leaves = (
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | texts
)
values = st.recursive(
    leaves,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=6,
)


def test_any_names_and_values_come_back_are_found_and_show_in_the_view(backend, store):
    @settings(
        max_examples=80, deadline=None, suppress_health_check=[HealthCheck.too_slow], database=None
    )
    @given(
        variables=st.dictionaries(texts, values, max_size=5),
        path=texts,
        duration=st.floats(allow_nan=False, allow_infinity=False) | st.integers(-(2**53), 2**53),
    )
    def check(variables, path, duration):
        # MariaDB's JSON_KEYS takes an empty name for one that it has seen, after such names.
        assume("" not in variables or not any('"' in name for name in variables))
        store.purge(before=START + timedelta(days=1))  # what an example that failed has left
        record = make_record(variables=variables, path=path, route=path, duration_ms=duration)
        store.export(make_batch(record))
        (found,) = store.query(route=path)
        assert (found.path, found.duration_ms) == (path, duration)
        assert exactly(found.variables) == exactly(variables)
        shown = {name: value for _, name, value in backend.variables()}
        assert shown.keys() == variables.keys()
        for name, value in variables.items():
            assert store.count(variables={name: value}) == 1
            assert store.count(variables={name: [value, "other"]}) == 0
            assert [top.value for top in store.top_values(name)] == [shown[name]]
            if value is None or isinstance(value, str):
                assert shown[name] == value
            else:
                assert exactly(json.loads(shown[name])) == exactly(value)
        assert store.purge(before=START + timedelta(days=1)) == 1

    check()


def exactly(value):
    """Return a value so that 1, 1.0 and True differ, and 0.0 and -0.0; the order of keys not."""
    if isinstance(value, dict):
        return sorted((name, exactly(inner)) for name, inner in value.items())
    if isinstance(value, list):
        return [exactly(inner) for inner in value]
    return type(value).__name__, repr(value)


# -- Packets -------------------------------------------------------------------------------------


def test_a_batch_is_split_where_the_server_takes_small_packets_only(odd):
    odd.execute("SET GLOBAL max_allowed_packet = 16384")
    store = odd.opened()
    records = [make_record(variables={"text": "'\\" * 500, "n": n}) for n in range(200)]
    store.export(make_batch(*records))
    assert sorted(odd.ids()) == sorted(record["id"] for record in records)
    # All of it is one transaction: the last record is at fault, in another packet.
    with pytest.raises(BatchRejected):
        store.export(make_batch(*(make_record() for _ in range(200)), make_record(method="M" * 33)))
    assert len(odd.ids()) == 200
    store.close()


def test_a_record_that_no_packet_holds_is_rejected_with_the_remedy(odd):
    odd.execute("SET GLOBAL max_allowed_packet = 16384")
    store = odd.opened()
    with pytest.raises(BatchRejected, match=r"takes \d+ bytes.*max_allowed_packet"):
        store.export(make_batch(make_record(), make_record(variables={"text": "x" * 20_000})))
    assert odd.ids() == []
    fitting = []
    # Up to the last byte: the server itself never says that a packet is too large.
    for length in range(15_800, 16_100):
        record = make_record(path="x" * length)
        try:
            store.export(make_batch(record))
            fitting.append(record)
        except BatchRejected as error:
            assert "bytes as SQL" in str(error)  # noqa: PT017 - either is right
    assert 0 < len(fitting) < 300
    assert sorted(odd.ids()) == sorted(record["id"] for record in fitting)
    store.close()


def test_a_large_record_goes_alone_in_a_statement(backend, store):
    records = [make_record(), make_record(variables={"text": "é" * 2_500_000}), make_record()]
    store.export(make_batch(*records))
    assert store.query(newest_first=False) == sorted(map(as_stored, records), key=lambda r: r.id)


# -- Other writers -------------------------------------------------------------------------------


def test_of_two_writers_in_a_deadlock_both_are_stored_in_the_end(odd, odd_store):
    first, second, *others = [make_record() for _ in range(50)]
    before = int(odd.execute(DEADLOCKS)[0][1])
    failures = []

    def export():
        try:
            odd_store.export(make_batch(first, second))
        except Exception as error:  # noqa: BLE001 - for the test's own thread
            failures.append(error)

    insertion = (
        "INSERT INTO chest_records SELECT %s, 'r', NULL, 's', 'i', NULL, NULL, 'GET', '/', 200,"
        " NULL, now(6), 1, 1, '{}'"
        " ON DUPLICATE KEY UPDATE id = chest_records.id"
    )
    with odd.connection() as cursor:
        cursor.execute("SET innodb_lock_wait_timeout = 20")
        for record in (second, *others):  # the one with more to undo survives
            cursor.execute(insertion, (record["id"],))
        thread = threading.Thread(target=export)
        thread.start()
        waiting = "SELECT COUNT(*) FROM information_schema.innodb_trx WHERE trx_state = 'LOCK WAIT'"
        deadline = time.monotonic() + 10
        while odd.execute(waiting) != [(1,)] and time.monotonic() < deadline:
            time.sleep(0.02)
        cursor.execute(insertion, (first["id"],))
        cursor.connection.commit()
    thread.join()
    assert failures == []
    assert int(odd.execute(DEADLOCKS)[0][1]) == before + 1
    assert len(odd.ids()) == 50


def test_a_lock_that_somebody_holds_on_to_is_unavailable_in_time(backend):
    store = backend.opened(timeout_seconds=2.0)
    record = make_record()
    store.export(make_batch(record))
    with backend.connection() as cursor:
        cursor.execute("DELETE FROM chest_records")
        started = time.monotonic()
        with pytest.raises(ExporterUnavailable, match=r"Lock wait timeout.*\(1205\)"):
            store.export(make_batch(record))
        assert time.monotonic() - started < 5
        cursor.connection.rollback()
    other = make_record()
    store.export(make_batch(record, other))
    assert sorted(backend.ids()) == sorted([record["id"], other["id"]])
    store.close()


def test_a_server_that_was_killed_between_two_batches_costs_no_failure(odd, odd_server, odd_store):
    records = [make_record() for _ in range(3)]
    odd_store.export(make_batch(records[0]))
    assert odd_store.count() == 1
    odd_server.kill()
    with pytest.raises(ExporterUnavailable, match=rf":{odd_server.port}/.*\(200[0-9]+\)"):
        odd_store.export(make_batch(*records[:2]))
    with pytest.raises(ExporterUnavailable):
        odd_store.query()
    odd_server.start()
    odd_store.export(make_batch(*records[:2]))
    assert odd_store.count() == 2
    odd_server.kill()
    odd_server.start()
    odd_store.export(make_batch(*records))
    assert sorted(odd.ids()) == sorted(record["id"] for record in records)


def test_purge_needs_no_large_transaction(backend, store):
    records = [make_record(started_at=START + timedelta(seconds=n)) for n in range(20_001)]
    store.export(make_batch(*records))
    before = _commits(backend)
    assert store.purge(before=START + timedelta(seconds=20_000)) == 20_000
    assert _commits(backend) - before >= 3
    assert [record.id for record in store.query()] == [records[-1]["id"]]


def _commits(backend):
    return int(backend.execute("SHOW GLOBAL STATUS LIKE 'Handler_commit'")[0][1])


# -- Schema --------------------------------------------------------------------------------------


def test_tables_have_the_types_and_indexes_that_are_documented(backend, store):
    columns = dict(
        backend.execute(
            "SELECT column_name, column_type FROM information_schema.columns"
            " WHERE table_schema = DATABASE() AND table_name = 'chest_records'"
        )
    )
    assert list(columns) == list(make_record())
    assert columns["id"] == "char(36)"
    assert columns["started_at"] == "datetime(6)"
    assert columns["variables"] in ("longtext", "json")
    assert columns["duration_ms"] == "double"
    for condition, index in {
        "started_at > '2024-01-01'": "chest_records_started_at",
        "request_id = 'r'": "chest_records_request_id",
        "id > '0'": "PRIMARY",
    }.items():
        plan = backend.execute(f"EXPLAIN SELECT * FROM chest_records WHERE {condition}")
        assert index in str(plan)
    engines = backend.execute(
        "SELECT engine, table_collation FROM information_schema.tables"
        " WHERE table_schema = DATABASE() AND table_type = 'BASE TABLE'"
    )
    assert {engine for engine, _ in engines} == {"InnoDB"}
    assert {collation for _, collation in engines} <= {"utf8mb4_nopad_bin", "utf8mb4_0900_bin"}


def test_several_processes_create_many_schemas_at_the_same_moment(backend):
    script = """
print("ready", flush=True)
sys.stdin.readline()
config = json.loads(sys.argv[1])
for number in range(10):
    store = kind(kind.config_model.model_validate({**config, "table_prefix": f"p{number}_"}))
    store.open()
    store.close()
"""
    processes = [backend.start(script) for _ in range(4)]
    for process in processes:
        assert process.stdout.readline() == "ready\n"
    for process in processes:
        process.stdin.write("go\n")
        process.stdin.flush()
    assert [process.communicate(timeout=60)[1] for process in processes] == [""] * 4
    for number in range(10):
        assert backend.execute(f"SELECT * FROM p{number}_schema") == [(1,)]
        assert backend.execute(f"SELECT * FROM p{number}_variables") == []


def test_a_schema_that_another_process_creates_between_two_looks_is_taken_for_ours(backend):
    class Racing(MysqlStore):
        looks = 0

        def create_engine(self):
            engine = super().create_engine()
            event.listen(engine, "after_cursor_execute", self.race)
            return engine

        def race(self, connection, cursor, statement, *others):
            if statement.startswith("SHOW FULL TABLES"):
                self.looks += 1
                if self.looks == 3:  # tables and views before, and the tables again
                    backend.opened().close()

    store = Racing(backend.new().config)
    store.open()
    store.export(make_batch(make_record()))
    store.close()
    assert store.looks == 6
    assert len(backend.ids()) == 1


@pytest.mark.parametrize("step", range(4))
def test_a_schema_that_was_cut_short_is_completed(backend, step):
    backend.opened().close()
    undo = [
        "DELETE FROM chest_schema",
        "DROP VIEW chest_variables",
        "DROP TABLE chest_records",
        "DROP TABLE chest_schema",
    ]
    for statement in undo[: step + 1]:
        backend.execute(statement)
    store = backend.opened()
    store.export(make_batch(make_record(variables={"a": 1})))
    store.close()
    assert [row[1:] for row in backend.variables()] == [("a", "1")]
    assert backend.execute("SELECT version FROM chest_schema") == [(1,)]


@pytest.mark.parametrize(
    ("statement", "message"),
    [
        ("ALTER TABLE chest_records DROP COLUMN weight", "chest_records without weight"),
        ("DROP VIEW chest_variables", "chest_variables without record_id"),
        ("DROP TABLE chest_records", "chest_records without id"),
        ("DROP TABLE chest_schema", "a chest_records and a chest_variables that Flask-Chest did"),
    ],
)
def test_a_schema_that_is_not_ours_any_more_is_refused(backend, statement, message):
    backend.opened().close()
    backend.execute(statement)
    store = backend.new()
    with pytest.raises(SchemaMismatch, match=message):
        store.open()
    store.close()


@pytest.mark.parametrize("prefix", ["x_", "Shop_", "odd `%:\"'\\ ü[]", "%s", "a b."])
def test_names_may_begin_with_anything(backend, prefix):
    store, usual = backend.opened(table_prefix=prefix), backend.opened()
    record = make_record(variables={"a": 1})
    store.export(make_batch(record))
    assert usual.count() == 0
    assert store.query(variables={"a": 1}) == [as_stored(record)]
    assert [top.value for top in store.top_values("a")] == ["1"]
    assert store.routes()[0].count == 1
    store.close()
    store.open()
    assert store.purge(before=datetime.now(timezone.utc)) == 1
    store.close()
    usual.close()


def test_a_user_with_the_documented_privileges_can_do_all(backend):
    rights = "SELECT, INSERT, UPDATE, DELETE, CREATE, CREATE VIEW, SHOW VIEW"
    with user(backend, rights) as name:
        store = backend.new(user=name, password=SECRET)
        store.check()
        store.open()
        store.export(make_batch(make_record(variables={"a": 1})))
        assert (store.count(), store.top_values("a")[0].count) == (1, 1)
        assert store.purge(before=datetime.now(timezone.utc)) == 1
        store.close()


# -- What a person has to put right --------------------------------------------------------------


@contextmanager
def user(backend, rights, **given):
    """Give the name of a user with these rights on the database and the planted password."""
    name = f"u_{backend.config['database'][-12:]}"
    backend.execute(f"CREATE USER {name}@'%%' IDENTIFIED BY %s", given.get("password", SECRET))
    try:
        if rights:
            backend.execute(f"GRANT {rights} ON `{backend.config['database']}`.* TO {name}@'%'")
        yield name
    finally:
        backend.execute(f"DROP USER {name}@'%'")


def test_a_wrong_password_says_so_and_shows_it_nowhere(backend, caplog):
    with user(backend, "ALL", password="another") as name:
        config = MysqlConfig(
            url=f"mysql://{name}:{quote(SECRET, safe='')}@127.0.0.1:{backend.config['port']}"
            f"/{backend.config['database']}"
        )
        assert config.password.get_secret_value() == SECRET
        store = MysqlStore(config)
        seen = [repr(config), str(config), config.model_dump_json(), store.location]
        for attempt, error in (("open", ConfigurationError), ("check", ExporterUnavailable)):
            with pytest.raises(error, match=r"Access denied.*Correct the user") as e:
                getattr(store, attempt)()
            store.close()
            seen += traceback.format_exception(e.value)
            assert f"127.0.0.1:{backend.config['port']}" in str(e.value)
    assert "(1045)" in "".join(seen)
    for text in [*seen, caplog.text]:
        assert SECRET not in text
        assert quote(SECRET, safe="") not in text
        assert "cr€t" not in text


def test_a_password_of_any_characters_signs_in(backend):
    with user(backend, "ALL") as name:
        url = f"mariadb+pymysql://{name}:{quote(SECRET, safe='')}@127.0.0.1"
        config = MysqlConfig(
            url=f"{url}:{backend.config['port']}/{backend.config['database']}?table_prefix=y_",
            pool_size=2,
        )
        assert (config.table_prefix, config.pool_size) == ("y_", 2)
        store = MysqlStore(config)
        store.open()
        store.close()


def test_an_unknown_database_a_missing_privilege_and_a_read_only_server_name_the_remedy(odd):
    assert "Create the database" in refusal(odd.new(database="nowhere"))
    with user(odd, None) as name:
        assert "Grant this user" in refusal(odd.new(user=name, password=SECRET))
    with user(odd, "SELECT, INSERT, UPDATE") as name:
        text = refusal(odd.new(user=name, password=SECRET))
        assert "CREATE command denied" in text
        assert "Grant this user what is missing" in text
        assert "MariaDB 10" in text
        assert str(odd.config["port"]) in text
    rights = "SELECT, INSERT, UPDATE, DELETE, CREATE, CREATE VIEW, SHOW VIEW"
    with user(odd, rights) as name:
        store = odd.opened(user=name, password=SECRET)
        odd.execute("SET GLOBAL read_only = 1")
        with pytest.raises(ConfigurationError, match=r"read-only.*name the primary"):
            store.export(make_batch(make_record()))
        with pytest.raises(ExporterUnavailable, match=r"read-only.*name the primary"):
            store.check()
        assert store.count() == 0, "it can be read"
        odd.execute("SET GLOBAL read_only = 0")
        store.export(make_batch(make_record()))
        store.close()


def test_a_binary_log_of_statements_names_the_remedy(odd):
    odd.execute("SET GLOBAL binlog_format = 'STATEMENT'")
    assert "Set binlog_format to ROW or MIXED" in refusal(odd.new())


def test_no_error_shows_what_was_recorded(odd, odd_store):
    text = make_record()["id"]  # which no line of source shows
    planted = {"token": text}
    for fields in ({"method": "M" * 33}, {"started_at": "2024-02-30T12:00:00.000000Z"}):
        with pytest.raises(BatchRejected) as caught:
            odd_store.export(make_batch(make_record(variables=planted, **fields)))
        assert text not in "".join(traceback.format_exception(caught.value))
    odd.execute("DROP TABLE chest_records")
    with pytest.raises(ExporterUnavailable, match="doesn't exist") as caught:
        odd_store.export(make_batch(make_record(variables=planted)))
    assert text not in "".join(traceback.format_exception(caught.value))


@pytest.mark.parametrize(
    ("version", "shown", "is_supported"),
    [
        ("8.0.36", "MySQL 8.0", True),
        ("8.0.19", "MySQL 8.0", True),
        ("8.0.18", "MySQL 8.0", False),
        ("5.7.44-log", "MySQL 5.7", False),
        ("8.4.3", "MySQL 8.4", True),
        ("9.1.0-commercial", "MySQL 9.1", True),
        ("8.0.36-28.1", "MySQL 8.0", True),
        ("10.6.0-MariaDB", "MariaDB 10.6", True),
        ("10.11.6-MariaDB-0+deb12u1-log", "MariaDB 10.11", True),
        ("5.5.5-10.11.6-MariaDB", "MariaDB 10.11", True),
        ("11.4.2-MariaDB-ubu2404", "MariaDB 11.4", True),
        ("10.5.23-MariaDB", "MariaDB 10.5", False),
        ("5.5.5-10.3.39-MariaDB", "MariaDB 10.3", False),
        ("5.5.68-MariaDB", "MariaDB 5.5", False),
        ("something else", "MySQL 0.0", False),
    ],
)
def test_a_version_is_known_by_its_text(version, shown, is_supported):
    flavor = identify(version)
    assert (str(flavor), flavor.is_supported) == (shown, is_supported)


def test_an_old_server_is_refused_by_its_name_and_version(backend, monkeypatch):
    monkeypatch.setattr("flask_chest_mysql.connection.MIN_MARIADB", (99, 0, 0))
    monkeypatch.setattr("flask_chest_mysql.connection.MIN_MYSQL", (99, 0, 0))
    text = refusal(backend.new())
    assert "is version" in text
    assert "needs MySQL 8.0.19 or MariaDB 10.6 or newer: upgrade the server" in text
    assert backend.execute("SHOW TABLES") == []


def test_the_location_says_which_server_it_is_once_that_is_known(backend):
    where = "{host}:{port}/{database}".format(**backend.config)
    store = backend.new()
    assert store.location == f"MySQL at {where}"
    store.open()
    version = backend.execute("SELECT VERSION()")[0][0]
    product = "MariaDB" if "MariaDB" in version else "MySQL"
    assert store.location == f"{product} {'.'.join(version.split('.')[:2])} at {where}"
    store.close()


@pytest.mark.parametrize(
    ("url", "place"),
    [
        ("mysql://u@db.example/shop", "db.example:3306/shop"),
        ("mariadb://u:p%40ss@db.example:3307/shop?timeout_seconds=5", "db.example:3307/shop"),
        ("mysql+pymysql://u@[2001:db8::1]/shop", "[2001:db8::1]:3306/shop"),
        (
            "mysql://u@localhost/shop?unix_socket=/run/mysqld.sock",
            "/run/mysqld.sock, database shop",
        ),
    ],
)
def test_a_url_says_where_the_server_is(url, place):
    assert MysqlStore(MysqlConfig(url=url)).location == f"MySQL at {place}"


@pytest.mark.parametrize(
    ("code", "kind", "remedy"),
    [
        (1040, ExporterUnavailable, ""),
        (1021, ExporterUnavailable, ""),
        (1114, ExporterUnavailable, ""),
        (1213, ExporterUnavailable, ""),
        (2013, ExporterUnavailable, ""),
        (3140, BatchRejected, ""),
        (1153, BatchRejected, "max_allowed_packet"),
        (1836, ConfigurationError, "primary"),
        (3159, ConfigurationError, "ssl_mode=REQUIRED"),
        (1698, ConfigurationError, "unix_socket"),
    ],
)
def test_an_error_that_is_hard_to_bring_about_is_understood(code, kind, remedy):
    found = explain("MySQL at x", pymysql.err.OperationalError(code, "it\nsays so"))
    assert type(found) is kind
    assert str(found).startswith(f"MySQL at x: it says so ({code})")
    assert remedy in str(found)


# -- Configuration, TLS --------------------------------------------------------------------------


def test_a_socket_takes_the_place_of_host_and_port(odd, odd_server):
    socket = odd_server.folder / "data" / "socket"
    fields = {"user": "root", "database": odd.config["database"], "unix_socket": str(socket)}
    store = MysqlStore(MysqlConfig(**fields))
    store.open()
    assert store.location.endswith(f" at {socket}, database {odd.config['database']}")
    store.close()
    with pytest.raises(ValidationError, match="one or the other"):
        MysqlConfig(**fields, host="db.example")


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"url": "mysql://u:planted@h"}, "names no database"),
        ({"url": "mysql://h/d"}, "names no user"),
        ({"url": "mysql://u:planted@h:port/d"}, "cannot be read"),
        ({"url": "mysql://u:planted@[h/d"}, "cannot be read"),
        ({"url": "mysql://u:planted@h/d?charset=latin1"}, "no fields: charset"),
        ({"url": "mysql://u:planted@h/d", "pool_size": 0}, "pool_size"),
        ({"url": "mysql://u:planted@h/d?ssl_mode=maybe"}, "VERIFY_IDENTITY"),
        ({"url": "mysql://u:planted@h/d?ssl_ca=/not/there.pem"}, "is not there"),
        ({**HERE, "ssl_mode": "REQUIRED", "ssl_ca": __file__}, "would do nothing"),
        ({**HERE, "ssl_mode": "PREFERRED", "ssl_cert": __file__}, "might do nothing"),
        ({**HERE, "ssl_key": __file__}, "give ssl_cert"),
        ({**HERE, "table_prefix": "😀"}, r"beyond U\+FFFF"),
        ({**HERE, "table_prefix": "é" * 16}, "longer than 30 bytes"),
        ({**HERE, "password": "planted", "colour": 1}, "colour"),
    ],
)
def test_a_wrong_configuration_is_refused_and_its_password_not_shown(fields, message):
    with pytest.raises(ValidationError, match=message) as caught:
        MysqlConfig(**fields)
    assert "planted" not in str(caught.value)


def test_tls_that_is_demanded_and_not_offered_is_refused(odd):
    for mode in ("REQUIRED", "VERIFY_CA", "verify_identity"):
        text = refusal(odd.new(ssl_mode=mode))
        assert "It offers no TLS" in text
        assert str(odd.config["port"]) in text
    odd.opened(ssl_mode="PREFERRED").close()


@pytest.fixture(scope="module")
def tls_server(tmp_path_factory):
    """Return a server that has a certificate for 127.0.0.1, and its authority's file."""
    folder = tmp_path_factory.mktemp("tls")
    authority = _certificate(folder, "authority", None)
    _certificate(folder, "server", authority)
    with MariaServer(options=["--innodb-buffer-pool-size=16M"]) as server:
        server.stop()
        for name in ("server.pem", "server.key"):
            (server.folder / name).write_bytes((folder / name).read_bytes())
        server.options += [
            f"--ssl-cert={server.folder / 'server.pem'}",
            f"--ssl-key={server.folder / 'server.key'}",
            f"--ssl-ca={server.folder / 'server.pem'}",
        ]
        server.start()
        yield server, folder / "authority.pem"


def _certificate(folder, name, authority):
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    issuer, signing = authority or (subject, key)
    now = datetime.now(timezone.utc)
    builder = (
        x509.CertificateBuilder(issuer, subject, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.BasicConstraints(ca=authority is None, path_length=None), critical=True)
    )
    if authority is not None:
        address = x509.IPAddress(ipaddress.ip_address("127.0.0.1"))
        builder = builder.add_extension(x509.SubjectAlternativeName([address]), critical=False)
    certificate = builder.sign(signing, hashes.SHA256())
    pem = serialization.Encoding.PEM
    (folder / f"{name}.pem").write_bytes(certificate.public_bytes(pem))
    (folder / f"{name}.key").write_bytes(
        key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return subject, key


def test_tls_is_used_and_checked_as_the_mode_says(tls_server):
    server, authority = tls_server
    with server.database() as url:
        backend = Database(url)
        for fields, is_encrypted in (
            ({}, True),
            ({"ssl_mode": "DISABLED"}, False),
            ({"ssl_mode": "PREFERRED"}, True),
            ({"ssl_mode": "REQUIRED"}, True),
            ({"ssl_mode": "VERIFY_CA", "ssl_ca": str(authority), "host": "localhost"}, True),
            ({"ssl_ca": str(authority)}, True),
        ):
            store = backend.opened(**fields)
            with store.reading() as connection:
                ((_, cipher),) = connection.exec_driver_sql("SHOW STATUS LIKE 'Ssl_cipher'")
            store.close()
            assert bool(cipher) is is_encrypted, fields
        for fields in (
            {"ssl_ca": str(authority), "host": "localhost"},
            {"ssl_mode": "VERIFY_CA"},
            {"ssl_mode": "VERIFY_IDENTITY"},
        ):
            assert "certificate is not trusted" in refusal(backend.new(**fields))


def test_a_server_that_lets_nobody_in_without_tls_says_so(tls_server):
    server, _ = tls_server
    with server.database() as url:
        backend = Database(url)
        backend.execute("SET GLOBAL require_secure_transport = ON")
        try:
            assert "ssl_mode where TLS is demanded" in refusal(backend.new(ssl_mode="DISABLED"))
            backend.opened().close()
        finally:
            backend.execute("SET GLOBAL require_secure_transport = OFF")
