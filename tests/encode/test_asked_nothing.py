"""Of the application's own objects nothing is asked: no method, no property, no metaclass."""

from __future__ import annotations

import array
import collections
import collections.abc
import contextlib
import dataclasses
import enum
import numbers
import os
import sqlite3
import types
from argparse import Namespace
from configparser import ConfigParser
from datetime import date, datetime, time, timedelta, timezone, tzinfo
from decimal import Decimal
from fractions import Fraction
from http.client import HTTPMessage
from http.cookiejar import CookieJar
from ipaddress import IPv4Address, IPv6Interface
from pathlib import Path, PurePosixPath
from urllib.parse import SplitResult
from uuid import UUID, uuid4
from zoneinfo import ZoneInfo

import attrs
import numpy as np
import pandas as pd
import pytest
from pydantic import BaseModel, HttpUrl, RootModel
from requests.structures import CaseInsensitiveDict
from support.json_forms import convert, record
from support.spies import asked_only, noting, noting_hook, noting_of_class, spy, stateful
from support.values_page import codes, rows
from werkzeug.datastructures import (
    Authorization,
    CombinedMultiDict,
    EnvironHeaders,
    Headers,
    HeaderSet,
    MultiDict,
)
from werkzeug.local import LocalProxy

from flask_chest.encode.converters import length
from flask_chest.encode.values import NotData

pytestmark = pytest.mark.opens_nothing

BERLIN = ZoneInfo("Europe/Berlin")
ID = uuid4()


class Point(collections.namedtuple("Point", "x y")):  # noqa: PYI024 - the form that is tested
    pass


@dataclasses.dataclass
class Order:
    number: int


@attrs.define(slots=False)
class Basket:
    number: int


class Model(BaseModel):
    number: int


class Numbers(RootModel[list[int]]):
    pass


def made(base, *args):
    """Return an instance of a spy on a built-in type."""
    kind = spy(base)
    instance = base.__new__(kind, *args)
    if base.__init__ is not object.__init__:
        base.__init__(instance, *args)
    return instance


def uuid():
    instance = object.__new__(spy(UUID, int=UUID.int))
    object.__setattr__(instance, "int", ID.int)
    return instance


def proxy():
    instance = object.__new__(spy(LocalProxy, _get_current_object=LocalProxy._get_current_object))
    object.__setattr__(instance, "_get_current_object", lambda: [1])
    return instance


def model(base, **fields):
    class Spied(base):
        __getattribute__ = noting("__getattribute__")
        __iter__ = noting("__iter__")
        __repr__ = noting("__repr__")
        __eq__ = noting("__eq__")
        __hash__ = noting("__hash__")
        model_dump = noting("model_dump")

        @property
        def total(self):
            noting("total")()

    instance = object.__new__(Spied)
    for name in ("__pydantic_fields_set__", "__pydantic_extra__", "__pydantic_private__"):
        object.__setattr__(instance, name, None)
    object.__setattr__(instance, "__dict__", fields)
    return instance


def member():
    class Asked(enum.Enum):
        ONE = "one"

        @types.DynamicClassAttribute
        def value(self):
            noting("value")()

    for name in ("__getattribute__", "__repr__", "__str__", "__eq__", "__hash__"):
        setattr(Asked, name, noting(name))  # now that the class itself has been made
    return Asked.ONE


def sqlite_row():
    connection = sqlite3.connect(":memory:")
    with contextlib.closing(connection):
        cursor = connection.execute("SELECT 1 AS a")
        return sqlite3.Row.__new__(spy(sqlite3.Row), cursor, cursor.fetchone())


class Zone(tzinfo):
    utcoffset = tzname = dst = __repr__ = __reduce__ = noting("utcoffset")


