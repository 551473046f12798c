"""Questions to MySQL and MariaDB: odd names, long texts, rows changed by hand, limits."""

from __future__ import annotations

import random
from contextlib import closing
from dataclasses import replace
from datetime import datetime, timedelta, timezone

import pytest
from sqlalchemy.exc import DBAPIError

from flask_chest import query
from flask_chest.errors import QueryTimeout
from flask_chest.query.histogram import SMALLEST, bin_of
from flask_chest.query.nodes import And, Compare, Field, TextMatch, Variable
from flask_chest.query.questions import Order, Selection, Spread, Tally
from flask_chest.testing import make_batch, make_record
from flask_chest.testing.records import START, as_stored

NAMES = (
    *("", " ", "a", "A", "a ", "-a", "-A", "-a ", "-", "--x", "-%", "-_", "-\\", '-"', "-é", "-e"),
    *("%", "\\", '"', "'", "`", "$", "*", "[0]", "last", "a.b", "\n", "\x7f", "a\\u0041"),
    *("\N{GRINNING FACE}", "-\N{GRINNING FACE}", "-\N{GRINNING FACE WITH SMILING EYES}"),
)
VALUE = Variable(("v",))


def ids(records):
    return [record.id for record in records]


@pytest.mark.parametrize("within", [(), ("user",), ("-outer", "-")])
def test_a_value_is_found_by_every_name(store, within):
    found = {name: number for number, name in enumerate(NAMES)}
    variables = found
    for name in reversed(within):
        variables = {name: variables}
    record = make_record(variables=variables)
    store.export(make_batch(record))
    operands = [Variable((*within, name)) for name in NAMES]
    [row] = store.tally(Tally(by=tuple(operands)))
    assert dict(zip(NAMES, row.key, strict=True)) == found
    for name, operand in zip(NAMES, operands, strict=True):
        [chosen] = store.select(Selection(where=Compare(operand, "==", found[name])))
        assert chosen.id == record["id"]


def test_the_bin_of_every_number_is_that_of_the_reference(store):
    choose = random.Random(5)
    bounds = [2.0 ** (n / 16) for n in range(-1_030, 1_030, 7)]
    numbers = [
        *(0, 1, -1, 2, 1_024, 2**63 - 1, -(2**63), 5e-324, 1e300, -1e300, SMALLEST),
        *(SMALLEST * 0.9999999999999999, -SMALLEST, SMALLEST / 2, 0.1 + 0.2),
        *(choose.choice(bounds) * choose.choice([1, -1, 1.0000000001]) for _ in range(100)),
    ]
    store.export(make_batch(*(make_record(variables={"v": number}) for number in numbers)))
    tally = Tally(by=(VALUE,), spread=Spread(VALUE, as_bins=True))
    found = {row.key[0]: row.spread for row in store.tally(tally)}
    assert found == {number: bin_of(number) for number in numbers}


