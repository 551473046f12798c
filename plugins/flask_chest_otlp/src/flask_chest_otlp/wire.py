"""The wire format of Protocol Buffers, as much of it as OTLP needs.

https://protobuf.dev/programming-guides/encoding/

The messages of the library `protobuf` take three times as long, and its versions are a frequent
cause of conflicts. `make bench-otlp` measures both. The tests parse all that is sent with
OpenTelemetry's own definitions.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Mapping
from typing import Final

FIXED64: Final = struct.Struct("<Q").pack
DOUBLE: Final = struct.Struct("<d").pack

_UINT64: Final = 2**64 - 1
_VARINT, _I64, _LENGTH, _I32 = 0, 1, 2, 5  # wire types
_SIZES: Final = {_I64: 8, _I32: 4}
_MAX_VARINT: Final = 10  # bytes


def varint(number: int) -> bytes:
    """Return an integer; a negative one as its two's complement in 64 bits."""
    number &= _UINT64
    made = bytearray()
    while number > 0x7F:
        made.append(number & 0x7F | 0x80)
        number >>= 7
    made.append(number)
    return bytes(made)


class _Varints(dict[int, bytes]):
    """Most lengths, made before; others when they are asked for."""

    def __missing__(self, number: int) -> bytes:
        return varint(number)


VARINT: Final[Mapping[int, bytes]] = _Varints((number, varint(number)) for number in range(4_096))
"""Each number of 0 or more, as `varint` returns it, in a third of the time."""


def length_delimited(tag: bytes, content: bytes) -> bytes:
    """Return a field that holds a text, bytes or a message.

    Args:
        tag: Number of the field and wire type 2.
        content: What is in it.
    """
    return b"".join((tag, VARINT[len(content)], content))


def fields(message: bytes) -> Iterator[tuple[int, int | bytes]]:
    """Yield number and content of each field of a message, in its order.

    Raises:
        ValueError: It is no message.
    """
    at, end = 0, len(message)
    while at < end:
        tag, at = _read_varint(message, at)
        number, kind = tag >> 3, tag & 7
        if kind == _VARINT:
            value, at = _read_varint(message, at)
            yield number, value
            continue
        if kind == _LENGTH:
            size, at = _read_varint(message, at)
        elif kind in _SIZES:
            size = _SIZES[kind]
        else:
            raise ValueError(f"wire type {kind}")
        if not number or at + size > end:
            raise ValueError("ends within a field")
        yield number, message[at : at + size]
        at += size


def _read_varint(message: bytes, at: int) -> tuple[int, int]:
    number = 0
    for place, byte in enumerate(message[at : at + _MAX_VARINT]):
        number |= (byte & 0x7F) << 7 * place
        if byte < 0x80:
            return number & _UINT64, at + place + 1
    raise ValueError("ends within a number")
