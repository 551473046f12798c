"""The SQLite store, and with it what all SQL stores share: schema, batches, queries."""

from __future__ import annotations

import json
import math
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
from collections import defaultdict
from contextlib import closing, contextmanager
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest
from flask_chest_sqlite import SqliteConfig, SqliteStore
from hypothesis import given, settings
from hypothesis import strategies as st

from flask_chest.errors import (
    BatchRejected,
    ConfigurationError,
    ExporterUnavailable,
    SchemaMismatch,
)
from flask_chest.exporter import Batch, RouteSummary, ValueCount
from flask_chest.record import Record, encode, uuid7

START = datetime(2024, 5, 1, 12, 0, 0, 123456, tzinfo=timezone.utc)


def text_of(moment):
    return moment.astimezone(timezone.utc).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def a_record(**fields):
    """Return a record as it stands in the journal."""
    moment = fields.pop("started_at", START)
    return {
        "id": uuid7(),
        "request_id": "r-1",
        "trace_id": None,
        "service": "shop",
        "instance": "host:1",
        "endpoint": "cart",
        "route": "/cart/<int:id>",
        "method": "GET",
        "path": "/cart/1",
        "status_code": 200,
        "error": None,
        "started_at": moment if isinstance(moment, str) else text_of(moment),
        "duration_ms": 1.5,
        "weight": 1.0,
        "variables": {},
        **fields,
    }


def a_batch(*records):
    return Batch(b"".join(encode(record) for record in records), len(records))


def as_stored(record):
    """Return what `query` is to give back for a record of the journal."""
    moment = datetime.strptime(record["started_at"], "%Y-%m-%dT%H:%M:%S.%fZ")
    return Record(**{**record, "started_at": moment.replace(tzinfo=timezone.utc)})


def a_store(path, **options):
    return SqliteStore(SqliteConfig(path=path, **options))


@pytest.fixture
def path(tmp_path):
    return tmp_path / "chest.sqlite3"


@pytest.fixture
def store(path):
    store = a_store(path)
    store.open()
    yield store
    store.close()


def rows(path, statement="SELECT id FROM chest_records ORDER BY id"):
    with closing(sqlite3.connect(path)) as connection:
        return connection.execute(statement).fetchall()


def execute(path, *statements):
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        for statement in statements:
            connection.execute(statement)


@contextmanager
def held_for(seconds, path):
    """Hold the file's write lock from another thread, for so long or until it is let go."""
    holding, let_go = threading.Event(), threading.Event()

    def hold():
        with closing(sqlite3.connect(path, isolation_level=None)) as connection:
            connection.execute("BEGIN IMMEDIATE")
            holding.set()
            let_go.wait(seconds)
            connection.execute("COMMIT")

    thread = threading.Thread(target=hold)
    thread.start()
    assert holding.wait(10)
    yield let_go
    thread.join()


# -- Schema --------------------------------------------------------------------------------------


def test_the_file_is_in_wal_mode_with_indexes_and_a_view(store, path):
    store.export(a_batch(a_record()))
    assert rows(path, "PRAGMA journal_mode") == [("wal",)]
    assert rows(path, "SELECT version FROM chest_schema") == [(1,)]
    indexed = {
        rows(path, f"PRAGMA index_info({name})")[0][2]
        for _, name, *_ in rows(path, "PRAGMA index_list(chest_records)")
    }
    assert indexed == {"id", "request_id", "started_at"}
    assert [column[1] for column in rows(path, "PRAGMA table_info(chest_records)")] == list(
        a_record()
    )
    assert [column[1] for column in rows(path, "PRAGMA table_info(chest_variables)")] == [
        "record_id",
        "request_id",
        "started_at",
        "endpoint",
        "name",
        "value",
    ]


def test_questions_of_time_and_of_a_request_use_an_index(store, path):
    for condition, index in {
        "started_at >= '2024' AND started_at < '2025'": "chest_records_started_at",
        "request_id = 'r'": "chest_records_request_id",
    }.items():
        plan = rows(path, f"EXPLAIN QUERY PLAN SELECT * FROM chest_records WHERE {condition}")
        assert index in str(plan)