def test_slots_go_from_the_year_1_to_the_year_9999(store):
    moments = [
        datetime(1, 1, 1, microsecond=1, tzinfo=timezone.utc),
        datetime(1969, 12, 31, 23, 59, 59, 999_999, tzinfo=timezone.utc),
        START,
        datetime(9999, 12, 31, 23, 59, 59, 999_999, tzinfo=timezone.utc),
    ]
    store.export(make_batch(*(make_record(started_at=moment) for moment in moments)))
    epoch = datetime(1970, 1, 1, tzinfo=timezone.utc)
    for seconds in (1, 7, 86_400, 31_536_000):
        slots = {(moment - epoch) // timedelta(seconds=seconds) * seconds for moment in moments}
        assert {row.slot for row in store.tally(Tally(slot_seconds=seconds))} == slots


def test_records_are_ordered_by_the_whole_of_long_texts(store):
    beginning = "\N{GRINNING FACE}" * 16_000
    texts = [f"{beginning}{n * 7 % 20:02}" for n in range(20)]
    store.export(
        make_batch(*(make_record(path=text, variables={"v": text[50:]}) for text in texts))
    )
    for operand in (Field("path"), VALUE):
        asked = Selection(order=Order(operand, descending=False), limit=3)
        found = []
        while page := store.select(asked):
            found += [record.path for record in page]
            asked = replace(asked, after=query.place_of(page[-1].as_data(), asked.order))
        assert found == sorted(texts)


@pytest.mark.parametrize("descending", [False, True])
def test_integers_and_floats_with_the_same_double_are_ordered_exactly(store, descending):
    numbers = [2**53, 2**53 + 1, 2.0**53, 2**60, 2**60 + 10, 2.0**60, -(2**53) - 1, -(2.0**53)]
    numbers += [2**63 - 1, 2**63 - 2, 1e19, -(2**63), 1e300, -1e300, 0.5, 5]
    records = [make_record(variables={"v": number}) for number in numbers]
    store.export(make_batch(*records))
    asked = Selection(order=Order(VALUE, descending), limit=1)
    found = []
    while page := store.select(asked):
        found += page
        asked = replace(asked, after=query.place_of(page[-1].as_data(), asked.order))
    expected = query.select(map(as_stored, records), replace(asked, after=None, limit=100))
    assert ids(found) == ids(expected)


def test_a_text_that_no_id_can_have_is_in_none(store):
    record = make_record()
    store.export(make_batch(record))
    identity = Field("id")
    for text in ("é", f"{record['id']} ", record["id"].upper() + "\N{GRINNING FACE}"):
        assert store.select(Selection(where=Compare(identity, "==", text))) == []
        assert (
            store.select(Selection(where=TextMatch(identity, "contains", text, negated=False)))
            == []
        )
        assert ids(store.select(Selection(where=Compare(identity, "!=", text)))) == [record["id"]]


@pytest.mark.parametrize("value", ["'0000-00-00'", "'2024-00-10'", "'2024-02-00 12:00:00'"])
def test_a_row_without_a_date_is_in_no_group(backend, store, value):
    store.export(make_batch(make_record(), make_record(path="/broken")))
    with closing(backend.lenient()) as connection, connection.cursor() as cursor:
        cursor.execute(f"UPDATE chest_records SET started_at = {value} WHERE path = '/broken'")
        connection.commit()
    for asked in (Tally(), Tally(slot_seconds=60), Tally(spread=Spread(Field("started_at")))):
        assert [row.records for row in store.tally(asked)] == [1]


def test_a_question_is_cancelled_on_the_server_and_says_what_to_do(backend, opened):
    store = opened(backend, query_timeout_seconds=0.1)
    store.export(make_batch(*(make_record(variables={"v": "x" * 60_000}) for _ in range(100))))
    texts = ("y" * number for number in range(20, 120))
    slow = And(tuple(TextMatch(VALUE, "contains", text, negated=True) for text in texts))
    with pytest.raises(QueryTimeout, match=r"longer than 0\.1 s.*query_timeout_seconds"):
        list(store.tally(Tally(by=(VALUE,), where=slow)))
    with pytest.raises(QueryTimeout):
        store.select(Selection(where=slow, order=Order(VALUE)))
    running = "SELECT COUNT(*) FROM information_schema.processlist WHERE info LIKE '%json_ex%'"
    assert backend.execute(f"{running} AND id <> CONNECTION_ID()") == [(0,)]
    assert store.purge(before=START + timedelta(days=1)) == 100, "it has no such limit"


def test_a_question_cannot_write(store):
    with store.asking() as connection, pytest.raises(DBAPIError, match=r"1792|READ ONLY"):
        connection.exec_driver_sql("DELETE FROM chest_records")
    store.export(make_batch(make_record()))
    with store.asking() as connection:
        assert connection.exec_driver_sql("SELECT COUNT(*) FROM chest_records").scalar() == 1
    assert store.purge(before=datetime.now(timezone.utc)) == 1


def test_a_tally_that_is_left_early_gives_its_connection_back(backend, opened):
    store = opened(backend, pool_size=2)  # one for delivery
    store.export(make_batch(*(make_record(variables={"v": n}) for n in range(3_000))))
    groups = store.tally(Tally(by=(VALUE,)))
    assert next(groups).records == 1
    groups.close()
    assert sum(row.records for row in store.tally(Tally())) == 3_000
