"""Generators of request IDs: the built-in ones, and functions found by their dotted path."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from werkzeug.utils import import_string

from flask_chest.errors import ConfigurationError
from flask_chest.record import random_bits, uuid7
from flask_chest.runtime.clock import clock

if TYPE_CHECKING:
    from flask import Request

RequestIdGenerator: TypeAlias = "Callable[[Request], str]"
"""Gives a request its ID."""

_ALPHABET: Final = "0123456789abcdefghjkmnpqrstvwxyz"  # Crockford's base 32, in the order of ASCII


def _base32(number: int, digits: int) -> str:
    return "".join(_ALPHABET[number >> shift & 31] for shift in range(5 * digits - 5, -1, -5))


def uuid4() -> str:
    """Return a random UUID (RFC 9562, section 5.4)."""
    bits = random_bits(122)
    high, middle, low = bits >> 74, bits >> 62 & 0xFFF, bits & (1 << 62) - 1
    number = high << 80 | 0x4 << 76 | middle << 64 | 0b10 << 62 | low
    text = f"{number:032x}"
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"


def ulid() -> str:
    """Return a ULID: 26 characters that sort by time (https://github.com/ulid/spec)."""
    return _base32(_milliseconds() << 80 | random_bits(80), 26).upper()


def short() -> str:
    """Return 16 characters that sort by time until the year 3084, with 35 random bits."""
    return _base32(_milliseconds() << 35 | random_bits(35), 16)


def _milliseconds() -> int:
    return clock.unix_us() // 1_000


NAMED: Final[Mapping[str, Callable[[], str]]] = {
    "uuid7": uuid7,
    "uuid4": uuid4,
    "ulid": ulid,
    "short": short,
}
"""What `request_id=` and CHEST_REQUEST_ID_GENERATOR may name."""


def generator(given: object, setting: str) -> RequestIdGenerator:
    """Return a generator that is given by its name, by a dotted path, or as a function.

    Args:
        given: One of `NAMED`, such as ``"ulid"``; a path such as ``"shop.ids:new"``; or a function
            of the request.
        setting: Where it is given, for the error.

    Raises:
        ConfigurationError: There is no such generator.
    """
    if isinstance(given, str) and given in NAMED:
        make = NAMED[given]
        return lambda _request: make()
    if isinstance(given, str) and "." not in given and ":" not in given:
        near = difflib.get_close_matches(given, NAMED, n=1)
        hint = f"Did you mean {near[0]!r}?" if near else f"There are {', '.join(NAMED)}"
        raise _wrong(setting, given, f"is no generator of request IDs. {hint}")
    return function(given, setting)


def function(given: object, setting: str) -> Callable[..., Any]:
    """Return a function that is given directly or by its path, such as ``"shop.ids:new"``.

    Raises:
        ConfigurationError: The path cannot be imported, or is not that of a function.
    """
    if isinstance(given, str):
        try:
            found: object = import_string(given)
        except ImportError as error:
            raise _wrong(setting, given, f"cannot be imported: {error}") from error
    else:
        found = given
    if not callable(found):
        raise _wrong(setting, given, "is not a function")
    return found


def _wrong(setting: str, given: object, what: str) -> ConfigurationError:
    return ConfigurationError(f"{setting}={given!r} {what}", setting=setting)