def test_opening_again_changes_nothing(store, path):
    store.export(a_batch(a_record()))
    before = rows(path, "SELECT sql FROM sqlite_master ORDER BY name")
    for _ in range(3):
        other = a_store(path)
        other.open()
        other.close()
    assert rows(path, "SELECT sql FROM sqlite_master ORDER BY name") == before
    assert rows(path, "SELECT version FROM chest_schema") == [(1,)]
    assert len(rows(path)) == 1


def test_several_processes_may_create_the_schema_and_write_at_the_same_moment(tmp_path):
    script = """
import sys
from flask_chest.exporter import Batch
from flask_chest.record import encode, uuid7
from flask_chest_sqlite import SqliteConfig, SqliteStore
record = dict(
    request_id="r", trace_id=None, service="s", instance="i", endpoint=None, route=None,
    method="GET", path="/", status_code=200, error=None, started_at="2024-05-01T12:00:00.000000Z",
    duration_ms=1.0, weight=1.0, variables={},
)
print("ready", flush=True)
sys.stdin.readline()
for number in range(10):
    store = SqliteStore(SqliteConfig(path=f"{sys.argv[1]}/{number}.sqlite3"))
    store.open()
    for _ in range(3):
        store.export(Batch(encode({"id": uuid7(), **record}), 1))
    assert store.count() >= 3
    store.close()
"""
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", script, tmp_path],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for _ in range(4)
    ]
    for process in processes:
        process.stdout.readline()
    for process in processes:
        process.stdin.write("go\n")
        process.stdin.flush()
    errors = [process.communicate(timeout=60)[1] for process in processes]
    assert errors == [""] * 4
    for number in range(10):
        database = tmp_path / f"{number}.sqlite3"
        assert rows(database, "SELECT version FROM chest_schema") == [(1,)]
        assert len(rows(database)) == 12


def test_a_file_that_another_process_writes_first_is_waited_for(path):
    # SQLite itself does not wait when WAL mode is to be turned on and somebody begins to write.
    store = a_store(path, busy_timeout_seconds=20.0)
    with held_for(0.3, path):
        store.open()
    store.close()
    assert rows(path, "PRAGMA journal_mode") == [("wal",)]
    impatient = a_store(path.with_name("other.sqlite3"), busy_timeout_seconds=0.0)
    with (
        held_for(5.0, path.with_name("other.sqlite3")) as let_go,
        pytest.raises(ExporterUnavailable, match="locked"),
    ):
        try:
            impatient.open()
        finally:
            let_go.set()
    impatient.close()


def test_half_a_schema_that_another_process_creates_now_is_looked_at_again_under_the_lock(path):
    class Racing(SqliteStore):
        looks = 0

        def _is_prepared(self, connection):
            self.looks += 1
            if self.looks == 1:
                raise SchemaMismatch("has the view already, and not yet the table")
            assert connection.connection.in_transaction
            return super()._is_prepared(connection)

    store = Racing(SqliteConfig(path=path))
    store.open()
    store.export(a_batch(a_record()))
    assert store.looks == 2
    store.close()


@pytest.mark.parametrize(
    ("statements", "message"),
    [
        (["UPDATE chest_schema SET version = 2"], r"version 2; .* writes 1\. Upgrade it: pip"),
        (["UPDATE chest_schema SET version = 'x'"], r"schema version x"),
        (["ALTER TABLE chest_records DROP COLUMN weight"], r"chest_records without weight"),
        (["DROP VIEW chest_variables"], r"chest_variables without record_id"),
        (["DROP VIEW chest_variables", "DROP TABLE chest_records"], r"chest_records without id"),
    ],
)
def test_a_schema_that_is_not_ours_any_more_is_refused(store, path, statements, message):
    store.close()
    execute(path, "DROP VIEW chest_variables", store.variables_view(), *statements)
    before = rows(path, "SELECT sql FROM sqlite_master ORDER BY name")
    other = a_store(path)
    with pytest.raises(SchemaMismatch, match=message) as caught:
        other.open()
    other.close()
    assert str(path) in str(caught.value)
    assert rows(path, "SELECT sql FROM sqlite_master ORDER BY name") == before


