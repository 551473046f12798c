"""Indexes of variables on MySQL and MariaDB: created, used, and dropped beside those who write."""

from __future__ import annotations

import threading
from datetime import timedelta

import pytest
from flask_chest_mysql import MysqlStore
from pymysql.constants import CLIENT
from sqlalchemy import event

from flask_chest import query
from flask_chest.errors import ExporterUnavailable
from flask_chest.query.nodes import Compare, Variable
from flask_chest.query.questions import Selection
from flask_chest.rollup import Declaration
from flask_chest.testing import make_batch, make_record
from flask_chest.testing.questions import NUMBERS, TEXTS
from flask_chest.testing.records import START

PREFIX = "odd `%:\"'\\ ü[]"
ODD = ("user", "odd `%:\"'\\ \N{GRINNING FACE}", "-neg", "")


@pytest.fixture
def indexed(backend):
    """Return a function that opens a store whose setting names variables since then."""
    made = []

    def start(*variables, **fields):
        store = backend.new(**fields)
        store.open()
        store.indexed_variables = variables
        made.append(store)
        return store

    yield start
    for each in made:
        each.close()


def plan(store, text):
    """Return the server's plan of the newest 100 records that satisfy a filter."""
    asked = []

    def note(connection, cursor, statement, parameters, *_others):
        asked.append((statement, parameters))

    event.listen(store._engine, "before_cursor_execute", note)
    found = store.select(Selection(where=query.parse(text).root, limit=100))
    event.remove(store._engine, "before_cursor_execute", note)
    statement, parameters = asked[-1]
    with store.asking() as connection:
        rows = connection.exec_driver_sql(f"EXPLAIN {statement}", parameters).mappings().all()
    return found, rows[0]


def test_the_newest_records_with_a_value_are_read_from_the_index_in_their_order(indexed):
    store = indexed("user_id", "user.plan")
    records = [
        make_record(
            started_at=START + timedelta(seconds=n),
            variables={"user_id": n % 50, "user": {"plan": f"p-{n % 50}"}},
        )
        for n in range(4_000)
    ]
    store.export(make_batch(*records))
    assert len(store.index_variables()) == 2
    for text in ("user_id == 7", "user_id == 7.0", "user.plan == 'p-7'"):
        found, how = plan(store, text)
        assert [r.id for r in found] == [r["id"] for r in reversed(records) if r in records[7::50]]
        assert how["key"].startswith("chest_v_user_")
        assert how["type"] == "ref"
        assert "filesort" not in (how["Extra"] or "")


def test_every_value_is_found_by_the_index_as_without_it(indexed):
    values = [*NUMBERS, *TEXTS, "x" * 189, "x" * 190, "x" * 191, True, False, None, [1], {"k": 1}]
    path = ("user",)
    records = [make_record(variables={"user": value}) for value in values]
    records.append(make_record())
    store = indexed("user")
    store.export(make_batch(*records))

    def answers():
        found = []
        for value in values:
            if isinstance(value, (str, int, float)):
                where = Compare(Variable(path), "==", value)
                found.append({r.id for r in store.select(Selection(where=where))})
        return found

    without = answers()
    store.index_variables()
    store.close()
    store.open()
    assert answers() == without
    assert all(without)


def test_an_odd_name_may_be_indexed(indexed):
    names = [f"variables[{name!r}]" for name in ODD[1:]]
    store = indexed(*names, table_prefix=PREFIX)
    record = make_record(variables=dict.fromkeys(ODD, 5))
    store.export(make_batch(record, make_record()))
    assert len(store.index_variables()) == len(names)
    assert store.index_variables() == []
    for name in names:
        [found], how = plan(store, f"{name} == 5")
        assert found.id == record["id"]
        assert how["key"].startswith(store.variable_prefix)
    store.export(make_batch(make_record(variables=dict.fromkeys(ODD, 5))))
    assert len(plan(store, f"{names[0]} == 5")[0]) == 2


def test_an_index_goes_with_its_variable_and_its_column_the_next_time(backend, indexed):
    store = indexed("user_id", "tenant")
    store.export(make_batch(make_record(variables={"user_id": 1, "tenant": "t"})))
    store.index_variables()
    other = indexed("tenant")  # as after a change of the setting
    assert len(plan(other, "user_id == 1")[0]) == 1
    [done] = other.index_variables()
    assert done.startswith("Dropped the index chest_v_user_id_")
    # This one has looked before, and compares the column, which is still there.
    assert len(store.select(Selection(where=query.parse("user_id == 1").root))) == 1
    columns = (
        "SELECT COUNT(*) FROM information_schema.columns WHERE column_name LIKE 'chest\\_v\\_%'"
    )
    columns += " AND table_schema = DATABASE() AND table_name = 'chest_records'"
    assert backend.execute(columns) == [(2,)]
    assert other.index_variables() == []
    assert backend.execute(columns) == [(1,)]