READ = {
    "str": (made(str, "a"), "a"),
    "int": (made(int, 5), 5),
    "float": (made(float, 0.5), 0.5),
    "complex": (made(complex, 1, 2), "(1+2j)"),
    "Decimal": (made(Decimal, "1.50"), 1.5),
    "date": (made(date, 2024, 5, 1), "2024-05-01"),
    "datetime": (made(datetime, 2024, 5, 1, 12), "2024-05-01T12:00:00"),
    "datetime of a known zone": (
        made(datetime, 2024, 5, 1, 12, 0, 0, 0, BERLIN),
        "2024-05-01T12:00:00+02:00",
    ),
    "datetime in UTC": (
        made(datetime, 2024, 5, 1, 12, 0, 0, 0, timezone.utc),
        "2024-05-01T12:00:00+00:00",
    ),
    "datetime of another zone": (
        datetime(2024, 5, 1, 12, tzinfo=Zone()),
        "2024-05-01T12:00:00[Zone]",
    ),
    "time": (made(time, 12, 30), "12:30:00"),
    "time of a known zone": (made(time, 12, 30, 0, 0, timezone.utc), "12:30:00+00:00"),
    "time of another zone": (time(12, 30, tzinfo=Zone()), "12:30:00[Zone]"),
    "timedelta": (made(timedelta, 1), 86400.0),
    "UUID": (uuid(), str(ID)),
    "list": (made(list, [1]), [1]),
    "tuple": (made(tuple, [1]), [1]),
    "namedtuple": (tuple.__new__(spy(Point), (1, 2)), {"x": 1, "y": 2}),
    "URL in parts": (tuple.__new__(spy(SplitResult), ("http", "a", "/b", "", "")), "http://a/b"),
    "deque": (made(collections.deque, [1]), [1]),
    "array": (made(array.array, "i", [1]), [1]),
    "set": (made(set, [1]), [1]),
    "frozenset": (made(frozenset, [1]), [1]),
    "dict": (made(dict, {"a": 1}), {"a": 1}),
    "OrderedDict": (made(collections.OrderedDict, {"a": 1}), {"a": 1}),
    "MappingProxyType": (types.MappingProxyType(made(dict, {"a": 1})), {"a": 1}),
    "MultiDict": (stateful(MultiDict({"a": ["1", "2"]})), {"a": ["1", "2"]}),
    "CombinedMultiDict": (stateful(CombinedMultiDict([MultiDict({"a": "1"})])), {"a": ["1"]}),
    "Headers": (stateful(Headers({"A": "1"})), {"A": "1"}),
    "EnvironHeaders": (stateful(EnvironHeaders({"HTTP_X_A": "1"})), {"X-A": "1"}),
    "HeaderSet": (stateful(HeaderSet(["a"])), ["a"]),
    "Authorization": (
        stateful(Authorization("basic", {"username": "ann", "password": "x"})),
        {
            "type": "basic",
            "username": "ann",
            "authorization": {"username": "ann", "password": "x"},
        },
    ),
    "ChainMap": (stateful(collections.ChainMap({"a": 1}, {"a": 2, "b": 3})), {"a": 1, "b": 3}),
    "UserDict": (stateful(collections.UserDict({"a": 1})), {"a": 1}),
    "UserList": (stateful(collections.UserList([1])), [1]),
    "UserString": (stateful(collections.UserString("a")), "a"),
    "SimpleNamespace": (made(types.SimpleNamespace), {}),
    "argparse": (stateful(Namespace(a=1)), {"a": 1}),
    "Enum": (member(), "one"),
    "LocalProxy": (proxy(), [1]),
    "dataclass": (stateful(Order(7)), {"number": 7}),
    "attrs": (stateful(Basket(7)), {"number": 7}),
    "pydantic model": (model(Model, number=7), {"number": 7}),
    "pydantic root model": (model(Numbers, root=[7]), [7]),
    "pydantic URL": (stateful(HttpUrl("http://a/")), "http://a/")
    if isinstance(HttpUrl, type)
    else ("", ""),
    "ConfigParser": (stateful(ConfigParser()), {}),
    "cookie jar": (stateful(CookieJar()), {}),
    "HTTP headers": (stateful(HTTPMessage()), {}),
    "headers of requests": (stateful(CaseInsensitiveDict({"A": "1"})), {"A": "1"}),
    "float of numpy": (made(np.float64, 0.5), 0.5),
    "row of sqlite3": (sqlite_row(), {"a": 1}),
    "text of numpy": (made(np.str_, "a"), "a"),
}


@pytest.mark.parametrize("kind", READ)
def test_a_subclass_is_read_without_a_call_of_its_own_methods(kind):
    value, expected = READ[kind]
    around = [value, {"a": value}]
    with asked_only():
        found = [convert(each, named=named) for each in (value, around) for named in (True, False)]
        record({"v": value}, "*")
    assert found == [expected, expected, *[[expected, {"a": expected}]] * 2]


class Lazy:
    """A lazy text, as translations are: whatever is asked of it loads something."""

    __slots__ = ()
    __getattr__ = __str__ = __repr__ = __len__ = __iter__ = __html__ = noting("loaded")


def generator():
    noting("advanced")()
    yield 1