@pytest.mark.parametrize(
    "statement",
    [
        "CREATE TABLE chest_records (id TEXT)",
        "CREATE TABLE chest_variables (request_id TEXT, name TEXT, value TEXT)",
        "CREATE TABLE chest_schema (something TEXT)",
        "CREATE VIEW chest_records AS SELECT 1 AS id",
    ],
)
def test_a_table_of_somebody_else_is_refused_and_left_alone(path, statement):
    execute(path, statement)
    store = a_store(path)
    with pytest.raises(SchemaMismatch, match="give Flask-Chest another database"):
        store.open()
    store.close()
    assert rows(path, "SELECT sql FROM sqlite_master") == [(statement,)]


def test_tables_of_other_names_do_not_matter(path):
    execute(path, "CREATE TABLE orders (id)")
    store = a_store(path)
    store.open()
    store.export(a_batch(a_record()))
    store.close()
    assert len(rows(path)) == 1


def test_a_creation_that_was_cut_short_is_completed(path):
    # SQLite does it in one transaction; a database without transactions for tables cannot.
    execute(path, "CREATE TABLE chest_schema (version INTEGER NOT NULL)")
    store = a_store(path)
    store.open()
    store.export(a_batch(a_record()))
    store.close()
    assert rows(path, "SELECT version FROM chest_schema") == [(1,)]


def test_what_is_known_to_be_wrong_shows_at_the_check(tmp_path):
    good = a_store(tmp_path / "good.sqlite3")
    good.check()
    with pytest.raises(ExporterUnavailable, match="is not open"):
        good.count()
    (tmp_path / "text.sqlite3").write_text("not a database at all, but long enough to be one" * 9)
    with pytest.raises(ConfigurationError, match=r"text\.sqlite3.*Name another file"):
        a_store(tmp_path / "text.sqlite3").check()
    gone = a_store(tmp_path / "gone.sqlite3")
    (tmp_path / "gone.sqlite3").mkdir()
    with pytest.raises(ConfigurationError, match="right to write"):
        gone.check()


# -- Batches -------------------------------------------------------------------------------------


def test_a_batch_comes_back_as_it_went_in(store):
    records = [
        a_record(
            request_id="r-2",
            trace_id="0af7651916cd43dd8448eb211c80319c",
            endpoint=None,
            route=None,
            status_code=None,
            error="builtins.KeyError",
            duration_ms=0.1 + 0.2,
            weight=1 / 0.3,
            started_at=START + timedelta(microseconds=1),
            variables={
                "s": "é😀'\"",
                "i": -(2**63),
                "f": 1e300,
                "b": True,
                "n": None,
                "d": {"k": []},
            },
        ),
        a_record(),
    ]
    store.export(a_batch(*records))
    assert store.query() == [as_stored(record) for record in records]


def test_writing_the_same_batch_again_changes_nothing(store, path):
    batch = a_batch(*(a_record(variables={"n": n}) for n in range(10)))
    store.export(batch)
    before = rows(path, "SELECT * FROM chest_records ORDER BY id")
    store.export(batch)
    records = batch.records()
    changed = a_batch({**records[0], "path": "/changed"}, a_record(path="/new"))
    store.export(changed)
    after = rows(path, "SELECT * FROM chest_records ORDER BY id")
    assert after[:10] == before
    assert len(after) == 11


def _without(field):
    record = a_record()
    del record[field]
    return record


