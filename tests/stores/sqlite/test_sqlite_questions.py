"""Questions to SQLite: names and numbers that its JSON makes hard, its time limit, its indexes."""

from __future__ import annotations

import pytest
from flask_chest_sql.selecting import selecting
from flask_chest_sqlite import reading

from flask_chest import query
from flask_chest.errors import ConfigurationError, QueryTimeout
from flask_chest.query.nodes import And, Compare, TextMatch, Variable
from flask_chest.query.questions import Order, Selection, Spread, Tally
from flask_chest.testing import make_batch, make_record

NAMES = [
    "plain", "odd name", 'a "quote"', "it's", "back\\slash", "é", "a.b", "x[0]", "$", "#-1", "*",
    "new\nline", "", ":bound", "100%", "?", "{}", "--",
]  # fmt: skip

NUMBERS = [
    0, -1, 1, 1.0, 0.1, -2.5, 2**53, 2**53 + 1, float(2**53), 2**63 - 1, -(2**63), 1e300, -1e300,
    5e-324, 2.0**-64, 3e-20, 1e16, 12.75,
]  # fmt: skip


def select(store, where=None, **fields):
    root = query.parse(where).root if isinstance(where, str) else where
    return store.select(Selection(root, **fields))


def test_a_variable_is_found_whatever_its_name_is(store):
    for name in NAMES:
        decoy = make_record(variables={f"{name}x": 1, "decoy": {name: 1}})
        record = make_record(variables={name: {name: 1, "other": '{"a": 1}'}})
        store.export(make_batch(decoy, record))
        for path, value in (((name, name), 1), ((name, "other"), '{"a": 1}')):
            [found] = select(store, Compare(Variable(path), "==", value))
            assert found.id == record["id"], name
        assert not select(store, Compare(Variable((name, "other", "a")), "==", 1))
        rows = {row.key: row.records for row in store.tally(Tally(by=(Variable((name, name)),)))}
        assert rows[1,] == 1, name


def test_numbers_are_compared_and_ordered_exactly(store):
    records = [make_record(variables={"n": number}) for number in NUMBERS]
    store.export(make_batch(*records))
    everything = select(store)
    for operator in ("==", "!=", "<", "<=", ">", ">="):
        for number in NUMBERS:
            chosen = Selection(Compare(Variable(("n",)), operator, number))
            assert store.select(chosen) == query.select(everything, chosen), (operator, number)
    for descending in (True, False):
        chosen = Selection(order=Order(Variable(("n",)), descending))
        assert store.select(chosen) == query.select(everything, chosen)


def test_the_largest_filters_are_answered(store):
    store.export(make_batch(make_record(status_code=200, variables={"a": 5})))
    numbers = ", ".join(map(str, range(990)))
    for where in (
        f"status_code in ({numbers})",
        f"a in ({numbers})",
        f"a not in ({', '.join(map(repr, map(str, range(990))))})",
        " or ".join(f"a == {n}" for n in range(249)),
        "(" * 18 + "a == 5" + " or b == 1) and status_code == 200" * 18,
    ):
        assert len(select(store, where)) == ("not" not in where), where[:40]


@pytest.mark.parametrize("is_compiled_without", [False, True])
def test_bins_need_no_functions_of_mathematics(store, monkeypatch, is_compiled_without):
    if is_compiled_without:
        monkeypatch.setattr(reading, "_lacks", lambda *_: True)
    store.export(make_batch(*(make_record(variables={"n": number}) for number in NUMBERS)))
    asked = Tally(spread=Spread(Variable(("n",)), as_bins=True))
    expected = {row.spread: row.records for row in query.tally(select(store), asked)}
    assert {row.spread: row.records for row in store.tally(asked)} == expected


def test_a_query_that_takes_too_long_is_cancelled_and_says_what_to_do(backend, opened):
    store = opened(backend, query_timeout_seconds=0.1)
    text = Variable(("text",))
    slow = And(tuple(TextMatch(text, "contains", "a" * 400 + str(n), True) for n in range(80)))
    with pytest.raises(QueryTimeout) as caught:
        while True:  # until there is enough to do, whatever the machine is
            records = (make_record(variables={"text": "a" * 4_000}) for _ in range(200))
            store.export(make_batch(*records))
            list(store.tally(Tally(where=slow)))
    assert "longer than 0.1 s" in str(caught.value)
    assert "query_timeout_seconds" in str(caught.value)
    assert "CHEST_INDEXED_VARIABLES" in str(caught.value)
    with pytest.raises(QueryTimeout):
        store.select(Selection(slow))
    store.export(make_batch(make_record(request_id="after")))
    assert len(select(store, "request_id == 'after'")) == 1


