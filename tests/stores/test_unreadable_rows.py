"""Rows that were changed by hand: passed over, counted, said once; the others come."""

from __future__ import annotations

from contextlib import closing
from datetime import timedelta

import pytest

from flask_chest.testing import make_batch, make_record
from flask_chest.testing.records import START

BROKEN = {
    "started_at": ["'yesterday'", "''", "'2024-13-45T99:00:00.000000Z'", "x'00ff'", "7", "'zzz'"],
    "variables": ["'{'", "''", "'[1]'", "'7'", "'null'", "x'00'", "'{\"a\": 1'"],
    "status_code": ["'many'", "1.5", "x'00'"],
    "duration_ms": ["'long'", "x'00'"],
    "weight": ["'heavy'", "x'00'"],
    "route": ["7.5", "x'00'"],
    "method": ["x'00'"],
    "request_id": ["x'00'"],
    "id": ["x'00ff'"],
}
"""What SQLite stores in any column when its constraints are off."""


def questions(store):
    """Ask everything that a store answers."""
    everything = {"since": START - timedelta(days=1), "until": START + timedelta(days=1)}
    for where in ({}, everything, {"variables": {"a": 1}}, {"route": "/cart"}):
        store.query(**where)
        store.count(**where)
        store.routes(**where)
        store.top_values("a", **where)
    store.page()
    store.page(after=(START, ""), until=START + timedelta(days=1))


def sql_of(column, value):
    return f"UPDATE chest_records SET {column} = {value} WHERE path = '/broken'"


@pytest.mark.parametrize(
    ("column", "value"),
    [
        pytest.param(column, value, marks=[pytest.mark.slow] if number else [])
        for column, values in BROKEN.items()
        for number, value in enumerate(values)
    ],
)
def test_one_malformed_value_of_sqlite_ends_no_query(backend_of, opened, column, value, said):
    backend = backend_of("sqlite")
    store = opened(backend)
    good = [make_record(route="/cart", variables={"a": 1}) for _ in range(4)]
    store.export(make_batch(*good, make_record(path="/broken", variables={"a": 1})))
    with store.writing() as connection:
        connection.exec_driver_sql("PRAGMA ignore_check_constraints = ON")
        connection.exec_driver_sql(sql_of(column, value))
        kind = connection.exec_driver_sql(
            f"SELECT typeof({column}) FROM chest_records WHERE path = '/broken'"
        ).scalar()
    ids = sorted(record["id"] for record in good)
    questions(store)
    is_text = kind == "text" and column in ("route", "method", "request_id")  # SQLite converts 7.5
    if is_text:
        assert store.unreadable == 0
        return
    assert sorted(record.id for record in store.query()) == ids
    assert sorted(record.id for record in store.page()) == ids
    assert len(store.query(limit=4)) == 4, "another record takes the place"
    assert store.routes(route="/cart")[0].count == 4
    assert store.top_values("a")[0].count in (4, 5)
    assert store.unreadable == 1, "counted once, however often it is met"
    [line] = [line for line in said() if "no records" in line]
    assert "has 1 rows" in line
    view = backend.execute("SELECT count(*) FROM chest_variables WHERE name = 'a'")
    assert view[0][0] in (4, 5)


@pytest.mark.parametrize("limit", [1, 2, 3, 100])
def test_pages_go_on_behind_rows_that_are_no_records(backend_of, opened, limit):
    store = opened(backend_of("sqlite"))
    records = [make_record(started_at=START + timedelta(seconds=n)) for n in range(20)]
    for number in (0, 5, 6, 7, 8, 19):
        records[number]["path"] = "/broken"
    store.export(make_batch(*records))
    with store.writing() as connection:
        connection.exec_driver_sql(sql_of("variables", "'{'"))
    found, after = [], None
    while page := store.page(after=after, limit=limit):
        assert len(page) <= limit
        found += page
        after = page[-1].started_at, page[-1].id
    assert [r.id for r in found] == [r["id"] for r in records if r["path"] != "/broken"]
    assert store.unreadable == 6
    assert [r.id for r in store.query(limit=3)] == [r["id"] for r in records[18:15:-1]]


@pytest.mark.parametrize("value", ["'0000-00-00'", "'2024-00-10'", "'2024-02-00 12:00:00'"])
def test_a_zero_date_of_mysql_ends_no_query(backend_of, opened, value):
    backend = backend_of("mysql")
    store = opened(backend)
    good = [make_record(route="/cart", variables={"a": 1}) for _ in range(4)]
    store.export(make_batch(*good, make_record(path="/broken", variables={"a": 1})))
    with closing(backend.lenient()) as connection, connection.cursor() as cursor:
        cursor.execute(sql_of("started_at", value))
        connection.commit()
    ids = sorted(record["id"] for record in good)
    questions(store)
    assert sorted(record.id for record in store.query()) == ids
    assert sorted(record.id for record in store.page()) == ids
    assert store.unreadable == 1
    assert store.count(variables={"a": 1}) in (4, 5)


@pytest.mark.parametrize("value", ["'{'", "''", "'[1]'", "'7'"])
def test_a_malformed_document_of_mariadb_ends_no_query(backend_of, opened, value):
    backend = backend_of("mysql")
    store = opened(backend)
    good = [make_record(route="/cart", variables={"a": 1}) for _ in range(4)]
    store.export(make_batch(*good, make_record(path="/broken", variables={"a": 1})))
    with closing(backend.lenient()) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT VERSION()")
        if "MariaDB" not in cursor.fetchone()[0]:  # MySQL keeps no malformed JSON
            value = "'[1]'"
        else:
            cursor.execute("SET check_constraint_checks = 0")
        cursor.execute(sql_of("variables", value))
        connection.commit()
    questions(store)
    ids = sorted(record["id"] for record in good)
    assert sorted(record.id for record in store.query()) == ids
    assert store.count(variables={"a": 1}) == 4
    assert store.top_values("a")[0].count == 4
    assert store.unreadable == 1