BAD = {
    "null request_id": encode(a_record(request_id=None)),
    "null id": encode(a_record(id=None)),
    "null weight": encode(a_record(weight=None)),
    "null variables": encode(a_record(variables=None)),
    "variables are a list": encode(a_record(variables=[1])),
    "NaN": encode(a_record()).replace(b'"duration_ms":1.5', b'"duration_ms":NaN'),
    "a list for text": encode(a_record(path=["/"])),
    "an object for a number": encode(a_record(status_code={})),
    "a number beyond 64 bits": encode(a_record(status_code=2**70)),
    "a field is missing": encode(_without("method")),
    "no object": b"5\n",
    "null": b"null\n",
    "no JSON": b'{"id": \n',
    "an empty line": b"\n",
    "two in a line": encode(a_record())[:-1] + b"," + encode(a_record()),
    "a lone surrogate": encode(a_record(path="X")).replace(b'"X"', b'"\\ud800"'),
    "nested too deep": encode(a_record(path="X")).replace(b'"X"', b"[" * 5_000 + b"]" * 5_000),
}


@pytest.mark.parametrize("line", BAD.values(), ids=BAD)
def test_a_batch_with_a_record_at_fault_is_rejected_as_a_whole(store, path, line):
    good = a_record()
    lines = encode(good) + line + encode(a_record())
    with pytest.raises(BatchRejected):
        store.export(Batch(lines, 3))
    assert rows(path) == []
    store.export(a_batch(good))
    assert rows(path) == [(good["id"],)]


def test_a_not_a_number_inside_a_variable_does_not_spoil_the_view(store, path):
    line = encode(a_record(variables={"x": 1.5})).replace(b"1.5}", b"NaN}")
    store.export(Batch(line, 1))
    assert rows(path, "SELECT name, value FROM chest_variables") == [("x", None)]


def test_fields_may_be_in_any_order_and_unknown_ones_are_passed_over(store):
    record = a_record(path="/x", variables={"n": 1})
    store.export(a_batch(dict(reversed([*record.items(), ("of_a_later_version", 1)]))))
    assert store.query() == [as_stored(record)]


def test_a_locked_database_is_unavailable_after_the_busy_timeout(path):
    store = a_store(path, busy_timeout_seconds=0.3)
    store.open()
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        started = time.monotonic()
        with pytest.raises(ExporterUnavailable, match="database is locked"):
            store.export(a_batch(a_record()))
        assert 0.25 <= time.monotonic() - started < 3.0
        assert store.count() == 0, "readers do not wait for a writer"
        other.execute("ROLLBACK")
    store.export(a_batch(a_record()))
    assert store.count() == 1
    store.close()


def test_a_lock_that_ends_in_time_is_waited_for(path):
    store = a_store(path, busy_timeout_seconds=20.0)
    store.open()
    with held_for(0.3, path):
        store.export(a_batch(a_record()))
    assert store.count() == 1
    store.close()


def test_a_file_that_was_deleted_is_noticed_and_made_anew(store, path):
    store.export(a_batch(a_record()))
    for file in path.parent.glob("chest.sqlite3*"):
        file.unlink()
    batch = a_batch(a_record())
    with pytest.raises(ExporterUnavailable, match="no such table"):
        store.export(batch)
    store.close()
    store.open()
    store.export(batch)
    assert len(rows(path)) == 1


def test_a_full_database_is_unavailable_and_says_why(path):
    store = a_store(path)
    store.open()
    execute(path, "PRAGMA journal_mode = WAL")
    with store.writing() as connection:
        connection.exec_driver_sql("PRAGMA max_page_count = 20")
        with (
            pytest.raises(ExporterUnavailable, match="is full"),
            store._explained(),
            store.transaction(connection),
        ):
            store.insert(connection, a_batch(*(a_record(path="x" * 9_000) for _ in range(50))))
    assert store.count() == 0
    store.export(a_batch(a_record()))
    store.close()


def test_a_store_that_is_not_open_says_so(path):
    store = a_store(path)
    store.close()
    for call in (store.query, store.count, store.routes, lambda: store.export(a_batch(a_record()))):
        with pytest.raises(ExporterUnavailable, match="is not open"):
            call()


# -- The view --------------------------------------------------------------------------------------