def test_check_and_repair_know_the_indexes_and_their_columns(backend, indexed):
    indexed("gone").index_variables()
    store = backend.new()
    store.indexed_variables = ("user_id",)

    def found(subject):
        return [(each.level, each.text) for each in store.findings() if each.subject == subject]

    assert found("schema") == [("ok", "the tables, the view and the indexes are ours")]
    [missing, unknown] = found("indexes")
    assert missing == ("warning", "the variable user_id has no index yet: equalities are slow")
    assert unknown[1].startswith("CHEST_INDEXED_VARIABLES names no variable for the index chest_v_")
    assert [each.split()[0] for each in store.repair()] == ["Dropped", "Created"]
    assert [level for level, _ in found("indexes")] == ["ok"]
    assert store.repair() == []


@pytest.mark.parametrize("is_by_hand", [False, True])
def test_a_new_table_has_the_indexes_at_once(backend, is_by_hand):
    store = backend.new()
    store.indexed_variables = ("user_id", *(f"variables[{name!r}]" for name in ODD[1:]))
    if is_by_hand:  # as the command prints them, which knows no server
        run(backend, store)
    store.open()
    record = make_record(variables={"user_id": 7})
    store.export(make_batch(record, make_record()))
    assert store.index_variables() == []
    assert plan(store, "user_id == 7")[0][0].id == record["id"]
    store.close()


def run(backend, store):
    """Run what is printed, as the client of the server does."""
    with backend.connect(client_flag=CLIENT.MULTI_STATEMENTS) as connection:
        cursor = connection.cursor()
        cursor.execute(";\n".join(store.ddl()))
        while cursor.nextset():
            pass
        connection.commit()


def test_what_is_printed_may_run_again_and_adds_what_is_missing(backend, indexed):
    names = [f"variables[{name!r}]" for name in ODD[1:]]
    store = backend.new(table_prefix=PREFIX)
    store.rollups = Declaration()
    for wanted in (names[:1], names[:1], names, names, ()):
        store.indexed_variables = wanted
        run(backend, store)
    store = indexed(*names, table_prefix=PREFIX)
    record = make_record(variables=dict.fromkeys(ODD, 5))
    store.export(make_batch(record, make_record()))
    assert store.index_variables() == []
    for name in names:
        [found], how = plan(store, f"{name} == 5")
        assert found.id == record["id"]
        assert how["key"].startswith(store.variable_prefix)


def test_writers_go_on_while_an_index_is_created(indexed):
    store = indexed("user_id")
    store.export(make_batch(*(make_record(variables={"user_id": n}) for n in range(5_000))))
    stored, stop = [], threading.Event()
    other = indexed()

    def write():
        while not stop.is_set():
            record = make_record(variables={"user_id": "new"})
            other.export(make_batch(record))
            stored.append(record["id"])

    thread = threading.Thread(target=write)
    thread.start()
    try:
        store.index_variables()
    finally:
        stop.set()
        thread.join()
    other.export(make_batch(make_record(variables={"user_id": "new"})))
    found, how = plan(store, "user_id == 'new'")
    assert how["key"].startswith("chest_v_user_id_")
    assert len(found) == min(len(stored) + 1, 100)


def test_a_change_gives_up_when_another_keeps_the_table(backend, indexed, monkeypatch):
    monkeypatch.setattr("flask_chest_mysql.indexes.LOCK_WAIT_SECONDS", 1)
    store = indexed("user_id")
    store.export(make_batch(make_record(variables={"user_id": 1})))
    with backend.connection() as cursor:
        cursor.execute("SELECT * FROM chest_records")  # in a transaction that stays open
        with pytest.raises(ExporterUnavailable, match=r"\(1205\)"):
            store.index_variables()
    assert len(store.index_variables()) == 1, "the next time"


def test_a_store_without_the_setting_uses_the_index_too(backend, indexed):
    indexed("user_id").index_variables()
    assert MysqlStore.indexed_variables == ()
    store = indexed()
    store.export(make_batch(make_record(variables={"user_id": 1})))
    assert plan(store, "user_id == 1")[1]["key"].startswith("chest_v_user_id_")
