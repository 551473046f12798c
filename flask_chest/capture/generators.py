"""Generators of request IDs: the built-in ones, and functions found by their dotted path."""

from __future__ import annotations

import difflib
import inspect
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Final, TypeAlias
from uuid import UUID

from werkzeug.utils import import_string

from flask_chest.errors import ConfigurationError
from flask_chest.record import random_bits, uuid7
from flask_chest.runtime.clock import clock

if TYPE_CHECKING:
    from flask import Request

RequestIdGenerator: TypeAlias = "Callable[[Request], Any]"
"""Gives a request its ID."""

GivenGenerator: TypeAlias = "Callable[[Request], str | UUID] | Callable[[], str | UUID]"
"""A generator as an application gives it: it takes the request, or nothing."""

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
            that takes the request, or nothing.
        setting: Where it is given, for the error.

    Raises:
        ConfigurationError: There is no such generator, or it cannot be called.
    """
    if isinstance(given, str) and given in NAMED:
        make = NAMED[given]
        return lambda _request: make()
    if isinstance(given, str) and "." not in given and ":" not in given:
        near = difflib.get_close_matches(given, NAMED, n=1)
        hint = f"Did you mean {near[0]!r}?" if near else f"There are {', '.join(NAMED)}"
        raise _wrong(setting, given, f"is no generator of request IDs. {hint}")
    found = function(given, setting)
    if inspect.iscoroutinefunction(found):
        raise _wrong(setting, given, "is a coroutine, and nothing awaits it. Give a plain function")
    takes_request = _takes_request(found)
    if takes_request is None:
        raise _wrong(
            setting, given, "cannot be called: give a function that takes the request, or nothing"
        )
    return _Given(found, takes_request=takes_request)


class _Given:
    """A generator that an application has given.

    Args:
        make: Returns a text, or a UUID.
        takes_request: Whether it is called with the request, or with nothing.
    """

    __slots__ = ("_make", "_takes_request")

    def __init__(self, make: Callable[..., object], *, takes_request: bool) -> None:
        self._make = make
        self._takes_request = takes_request

    def __call__(self, request: Request) -> object:
        made = self._make(request) if self._takes_request else self._make()
        return str(made) if isinstance(made, UUID) else made

    def __repr__(self) -> str:
        return repr(self._make)


def _takes_request(make: Callable[..., object]) -> bool | None:
    """Tell whether a generator is to be called with the request; None when it cannot be called.

    One that may be called either way, such as `secrets.token_hex`, has a parameter for something
    else, unless it is called `request`.
    """
    try:
        signature = inspect.signature(make)
    except (TypeError, ValueError):  # of some functions in C
        return True
    parameters = list(signature.parameters.values())
    with_request, without = (_fits(signature, *arguments) for arguments in ((None,), ()))
    if with_request and without:
        first = parameters[0]
        return first.kind is first.VAR_POSITIONAL or first.name.strip("_") == "request"
    return with_request if with_request or without else None


def _fits(signature: inspect.Signature, *arguments: object) -> bool:
    try:
        signature.bind(*arguments)
    except TypeError:
        return False
    return True


def function(given: object, setting: str) -> Callable[..., Any]:
    """Return a function that is given directly or by its path, such as ``"shop.ids:new"``.

    Raises:
        ConfigurationError: The path cannot be imported, or is not that of a function.
    """
    if isinstance(given, str):
        try:
            found: object = import_string(given)
        except (ImportError, ValueError) as error:  # ValueError: a part of the path is empty
            raise _wrong(setting, given, f"cannot be imported: {error}") from error
    else:
        found = given
    if not callable(found):
        raise _wrong(setting, given, "is not a function")
    return found


def _wrong(setting: str, given: object, what: str) -> ConfigurationError:
    return ConfigurationError(f"{setting}={given!r} {what}", setting=setting)