NOT_READ = {
    "mapping": spy(collections.abc.Mapping),
    "mutable mapping": spy(collections.abc.MutableMapping),
    "sequence": spy(collections.abc.Sequence),
    "set": spy(collections.abc.Set),
    "view": spy(collections.abc.ValuesView),
    "iterator": spy(collections.abc.Iterator),
    "iterable": spy(object),
    "integer": spy(numbers.Integral),
    "number": spy(numbers.Real),
    "complex number": spy(numbers.Complex),
    "Fraction": spy(Fraction),
    "path of another kind": spy(os.PathLike),
    "path": spy(PurePosixPath),
    "path to a file": spy(type(Path())),
    "IP address": spy(IPv4Address),
    "IP interface": spy(IPv6Interface),
    "time zone": spy(tzinfo),
    "exception": spy(Exception),
    "module": spy(types.ModuleType),
    "array": spy(np.ndarray),
    "integer of numpy": spy(np.int64),
    "array of pandas": spy(pd.Series),
    "lazy text": Lazy,
}


def instance(kind):
    base = type.__dict__["__mro__"].__get__(kind)[1]
    if issubclass(base, np.generic):
        return base.__new__(kind, 1)
    if base in (Exception, types.ModuleType, np.ndarray, tzinfo):
        return base.__new__(kind, *({types.ModuleType: ["m"], tzinfo: []}.get(base, [1])))
    return object.__new__(kind)


@pytest.mark.parametrize("kind", NOT_READ)
def test_what_only_resembles_data_is_asked_for_its_repr_by_name_and_for_nothing_by_pattern(kind):
    value = instance(NOT_READ[kind])
    with asked_only():
        with pytest.raises(NotData):
            convert(value, named=False)
        assert convert([value], named=False)[0].startswith("<")
        assert record({"v": value}, "*") == ({}, 1)
    with asked_only("loaded" if NOT_READ[kind] is Lazy else "__repr__"):
        convert(value, named=True)


def test_an_abc_has_no_say_on_what_a_class_is():
    class Asks(type(collections.abc.Mapping)):
        __subclasscheck__ = noting_of_class("__subclasscheck__")
        __instancecheck__ = noting_of_class("__instancecheck__")

    class Own(collections.abc.Mapping, metaclass=Asks):
        __getitem__ = __iter__ = __len__ = noting("read")
        __subclasshook__ = noting_hook()

    registered = spy(object)
    collections.abc.Sequence.register(registered)
    with asked_only():
        for kind in (Own, registered, type("Plain", (), {})):
            with pytest.raises(NotData):
                convert(object.__new__(kind), named=False)


def test_a_dict_that_a_class_puts_in_place_of_its_own_is_not_asked_for():
    class Hidden(Namespace):
        __dict__ = property(noting("__dict__"))

    class Slotted:
        __slots__ = ()
        __dict__ = property(noting("__dict__"))
        __dataclass_fields__ = Order.__dataclass_fields__

    hidden = Hidden()
    object.__setattr__(hidden, "a", 1)
    with asked_only():
        assert convert(hidden) == {"a": 1}
        assert convert(Slotted()) == {}


def test_a_field_that_is_a_descriptor_is_not_read_through_it():
    class Loads:
        __get__ = noting("__get__")
        __set__ = noting("__set__")

    @dataclasses.dataclass(init=False)
    class Row:
        loaded: int
        lazy: int

    Row.loaded, Row.lazy = Loads(), Loads()
    row = Row()
    vars(row)["loaded"] = 1
    with asked_only():
        assert convert(row) == {"loaded": 1}


def test_an_iterator_is_not_advanced():
    values = [generator(), map(noting("mapped"), [1]), zip(generator())]
    with asked_only():
        for value in values:
            convert(value)
            assert record({"v": value}, "*") == ({}, 1)


def test_a_length_is_that_of_the_built_in_type():
    values = [made(list, [1, 2]), made(dict, {1: 2, 2: 3}), made(bytes, b"ab"), made(set, {1, 2})]
    unknown = [instance(NOT_READ["mapping"]), CombinedMultiDict([MultiDict({"a": "1"})]), 5]
    with asked_only():
        assert [length(value) for value in values] == [2, 2, 2, 2]
        assert [length(value) for value in unknown] == [None, None, None]


def test_the_page_names_each_type_that_is_read():
    page = {code for row in rows("What is read of an object") for code in codes(row[0])}
    bases = type.__dict__["__mro__"].__get__
    for kind, (value, _) in READ.items():
        names = {base.__name__ for base in bases(type(value))}
        assert page & (names | {kind}), kind


def test_classes_that_come_and_go_are_not_mistaken_for_each_other():
    kinds = [
        (object, {}, ["<Made>"]),
        (list, {}, [[1, 2]]),
        (tuple, {}, [[1, 2]]),
        (tuple, {"_fields": ("a", "b")}, [{"a": 1, "b": 2}]),
    ]
    for _ in range(1_000):
        for base, members, expected in kinds:
            made_now = type("Made", (base,), members)
            value = made_now() if base is object else made_now((1, 2))
            assert convert([value], named=False) == expected