VALUES = {
    "text": ("A", "A"),
    "empty": ("", ""),
    "number in text": ("1", "1"),
    "int": (-7, -7),
    "large": (2**62, 2**62),
    "float": (0.1, 0.1),
    "yes": (True, "true"),
    "no": (False, "false"),
    "nothing": (None, None),
    "list": ([1, "a", None, [True]], '[1,"a",null,[true]]'),
    "dict": ({"b": 1, "a": {"c": "é"}}, '{"b":1,"a":{"c":"é"}}'),
    "a 'quoted' \"name\".x[0]": ("B", "B"),
}


def test_the_view_has_a_row_for_each_variable_with_its_value(store, path):
    record = a_record(
        request_id="r-9", variables={name: value for name, (value, _) in VALUES.items()}
    )
    store.export(a_batch(record, a_record(variables={})))
    found = rows(path, "SELECT * FROM chest_variables")
    assert {row[:4] for row in found} == {(record["id"], "r-9", record["started_at"], "cart")}
    assert {row[4]: row[5] for row in found} == {n: shown for n, (_, shown) in VALUES.items()}
    assert {type(row[5]) for row in found} == {str, int, float, type(None)}


# -- Reading -------------------------------------------------------------------------------------

names = st.sampled_from(["a", "b", "user id", "q\"uo'te", "é", "x.y", "0"])
values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(min_value=-(2**63), max_value=2**63 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.sampled_from(["", "1", "true", "null", "[]", "x", "é"]),
    lambda inner: (
        st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from("ab"), inner, max_size=2)
    ),
    max_leaves=4,
)
small_values = st.sampled_from([0, 1, 1.0, 2.5, True, False, None, "1", "x", [1], {"k": 1}, {}, []])
moments = st.integers(min_value=0, max_value=50).map(lambda n: START + timedelta(seconds=n))
records = st.builds(
    a_record,
    request_id=st.sampled_from(["r-1", "r-2", "r-3"]),
    endpoint=st.sampled_from(["cart", "home", None]),
    route=st.sampled_from(["/", "/cart/<int:id>", None]),
    method=st.sampled_from(["GET", "POST"]),
    status_code=st.sampled_from([200, 404, 499, 500, 503, None]),
    error=st.sampled_from([None, None, "builtins.KeyError"]),
    started_at=moments,
    duration_ms=st.sampled_from([0.0, 0.1, 1.0, 2.5, 10.0, 99.9, 1_000.0]),
    weight=st.sampled_from([1.0, 1.0, 2.0, 4.0, 2.5]),
    variables=st.dictionaries(names, small_values, max_size=3),
)
filters = st.fixed_dictionaries(
    {},
    optional={
        "since": moments,
        "until": moments,
        "request_id": st.sampled_from(["r-1", "r-2", "none"]),
        "endpoint": st.sampled_from(["cart", "home"]),
        "route": st.sampled_from(["/", "/cart/<int:id>"]),
        "method": st.sampled_from(["GET", "POST", "PUT"]),
        "status_code": st.sampled_from([200, 404, 500]),
        "variables": st.dictionaries(names, small_values, min_size=1, max_size=2),
    },
)


def is_same(stored, wanted):
    """Compare as JSON does: a bool is no number, and an object keeps the order of its keys."""
    if isinstance(stored, bool) or isinstance(wanted, bool):
        return stored is wanted
    if isinstance(stored, (int, float)) and isinstance(wanted, (int, float)):
        return stored == wanted
    return json.dumps(stored) == json.dumps(wanted)


def matches(record, where):
    for name, wanted in where.items():
        if name == "since":
            found = record.started_at >= wanted
        elif name == "until":
            found = record.started_at < wanted
        elif name == "variables":
            found = all(
                key in record.variables and is_same(record.variables[key], value)
                for key, value in wanted.items()
            )
        else:
            found = getattr(record, name) == wanted
        if not found:
            return False
    return True


