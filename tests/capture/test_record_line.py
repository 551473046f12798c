"""The line of JSON that a record is, put together from texts."""

from __future__ import annotations

import re
from datetime import datetime, timezone
from types import SimpleNamespace
from typing import get_type_hints

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic_core import from_json

from flask_chest.capture.record_line import Lines
from flask_chest.capture.request_state import Tracked
from flask_chest.capture.rules import Plan
from flask_chest.encode.patterns import Patterns
from flask_chest.encode.record_fields import RecordFields
from flask_chest.record import RecordData, instance, uuid7
from flask_chest.redaction import Redactor, SecretKeys

texts = st.text(st.characters(exclude_categories=("Cs",), exclude_characters="\0"), max_size=20)
visible = st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E), min_size=1, max_size=40)
scalars = st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | texts


class Fault(Exception):
    pass


def make_lines(**rules):
    return Lines("shop", RecordFields(rules, Redactor(SecretKeys(()))))


def make_plan():
    return Plan(Patterns(("*",), setting=""), None, 1.0)


def make_request(path="/", *, rule=None, method="GET"):
    rule = rule and SimpleNamespace(endpoint=rule, rule=rule)
    return SimpleNamespace(path=path, url_rule=rule, method=method)


def make_tracked(**values):
    tracked = Tracked()
    tracked.identity = tracked.request_id = uuid7()
    for name, value in values.items():
        setattr(tracked, name, value)
    return tracked


lines, plans = make_lines(), {}


@given(
    request_id=st.none() | visible,
    trace_id=st.none() | st.from_regex("[0-9a-f]{32}", fullmatch=True),
    rule=st.none() | texts.filter(bool),
    method=st.sampled_from(["GET", "PUT", 'BR"EW']),
    path=texts.map(lambda text: f"/{text}") | st.just("/"),
    status=st.none() | st.integers(100, 599),
    is_error=st.booleans(),
    started_us=st.integers(0, 253_402_300_799_999_999),
    duration_ns=st.integers(0, 10**15),
    weight=st.floats(1.0, 1e9),
    variables=st.dictionaries(texts, scalars, max_size=4),
)
def test_a_line_has_every_field_as_it_is_whatever_lines_were_made_before(
    request_id, trace_id, rule, method, path, status, is_error, started_us, duration_ns, weight,
    variables,
):  # fmt: skip
    tracked = make_tracked(status=status, trace_id=trace_id, started_us=started_us)
    tracked.request_id = request_id or tracked.identity
    request = make_request(path, rule=rule, method=method)
    # As in an application, where a plan belongs to an endpoint and a method.
    plan = plans.setdefault((rule, method), make_plan())
    error = Fault() if is_error else None
    line = lines.line(tracked, plan, request, error, duration_ns, weight, variables)
    assert line.endswith(b"\n")
    assert line.count(b"\n") == 1
    record = from_json(line, allow_inf_nan=False)
    started = datetime.strptime(record["started_at"], "%Y-%m-%dT%H:%M:%S.%f%z")
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z", record["started_at"])
    seconds, microseconds = divmod(started_us, 1_000_000)
    assert started == datetime.fromtimestamp(seconds, timezone.utc).replace(
        microsecond=microseconds
    )
    assert list(record) == list(get_type_hints(RecordData))
    assert record == {
        "id": tracked.identity,
        "request_id": request_id or tracked.identity,
        "trace_id": trace_id,
        "service": "shop",
        "instance": instance(),
        "endpoint": rule,
        "route": rule,
        "method": method,
        "path": path,
        "status_code": status,
        "error": f"{__name__}.Fault" if is_error else None,
        "started_at": record["started_at"],
        "duration_ms": pytest.approx(duration_ns // 1_000 / 1_000, rel=1e-15),
        "weight": weight,
        "variables": variables,
    }


def test_routes_of_one_endpoint_and_processes_are_told_apart():
    plan, forked = make_plan(), make_tracked(generation=1)
    for tracked, rule in ((make_tracked(), "/a"), (make_tracked(), "/b"), (forked, "/b")):
        request = make_request(rule=rule)
        record = from_json(lines.line(tracked, plan, request, None, 0, 1.0, {}))
        assert record["route"] == rule
    assert set(plan.middles) == {("/", None, "/a", 0), ("/", None, "/b", 0), ("/", None, "/b", 1)}


def test_what_is_known_of_paths_does_not_grow_with_them():
    plan = make_plan()
    for number in range(2_000):
        for path in (f"/{number}", f"/{'x' * 200}{number}"):
            line = lines.line(make_tracked(), plan, make_request(path), None, 0, 1.0, {})
            assert from_json(line)["path"] == path
    assert 0 < len(plan.middles) <= 256
    assert max(len(path) for path, *_ in plan.middles) <= 128


def test_a_path_that_is_to_be_redacted_is_so_each_time():
    own = make_lines(path="redact")
    for _ in range(2):
        line = own.line(make_tracked(), make_plan(), make_request("/secret"), None, 0, 1.0, {})
        assert from_json(line)["path"] == "[redacted]"
