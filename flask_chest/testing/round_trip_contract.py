"""The part of the stores' contract about round-trip fidelity."""

from __future__ import annotations

import json
from datetime import timedelta, timezone
from typing import cast

import pytest

from flask_chest.record import JsonValue, RecordData
from flask_chest.store import Store
from flask_chest.testing import reference
from flask_chest.testing.backend import StoreBackend
from flask_chest.testing.records import START, as_stored, make_batch, make_record
from flask_chest.testing.samples import HARD_NAMES, VALUES


class RoundTripContract:
    """Tests that records are read as they were exported. `StoreContract` has the fixtures."""

    def test_every_field_is_read_as_it_was_exported(self, store: Store) -> None:
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
            for name, value in VALUES.items()
            for kind in (name, f"{name} in a list")
        }
        store.export(make_batch(make_record(variables=variables)))
        found = store.query()[0].variables
        for kind, value in variables.items():
            shown = json.dumps(found[kind], sort_keys=True)
            assert shown == json.dumps(value, sort_keys=True), kind
        assert len(found) == len(variables)

    def test_a_variable_may_have_any_name_and_is_found_by_it(self, store: Store) -> None:
        variables = {name: number for number, name in enumerate(HARD_NAMES)}
        nested: JsonValue = {name: {name: [{name: 1}]} for name in HARD_NAMES}
        one = make_record(request_id="r-hard", variables={**variables, "nested": nested})
        store.export(make_batch(one, make_record(variables={"other": 1})))
        assert store.query(request_id="r-hard")[0].variables == one["variables"]
        for number, name in enumerate(HARD_NAMES):
            assert [r.id for r in store.query(variables={name: number})] == [one["id"]], name
            assert store.count(variables={name: number + 1}) == 0, name
            assert [v.count for v in store.top_values(name)] == [1.0], name

    @pytest.mark.parametrize("hours", [-11, 0, 5.5])
    def test_a_time_in_any_zone_restricts_and_times_are_read_in_utc(
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

    def test_fields_may_be_in_any_order_and_unknown_fields_are_ignored(self, store: Store) -> None:
        record = make_record(path="/x", variables={"n": 1})
        fields = [*record.items(), ("added_in_a_later_version", [1, {"x": None}])]
        store.export(make_batch(cast("RecordData", dict(reversed(fields)))))
        assert store.query() == [as_stored(record)]

    def test_the_view_of_variables_has_a_row_for_each(
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
