"""Converters: for each type, the function that makes JSON of its values.

`CONVERTERS` is the table. docs/values.md has it for users, with examples.
"""

from __future__ import annotations

import enum
import numbers
import os
from collections import UserString, deque
from collections.abc import Callable, Iterable, Mapping, Sequence, ValuesView
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from datetime import date, time, timedelta
from decimal import Decimal
from ipaddress import IPv4Address, IPv6Address
from operator import attrgetter, methodcaller
from typing import TYPE_CHECKING, Any, Final, TypeAlias
from uuid import UUID

from pydantic import AnyUrl, BaseModel, RootModel
from werkzeug.datastructures import MultiDict
from werkzeug.local import LocalProxy

from flask_chest.encode import library_scalars, object_fields

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
    return _EXACT.get(kind) or _by_base(kind)


def _by_base(kind: type) -> Converter | Unwrap | None:
    # First: `pandas.NaT` is a datetime, and `numpy.timedelta64` an integer.
    read = library_scalars.reader(kind)
    if read is not None:
        return _scalar(read)
    for base, convert in CONVERTERS:
        if issubclass(kind, base):
            return convert
    if object_fields.is_dataclass(kind):
        return _dataclass
    if object_fields.is_attrs_class(kind):
        return _attrs_object
    return None


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


_isoformat: Final = methodcaller("isoformat")
_dataclass: Final = _mapping(object_fields.dataclass_fields)
_attrs_object: Final = _mapping(object_fields.attrs_fields)

CONVERTERS: Final[tuple[tuple[type, Converter | Unwrap], ...]] = (
    # The first row whose type is the value's, or a base class of it, decides.
    (str, _scalar(_itself)),
    (MultiDict, _mapping(methodcaller("lists"))),  # its `items` has the first value of each key
    (dict, _mapping(dict.items)),
    (list, _array(list.__iter__)),
    (tuple, _array(tuple.__iter__)),
    (LocalProxy, Unwrap(methodcaller("_get_current_object"))),
    (enum.Enum, Unwrap(attrgetter("value"))),
    (type(None), _scalar(_itself)),  # this and the next ones as they come out of an enum or proxy
    (bool, _scalar(bool)),
    (int, _scalar(int.__int__)),
    (float, _scalar(float.__float__)),
    (timedelta, _scalar(timedelta.total_seconds)),
    (date, _scalar(_isoformat)),  # a datetime is a date
    (time, _scalar(_isoformat)),
    (UUID, _scalar(str)),
    (Decimal, _scalar(str)),
    (IPv4Address, _scalar(str)),
    (IPv6Address, _scalar(str)),
    (AnyUrl, _scalar(str)),
    (complex, _scalar(str)),
    (UserString, _scalar(str)),
    (bytes, _binary(bytes.__getitem__)),
    (bytearray, _binary(bytearray.__getitem__)),
    (memoryview, _binary(_part_of_memory)),
    (set, _sorted_array(set.__iter__)),
    (frozenset, _sorted_array(frozenset.__iter__)),
    (deque, _array(deque.__iter__)),
    (RootModel, Unwrap(attrgetter("root"))),
    (BaseModel, _mapping(object_fields.model_fields)),
    (Mapping, _mapping(methodcaller("items"))),
    (AbstractSet, _sorted_array(iter)),
    (Sequence, _array(iter)),
    (ValuesView, _array(iter)),
    (os.PathLike, _scalar(os.fsdecode)),
    (numbers.Integral, _scalar(int)),
    (numbers.Real, _scalar(float)),
    (numbers.Complex, _scalar(lambda value: str(complex(value)))),
)

_EXACT: Final = {kind: _by_base(kind) for kind, _ in CONVERTERS}
