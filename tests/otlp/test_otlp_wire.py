"""The bytes that are sent, against OpenTelemetry's own definitions, for values of any kind."""

from __future__ import annotations

import struct
from datetime import datetime

import pytest
from flask_chest_otlp.attributes import MAX_DEPTH, any_value
from flask_chest_otlp.log_records import LogEncoder, moment_ns
from flask_chest_otlp.wire import fields, varint
from hypothesis import given, settings
from hypothesis import strategies as st
from opentelemetry.proto.collector.logs.v1 import logs_service_pb2 as logs
from opentelemetry.proto.common.v1.common_pb2 import AnyValue
from pydantic_core import from_json
from support.otlp_receiver import plain, value_of

from flask_chest.testing import make_record

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=300)
SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**63), 2**63 - 1),
    st.floats(allow_nan=False, allow_infinity=False),
    TEXT,
)
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4)
)


def same(value, other):
    """Return whether two values are equal, and of the same types."""
    return repr(value) == repr(other)


@given(VALUES)
@settings(max_examples=300)
def test_every_value_of_json_comes_back_as_it_was(value):
    assert same(value_of(AnyValue.FromString(any_value(value))), value)


@given(st.dictionaries(TEXT, VALUES, max_size=5), TEXT.filter(bool), st.floats(0, 1e9))
@settings(max_examples=150)
def test_every_record_is_a_log_record(variables, path, duration_ms):
    record = make_record(variables=variables, path=path, duration_ms=duration_ms)
    encoder = LogEncoder({}, "v.", has_body=True)
    message = logs.ExportLogsServiceRequest.FromString(encoder.request([record]))
    [log] = message.resource_logs[0].scope_logs[0].log_records
    attributes = plain(log.attributes)
    assert attributes["url.path"] == path
    assert attributes["flask_chest.duration_ms"] == duration_ms
    found = {name.removeprefix("v."): value for name, value in attributes.items()}
    for name, value in variables.items():
        if not name.startswith(("request.", "response.", "app.")):
            assert same(found[name or "flask_chest.variables."], value)


@pytest.mark.parametrize("number", [2**63, -(2**63) - 1, 10**40])
def test_an_integer_of_more_than_64_bits_keeps_its_digits_as_a_text(number):
    assert AnyValue.FromString(any_value(number)).string_value == str(number)


def test_what_is_nested_too_deep_for_a_decoder_is_json():
    value = "the bottom"
    for _ in range(40):
        value = [value]
    found = value_of(AnyValue.FromString(any_value(value)))
    for _ in range(MAX_DEPTH):
        [found] = found
    for _ in range(MAX_DEPTH):
        [value] = value
    assert from_json(found) == value


def test_the_same_records_are_the_same_bytes():
    records = [make_record(variables={"n": n, "list": [n, {"a": None}]}) for n in range(50)]
    first = LogEncoder({"a": "b"}, "", has_body=True).request(records)
    assert LogEncoder({"a": "b"}, "", has_body=True).request(records) == first


@given(st.datetimes(min_value=datetime(1970, 1, 1)))
def test_a_moment_keeps_its_microseconds(moment):
    text = f"{moment.isoformat(timespec='microseconds')}Z"
    since = moment - datetime(1970, 1, 1)
    microseconds = (since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds
    assert moment_ns(text) == microseconds * 1_000


def test_fields_of_a_message_are_read_back():
    message = b"".join(
        (
            b"\x08" + varint(2**64 - 1),
            b"\x12\x03abc",
            b"\x19" + struct.pack("<Q", 7),
            b"\x25" + struct.pack("<I", 9),
        )
    )
    assert list(fields(message)) == [
        (1, 2**64 - 1),
        (2, b"abc"),
        (3, struct.pack("<Q", 7)),
        (4, struct.pack("<I", 9)),
    ]


@given(st.binary(max_size=60))
def test_what_is_no_message_is_an_error_of_value_and_nothing_else(data):
    try:
        for number, content in fields(data):
            assert isinstance(content, (int, bytes))
            assert number >= 0
    except ValueError:
        pass
