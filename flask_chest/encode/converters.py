"""Converters: for each type, the function that makes JSON of its values.

What is in these tables is all that is read of a value. A type that is in none of them is not data,
however much its methods resemble those of a mapping or a number: they are the application's code,
which may take long, ask a database or change something. docs/reference/values.md has the tables
for users.

A type is found by identity, in the order of base classes that Python itself uses. No ABC, no
metaclass and no `__hash__` of a class has a say.
"""

from __future__ import annotations

import array
import enum
from collections import ChainMap, UserDict, UserList, UserString, deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from fractions import Fraction
from ipaddress import IPv4Address, IPv4Interface, IPv6Address, IPv6Interface
from operator import methodcaller
from os import environ
from pathlib import PosixPath, PurePosixPath, PureWindowsPath
from types import MappingProxyType, SimpleNamespace
from typing import TYPE_CHECKING, Any, Final, TypeAlias
from uuid import UUID
from weakref import ref

from pydantic import AnyUrl, BaseModel, RootModel
from pydantic_core import MultiHostUrl, Url
from werkzeug.datastructures import (
    Authorization,
    CombinedMultiDict,
    EnvironHeaders,
    Headers,
    HeaderSet,
    MultiDict,
)
from werkzeug.local import LocalProxy

from flask_chest.encode import library_scalars, moments, object_fields, structures
from flask_chest.encode.storage import address, bases, has_layout, is_at, required

if TYPE_CHECKING:
    from flask_chest.encode.values import Conversion
    from flask_chest.record import JsonValue

Converter: TypeAlias = "Callable[[Conversion, Any, int], JsonValue]"
"""Takes the running conversion, the value, and how deep in lists and dicts the value is."""


@dataclass(frozen=True, slots=True)
class Unwrap:
    """Stands in the table for types whose values stand for another value, such as a proxy.

    Attributes:
        read: Returns the value that is converted instead.
    """

    read: Callable[[Any], object]


def converter(kind: type) -> Converter | Unwrap | None:
    """Return what converts values of the type `kind`; None when they are not data."""
    known = _EXACT.get(id(kind))
    if known is not None:
        return known
    seen = _SEEN.get(id(kind))
    if seen is not None and seen[0]() is kind:
        return seen[1]
    if len(_SEEN) >= _MAX_SEEN:  # an application may make classes without end
        _SEEN.clear()
    found = _by_base(kind)
    _SEEN[id(kind)] = ref(kind), found
    return found


def length(value: object) -> int | None:
    """Return how many items a container or text has; None when only its own code can say.

    Raises:
        OverflowError: A range has more items than fit in 63 bits.
    """
    for base in bases(type(value)):
        if base is CombinedMultiDict:  # a dict that keeps its items elsewhere
            return None
        measure = _LENGTHS.get(id(base))
        if measure is not None:
            return measure(value)
    return None


def _by_base(kind: type) -> Converter | Unwrap | None:
    # First: `pandas.NaT` is a datetime, and `numpy.float64` a float.
    read = library_scalars.reader(kind)
    if read is not None:
        return _scalar(read)
    for base in bases(kind):
        known = _BASES.get(id(base)) or _of_library(base, is_exact=base is kind)
        if known is not None:
            return known
    if object_fields.is_dataclass(kind):
        return _mapping(object_fields.dataclass_fields)
    if object_fields.is_attrs_class(kind):
        return _mapping(object_fields.attrs_fields)
    if object_fields.has_named_fields(kind):
        return _mapping(object_fields.named_fields)
    return None


def _of_library(kind: type, *, is_exact: bool) -> Converter | Unwrap | None:
    place = address(kind)
    if place is None:
        return None
    known = _LIBRARIES.get(place) or (_LIBRARIES_EXACT.get(place) if is_exact else None)
    return known if known is not None and is_at(kind, *place) else None


_LARGEST_WHOLE: Final = 1e300
"""A `Decimal` beyond it is a text: as an int it could have a million digits."""


