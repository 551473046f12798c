"""Reads from every store, compared with plain Python on generated records and filters."""

from __future__ import annotations

import math
from datetime import datetime, timedelta, timezone

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from support.backends import SLOW

from flask_chest.testing import make_batch, make_record, reference
from flask_chest.testing.records import START, as_stored

END = datetime(9999, 1, 1, tzinfo=timezone.utc)


@pytest.fixture(
    params=[
        *("sqlite", "postgres"),
        *(pytest.param(name, marks=pytest.mark.slow) for name in ("mysql", "mongo")),
        *SLOW,
    ]
)
def backend(request, backend_of):
    return backend_of(request.param)


def examples(number):
    """Return the settings of a test whose examples share a store. Each begins with `purge`."""
    return settings(
        max_examples=number,
        deadline=None,
        suppress_health_check=[HealthCheck.function_scoped_fixture],
    )


names = st.sampled_from(["a", "b", "user id", "q\"uo'te", "é", "x.y", "0"])
scalars = (
    st.none()
    | st.booleans()
    | st.integers(min_value=-(2**63), max_value=2**63 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.sampled_from(["", "1", "true", "null", "[]", "x", "é"])
)
values = st.recursive(
    scalars,
    lambda inner: (
        st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from("ab"), inner, max_size=2)
    ),
    max_leaves=4,
)
small_values = st.sampled_from([0, 1, 1.0, 2.5, True, False, None, "1", "x", [1], {"k": 1}, {}, []])
small_scalars = small_values.filter(lambda value: not isinstance(value, (list, dict)))
moments = st.integers(min_value=0, max_value=50).map(lambda n: START + timedelta(seconds=n))
records = st.builds(
    make_record,
    request_id=st.sampled_from(["r-1", "r-2", "r-3"]),
    endpoint=st.sampled_from(["cart", "home", None]),
    route=st.sampled_from(["/", "/cart/<int:id>", None]),
    method=st.sampled_from(["GET", "POST"]),
    status_code=st.sampled_from([200, 404, 499, 500, 503, None]),
    error=st.sampled_from([None, None, "builtins.KeyError"]),
    started_at=moments,
    duration_ms=st.sampled_from([0.0, 0.1, 1.0, 2.5, 10.0, 99.9, 1_000.0]),
    weight=st.sampled_from([1.0, 1.0, 2.0, 4.0, 2.5]),
    variables=st.dictionaries(names, small_values, max_size=3),
)
filters = st.fixed_dictionaries(
    {},
    optional={
        "since": moments,
        "until": moments,
        "request_id": st.sampled_from(["r-1", "r-2", "none"]),
        "endpoint": st.sampled_from(["cart", "home"]),
        "route": st.sampled_from(["/", "/cart/<int:id>"]),
        "method": st.sampled_from(["GET", "POST", "PUT"]),
        "status_code": st.sampled_from([200, 404, 500]),
        "variables": st.dictionaries(names, small_scalars, min_size=1, max_size=2),
    },
)


@examples(25)
@given(stored=st.lists(records, max_size=20), wheres=st.lists(filters, min_size=1, max_size=4))
def test_reads_agree_with_plain_python_under_every_filter(store, stored, wheres):
    store.purge(before=END)
    if stored:
        store.export(make_batch(*stored))
    everything = sorted(map(as_stored, stored), key=lambda r: (r.started_at, r.id))
    for where in [{}, *wheres]:
        expected = [record for record in everything if reference.matches(record, where)]
        assert store.count(**where) == len(expected)
        assert store.query(newest_first=False, **where) == expected
        assert store.query(limit=3, **where) == expected[::-1][:3]
        assert store.routes(**where) == reference.routes(expected)


@examples(25)
@given(
    durations=st.lists(
        st.tuples(
            st.floats(min_value=0, max_value=1e6, allow_nan=False),
            st.integers(min_value=1, max_value=100),
        ),
        min_size=1,
        max_size=60,
    )
)
def test_percentiles_count_a_record_as_often_as_its_weight(store, durations):
    store.purge(before=END)
    store.export(make_batch(*(make_record(duration_ms=d, weight=float(w)) for d, w in durations)))
    (summary,) = store.routes()
    requests = sorted(d for d, w in durations for _ in range(w))
    for percent, found in ((50, summary.p50_ms), (95, summary.p95_ms)):
        rank = math.ceil(len(requests) * percent / 100)
        assert found == requests[rank - 1]
    assert summary.count == len(requests)


@examples(50)
@given(value=values, other=scalars)
def test_any_value_comes_back_and_is_found_by_no_other_value(store, value, other):
    store.purge(before=END)
    store.export(make_batch(make_record(variables={"a": value, "b": 1})))
    found = store.query()[0].variables
    assert list(found) == ["a", "b"]
    assert is_back(found["a"], value)
    assert store.count(variables={"a": other}) == int(reference.is_same(value, other))
    if not isinstance(value, (list, dict)):
        assert store.count(variables={"a": value}) == 1
        assert store.count(variables={"a": value, "b": 2}) == 0
        assert store.count(variables={"c": value}) == 0


def is_back(found, value):
    """True when a value came back. PostgreSQL makes some large floats integers: fidelity.md."""
    if isinstance(value, float) and isinstance(found, int):
        return float(found) == value
    if isinstance(value, list):
        return len(found) == len(value) and all(map(is_back, found, value))
    if isinstance(value, dict):
        return found.keys() == value.keys() and all(is_back(found[k], value[k]) for k in value)
    return found == value and type(found) is type(value)
