"""Questions to a lake whose files differ in their columns, and are replaced meanwhile."""

from __future__ import annotations

import os
import random
import stat
import tempfile
from datetime import timedelta
from pathlib import Path

import pytest
from flask_chest_parquet import ParquetConfig, ParquetStore, reading
from flask_chest_parquet.answers import LARGEST, Answers, Question
from flask_chest_parquet.decode import Rows
from flask_chest_parquet.engine import Engine, TimeLimit
from flask_chest_parquet.lake import Lake
from flask_chest_parquet.reading import Reader

from flask_chest import query
from flask_chest.errors import ExporterUnavailable, QueryError, QueryTimeout
from flask_chest.query import Order, Place, Selection, Tally
from flask_chest.testing import make_batch, make_record
from flask_chest.testing.query_contract import is_near, totals
from flask_chest.testing.questions import Questions, odd_records
from flask_chest.testing.records import START, as_stored

COLUMNS = ((), ("a", "list"), ("a", "size", "user.plan", "variables['é']"), ("user", "b"))
"""Variables with columns of their own, by the age of a file."""


@pytest.fixture
def opened(tmp_path):
    made = []

    def open_(**fields):
        config = ParquetConfig(path=tmp_path / "lake").model_copy(update=fields)
        made.append(ParquetStore(config))
        made[-1].open()
        return made[-1]

    yield open_
    for each in made:
        each.close()


@pytest.fixture
def odd(opened):
    """Return records whose values are hard to compare, in files that differ in their columns."""
    stored = odd_records(random.Random(5), 160)
    for number, columns in enumerate(COLUMNS):
        opened(columns=columns).export(make_batch(*stored[number::4]))
    return list(map(as_stored, stored))


@pytest.fixture(autouse=True)
def of_few_records(monkeypatch):
    """Keep the answers about past days, of however few records they are."""
    monkeypatch.setattr(reading, "_WORTHWHILE", 0)


def count(store):
    return sum(row.records for row in store.tally(Tally()))


# -- Answers ---------------------------------------------------------------------------------------


@pytest.mark.slow
def test_files_with_other_columns_have_the_same_answers(opened, odd):
    store, questions = opened(), Questions(random.Random(6))
    data = [record.as_data() for record in odd]
    for _ in range(60):
        asked = questions.selection(data)
        assert [r.id for r in store.select(asked)] == [r.id for r in query.select(odd, asked)]
    for _ in range(30):
        asked = questions.tally()
        expected = totals(query.tally(odd, asked))
        for _ in range(2):  # the second answer is a kept one
            found = totals(store.tally(asked))
            assert found.keys() == expected.keys(), asked
            assert all(is_near(row, expected[group]) for group, row in found.items()), asked


def test_a_record_comes_back_as_it_was_whatever_columns_its_file_has(opened, odd):
    store = opened()
    assert sorted(store.records(), key=lambda r: r.id) == sorted(odd, key=lambda r: r.id)
    for record in store.records():
        [same] = [each for each in odd if each.id == record.id]
        # 1 equals 1.0 and True.
        assert repr(sorted(record.variables.items())) == repr(sorted(same.variables.items()))


