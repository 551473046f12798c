"""Records as MySQL's types: what is kept, and what is rejected."""

from __future__ import annotations

import json
import math
from datetime import timedelta

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from flask_chest.errors import (
    BatchRejected,
)
from flask_chest.exporter import Batch
from flask_chest.query.fold import scalar_of
from flask_chest.record import encode
from flask_chest.testing import make_batch, make_record
from flask_chest.testing.records import START, as_stored


@pytest.mark.parametrize(
    "fields",
    [
        {"request_id": "x" * 256},
        {"request_id": "x" * 255 + " "},  # the server would cut it without an error
        {"method": "M" * 33},
        {"trace_id": "é" * 33},
        {"id": "0190a6e4-5d4e-7000-8000-00000000000é"},
        {"id": "short"},
        {"path": 5},
        {"path": True},
        {"status_code": 40_000},
        {"status_code": 200.5},
        {"status_code": "200"},
        {"status_code": True},
        {"duration_ms": "1.5"},
        {"weight": "x"},
        {"started_at": 5},
        {"started_at": "2024-02-30T12:00:00.000000Z"},
        {"started_at": "0000-01-01T12:00:00.000000Z"},
        {"started_at": "2024-05-01T12:00:00.1234567Z"},
        {"started_at": "2024-05-01T12:00:00.123456+02:00"},
        {"started_at": "2024-05-01 12:00:00.123456"},
        {"started_at": "2024-05-01T24:00:00.000000Z"},
        {"started_at": "2024-05-01T12:00:00.12345\uff16Z"},
        {"variables": "{}"},
        {"variables": {"a": math.inf}},
    ],
    ids=repr,
)
def test_a_value_that_would_be_changed_to_fit_its_column_is_rejected(backend, store, fields):
    with pytest.raises(BatchRejected):
        store.export(make_batch(make_record(), make_record(**fields)))
    assert backend.ids() == []


def test_an_infinite_number_and_a_too_deep_value_are_rejected(backend, store):
    line = encode(make_record(duration_ms=1.5)).replace(b":1.5", b":1e999")
    with pytest.raises(BatchRejected):
        store.export(Batch(line, 1))
    with pytest.raises(BatchRejected):
        store.export(make_batch(make_record(variables={"v": _nested(200)})))
    assert backend.ids() == []


def _nested(depth):
    value = 1
    for _ in range(depth):
        value = [value]
    return value


@pytest.mark.parametrize("year", [1, 999, 1000, 9999])
def test_the_first_and_the_last_year_are_stored_unchanged(store, year):
    record = make_record(started_at=f"{year:04}-12-31T23:59:59.999999Z")
    store.export(make_batch(record))
    assert store.query() == [as_stored(record)]


# No record has the character 0, so no filter finds one.
characters = st.characters(exclude_categories=("Cs",), exclude_characters="\0") | st.sampled_from(
    "\\\"'$.*[]%:\n\x1f`-_"
)


texts = st.text(characters, max_size=6)


leaves = (
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | texts
)


values = st.recursive(
    leaves,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=6,
)


def test_any_variable_comes_back_is_found_and_is_in_the_view(backend, store):
    @settings(
        max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow], database=None
    )
    @given(
        variables=st.dictionaries(texts, values, max_size=5),
        path=texts,
        duration=st.floats(allow_nan=False, allow_infinity=False) | st.integers(-(2**53), 2**53),
    )
    def check(variables, path, duration):
        # MariaDB's JSON_KEYS drops an empty name that comes after a name with a quote.
        assume("" not in variables or not any('"' in name for name in variables))
        store.purge(before=START + timedelta(days=1))  # left by an example that failed
        record = make_record(variables=variables, path=path, route=path, duration_ms=duration)
        store.export(make_batch(record))
        (found,) = store.query(route=path)
        assert (found.path, found.duration_ms) == (path, duration)
        assert exactly(found.variables) == exactly(variables)
        shown = {name: value for _, name, value in backend.variables()}
        assert shown.keys() == variables.keys()
        for name, value in variables.items():
            assert [top.value for top in store.top_values(name)] == [scalar_of(value)]
            if not isinstance(value, (list, dict)):
                assert store.count(variables={name: value}) == 1
            if value is None or isinstance(value, str):
                assert shown[name] == value
            else:
                assert exactly(json.loads(shown[name])) == exactly(value)
        assert store.purge(before=START + timedelta(days=1)) == 1

    check()


def exactly(value):
    """Return what differs for 1, 1.0 and True, and for 0.0 and -0.0. Ignores the order of keys."""
    if isinstance(value, dict):
        return sorted((name, exactly(inner)) for name, inner in value.items())
    if isinstance(value, list):
        return [exactly(inner) for inner in value]
    return type(value).__name__, repr(value)