def _scalar(read: Callable[[Any], object]) -> Converter:
    return lambda conversion, value, _depth: conversion.scalar(read(value))


def _binary(part: Callable[..., Any]) -> Converter:
    return lambda conversion, value, _depth: conversion.binary(value, part)


def _array(items: Callable[[Any], Iterable[Any]]) -> Converter:
    return lambda conversion, value, depth: conversion.array(value, items, depth)


def _sorted_array(items: Callable[[Any], Iterable[Any]]) -> Converter:
    return lambda conversion, value, depth: conversion.sorted_array(value, items, depth)


def _mapping(pairs: Callable[[Any], Iterable[Any]]) -> Converter:
    return lambda conversion, value, depth: conversion.mapping(value, pairs, depth)


def _itself(value: object) -> object:
    return value


def _part_of_memory(value: memoryview, part: slice) -> bytes:
    view = value.cast("B") if value.c_contiguous and value.nbytes else value
    return view[part].tobytes()[part]  # `tobytes` alone would copy all of it


def _number(value: Decimal) -> object:
    """Return the number of a `Decimal`, as the databases have numbers; a text where there is none.

    A whole number is an int.
    """
    if not Decimal.is_finite(value):
        return Decimal.__str__(value)
    number = Decimal.__float__(value)
    if abs(number) > _LARGEST_WHOLE:
        return Decimal.__str__(value)
    whole = Decimal.__int__(value)
    return whole if Decimal.__eq__(value, whole) else number


def _tuple(conversion: Conversion, value: tuple[Any, ...], depth: int) -> JsonValue:
    names = structures.field_names(value)
    if names is None:
        return conversion.array(value, tuple.__iter__, depth)
    url = structures.url_text(value)
    if url is not None:
        return conversion.scalar(url)
    return conversion.mapping(
        value, lambda each: zip(names, tuple.__iter__(each), strict=True), depth
    )


def _proxied(value: object) -> object:
    return required(value, "_get_current_object")()


def _uuid(value: UUID) -> str:
    number = _number_of_uuid(value) if has_layout(type(value), UUID) else None
    if type(number) is not int:
        raise TypeError
    return str(UUID(int=number))


_number_of_uuid: Final[Callable[[UUID], object]] = vars(UUID)["int"].__get__
_keys: Final[Any] = type({}.keys())
_values: Final[Any] = type({}.values())
_items: Final[Any] = type({}.items())

_BASES: Final[dict[int, Converter | Unwrap]] = {
    id(kind): convert
    for kind, convert in (
        # Instances of these types, and of subclasses, by what the type itself stores.
        (str, _scalar(_itself)),
        (type(None), _scalar(_itself)),
        (bool, _scalar(bool)),
        (int, _scalar(int.__int__)),
        (float, _scalar(float.__float__)),
        (complex, _scalar(complex.__repr__)),
        (Decimal, _scalar(_number)),
        (datetime, _scalar(moments.datetime_text)),
        (date, _scalar(moments.date_text)),
        (time, _scalar(moments.time_text)),
        (timedelta, _scalar(moments.seconds)),
        (UUID, _scalar(_uuid)),
        (bytes, _binary(bytes.__getitem__)),
        (bytearray, _binary(bytearray.__getitem__)),
        (memoryview, _binary(_part_of_memory)),
        (list, _array(list.__iter__)),
        (tuple, _tuple),
        (deque, _array(deque.__iter__)),
        (range, _array(range.__iter__)),
        (array.array, _array(array.array.__iter__)),
        (set, _sorted_array(set.__iter__)),
        (frozenset, _sorted_array(frozenset.__iter__)),
        (_keys, _sorted_array(_keys.__iter__)),
        (_items, _sorted_array(_items.__iter__)),
        (_values, _array(_values.__iter__)),
        (dict, _mapping(dict.items)),
        (MultiDict, _mapping(dict.items)),  # a dict whose values are lists
        (CombinedMultiDict, _mapping(structures.combined)),
        (Headers, _mapping(structures.headers)),
        (EnvironHeaders, _mapping(structures.environ_headers)),
        (HeaderSet, _array(structures.header_set)),
        (Authorization, _mapping(structures.authorization)),
        (ChainMap, _mapping(structures.chained)),
        (SimpleNamespace, _mapping(object_fields.namespace_fields)),
        (MappingProxyType, Unwrap(structures.proxied)),
        (UserDict, Unwrap(structures.data_of)),
        (UserList, Unwrap(structures.data_of)),
        (UserString, Unwrap(structures.data_of)),
        (enum.Enum, Unwrap(lambda member: required(member, "_value_"))),
        (LocalProxy, Unwrap(_proxied)),
        (RootModel, Unwrap(object_fields.root)),
        (BaseModel, _mapping(object_fields.model_fields)),
    )
}