def test_a_question_cannot_write(store):
    with store.asking() as connection, pytest.raises(Exception, match="readonly"):
        connection.exec_driver_sql("DELETE FROM chest_records")


def test_a_tally_that_is_left_leaves_no_connection(store, path):
    store.export(make_batch(*(make_record(variables={"n": n}) for n in range(1_100))))
    store.idle()
    rows = store.tally(Tally(by=(Variable(("n",)),)))
    assert next(rows).records == 1
    assert path.with_name(f"{path.name}-wal").exists()
    rows.close()
    assert not path.with_name(f"{path.name}-wal").exists()


# -- Indexes of variables ------------------------------------------------------------------------


def plan(store, where):
    """Return how SQLite finds the newest records."""
    statement = selecting(store.expressions(), Selection(query.parse(where).root)).limit(100)
    with store.asking() as connection:
        options = {"render_postcompile": True}
        compiled = statement.compile(connection.engine, compile_kwargs=options)
        values = tuple(compiled.construct_params()[name] for name in compiled.positiontup)
        rows = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {compiled}", values)
        return [row[3] for row in rows]


def test_an_index_of_a_variable_answers_equality_and_the_order_of_time(store):
    store.indexed_variables = ("user_id", "user.plan", "variables['it\\'s']")
    created = store.index_variables()
    assert [text.rpartition(" ")[2] for text in created] == list(store.indexed_variables)
    assert store.index_variables() == []
    for where in (
        "user_id == 'u-17'", "user_id == 7", "user_id == 0.5", "user_id in ('a', 'b')",
        "user.plan == 'pro' and status_code >= 500", "variables['it\\'s'] == 'x'",
        "user_id == 'a' and started_at > '24h'",
    ):  # fmt: skip
        assert "USING INDEX chest_v_" in plan(store, where)[0], where
    assert "USING INDEX chest_records_started_at" in plan(store, "tenant == 'acme'")[0]


def test_rows_that_are_no_records_and_odd_values_are_no_obstacle_to_an_index(store):
    values = [None, True, 1, 1.0, "1", [1], {"a": 1}, "é", 2**53 + 1]
    records = [make_record(variables={"a": value}) for value in values]
    store.export(make_batch(*records, make_record(path="/broken")))
    with store.writing() as connection:
        connection.exec_driver_sql(
            "UPDATE chest_records SET variables = '{' WHERE path = '/broken'"
        )
    wanted = ("1", 1, True, "é", 2**53, 2**53 + 1, '{"a":1}')

    def found():
        asked = [Compare(Variable(("a",)), "==", value) for value in wanted]
        return [[record.id for record in select(store, each)] for each in asked]

    before = found()
    assert [len(ids) for ids in before] == [1, 2, 1, 1, 0, 1, 0]
    store.indexed_variables = ("a",)
    store.index_variables()
    assert found() == before
    store.export(make_batch(make_record(path="/later", variables={"a": "1"})))
    assert len(select(store, "a == '1'")) == 2


def test_what_sqlite_cannot_index_is_said_after_the_others_are_made(store):
    store.indexed_variables = ("variables['\"']", "user_id")
    with pytest.raises(ConfigurationError, match="SQLite cannot index"):
        store.index_variables()
    store.indexed_variables = ("user_id",)
    assert store.index_variables() == []
    store.indexed_variables = ()
    [dropped] = store.index_variables()
    assert dropped.startswith("Dropped the index chest_v_user_id_")


def test_repair_creates_indexes_of_variables_and_the_survey_knows_them(backend):
    store = backend.new()
    store.indexed_variables = ("user_id",)
    assert any("of the variable user_id" in text for text in store.repair())
    assert store.repair() == []
    other = backend.new()
    other.indexed_variables = ("user_id", "tenant")
    found = [finding.text for finding in other.findings() if finding.level != "ok"]
    assert found == ["the variable tenant has no index yet: equalities are slow"]
