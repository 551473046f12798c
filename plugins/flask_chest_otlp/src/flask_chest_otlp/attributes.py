"""Attributes of OTLP: `AnyValue` and `KeyValue`.

https://github.com/open-telemetry/opentelemetry-proto/blob/main/opentelemetry/proto/common/v1/common.proto
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

from pydantic_core import to_json

from flask_chest_otlp.wire import DOUBLE, VARINT, length_delimited, varint

if TYPE_CHECKING:
    from flask_chest.record import JsonValue

MAX_DEPTH: Final = 16
"""Levels of lists and objects. What is deeper is sent as JSON, as decoders refuse deep messages."""

_INT64: Final = range(-(2**63), 2**63)


def any_value(value: JsonValue, depth: int = 0) -> bytes:
    """Return a value of JSON as an `AnyValue`; one without a value stands for null.

    Args:
        value: The value. An integer of more than 64 bits becomes a text, which keeps its digits.
        depth: Number of lists and objects around it.
    """
    scalar = _SCALARS.get(type(value))
    if scalar is not None:
        return scalar(value)
    if depth >= MAX_DEPTH:
        return _text(to_json(value))
    if isinstance(value, list):
        items = [length_delimited(b"\x0a", any_value(item, depth + 1)) for item in value]
        return length_delimited(b"\x2a", b"".join(items))
    if isinstance(value, dict):
        pairs = [
            length_delimited(b"\x0a", pair(key(name), any_value(inner, depth + 1)))
            for name, inner in value.items()
        ]
        return length_delimited(b"\x32", b"".join(pairs))
    raise TypeError(f"{type(value).__name__} is no value of JSON")


def _text(content: bytes) -> bytes:
    return length_delimited(b"\x0a", content)


def _integer(number: int) -> bytes:
    return b"\x18" + varint(number) if number in _INT64 else _text(str(number).encode())


_SCALARS: Final[dict[type, Callable[[Any], bytes]]] = {
    str: lambda text: _text(text.encode()),
    bool: lambda truth: b"\x10\x01" if truth else b"\x10\x00",
    int: _integer,
    float: lambda number: b"\x21" + DOUBLE(number),
    type(None): lambda _: b"",
}


def key(name: str) -> bytes:
    """Return the name of an attribute, as `pair` and the functions below take it."""
    return length_delimited(b"\x0a", name.encode())


def pair(name: bytes, value: bytes) -> bytes:
    """Return a `KeyValue`.

    Args:
        name: By `key`.
        value: By `any_value`.
    """
    return b"".join((name, b"\x12", VARINT[len(value)], value))


def attribute(tag: bytes, name: str, value: JsonValue) -> bytes:
    """Return a field of attributes.

    Args:
        tag: Of the field, in the message whose attribute it is.
        name: Of the attribute.
        value: Of the attribute.
    """
    return length_delimited(tag, pair(key(name), any_value(value)))