_EXACT: Final[dict[int, Converter | Unwrap]] = {
    **_BASES,
    id(tuple): _array(tuple.__iter__),
    # These types are written in Python: a subclass may have methods of its own at any place.
    **{
        id(kind): _scalar(str)
        for kind in (
            *(IPv4Address, IPv6Address, IPv4Interface, IPv6Interface),
            *(PosixPath, PurePosixPath, PureWindowsPath, AnyUrl, Url, MultiHostUrl),
        )
    },
    id(UUID): _scalar(str),
    id(Fraction): _scalar(float),
    id(type(environ)): _mapping(structures.environment),
}

_LIBRARIES: Final[dict[tuple[str, str], Converter | Unwrap]] = {
    ("argparse", "Namespace"): _mapping(object_fields.namespace_fields),
    ("asyncpg.protocol.record", "Record"): _mapping(structures.asyncpg_row),
    ("botocore.credentials", "Credentials"): _mapping(object_fields.credentials_fields),
    ("configparser", "RawConfigParser"): Unwrap(structures.sections),
    ("configparser", "SectionProxy"): Unwrap(structures.section),
    ("http.client", "HTTPMessage"): _mapping(structures.message_headers),
    ("http.cookiejar", "CookieJar"): _mapping(structures.cookies),
    ("httpx", "Headers"): _mapping(structures.httpx_headers),
    ("psycopg2.extras", "DictRow"): _mapping(structures.index_row),
    ("pydantic.networks", "_BaseMultiHostUrl"): Unwrap(lambda url: required(url, "_url")),
    ("pydantic.networks", "_BaseUrl"): Unwrap(lambda url: required(url, "_url")),
    ("requests.structures", "CaseInsensitiveDict"): _mapping(structures.caseless),
    ("sqlite3", "Row"): _mapping(structures.sqlite_row),
    ("urllib3._collections", "HTTPHeaderDict"): _mapping(structures.urllib3_headers),
}
"""Types of modules that need not be imported, with their subclasses."""

_LIBRARIES_EXACT: Final[dict[tuple[str, str], Converter | Unwrap]] = {
    ("asyncpg.pgproto.pgproto", "UUID"): _scalar(str),
    ("sqlalchemy.engine.row", "Row"): _mapping(structures.field_row),
    ("sqlalchemy.engine.row", "RowMapping"): _mapping(structures.row_mapping),
    ("werkzeug.datastructures.structures", "OrderedMultiDict"): _mapping(methodcaller("lists")),
    ("werkzeug.datastructures.structures", "_OrderedMultiDict"): _mapping(methodcaller("lists")),
}
"""Types of modules that need not be imported, without their subclasses."""

_MAX_SEEN: Final = 1_024
_SEEN: Final[dict[int, tuple[ref[type], Converter | Unwrap | None]]] = {}
"""What was found for other types, by the ID of the type: to hash one may run its metaclass."""

_LENGTHS: Final[dict[int, Callable[[Any], int]]] = {
    id(kind): kind.__len__
    for kind in (
        *(str, bytes, bytearray, list, tuple, deque, range, array.array),
        *(set, frozenset, dict, _keys, _values, _items),
    )
}
