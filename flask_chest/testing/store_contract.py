"""What every store has to keep: records come back as they went in, and questions are answered."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from typing import Any, cast

import pytest

from flask_chest.errors import BatchRejected, ExporterUnavailable
from flask_chest.exporter import Batch
from flask_chest.record import JsonValue, RecordData, encode
from flask_chest.store import Store
from flask_chest.testing import reference
from flask_chest.testing.backend import StoreBackend
from flask_chest.testing.records import START, as_stored, make_batch, make_record, rfc3339


def _without(field: str) -> RecordData:
    record = make_record()
    del cast("dict[str, Any]", record)[field]
    return record


AT_FAULT = {
    "null request_id": encode(make_record(request_id=None)),
    "null id": encode(make_record(id=None)),
    "null weight": encode(make_record(weight=None)),
    "null variables": encode(make_record(variables=None)),
    "variables are a list": encode(make_record(variables=[1])),
    "NaN": encode(make_record()).replace(b'"duration_ms":1.5', b'"duration_ms":NaN'),
    "an object for a number": encode(make_record(status_code={})),
    "a text for a number": encode(make_record(duration_ms="slow")),
    "a number beyond 64 bits": encode(make_record(status_code=2**70)),
    "no time": encode(make_record(started_at="31 o'clock")),
    "a field is missing": encode(_without("method")),
    "the variables are missing": encode(_without("variables")),
    "no object": b"5\n",
    "null": b"null\n",
    "no JSON": b'{"id": \n',
    "half a record": encode(make_record())[:-40] + b"\n",
    "an empty line": b"\n",
    "zeros": b"\0" * 40 + b"\n",
    "zeros before a record": b"\0" * 40 + encode(make_record()),
    "no UTF-8": b"\xff\xfe\x80\n",
    "a lone surrogate": encode(make_record(path="X")).replace(b'"X"', b'"\\ud800"'),
}

KINDS: dict[str, JsonValue] = {
    "text": "é😀'\"\\ \t\n%s %(x)s :x ?",
    "empty text": "",
    "number in text": "1",
    "int": 42,
    "negative int": -7,
    "largest int": 2**63 - 1,
    "smallest int": -(2**63),
    "float": 0.1,
    "sum of floats": 0.1 + 0.2,
    "small float": 5e-324,
    "huge float": 1.7976931348623157e308,
    "negative huge float": -1e300,
    "yes": True,
    "no": False,
    "nothing": None,
    "list": [1, "a", None, [True, []]],
    "dict": {"b": 1, "a": {"c": "é", "": [0.5]}},
    "empty list": [],
    "empty dict": {},
}

HARD_NAMES = (
    "", " ", ".", "a.b", "a..b", "$", "$a", "a$b", "$set", "$ref", "_id", "%s", "%", ":name", "?",
    "a'b", 'a"b', "a`b", "a\\b", "a/b", "a[0]", "*", "😀", "é", "Name", "name", "x" * 255, "--",
)  # fmt: skip


class StoreContract:
    """Tests for a store. A subclass gives the fixture `backend`, a `StoreBackend`."""

    @pytest.fixture
    def store(self, backend: StoreBackend) -> Iterator[Store]:
        """Return an open store on the destination."""
        store = backend.new()
        store.open()
        yield store
        store.close()

    # -- There and back ----------------------------------------------------------------------------

    def test_every_field_comes_back_as_it_went_in(self, store: Store) -> None:
        records = [
            make_record(
                request_id="r" * 255,
                trace_id="0af7651916cd43dd8448eb211c80319c",
                service="é" * 255,
                endpoint=None,
                route=None,
                method="M" * 32,
                path="/😀" * 5_000,
                status_code=None,
                error="builtins.KeyError",
                duration_ms=0.1 + 0.2,
                weight=1 / 0.3,
                started_at=START + timedelta(microseconds=1),
            ),
            make_record(trace_id=None, endpoint="", route="", path="", status_code=599),
        ]
        store.export(make_batch(*records))
        assert store.query() == [as_stored(record) for record in records]

    def test_a_variable_keeps_its_type_and_value(self, store: Store) -> None:
        variables: dict[str, JsonValue] = {
            kind: [value, {"k": value}] if "in" in kind else value
            for name, value in KINDS.items()
            for kind in (name, f"{name} in a list")
        }
        store.export(make_batch(make_record(variables=variables)))
        found = store.query()[0].variables
        for kind, value in variables.items():
            shown = json.dumps(found[kind], sort_keys=True)
            assert shown == json.dumps(value, sort_keys=True), kind
        assert len(found) == len(variables)

    def test_names_of_all_kinds_come_back_and_are_found(self, store: Store) -> None:
        variables = {name: number for number, name in enumerate(HARD_NAMES)}
        nested: JsonValue = {name: {name: [{name: 1}]} for name in HARD_NAMES}
        one = make_record(variables={**variables, "nested": nested})
        store.export(make_batch(one, make_record(variables={"other": 1})))
        assert store.query(variables={"nested": nested})[0].variables == one["variables"]
        for number, name in enumerate(HARD_NAMES):
            assert [r.id for r in store.query(variables={name: number})] == [one["id"]], name
            assert store.count(variables={name: number + 1}) == 0, name
            assert [v.count for v in store.top_values(name)] == [1.0], name

    @pytest.mark.parametrize("hours", [-11, 0, 5.5])
    def test_a_time_may_be_in_any_zone_and_comes_back_in_utc(
        self, store: Store, hours: float
    ) -> None:
        store.export(make_batch(make_record(started_at=START)))
        moment = START.astimezone(timezone(timedelta(hours=hours)))
        assert store.count(since=moment) == 1
        assert store.count(since=moment + timedelta(microseconds=1)) == 0
        assert store.count(until=moment) == 0
        assert store.count(until=moment + timedelta(microseconds=1)) == 1
        assert store.query()[0].started_at == moment
        assert store.query()[0].started_at.tzinfo is timezone.utc

    def test_fields_may_be_in_any_order_and_unknown_ones_are_passed_over(
        self, store: Store
    ) -> None:
        record = make_record(path="/x", variables={"n": 1})
        fields = [*record.items(), ("of_a_later_version", [1, {"x": None}])]
        store.export(make_batch(cast("RecordData", dict(reversed(fields)))))
        assert store.query() == [as_stored(record)]

    # -- Batches -----------------------------------------------------------------------------------

    def test_what_is_there_is_not_changed_by_another_record_of_the_same_id(
        self, store: Store
    ) -> None:
        first, second = make_record(path="/first"), make_record()
        store.export(make_batch(first))
        store.export(make_batch(cast("RecordData", {**first, "path": "/changed"}), second))
        assert {record.path for record in store.query()} == {"/first", second["path"]}

    def test_a_batch_with_a_record_at_fault_is_rejected_as_a_whole(
        self, backend: StoreBackend, store: Store
    ) -> None:
        good = make_record()
        for fault, line in AT_FAULT.items():
            try:
                store.export(Batch(encode(good) + line + encode(make_record()), 3))
            except BatchRejected:
                assert backend.ids() == [], fault
            else:
                pytest.fail(f"not rejected: {fault}")
        store.export(make_batch(good))
        assert backend.ids() == [good["id"]]

    def test_a_store_that_is_not_open_says_so(self, backend: StoreBackend) -> None:
        store = backend.new()
        for call in (
            store.query,
            store.count,
            store.routes,
            lambda: store.top_values("a"),
            lambda: store.purge(before=START),
            lambda: store.export(make_batch(make_record())),
        ):
            with pytest.raises(ExporterUnavailable, match="is not open"):
                call()

    # -- Questions ---------------------------------------------------------------------------------

    @pytest.mark.parametrize("seed", range(3))
    def test_answers_are_right_under_every_filter(self, store: Store, seed: int) -> None:
        stored = reference.some_records(seed, 120)
        store.export(make_batch(*stored))
        everything = sorted(map(as_stored, stored), key=lambda r: (r.started_at, r.id))
        for where in reference.some_filters(seed, 60):
            expected = [record for record in everything if reference.matches(record, where)]
            assert store.count(**where) == len(expected), where
            assert store.query(newest_first=False, limit=200, **where) == expected, where
            assert store.query(limit=3, **where) == expected[::-1][:3], where
            summaries = store.routes(**where)
            assert sorted(summaries, key=str) == sorted(reference.routes(expected), key=str), where
            assert [s.count for s in summaries] == sorted(
                (s.count for s in summaries), reverse=True
            )
            for name in ("a", "é", "x.y"):
                found = store.top_values(name, limit=100, **where)
                shown = [(reference.compact(each.value), each.count) for each in found]
                wanted = reference.top_values(expected, name)
                assert sorted(shown, key=str) == sorted(
                    ((each.value, each.count) for each in wanted), key=str
                ), where
                assert [each.count for each in found] == [each.count for each in wanted]
                assert store.top_values(name, limit=2, **where) == found[:2]

    def test_a_value_is_found_by_itself_and_by_nothing_else(self, store: Store) -> None:
        values = reference.VALUES
        store.export(make_batch(*(make_record(variables={"a": v, "b": 1}) for v in values)))
        for value in values:
            same = [each for each in values if reference.is_same(each, value)]
            found = [record.variables["a"] for record in store.query(variables={"a": value})]
            assert sorted(map(repr, found)) == sorted(map(repr, same)), value
            assert store.count(variables={"a": value, "b": 1.0}) == len(same), value
            assert store.count(variables={"a": value, "b": 2}) == 0, value
            assert store.count(variables={"c": value}) == 0, value

    def test_what_no_record_can_have_is_no_error_in_a_filter(self, store: Store) -> None:
        store.export(make_batch(make_record(variables={"a": 1})))
        values: list[JsonValue] = [2**70, float("nan"), float("inf"), "a\0b", {"\0": 1}]
        for value in values:
            assert store.count(variables={"a": value}) == 0
        assert store.count(variables={"a\0": 1}) == 0
        assert store.count(request_id="x" * 10_000) == 0
        assert store.count(status_code=2**40) == 0

    def test_no_records_are_no_error(self, store: Store) -> None:
        assert store.query() == []
        assert store.count() == 0
        assert store.routes() == []
        assert store.top_values("a") == []
        assert store.purge(before=START) == 0

    def test_the_beginning_and_the_end_of_time_may_be_asked_for(self, store: Store) -> None:
        store.export(make_batch(make_record()))
        for year in (1, 999, 1000):
            assert store.count(since=datetime(year, 1, 1, tzinfo=timezone.utc)) == 1
            assert store.count(until=datetime(year, 1, 1, tzinfo=timezone.utc)) == 0
        assert store.count(until=datetime.max.replace(tzinfo=timezone.utc)) == 1

    def test_a_wrong_question_is_refused(self, store: Store) -> None:
        naive = START.replace(tzinfo=None)
        for call in (store.query, store.count, store.routes):
            with pytest.raises(ValueError, match=r"since=.*is naive.*astimezone"):
                call(since=naive)
            with pytest.raises(TypeError, match="until"):
                call(until="2024-05-01")  # type: ignore[arg-type]
            for wrong in ({"status_code": True}, {"method": 5}, {"variables": None}):
                with pytest.raises(TypeError, match=next(iter(wrong))):
                    call(**cast("Any", wrong))
            with pytest.raises(TypeError, match="'colour'"):
                call(colour="red")  # type: ignore[call-arg]
        with pytest.raises(ValueError, match=r"before=.*is naive"):
            store.purge(before=naive)
        for limit in (0, -1):
            with pytest.raises(ValueError, match="limit"):
                store.query(limit=limit)
            with pytest.raises(ValueError, match="limit"):
                store.top_values("a", limit=limit)

    def test_purge_deletes_what_began_before_and_says_how_many(self, store: Store) -> None:
        moments = [START + timedelta(seconds=n) for n in range(10)]
        store.export(make_batch(*(make_record(started_at=moment) for moment in moments)))
        assert store.purge(before=moments[4]) == 4
        assert store.purge(before=moments[4]) == 0
        assert store.query(newest_first=False)[0].started_at == moments[4]
        assert store.purge(before=START + timedelta(days=1)) == 6
        assert store.count() == 0

    def test_purge_deletes_days_and_the_part_of_a_day(self, store: Store) -> None:
        days = [START + timedelta(days=n) for n in range(-3, 4)]
        store.export(make_batch(*(make_record(started_at=day) for day in days for _ in "ab")))
        assert store.purge(before=START) == 6
        assert [r.started_at for r in store.query(newest_first=False)][::2] == days[3:]

    # -- The view ----------------------------------------------------------------------------------

    def test_the_view_has_a_row_for_each_variable(
        self, backend: StoreBackend, store: Store
    ) -> None:
        values = {str(n): value for n, value in enumerate(reference.VALUES)}
        names = dict.fromkeys(HARD_NAMES, "v")
        one, two = make_record(variables=values), make_record(variables=names)
        store.export(make_batch(one, two, make_record(variables={})))
        wanted = {(one["id"], name, reference.as_text(value)) for name, value in values.items()}
        wanted |= {(two["id"], name, "v") for name in names}
        rows = backend.variables()
        assert {(row[0], row[1], reference.compact(row[2])) for row in rows} == wanted
        assert len(rows) == len(wanted)

    # -- Together ----------------------------------------------------------------------------------

    def test_many_threads_read_while_one_writes(self, store: Store) -> None:
        store.export(make_batch(*(make_record(variables={"n": n % 7}) for n in range(200))))
        faults: list[BaseException] = []
        done = threading.Event()

        def read() -> None:
            try:
                while not done.is_set():
                    assert store.count() >= 200
                    assert len(store.query(limit=50)) == 50
                    assert store.routes()[0].count >= 200
                    assert len(store.top_values("n")) == 7
            except BaseException as error:  # noqa: BLE001 - for the test's own thread
                faults.append(error)

        threads = [threading.Thread(target=read) for _ in range(5)]
        for thread in threads:
            thread.start()
        for _ in range(10):
            store.export(make_batch(*(make_record(variables={"n": 1}) for _ in range(10))))
        done.set()
        for thread in threads:
            thread.join()
        assert faults == []
        assert store.count() == 300

    def test_times_of_one_microsecond_apart_are_in_order(self, store: Store) -> None:
        moments = [START + timedelta(microseconds=n) for n in (5, 3, 999, 0, 1_000, 4)]
        store.export(make_batch(*(make_record(started_at=moment) for moment in moments)))
        assert [r.started_at for r in store.query(newest_first=False)] == sorted(moments)
        assert [rfc3339(r.started_at) for r in store.query(since=START, limit=1)] == [
            rfc3339(max(moments))
        ]
