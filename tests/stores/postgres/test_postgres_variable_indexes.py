"""Indexes of variables in PostgreSQL: built while others write, and used by equalities."""

from __future__ import annotations

import re
from contextlib import contextmanager
from datetime import timedelta

import pytest
from support.backends import Postgres
from support.postgres import plan_of
from support.waiting import in_thread, until

from flask_chest.errors import ExporterUnavailable
from flask_chest.query import Selection, parse
from flask_chest.testing.records import START, make_batch, make_record

BUILDING = "SELECT pid FROM pg_stat_progress_create_index WHERE phase ~ 'waiting'"
NAMES = ("user_id", "user.plan", 'variables["it\'s 100%\\\\ :odd"]')


@pytest.fixture(params=[False, True], ids=["whole", "by_day"])
def either(request, postgres):
    return Postgres(postgres, partition_by_day=request.param)


@pytest.fixture
def indexed(opened):
    """Return a function that opens a store with indexes of these variables, and makes them."""

    def start(backend, *names, **fields):
        store = opened(backend, **fields)
        store.indexed_variables = names
        return store

    return start


def indexes(backend):
    """Return the names of the indexes of variables, and whether each is complete."""
    rows = backend.execute(
        "SELECT c.relname, i.indisvalid FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid"
        " WHERE i.indrelid = 'chest_records'::regclass AND c.relname ~ '^chest_v_' ORDER BY 1"
    )
    return [tuple(row) for row in rows]


def parts(backend):
    """Return the number of partitions that have a part of an index of a variable."""
    [(number,)] = backend.execute(
        "SELECT count(*) FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhparent"
        " WHERE c.relname ~ '^chest_v_'"
    )
    return number


def fill(store, days=3):
    values = (1, 1.0, True, "1", None, "x" * 20_000, [1], {"plan": "pro"})
    for day in range(days):
        moments = [START + timedelta(days=day, seconds=n) for n in range(200)]
        store.export(
            make_batch(
                *(
                    make_record(
                        started_at=moment,
                        variables={
                            "user_id": values[n % 8],
                            "user": {"plan": values[n % 7]},
                            "it's 100%\\ :odd": n % 5,
                        },
                    )
                    for n, moment in enumerate(moments)
                ),
                make_record(started_at=moments[0]),
            )
        )


def test_an_equality_finds_the_same_records_by_an_index(either, indexed):
    store = indexed(either)
    fill(store)
    filters = (
        "user_id == 1",
        "user_id == True",
        "user_id == '1'",
        "user_id in ('x', '1')",
        f"user_id == '{'x' * 7_000}'",
        "user_id != 1",
        "user.plan == 1",
        "user.plan in (1, True, 'pro')",
        'variables["it\'s 100%\\\\ :odd"] == 3 and user_id == 1',
    )
    asked = [Selection(where=parse(each).root) for each in filters]
    expected = [store.select(each) for each in asked]
    store.indexed_variables = NAMES
    assert [each.split()[0] for each in store.index_variables()] == ["Created"] * 3
    either.execute("ANALYZE")
    assert [store.select(each) for each in asked] == expected
    for each in (asked[0], asked[3], asked[6]):
        plan = plan_of(store, each)
        assert re.search(r"Index Cond: .*jsonb_hash_extended", plan), plan
    assert store.index_variables() == []


def test_indexes_are_created_and_dropped_as_the_setting_changes(either, indexed):
    store = indexed(either, "user_id", "tenant")
    fill(store, days=1)
    store.index_variables()
    store.indexed_variables = ("tenant", "model")
    assert [each.split()[0] for each in store.index_variables()] == ["Dropped", "Created"]
    names = [name for name, _ in indexes(either)]
    assert [name.split("_")[2] for name in names] == ["model", "tenant"]
    store.indexed_variables = ()
    store.index_variables()
    assert indexes(either) == []


@contextmanager
def writing(backend):
    """Write into the oldest day, in a transaction that is not committed yet."""
    day = "_20240501" if backend.config.get("partition_by_day") else ""
    with backend.transaction(f"UPDATE chest_records{day} SET path = '/other'") as connection:
        yield connection


def test_records_are_stored_while_an_index_is_built(either, indexed):
    store = indexed(either, "user_id")
    fill(store, days=1)
    with writing(either) as other:
        wait = in_thread(store.index_variables)
        until(lambda: either.execute(BUILDING))
        fill(store, days=2)
        other.rollback()
        assert wait() is None
    assert [is_complete for _, is_complete in indexes(either)] == [True]


def test_another_leader_leaves_an_index_that_is_being_built_alone(postgres, indexed):
    backend = Postgres(postgres)
    store = indexed(backend, "user_id")
    fill(store, days=1)
    with writing(backend) as other:
        wait = in_thread(store.index_variables)
        until(lambda: backend.execute(BUILDING))
        assert store.index_variables() == []
        other.rollback()
        assert wait() is None
    assert [is_complete for _, is_complete in indexes(backend)] == [True]


def test_an_index_whose_building_was_interrupted_is_completed(either, indexed):
    store = indexed(either, "user_id", "gone")
    fill(store, days=2)
    with writing(either):
        wait = in_thread(store.index_variables)
        [(pid,)] = until(lambda: either.execute(BUILDING))
        either.execute(f"SELECT pg_terminate_backend({pid})")
        assert isinstance(wait(), ExporterUnavailable)
    assert [is_complete for _, is_complete in indexes(either)] == [False]
    store.index_variables()
    assert [is_complete for _, is_complete in indexes(either)] == [True, True]


def test_what_is_left_of_an_index_is_dropped_when_no_setting_names_it(either, indexed):
    store = indexed(either, "user_id")
    fill(store, days=2)
    with writing(either):
        wait = in_thread(store.index_variables)
        [(pid,)] = until(lambda: either.execute(BUILDING))
        either.execute(f"SELECT pg_terminate_backend({pid})")
        wait()
    store.indexed_variables = ()
    store.index_variables()
    assert indexes(either) == []


def test_each_partition_has_a_part_of_the_index(by_day, indexed):
    store = indexed(by_day, "user_id")
    fill(store, days=2)
    store.index_variables()
    made = parts(by_day)
    fill(store, days=4)
    assert parts(by_day) == made + 2
    assert [is_complete for _, is_complete in indexes(by_day)] == [True]


def test_a_new_table_has_the_indexes_at_once(either):
    store = either.new()
    store.indexed_variables = ("user_id",)
    assert "chest_v_user_id_" in "".join(store.ddl())
    store.open()
    assert store.index_variables() == []
    store.close()
    assert [is_complete for _, is_complete in indexes(either)] == [True]


def test_check_and_repair_know_the_indexes(either, indexed):
    indexed(either, "gone").index_variables()
    store = either.new()
    store.indexed_variables = ("user_id",)

    def found():
        return [(each.level, each.text) for each in store.findings() if each.subject == "indexes"]

    [missing, unknown] = found()
    assert missing == ("warning", "the variable user_id has no index yet: equalities are slow")
    assert unknown[1].startswith("CHEST_INDEXED_VARIABLES names no variable for the index chest_v_")
    assert [each.split()[0] for each in store.repair()] == ["Dropped", "Created"]
    assert [level for level, _ in found()] == ["ok"]
    assert store.repair() == []