def percentile(group, percent):
    """Return the weighted nearest rank."""
    reached, total = 0.0, sum(record.weight for record in group)
    for record in sorted(group, key=lambda record: record.duration_ms):
        reached += record.weight
        if reached * 100 >= total * percent:
            return record.duration_ms
    raise AssertionError


def as_text(value):
    if value is None or isinstance(value, str):
        return value
    return json.dumps(value, separators=(",", ":"))


@settings(max_examples=50, deadline=None)
@given(stored=st.lists(records, max_size=20), wheres=st.lists(filters, min_size=1, max_size=5))
def test_reads_are_right_under_every_filter(stored, wheres):
    with tempfile.TemporaryDirectory() as folder:
        store = a_store(Path(folder) / "chest.sqlite3")
        store.open()
        if stored:
            store.export(a_batch(*stored))
        everything = sorted(map(as_stored, stored), key=lambda r: (r.started_at, r.id))
        for where in [{}, *wheres]:
            expected = [record for record in everything if matches(record, where)]
            assert store.count(**where) == len(expected)
            assert store.query(newest_first=False, **where) == expected
            assert store.query(limit=3, **where) == expected[::-1][:3]
            assert store.routes(**where) == expected_routes(expected)
            for name in ("a", "é"):
                found = store.top_values(name, limit=100, **where)
                assert found == expected_values(expected, name)
                assert store.top_values(name, limit=2, **where) == found[:2]
        store.close()


def expected_routes(found):
    groups = defaultdict(list)
    for record in found:
        groups[record.method, record.route].append(record)
    summaries = [
        RouteSummary(
            method=method,
            route=route,
            count=sum(record.weight for record in group),
            errors=sum(
                record.weight
                for record in group
                if record.error or (record.status_code or 0) >= 500
            ),
            p50_ms=percentile(group, 50),
            p95_ms=percentile(group, 95),
        )
        for (method, route), group in groups.items()
    ]
    return sorted(summaries, key=lambda s: (-s.count, s.route is not None, s.route, s.method))


def expected_values(found, name):
    counts = defaultdict(float)
    for record in found:
        if name in record.variables:
            counts[as_text(record.variables[name])] += record.weight
    ranked = sorted(counts.items(), key=lambda item: (-item[1], item[0] is not None, item[0]))
    return [ValueCount(value, count) for value, count in ranked]


@settings(max_examples=40, deadline=None)
@given(
    durations=st.lists(
        st.tuples(
            st.floats(min_value=0, max_value=1e6, allow_nan=False),
            st.integers(min_value=1, max_value=100),
        ),
        min_size=1,
        max_size=60,
    )
)
def test_percentiles_are_those_of_the_requests_that_the_weights_stand_for(durations):
    with tempfile.TemporaryDirectory() as folder:
        store = a_store(Path(folder) / "chest.sqlite3")
        store.open()
        store.export(a_batch(*(a_record(duration_ms=d, weight=float(w)) for d, w in durations)))
        (summary,) = store.routes()
        store.close()
    requests = sorted(d for d, w in durations for _ in range(w))
    for percent, found in ((50, summary.p50_ms), (95, summary.p95_ms)):
        rank = math.ceil(len(requests) * percent / 100)
        assert found == requests[rank - 1]
    assert summary.count == len(requests)


@settings(max_examples=60, deadline=None)
@given(value=values, other=values)
def test_any_value_is_found_again_by_itself_and_by_nothing_else(value, other):
    with tempfile.TemporaryDirectory() as folder:
        store = a_store(Path(folder) / "chest.sqlite3")
        store.open()
        store.export(a_batch(a_record(variables={"a": value, "b": 1})))
        assert store.query()[0].variables == {"a": value, "b": 1}
        assert store.count(variables={"a": value}) == 1
        assert store.count(variables={"a": value, "b": 1}) == 1
        assert store.count(variables={"a": value, "b": 2}) == 0
        assert store.count(variables={"c": value}) == 0
        assert store.count(variables={"a": other}) == int(is_same(value, other))
        store.close()


