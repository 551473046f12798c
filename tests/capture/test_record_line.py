"""The line of JSON of a record, joined from pieces."""

from __future__ import annotations

import os
import re
import socket
from datetime import datetime, timezone
from typing import get_type_hints

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic_core import from_json

from flask_chest.capture.record_line import Lines
from flask_chest.capture.request_state import RequestState
from flask_chest.encode.record_fields import RecordFields
from flask_chest.record import RecordData, instance, uuid7
from flask_chest.redaction import Redactor, SecretKeys

texts = st.text(st.characters(exclude_categories=("Cs",), exclude_characters="\0"), max_size=20)
visible = st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E), min_size=1, max_size=40)
scalars = st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | texts


class Fault(Exception):
    pass


def make_lines(**rules):
    return Lines("shop", RecordFields(rules, Redactor(SecretKeys(())), lambda *_masked: None))


def make_subject(path="/", *, rule=None, method="GET"):
    return (rule, rule, method, path)


def make_state(**values):
    state = RequestState()
    state.identity = state.request_id = uuid7()
    for name, value in values.items():
        setattr(state, name, value)
    return state


lines = make_lines()


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
    state = make_state(status=status, trace_id=trace_id, started_us=started_us)
    state.request_id = request_id or state.identity
    subject = make_subject(path, rule=rule, method=method)
    state.error = Fault() if is_error else None
    state.duration_ns = duration_ns
    line = lines.line(state, subject, weight, variables)
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
        "id": state.identity,
        "request_id": request_id or state.identity,
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


def test_two_routes_of_one_endpoint_and_path_are_told_apart():
    own = make_lines()
    for rule in ("/a", "/b"):
        record = from_json(own.line(make_state(), ("same", rule, "GET", "/"), 1.0, {}))
        assert (record["endpoint"], record["route"]) == ("same", rule)


def test_a_forked_child_writes_its_own_instance():
    own = make_lines()
    from_json(own.line(make_state(), make_subject(), 1.0, {}))
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        os.write(writer, own.line(make_state(), make_subject(), 1.0, {}))
        os._exit(0)
    os.waitpid(child, 0)
    record = from_json(os.read(reader, 10_000))
    os.close(reader)
    os.close(writer)
    assert record["instance"] == f"{socket.gethostname()}:{child}"


def test_memory_does_not_grow_with_the_number_of_paths():
    own = make_lines()
    for number in range(3_000):
        for path in (f"/{number}", f"/{'x' * 200}{number}"):
            line = own.line(make_state(), make_subject(path), 1.0, {})
            assert from_json(line)["path"] == path
    assert 0 < len(own._known) <= 1_024
    assert max(len(path) for (_, _, _, path), _ in own._known) <= 128


def test_a_path_that_is_to_be_redacted_is_redacted_each_time():
    own = make_lines(path="redact")
    for _ in range(2):
        line = own.line(make_state(), make_subject("/secret"), 1.0, {})
        assert from_json(line)["path"] == "[redacted]"