def test_the_first_records_of_a_busy_day_are_found_in_either_order(opened):
    store = opened()
    moments = [START + timedelta(seconds=n // 2) for n in range(6_000)]
    moments += [START - timedelta(days=n) for n in range(1, 40)]
    stored = [
        make_record(started_at=moment, variables={"n": n}) for n, moment in enumerate(moments)
    ]
    store.export(make_batch(*stored))
    for descending in (True, False):
        ordered = sorted(stored, key=lambda r: (r["started_at"], r["id"]), reverse=descending)
        found = list(
            store.records(order_by="-started_at" if descending else "started_at", limit=90)
        )
        assert [r.id for r in found] == [r["id"] for r in ordered[:90]]
        order = Order(descending=descending)
        last = found[-1]
        after = Place(0, last.started_at, last.id)
        page = store.select(Selection(order=order, after=after, limit=50))
        assert [r.id for r in page] == [r["id"] for r in ordered[90:140]]
    rare = list(store.records("n == 6038"))
    assert [r.started_at for r in rare] == [START - timedelta(days=39)]


# -- Answers that are kept -------------------------------------------------------------------------


def test_a_kept_answer_holds_until_the_files_of_its_days_change(opened):
    store = opened()
    days = [START + timedelta(days=n) for n in range(3)]

    def asked():
        rows = store.measure("count", every="1d", since=START - timedelta(hours=20))
        return [row["count"] for row in rows if row["count"]]

    store.export(make_batch(*(make_record(started_at=day) for day in days)))
    assert asked() == [1, 1, 1]
    store.export(make_batch(make_record(started_at=days[1], variables={"user": "u-1"})))
    assert asked() == [1, 2, 1]
    store.compact()
    assert asked() == [1, 2, 1]
    assert store.erase("user == 'u-1'") == 1
    assert asked() == [1, 1, 1]
    store.purge(before=days[1])
    assert asked() == [1, 1]


def test_a_kept_answer_is_of_the_same_question(opened):
    store = opened()
    values = [1, 1.0, True, "1", None]
    store.export(make_batch(*(make_record(variables={"a": value}) for value in values)))
    for where, number in (("a == 1", 2), ("a == True", 1), ("a == '1'", 1), ("a == 1.0", 2)):
        for _ in range(2):
            assert store.measure("count", where=where) == [{"count": number}]
    day, late = START.replace(hour=0), START + timedelta(microseconds=1)
    for since, number in ((day, 5), (START, 5), (late, 0), (None, 5)):
        assert store.measure("count", since=since) == [{"count": number}]


def test_answers_that_are_kept_are_few():
    answers, questions = Answers(), [Question(str(n), frozenset()) for n in range(12)]
    for question in questions:
        answers.put(question, [None] * (LARGEST // 2))
    assert [answers.get(each) is None for each in questions] == [True] * 2 + [False] * 10
    answers.put(questions[0], [None] * (LARGEST + 1))
    assert answers.is_too_large(questions[0])
    assert answers.get(questions[0]) is None
    assert not answers.is_too_large(questions[1])


# -- Files that are replaced -----------------------------------------------------------------------


def test_a_question_is_asked_again_when_a_file_was_replaced_before_it_was_read(opened):
    store = opened()
    for _ in range(12):
        store.export(make_batch(make_record(), make_record()))

    class Changing(Lake):
        changes = 0

        def live(self, since=None, until=None):
            found = super().live(since, until)
            if Changing.changes < 2:
                Changing.changes += 1
                store.export(make_batch(make_record(), make_record()))
                assert store.compact()
            return found

    lake = Changing(store._opened.lake.objects)
    reader = Reader(lake, store.config, Rows(store.location))
    try:
        assert count(reader) == 28  # at first it sees 24, whose files are gone when it reads them
        assert Changing.changes == 2
        Changing.changes = 0
        assert len(reader.select(Selection())) == 32
    finally:
        reader.close()


def test_a_file_that_was_cut_off_is_named(opened, tmp_path):
    store = opened()
    store.export(make_batch(make_record()))
    [path] = (tmp_path / "lake").glob("day=*/*.parquet")
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])
    store.export(make_batch(make_record()))
    with pytest.raises(ExporterUnavailable, match=f"no Parquet file.*{path.name}.*backup"):
        count(store)


def test_a_column_that_the_lake_does_not_know_is_named(opened, tmp_path):
    opened(columns=["tenant"]).export(make_batch(make_record(variables={"tenant": "acme"})))
    (tmp_path / "lake" / "_chest" / "columns" / "t_tenant.json").unlink()
    with pytest.raises(ExporterUnavailable, match=r"t_tenant is of\. Restore _chest/columns"):
        count(opened())


# -- Bounds ----------------------------------------------------------------------------------------


@pytest.fixture
def engine():
    made = Engine(256, 1)
    yield made
    made.close()


def test_a_query_is_cancelled_when_its_time_is_over(engine):
    cursor, limit = engine.cursor(), TimeLimit(0.2, "the lake")
    said = r"the lake: .* longer than 0\.2 s.*query_timeout"
    with pytest.raises(QueryTimeout, match=said), limit.spent(cursor):
        cursor.execute("SELECT sum(sqrt(range)) FROM range(1_000_000_000_000)").fetchall()
    cursor.close()


def test_a_query_that_needs_too_much_memory_says_so(opened, monkeypatch):
    store = opened(query_memory_mb=1)  # less than the configuration allows
    store.export(make_batch(*(make_record(path="/" + f"{n}" * 20_000) for n in range(600))))
    monkeypatch.setattr(tempfile, "tempdir", "/proc")  # where nothing can be written
    with pytest.raises(QueryError, match=r"1 MB of memory.*query_memory_mb"):
        list(store.tally(Tally(by=(query.name("path"), query.name("request_id")))))


def test_temporary_files_are_in_a_private_folder_that_is_removed(engine, tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    engine.cursor().close()
    [folder] = tmp_path.iterdir()
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    engine.close()
    assert not folder.exists()


def test_a_forked_process_asks_with_a_database_of_its_own(opened):
    store = opened()
    store.export(make_batch(make_record(), make_record()))
    assert count(store) == 2
    child = os.fork()
    if not child:
        os._exit(count(store))
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 2
    assert count(store) == 2


def test_a_name_in_a_filter_is_no_sql(opened):
    store = opened(columns=["tenant"])
    name = "o'x\"; DROP TABLE \\ /~1"
    store.export(make_batch(make_record(variables={name: "a'b", "tenant": "x' OR 1=1 --"})))
    assert len(list(store.records(f'variables[{name!r}] == "a\'b"'))) == 1
    assert list(store.records('tenant == "\' OR 1=1 --"')) == []
    assert len(list(store.records('tenant == "x\' OR 1=1 --"'))) == 1
    assert Path(store.config.path).is_dir()