def test_a_number_beyond_64_bits_is_no_error_in_a_filter(store):
    store.export(a_batch(a_record(variables={"a": 1})))
    assert store.count(variables={"a": 2**70}) == 0
    assert store.count(variables={"a": float("nan")}) == 0


@pytest.mark.parametrize("offset", [-11, 0, 5.5])
def test_times_may_be_in_any_zone_and_come_back_in_utc(store, offset):
    zone = timezone(timedelta(hours=offset))
    store.export(a_batch(a_record(started_at=START)))
    moment = START.astimezone(zone)
    assert store.count(since=moment) == 1
    assert store.count(since=moment + timedelta(microseconds=1)) == 0
    assert store.count(until=moment) == 0
    assert store.count(until=moment + timedelta(microseconds=1)) == 1
    assert store.query()[0].started_at == moment
    assert store.query()[0].started_at.tzinfo is timezone.utc


def test_the_beginning_and_the_end_of_time_may_be_asked_for(store):
    store.export(a_batch(a_record()))
    for year in (1, 999, 1000):
        assert store.count(since=datetime(year, 1, 1, tzinfo=timezone.utc)) == 1
        assert store.count(until=datetime(year, 1, 1, tzinfo=timezone.utc)) == 0
    assert store.count(until=datetime.max.replace(tzinfo=timezone.utc)) == 1


@pytest.mark.parametrize("call", ["query", "count", "routes"])
@pytest.mark.parametrize("bound", ["since", "until"])
def test_a_naive_time_is_refused(store, call, bound):
    with pytest.raises(ValueError, match=rf"{bound}=.*is naive.*astimezone"):
        getattr(store, call)(**{bound: START.replace(tzinfo=None)})


def test_a_naive_time_is_refused_for_values_and_purge_too(store):
    naive = START.replace(tzinfo=None)
    with pytest.raises(ValueError, match="is naive"):
        store.top_values("a", since=naive)
    with pytest.raises(ValueError, match=r"before=.*is naive"):
        store.purge(before=naive)


def test_purge_deletes_what_began_before_and_says_how_many(store):
    batch = a_batch(*(a_record(started_at=START + timedelta(seconds=n)) for n in range(10)))
    store.export(batch)
    assert store.purge(before=START + timedelta(seconds=4)) == 4
    assert store.purge(before=START + timedelta(seconds=4)) == 0
    assert store.count() == 6
    assert store.query(newest_first=False)[0].started_at == START + timedelta(seconds=4)
    assert store.purge(before=START + timedelta(days=1)) == 6


def test_many_threads_read_while_one_writes(store):
    store.export(a_batch(*(a_record(variables={"n": n % 7}) for n in range(200))))
    faults = []
    done = threading.Event()

    def read():
        try:
            while not done.is_set():
                assert store.count() >= 200
                assert len(store.query(limit=50)) == 50
                assert store.routes()[0].count >= 200
                assert len(store.top_values("n")) == 7
        except BaseException as error:  # noqa: BLE001 - for the test's own thread
            faults.append(error)

    threads = [threading.Thread(target=read) for _ in range(8)]
    for thread in threads:
        thread.start()
    for _ in range(20):
        store.export(a_batch(*(a_record(variables={"n": 1}) for _ in range(10))))
    done.set()
    for thread in threads:
        thread.join()
    assert faults == []
    assert store.count() == 400


def test_no_connection_is_left_open(path):
    def open_files():
        links = Path("/proc/self/fd").iterdir()
        return [link for link in links if link.is_symlink() and path.name in str(link.readlink())]

    store = a_store(path)
    store.open()
    for _ in range(3):
        store.export(a_batch(a_record()))
        store.query()
        store.purge(before=START)
        with pytest.raises(BatchRejected):
            store.export(a_batch(a_record(path=None)))
        with pytest.raises(BatchRejected):
            store.export(Batch(b"x\n", 1))
        assert open_files() == [], "a forked child must not inherit one"
    store.close()
    assert open_files() == []
    assert [file.name for file in path.parent.iterdir()] == [path.name]
