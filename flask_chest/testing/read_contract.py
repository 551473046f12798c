"""The part of the stores' contract about queries, summaries and purges."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import Any, cast

import pytest

from flask_chest.record import JsonValue
from flask_chest.store import Store
from flask_chest.testing import reference
from flask_chest.testing.records import START, as_stored, make_batch, make_record, rfc3339


class ReadContract:
    """Tests that reads are right. `StoreContract` has the fixtures."""

    def test_every_restriction_gives_the_answers_of_the_reference(self, store: Store) -> None:
        stored = reference.some_records(1, 120)
        store.export(make_batch(*stored))
        everything = sorted(map(as_stored, stored), key=lambda r: (r.started_at, r.id))
        for where in reference.some_filters(1, 40):
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
                assert found == reference.top_values(expected, name), where
                assert store.top_values(name, limit=2, **where) == found[:2]

    def test_a_value_is_found_by_an_equal_value_only(self, store: Store) -> None:
        values = reference.VALUES
        store.export(make_batch(*(make_record(variables={"a": v, "b": 1}) for v in values)))
        for value in reference.SCALARS:
            same = [each for each in values if reference.is_same(each, value)]
            found = [record.variables["a"] for record in store.query(variables={"a": value})]
            assert sorted(map(repr, found)) == sorted(map(repr, same)), value
            assert store.count(variables={"a": value, "b": 1.0}) == len(same), value
            assert store.count(variables={"a": value, "b": 2}) == 0, value
            assert store.count(variables={"c": value}) == 0, value

    def test_a_restriction_to_a_dict_or_a_list_says_to_write_a_filter(self, store: Store) -> None:
        store.export(make_batch(make_record(variables={"a": {"b": 1}})))
        values: list[JsonValue] = [{"gt": 100}, {}, [1], []]
        for value in values:
            for call in (store.query, store.count, store.routes):
                with pytest.raises(TypeError, match=r"'a'.*Write a filter: records\("):
                    call(variables={"a": value})
            with pytest.raises(TypeError, match="Write a filter"):
                store.top_values("a", variables={"a": value})

    def test_a_value_that_no_record_can_have_finds_nothing(self, store: Store) -> None:
        store.export(make_batch(make_record(variables={"a": 1})))
        values: list[JsonValue] = [2**70, float("nan"), float("inf"), "a\0b"]
        for value in values:
            assert store.count(variables={"a": value}) == 0
        assert store.count(variables={"a\0": 1}) == 0
        assert store.count(request_id="x" * 10_000) == 0
        assert store.count(status_code=2**40) == 0

    def test_an_empty_store_answers_every_question(self, store: Store) -> None:
        assert store.query() == []
        assert store.count() == 0
        assert store.routes() == []
        assert store.top_values("a") == []
        assert store.purge(before=START) == 0

    def test_the_first_and_the_last_year_may_be_limits(self, store: Store) -> None:
        store.export(make_batch(make_record()))
        for year in (1, 999, 1000):
            assert store.count(since=datetime(year, 1, 1, tzinfo=timezone.utc)) == 1
            assert store.count(until=datetime(year, 1, 1, tzinfo=timezone.utc)) == 0
        assert store.count(until=datetime.max.replace(tzinfo=timezone.utc)) == 1

    def test_an_invalid_restriction_or_limit_raises(self, store: Store) -> None:
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

    def test_purge_deletes_older_records_and_returns_their_number(self, store: Store) -> None:
        moments = [START + timedelta(seconds=n) for n in range(10)]
        store.export(make_batch(*(make_record(started_at=moment) for moment in moments)))
        assert store.purge(before=moments[4]) == 4
        assert store.purge(before=moments[4]) == 0
        assert store.query(newest_first=False)[0].started_at == moments[4]
        assert store.purge(before=START + timedelta(days=1)) == 6
        assert store.count() == 0

    def test_purge_deletes_whole_days_and_part_of_a_day(self, store: Store) -> None:
        days = [START + timedelta(days=n) for n in range(-3, 4)]
        store.export(make_batch(*(make_record(started_at=day) for day in days for _ in "ab")))
        assert store.purge(before=START) == 6
        assert [r.started_at for r in store.query(newest_first=False)][::2] == days[3:]

    def test_records_are_ordered_to_the_microsecond(self, store: Store) -> None:
        moments = [START + timedelta(microseconds=n) for n in (5, 3, 999, 0, 1_000, 4)]
        store.export(make_batch(*(make_record(started_at=moment) for moment in moments)))
        assert [r.started_at for r in store.query(newest_first=False)] == sorted(moments)
        assert [rfc3339(r.started_at) for r in store.query(since=START, limit=1)] == [
            rfc3339(max(moments))
        ]
