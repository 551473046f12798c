"""Every value has a JSON form that all databases take, whatever it is and whatever it does."""

from __future__ import annotations

import array
import collections
import dataclasses
import enum
import io
import json
import math
import re
import sys
import threading
import time
import tracemalloc
import types
from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from datetime import date, datetime, timedelta, timezone, tzinfo
from decimal import Decimal
from fractions import Fraction
from ipaddress import ip_address
from numbers import Integral, Real
from pathlib import Path
from typing import NamedTuple
from uuid import UUID

import pydantic
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from markupsafe import Markup
from pydantic import BaseModel, Field, RootModel, SecretStr
from pydantic_core import to_json
from werkzeug.datastructures import CombinedMultiDict, MultiDict
from werkzeug.local import LocalProxy

from flask_chest.filter import Patterns, Selection, VariableFilter
from flask_chest.values import (
    _SHORT,
    MAX_DEPTH,
    MAX_INTEGER_BITS,
    MAX_ITEMS,
    MAX_KEY,
    MAX_RECORD,
    MAX_TEXT,
    MAX_VARIABLE,
    VALUE_COST,
    NotData,
    clean_text,
    is_plain,
    to_data,
)

PAGE = Path(__file__).parent.parent / "docs" / "values.md"

BYTES_OF_VARIABLE = 400 * 1024
BYTES_OF_RECORD = 4 * 1024 * 1024


@pytest.fixture(autouse=True)
def no_leaks():
    """Look for no leaks: values open nothing, and the search takes longer than these tests."""


def convert(value, *, named=True):
    data, taken = to_data(value, MAX_RECORD, named=named)
    check(data)
    assert 0 < taken < MAX_VARIABLE + 2_000
    return data


def record(variables, *patterns):
    """Return what the filter makes of variables, and how many it skipped."""
    skipped = []
    data = VariableFilter(Selection((), setting="test"), skipped.append).to_data(
        variables, Patterns(patterns, setting="test")
    )
    for value in data.values():
        check(value)
    assert all(len(name) <= MAX_KEY for name in data)
    assert len(to_json(data)) <= BYTES_OF_RECORD
    return data, sum(skipped)


def check(data):
    """Hold a JSON form to everything that is promised of it."""
    encoded = to_json(data)
    assert len(encoded) <= BYTES_OF_VARIABLE
    assert json.loads(encoded, parse_constant=pytest.fail) == data
    check_tree(data, 0)


def check_tree(data, depth):
    assert type(data) in (str, int, float, bool, type(None), list, dict)
    if isinstance(data, str):
        data.encode()
        assert "\0" not in data
        assert len(data) <= MAX_TEXT
    elif isinstance(data, int):
        assert -(2**63) <= data < 2**63
    elif isinstance(data, float):
        assert math.isfinite(data)
    elif isinstance(data, (list, dict)):
        assert depth < MAX_DEPTH
        assert len(data) <= MAX_ITEMS + 1
        for item in data.values() if isinstance(data, dict) else data:
            check_tree(item, depth + 1)
        for key in data if isinstance(data, dict) else ():
            assert type(key) is str
            assert "\0" not in key
            assert len(key.encode().decode()) <= MAX_KEY


# -- The kinds of value ----------------------------------------------------------------------


class Color(enum.Enum):
    RED = "red"
    SIZES = (1, "two")
    NOTHING = None
    YES = True
    THING = object


class Level(enum.IntEnum):
    HIGH = 3


class Rights(enum.IntFlag):
    READ = 1
    WRITE = 2


class Text(str, enum.Enum):
    A = "a"


class Point(NamedTuple):
    x: int
    y: int


@dataclasses.dataclass
class Plain:
    x: int
    label: str = dataclasses.field(default="fixed", init=False)
    hidden: str = dataclasses.field(default="no", repr=False)
    shared: dataclasses.InitVar[int] = 1


@dataclasses.dataclass(frozen=True)
class Slots:
    __slots__ = ("unset", "x")
    x: int
    unset: int

    def __init__(self):
        object.__setattr__(self, "x", 1)


@pydantic.dataclasses.dataclass
class Checked:
    x: int
    token: str = Field(default="no", exclude=True)
    hidden: str = Field(default="no", repr=False)


class Model(BaseModel):
    model_config = {"extra": "allow"}
    x: int
    token: str = Field(default="no", exclude=True)
    hidden: str = Field(default="no", repr=False)
    inner: list[Point] = []


class Site(BaseModel):
    url: pydantic.HttpUrl


class AttrsLike:
    """A class in the form that attrs documents for those who extend it."""

    __slots__ = ("_y", "x")
    __attrs_attrs__ = (
        types.SimpleNamespace(name="x", repr=True),
        types.SimpleNamespace(name="_y", repr=True),
        types.SimpleNamespace(name="secret", repr=False),
        types.SimpleNamespace(name="masked", repr=lambda _: "***"),
    )
    secret = masked = "no"

    def __init__(self):
        self.x, self._y = 1, [2]


class WholeLike:
    def __int__(self):
        return 7


class RealLike:
    def __init__(self, number):
        self.number = number

    def __float__(self):
        return self.number


Integral.register(WholeLike)
Real.register(RealLike)

DATA = {
    "text": ("text", "text"),
    "empty text": ("", ""),
    "text beyond ASCII": ("Füße 😀", "Füße 😀"),
    "text with control characters": ('\x1f"\\\x7f', '\x1f"\\\x7f'),
    "text with what looks like an escaped NUL": ("\\u0000", "\\u0000"),
    "NUL": ("\0a\0", "\ufffda\ufffd"),
    "lone surrogate": ("\ud800", "\ufffd"),
    "lone surrogate in text": ("a\udfffb", "a\ufffdb"),
    "pair of surrogates": ("\ud83d\ude00", "😀"),
    "Markup": (Markup("<b>"), "<b>"),
    "UserString": (collections.UserString("a"), "a"),
    "zero": (0, 0),
    "largest 64-bit integer": (2**63 - 1, 2**63 - 1),
    "smallest 64-bit integer": (-(2**63), -(2**63)),
    "integer beyond 64 bits": (2**63, "9223372036854775808"),
    "negative integer beyond 64 bits": (-(2**63) - 1, "-9223372036854775809"),
    "largest integer in decimal": (2**MAX_INTEGER_BITS - 1, str(2**MAX_INTEGER_BITS - 1)),
    "smallest integer in hexadecimal": (2**MAX_INTEGER_BITS, hex(2**MAX_INTEGER_BITS)),
    "negative integer in hexadecimal": (-(2**MAX_INTEGER_BITS), hex(-(2**MAX_INTEGER_BITS))),
    "integer that would fill a disk": (1 << 100_000_000, "…[cut, 100000001 bits]"),
    "float": (1.5, 1.5),
    "large float": (1e308, 1e308),
    "small float": (5e-324, 5e-324),
    "NaN": (math.nan, "NaN"),
    "infinity": (math.inf, "Infinity"),
    "negative infinity": (-math.inf, "-Infinity"),
    "True": (True, True),
    "False": (False, False),
    "None": (None, None),
    "complex": (1 + 2j, "(1+2j)"),
    "Fraction": (Fraction(1, 4), 0.25),
    "integer of another library": (WholeLike(), 7),
    "float of another library": (RealLike(1.5), 1.5),
    "NaN of another library": (RealLike(math.nan), "NaN"),
    "Decimal": (Decimal("19.90"), "19.90"),
    "signalling NaN": (Decimal("sNaN"), "sNaN"),
    "infinite Decimal": (Decimal("-Infinity"), "-Infinity"),
    "Decimal with a large exponent": (Decimal("1E+999999"), "1E+999999"),
    "UUID": (UUID(int=1), "00000000-0000-0000-0000-000000000001"),
    "date": (date(2024, 5, 1), "2024-05-01"),
    "naive datetime": (datetime(2024, 5, 1, 12), "2024-05-01T12:00:00"),
    "aware datetime": (
        datetime(2024, 5, 1, 12, tzinfo=timezone.utc),
        "2024-05-01T12:00:00+00:00",
    ),
    "time": (datetime(2024, 5, 1, 12, 0, 0, 5).time(), "12:00:00.000005"),
    "timedelta": (timedelta(minutes=1, milliseconds=500), 60.5),
    "longest timedelta": (timedelta.min, -86399999913600.0),
    "no bytes": (b"", ""),
    "bytes": (b"\x00\xff", "AP8="),
    "bytearray": (bytearray(b"\x00\xff"), "AP8="),
    "memoryview": (memoryview(b"\x00\xff"), "AP8="),
    "empty memoryview": (memoryview(b""), ""),
    "memoryview with steps": (memoryview(b"abcd")[::2], "YWM="),
    "memoryview of numbers": (memoryview(array.array("B", [1, 2])).cast("H"), "AQI="),
    "memoryview of two dimensions": (memoryview(b"abcd").cast("B", (2, 2)), "YWJjZA=="),
    "Enum": (Color.RED, "red"),
    "Enum of tuples": (Color.SIZES, [1, "two"]),
    "Enum of None": (Color.NOTHING, None),
    "Enum of bool": (Color.YES, True),
    "IntEnum": (Level.HIGH, 3),
    "IntFlag": (Rights.READ | Rights.WRITE, 3),
    "Enum that is a str": (Text.A, "a"),
    "list": ([1, ["a", None]], [1, ["a", None]]),
    "tuple": ((1, 2), [1, 2]),
    "named tuple": (Point(1, 2), [1, 2]),
    "range": (range(3), [0, 1, 2]),
    "deque": (collections.deque([1, 2]), [1, 2]),
    "UserList": (collections.UserList([1]), [1]),
    "array": (array.array("i", [1, 2]), [1, 2]),
    "empty set": (set(), []),
    "set of numbers": ({10, 9, 1.5}, [1.5, 9, 10]),
    "frozenset": (frozenset("ba"), ["a", "b"]),
    "set of several kinds": ({*"cab", 3, 1, 2, None}, ["a", "b", "c", 1, 2, 3, None]),
    "set of tuples": ({(2, 1), (1, 9)}, [[1, 9], [2, 1]]),
    "keys of a dict": ({"b": 1, "a": 2}.keys(), ["a", "b"]),
    "items of a dict": ({"b": 1, "a": 2}.items(), [["a", 2], ["b", 1]]),
    "values of a dict": ({"b": 1, "a": 2}.values(), [1, 2]),
    "empty dict": ({}, {}),
    "dict": ({"a": {"b": [1]}}, {"a": {"b": [1]}}),
    "OrderedDict": (collections.OrderedDict(a=1), {"a": 1}),
    "defaultdict": (collections.defaultdict(list, a=1), {"a": 1}),
    "Counter": (collections.Counter("aab"), {"a": 2, "b": 1}),
    "ChainMap": (collections.ChainMap({"a": 1}, {"b": 2}), {"b": 2, "a": 1}),
    "read-only dict": (types.MappingProxyType({"a": 1}), {"a": 1}),
    "MultiDict": (MultiDict([("a", "1"), ("a", "2")]), {"a": ["1", "2"]}),
    "several MultiDicts": (
        CombinedMultiDict([MultiDict({"a": "1"}), MultiDict({"a": "2", "b": "3"})]),
        {"a": ["1", "2"], "b": ["3"]},
    ),
    "keys that are numbers": ({1: 1, 1.5: 2, math.nan: 3}, {"1": 1, "1.5": 2, "NaN": 3}),
    "keys that are constants": ({None: 1, True: 2, False: 3}, {"null": 1, "true": 2, "false": 3}),
    "keys that are large or bytes": ({2**64: 1, b"\xff": 2}, {str(2**64): 1, "/w==": 2}),
    "keys of an Enum": ({Color.RED: 1, Level.HIGH: 2, Text.A: 3}, {"red": 1, "3": 2, "a": 3}),
    "keys that hold values": (
        {(1, "a"): 1, frozenset([2]): 2, (): 3},
        {'[1,"a"]': 1, "[2]": 2, "[]": 3},
    ),
    "keys with NUL and surrogates": (
        {"a\0": 1, "a\ufffd": 2, "\ud800": 3},
        {"a\ufffd": 1, "a\ufffd (2)": 2, "\ufffd": 3},
    ),
    "keys that become one": (
        {1: 1, "1": 2, "1 (2)": 3},
        {"1": 1, "1 (2)": 2, "1 (2) (2)": 3},
    ),
    "dataclass": (Plain(1), {"x": 1, "label": "fixed"}),
    "dataclass with slots": (Slots(), {"x": 1}),
    "dataclass of pydantic": (Checked(x=1), {"x": 1}),
    "pydantic model": (Model(x=1, inner=[Point(1, 2)]), {"x": 1, "inner": [[1, 2]]}),
    "pydantic model with extra fields": (Model(x=1, more=2), {"x": 1, "inner": [], "more": 2}),
    "pydantic model without a field": (Model.model_construct(), {"inner": []}),
    "pydantic root model": (RootModel[list[int]]([1]), [1]),
    "pydantic URL": (Site(url="http://a.b/"), {"url": "http://a.b/"}),
    "attrs object": (AttrsLike(), {"x": 1, "_y": [2]}),
    "path": (Path("/tmp/a"), "/tmp/a"),
    "path beyond UTF-8": (Path("/tmp/\udcff"), "/tmp/\ufffd"),
    "IP address": (ip_address("::1"), "::1"),
    "proxy to a proxy": (LocalProxy(lambda: LocalProxy(lambda: None)), None),
    "proxy to a dict": (LocalProxy(lambda: {"a": Color.YES}), {"a": True}),
}


@pytest.mark.parametrize("kind", DATA)
def test_data_has_its_stated_form_by_name_and_by_pattern(kind):
    value, expected = DATA[kind]
    for named in (True, False):
        data = convert(value, named=named)
        assert data == expected
        assert type(data) is type(expected)


def test_numbers_keep_their_type():
    data = convert([True, 1, 1.0, -0.0])
    assert [type(item) for item in data] == [bool, int, float, float]
    assert math.copysign(1, data[3]) == -1


def test_a_dict_keeps_the_order_of_its_items():
    assert list(convert({"b": 1, "a": 2})) == ["b", "a"]


@pytest.mark.parametrize(
    "value", ["a", "", 0, 2**63 - 1, -(2**63), 0.5, True, False, None, "a" * MAX_TEXT]
)
def test_a_short_scalar_takes_the_fast_path(value):
    assert is_plain(value)
    assert convert(value) is value


@pytest.mark.parametrize(
    "value",
    [
        *("ä", "\0", "a" * (MAX_TEXT + 1), Markup("a"), b""),
        *(2**63, -(2**63) - 1, math.nan, math.inf, Level.HIGH, Decimal(1)),
        *([], {}, (), object(), bool),
    ],
    ids=lambda value: repr(value)[:20],
)
def test_all_else_does_not(value):
    assert not is_plain(value)


# -- What is no data -------------------------------------------------------------------------


class Service:
    """Stands for a database session, a client, a logger."""

    calls = 0

    def __init__(self):
        self.items = [1]

    def __repr__(self):
        Service.calls += 1
        return "the service"

    def __iter__(self):
        pytest.fail("read")

    def __len__(self):
        raise AssertionError

    def __contains__(self, item):
        pytest.fail("read")

    def __getattr__(self, name):
        pytest.fail(f"asked for {name}")


NO_DATA = {
    "object": object(),
    "session": Service(),
    "function": len,
    "lambda": lambda: 1,
    "class": Plain,
    "model class": Model,
    "Enum class": Color,
    "module": types,
    "secret": SecretStr("pass"),
    "secret bytes": pydantic.SecretBytes(b"pass"),
    "file": io.BytesIO(b"abc"),
    "exception": ValueError("x"),
    "regular expression": re.compile("a"),
    "thread": threading.current_thread(),
    "lock": threading.Lock(),
    "namespace": types.SimpleNamespace(a=1),
    "enum of a class": Color.THING,
    "proxy to no data": LocalProxy(object),
    "iterator": iter([1]),
    "ellipsis": ...,
}


@pytest.mark.parametrize("kind", NO_DATA)
def test_no_data_is_stored_by_name_and_skipped_by_pattern(kind):
    calls = Service.calls
    assert record({"v": NO_DATA[kind]}, "*") == ({}, 1)
    assert record({"v": [NO_DATA[kind]]}, "*")[0]["v"][0].startswith("<")
    assert Service.calls == calls, "a repr was asked of what a pattern caught"
    data, skipped = record({"v": NO_DATA[kind]}, "v")
    assert type(data["v"]) is str
    assert data["v"]
    assert skipped == 0


def test_no_data_in_data_becomes_its_type_for_a_pattern_and_its_repr_for_a_name():
    value = {"a": [Service()], Service: 1}
    assert convert(value, named=False) == {"a": ["<Service>"], "<type>": 1}
    assert convert(value, named=True) == {"a": ["the service"], repr(Service): 1}


def test_generators_and_files_are_not_advanced():
    generator, file, iterator = (i for i in range(3)), io.StringIO("ab"), iter("ab")
    zipped, mapped = zip("ab", "cd", strict=True), map(str, "ab")
    for named in (True, False):
        record({"a": generator, "b": file, "c": iterator, "d": zipped, "e": mapped}, "*")
        convert([generator, file, iterator, zipped, mapped], named=named)
    assert (next(generator), file.read(), next(iterator)) == (0, "ab", "a")
    assert (next(zipped), next(mapped)) == (("a", "c"), "a")


def test_secrets_of_pydantic_stay_masked():
    class Login(BaseModel):
        password: SecretStr
        key: pydantic.SecretBytes
        number: pydantic.Secret[int]

    secrets = Login(password="open sesame", key=b"open sesame", number=4711)
    variables = {"a": secrets, "b": dict(secrets), "c": [secrets], "d": {secrets.password: 1}}
    for pattern in ("*", "a"):
        data, _ = record({**variables, "e": secrets.password}, pattern, *"bcde")
        assert not re.search("sesame|4711|b3Blbi", to_json(data).decode())


def test_no_property_runs_and_nothing_is_loaded():
    class Lazy:
        def __get__(self, instance, owner):
            pytest.fail("loaded")

        def __set__(self, instance, value):
            pytest.fail("written")

    @dataclasses.dataclass(init=False)
    class Row:
        loaded: int
        missing: int

    @dataclasses.dataclass
    class Computed:
        x: int

        @property
        def y(self):
            pytest.fail("computed")

    Row.loaded = Row.missing = Lazy()
    row = Row()
    row.__dict__["loaded"] = 1
    assert convert(row) == {"loaded": 1}
    assert convert(Computed(1)) == {"x": 1}


# -- What raises and what lies ---------------------------------------------------------------


class Fault(BaseException):
    """Not an Exception, like those that end tests, greenlets and tasks."""


def raising(error=Fault):
    """Return a function that takes anything and raises."""

    def method(*_args, **_kwargs):
        raise error

    return method


class Hostile:
    """Raises whatever is done to it."""

    __repr__ = __str__ = __eq__ = __ne__ = __lt__ = __len__ = __iter__ = __bool__ = raising()
    __int__ = __float__ = __index__ = __getitem__ = __contains__ = __call__ = raising()
    __getattr__ = __getattribute__ = __format__ = __reduce_ex__ = __dir__ = __sizeof__ = raising()
    __class__ = property(raising())
    __hash__ = object.__hash__


def hostile(base, **more):
    """Return a class that has all its methods raise, and yet is a `base`."""
    names = ("__repr__", "__str__", "__len__", "__iter__", "__getitem__", "__contains__", "__eq__")
    names += (
        "__lt__",
        "__le__",
        "__gt__",
        "__ge__",
        "__bool__",
        "__int__",
        "__float__",
        "__index__",
    )
    names += ("__getattribute__", "__format__", "__add__", "__mod__", "__abs__", "__neg__")
    names += ("items", "keys", "values", "get", "copy", "encode", "isascii", "replace", "decode")
    names += ("bit_length", "isoformat", "total_seconds", "strftime", "utcoffset", "model_dump")
    methods = {name: raising() for name in names}
    methods |= {"__hash__": object.__hash__, "__class__": property(raising())}
    methods |= {name: raising() for name in getattr(base, "__abstractmethods__", ())}
    return type(f"Hostile{base.__name__.title()}", (base,), methods | more)


def released():
    view = memoryview(b"a")
    view.release()
    return view


def test_hostile_subclasses_of_built_in_types_are_read_all_the_same():
    assert convert(hostile(str)("abc")) == "abc"
    assert convert(hostile(str)("a\0" * MAX_TEXT))[:2] == "a\ufffd"
    assert convert(hostile(int)(5)) == 5
    assert convert(hostile(int)(2**64)) == str(2**64)
    assert convert(hostile(float)(1.5)) == 1.5
    assert convert(hostile(float)("nan")) == "NaN"
    assert convert(hostile(list)([1])) == [1]
    assert convert(hostile(tuple)([1])) == [1]
    assert convert(hostile(dict)(a=1)) == {"a": 1}
    assert convert(hostile(set)([1])) == [1]
    assert convert(hostile(frozenset)([1])) == [1]
    assert convert(hostile(collections.deque)([1])) == [1]
    assert convert(hostile(timedelta)(seconds=1)) == 1.0
    assert convert({hostile(str)("key"): 1, hostile(int)(7): 2}) == {"key": 1, "7": 2}


RAISING = {
    "object": Hostile(),
    "object of another class": hostile(object)(),
    "mapping": hostile(Mapping)(),
    "sequence": hostile(Sequence)(),
    "set": hostile(AbstractSet)(),
    "exception": hostile(Exception)(),
    "integer of another library": hostile(Integral)(),
    "float of another library": hostile(Real)(),
    "proxy to nothing": LocalProxy(raising()),
    "time zone": datetime(2024, 1, 1, tzinfo=hostile(tzinfo)()),
    "memoryview that is released": released(),
    "Fraction beyond float": Fraction(10**400),
}


@pytest.mark.parametrize("kind", RAISING)
def test_what_raises_is_named_by_its_type_or_skipped(kind):
    value = RAISING[kind]
    for around, content in (
        (lambda it: it, lambda data: data),
        (lambda it: [it], lambda data: data[0]),
        (lambda it: (1, it), lambda data: data[1]),
        (lambda it: {"a": it}, lambda data: data["a"]),
        (lambda it: collections.UserList([it]), lambda data: data[0]),
        (lambda it: LocalProxy(lambda: it), lambda data: data),
    ):
        assert re.match(r"<\w+: \w+ while read>", content(convert(around(value))))
    assert convert([1, value, 2], named=False)[::2] == [1, 2]
    assert record({"v": value, "w": 1}, "*") == ({"w": 1}, 1)


@pytest.mark.parametrize("error", [ValueError, RecursionError, MemoryError, GeneratorExit, Fault])
def test_whatever_a_repr_raises_stays_in_the_value(error):
    value = type("Broken", (), {"__repr__": raising(error)})()
    assert convert(value) == f"<Broken: {error.__name__} while read>"
    assert convert([1, value, 2])[::2] == [1, 2]


@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit])
def test_only_the_end_of_the_process_passes(error):
    value = type("Broken", (), {"__repr__": raising(error)})()
    with pytest.raises(error):
        to_data([value], MAX_RECORD, named=True)


def test_a_repr_may_be_huge_or_a_hostile_text():
    huge = type("Huge", (), {"__repr__": lambda _self: "x" * 100_000_000})()
    assert convert(huge).endswith("x…[cut, 100000000 characters]")
    odd = type("Odd", (), {"__repr__": lambda _self: hostile(str)("a\0\ud800")})()
    assert convert(odd) == "a\ufffd\ufffd"


def test_a_class_that_is_faked_is_not_believed():
    fake = type("Fake", (), {"__class__": dict, "__repr__": lambda _self: "fake"})()
    assert convert(fake) == "fake"
    with pytest.raises(NotData):
        convert(fake, named=False)


def test_the_name_of_a_type_may_be_anything():
    class Meta(type):
        __name__ = property(raising())

    odd = type(hostile(str)("a" * 300), (), {})
    odd.__name__ = hostile(str)("b" * 300)
    assert convert([Meta("C", (), {})()], named=False) == ["<C>"]
    assert convert([odd()], named=False)[0].startswith("<bbb")


def test_a_class_that_has_every_attribute_is_neither_a_dataclass_nor_of_attrs():
    class Meta(type):
        def __getattr__(cls, name):
            return "yes"

    thing = Meta("Thing", (), {"__repr__": lambda _self: "thing"})()
    assert convert(thing) == "thing"


def endless(*_args):
    number = 0
    while True:
        yield number
        number += 1


def test_endless_containers_end():
    count = MAX_ITEMS + 1
    endless_list = hostile(Sequence, __iter__=endless, __len__=lambda _self: 5)()
    assert convert(endless_list) == [*range(MAX_ITEMS), "…[cut, 5 items]"]
    endless_set = hostile(AbstractSet, __iter__=endless, __len__=lambda _self: 2**62)()
    assert convert(endless_set) == [*range(MAX_ITEMS), f"…[cut, {2**62} items]"]
    pairs = hostile(Mapping, items=lambda _self: ((i, i) for i in endless()), __len__=lambda _: 0)
    attributes = {"__getattribute__": object.__getattribute__}
    data = convert(type("Pairs", (pairs,), attributes)())
    assert len(data) == count
    assert data["…"] == "[cut, 0 items]"


def test_a_mapping_whose_items_are_no_pairs_is_not_read():
    class Liar(Mapping):
        __getitem__ = __iter__ = __len__ = raising()

        def __init__(self, items):
            self._items = items

        def items(self):
            return self._items

    for items in ([1], ["abc"], [()], [(1, 2, 3)], None, 5, [Hostile()], Hostile()):
        assert re.match(r"<Liar: \w+ while read>", convert(Liar(items)))


def test_a_sequence_of_sequences_without_end_ends():
    class Nested(collections.abc.Sequence):
        def __len__(self):
            return 1

        def __getitem__(self, index):
            return [Nested()][index]

    data = convert(Nested())
    cut = '"…[cut, Nested of 1 items]"'
    assert to_json(data).decode() == "[" * MAX_DEPTH + cut + "]" * MAX_DEPTH


# -- Cycles, depth and size ------------------------------------------------------------------


@dataclasses.dataclass(eq=False)
class Node:
    inner: object


def test_cycles_are_cut_where_they_close():
    a_list, a_dict, a_set = [1], {}, set()
    a_list.append(a_list)
    a_dict["self"] = LocalProxy(lambda: a_dict)
    node = Node(a_set)
    a_set.add(node)
    key = Node(None)
    key.inner = {key: 1}
    assert convert(a_list) == [1, "…[cycle, list]"]
    assert convert(a_dict) == {"self": "…[cycle, dict]"}
    assert convert(node) == {"inner": ["…[cycle, Node]"]}
    assert convert(key) == {"inner": {"…[cycle, Node]": 1}}


def test_what_stands_twice_is_no_cycle():
    twice = [1]
    assert convert([twice, twice, {"a": twice}]) == [[1], [1], {"a": [1]}]


def test_proxies_and_enums_that_lead_to_themselves_are_not_followed():
    proxy = LocalProxy(lambda: proxy)
    fresh = LocalProxy(lambda: LocalProxy(lambda: fresh))
    member = enum.Enum("Loop", "A").A
    member._value_ = member
    assert convert(proxy) == "<LocalProxy: RecursionError while read>"
    assert convert(fresh) == "<LocalProxy: RecursionError while read>"
    assert convert(member) == "<Loop: RecursionError while read>"


def test_depth_is_bounded():
    nested = [1, 2, 3]
    for _ in range(10_000):
        nested = [nested]
    data = convert(nested)
    for _ in range(MAX_DEPTH - 1):
        (data,) = data
    assert data == ["…[cut, list of 1 items]"]

    fits = 1
    for _ in range(MAX_DEPTH):
        fits = {"a": fits}
    assert convert(fits) == fits


def test_a_long_text_says_how_long_it_was():
    assert convert("a" * MAX_TEXT) == "a" * MAX_TEXT
    data = convert("a" * 20_000)
    assert re.fullmatch(r"a+…\[cut, 20000 characters\]", data)
    assert len(data) == MAX_TEXT
    assert clean_text("a" * 40, 32) == "aaaaaaaaaaa…[cut, 40 characters]"
    assert len(clean_text("😀" * 400, MAX_KEY)) == MAX_KEY


def test_long_bytes_say_how_long_they_were():
    fit = MAX_TEXT // 4 * 3
    assert len(convert(b"a" * fit)) == MAX_TEXT
    for value in (b"a" * 50_000, bytearray(b"a" * 50_000), memoryview(b"ab" * 50_000)[::2]):
        data = convert(value)
        assert re.fullmatch(r"YWFh(YWFh)+…\[cut, 50000 bytes\]", data)
        assert MAX_TEXT - 4 <= len(data) <= MAX_TEXT


def test_of_huge_bytes_only_what_is_kept_is_copied():
    huge = bytes(64 * 1024 * 1024)
    subclass = type("Mine", (bytes,), {})(huge)
    values = [huge, subclass, bytearray(huge), memoryview(huge), memoryview(huge)[::2]]
    values += [memoryview(huge).cast("d"), memoryview(huge).cast("B", (8, 8 * 1024 * 1024))]
    tracemalloc.start()
    try:
        for value in values:
            assert re.search(r"cut, \d{8} bytes", convert(value))
        assert tracemalloc.get_traced_memory()[1] < 1_000_000
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("kind", [list, tuple, set, frozenset, collections.deque])
def test_a_long_list_says_how_long_it_was(kind):
    assert convert(kind(range(MAX_ITEMS))) == list(range(MAX_ITEMS))
    assert convert(kind(range(5_000))) == [*range(MAX_ITEMS), "…[cut, 5000 items]"]


def test_a_large_dict_says_how_large_it_was():
    data = convert({"…": 0} | {str(i): i for i in range(4_999)})
    assert len(data) == MAX_ITEMS + 1
    assert data["…"] == 0
    assert data["… (2)"] == "[cut, 5000 items]"
    huge = range(10**30)
    assert convert(huge) == "<range: OverflowError while read>"


def test_long_keys_are_cut_and_stay_apart():
    data = convert({"a" * 300 + str(i): i for i in range(12)})
    assert list(data.values()) == list(range(12))
    assert max(map(len, data)) <= MAX_KEY
    assert sum("[cut, 301 characters]" in key for key in data) == 10
    assert sum("[cut, 302 characters]" in key for key in data) == 2


def nested(width, depth):
    value = []
    for _ in range(depth):
        value = [value] * width
    return value


class Same:
    def __repr__(self):
        return "same"


LARGE = {
    "two of itself, 64 levels": lambda: nested(2, 64),
    "a thousand of itself, ten levels": lambda: nested(1_000, 10),
    "dicts of many levels": lambda: [{str(i): nested(30, 12) for i in range(1_000)}] * 1_000,
    "keys that become one": lambda: [{Same(): 1 for _ in range(1_000)} for _ in range(100)],
    "cut keys that become one": lambda: [{"a" * 300 + chr(i): 1 for i in range(1_000)}] * 100,
    "hostile objects": lambda: [Hostile()] * 100_000,
    "hostile proxies": lambda: [LocalProxy(lambda: LocalProxy(raising()))] * 100_000,
    "endless lists": lambda: [hostile(Sequence, __iter__=endless)()] * 100_000,
    "sets": lambda: [frozenset(range(i, 2_000)) for i in range(1_000)],
    "control characters": lambda: ["\x01" * MAX_TEXT] * 1_000,
    "control characters in keys": lambda: {
        "\x01" * 200 + str(i): "\x01" * 300 for i in range(100_000)
    },
    "wide dict": lambda: {i: i for i in range(1_000_000)},
    "long floats": lambda: [[-2.2250738585072014e-308] * 1_000] * 1_000,
    "bytes": lambda: [b"\xff" * MAX_TEXT] * 1_000,
    "four bytes a character": lambda: ["😀" * MAX_TEXT] * 1_000,
}


@pytest.mark.parametrize("kind", LARGE)
def test_time_and_size_are_bounded(kind):
    value = LARGE[kind]()
    started = time.perf_counter()
    for named in (True, False):
        convert(value, named=named)
    assert time.perf_counter() - started < 2.0  # a tenth of it on a small machine


def test_a_record_is_bounded_whatever_its_variables():
    control = "\x01" * 300
    records = [
        {f"{control}{i}": ["\x01" * MAX_TEXT] * 100 for i in range(5_000)},
        {f"v{i}": ["\x01" * MAX_TEXT] * 100 for i in range(4)}
        | {f"{control}{i}": [control] * 100 for i in range(5_000)},
        {f"v{i}": "x" * 300 for i in range(5_000)},
        {f"v{i}": nested(10, 10) for i in range(5_000)},
    ]
    for variables in records:
        data, skipped = record(variables, "*")
        assert skipped == 0
        assert len(data) == MAX_ITEMS + 1
        assert data["…"] == f"[cut, {len(variables)} items]"


def test_names_take_room_too():
    data, _ = record({f"{i:0250}": "x" * 100 for i in range(MAX_ITEMS)}, "*")
    whole = [value for value in data.values() if value == "x" * 100]
    assert len(whole) == MAX_RECORD // (250 + 100 + VALUE_COST)
    assert list(data.values())[-1].endswith("…[cut, 100 characters]")


def test_numbers_and_short_texts_survive_when_others_take_the_room():
    greedy = {f"greedy_{i}": ["x" * MAX_TEXT] * 100 for i in range(5)}
    data, _ = record(
        {**greedy, "total": 1.5, "country": "DE", "city": "Köln", "key": b"abc", "long": "x" * 41},
        "*",
    )
    assert data["greedy_0"][-1] == "…[cut, 100 items]"
    assert data["greedy_4"] == "…[cut, list of 100 items]"
    assert (data["total"], data["country"], data["city"]) == (1.5, "DE", "Köln")
    assert (data["key"], data["long"]) == ("YWJj", "x" * 19 + "…[cut, 41 characters]")


# -- Names -----------------------------------------------------------------------------------


def test_names_are_made_safe_and_stay_apart():
    names = ["a\0", "a\ufffd", "a\ufffd (2)", "\ud800", "b" * 300, "", "c"]
    data, skipped = record({name: number for number, name in enumerate(names)}, "*")
    assert list(data.values()) == list(range(len(names)))
    assert list(data)[:4] == ["a\ufffd", "a\ufffd (2)", "a\ufffd (2) (2)", "\ufffd"]
    assert skipped == 0


def test_a_name_that_is_no_text_is_skipped_and_counted():
    assert record({5: 1, None: 2, Hostile(): 3, "a": 4}, "*") == ({"a": 4}, 3)
    odd = {hostile(str)("b"): 1, hostile(str)("c"): [1], "b": 2}
    assert record(odd, "*", "x") == ({"b": 1, "c": [1], "b (2)": 2}, 0)


# -- Other threads ---------------------------------------------------------------------------


def test_a_container_that_changes_meanwhile_is_read_again():
    class Changing(collections.UserDict):
        reads = 0

        def items(self):
            Changing.reads += 1
            yield "a", 1
            if Changing.reads < 5:
                raise RuntimeError("dictionary changed size during iteration")

    assert convert(Changing()) == {"a": 1}
    assert convert(type("Never", (Changing,), {"items": raising(RuntimeError)})()) == (
        "<Never: RuntimeError while read>"
    )


def test_containers_may_change_in_another_thread_all_the_time():
    shared = {i: i for i in range(100)}
    others = [set(shared), collections.deque(shared), list(shared)]
    done = threading.Event()

    def change():
        number = 0
        while not done.is_set():
            number = (number + 1) % 100
            shared.pop(number, None)
            others[0].discard(number)
            others[1].rotate()
            del others[2][:]
            shared[number + 100] = number
            others[0].add(number + 100)
            others[1].append(number)
            others[2].extend(range(50))
            shared.pop(number + 100)
            others[0].discard(number + 100)
            others[1].popleft()
            shared[number] = number
            others[0].add(number)

    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    thread = threading.Thread(target=change)
    thread.start()
    try:
        for _ in range(300):
            data = convert([shared, *others])
            assert [type(item) for item in data] == [dict, list, list, list]
            assert 98 <= len(data[0]) <= 101
    finally:
        done.set()
        thread.join()
        sys.setswitchinterval(interval)


# -- Anything at all -------------------------------------------------------------------------

texts = st.text(st.characters(exclude_categories=()), max_size=30)
scalars = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.integers(min_value=-(2**2000), max_value=2**2000),
    st.floats(),
    st.complex_numbers(),
    texts,
    texts.map(lambda text: text * 2_000),
    st.binary(max_size=50),
    st.binary(max_size=50).map(lambda raw: raw * 2_000),
    st.binary(max_size=50).map(bytearray),
    st.binary(max_size=50).map(memoryview),
    st.decimals(),
    st.fractions(),
    st.datetimes(timezones=st.none() | st.timezones()),
    st.dates(),
    st.times(),
    st.timedeltas(),
    st.uuids(),
    st.ip_addresses(),
)
HOSTILE = {
    **{kind: value for kind, (value, _) in DATA.items()},
    **NO_DATA,
    **RAISING,
    "hostile str": hostile(str)("a"),
    "hostile int": hostile(int)(1),
    "hostile dict": hostile(dict)(a=1),
    "endless sequence": hostile(Sequence, __iter__=endless)(),
    "endless set": hostile(AbstractSet, __iter__=endless)(),
    "proxy to what raises": LocalProxy(Hostile),
}
ODD_KEYS = [Hostile(), Color.RED, Plain, hostile(str)("a"), "a" * 300, "…", "1", 1]

# Hypothesis looks at what it makes, and these values bear no look: it makes functions that make
# them, and `Made` is shown instead.


class Made:
    def __init__(self, make):
        self.make = make


def made(strategy, build=lambda value: value):
    return strategy.map(lambda drawn: Made(lambda: build(drawn)))


keys = made(texts | st.integers() | st.floats() | st.none() | st.booleans() | st.binary(max_size=5))
keys |= made(st.tuples(texts, st.integers())) | made(st.integers(0, 7), lambda i: ODD_KEYS[i])


def containers(values):
    items = st.lists(values, max_size=8)
    pairs = st.lists(st.tuples(keys, values), max_size=8)
    kinds = (list, tuple, collections.deque, collections.UserList, iter)
    wraps = (Plain, lambda value: Model.model_construct(x=value))
    wraps += (lambda value: [[value] * 3] * 3, lambda value: types.SimpleNamespace(x=value))
    wraps += (lambda value: LocalProxy(lambda: value), lambda value: {"a": value, "b": [value]})

    def unhashed(pairs):
        return hostile(Mapping, items=lambda _self: [(k.make(), v.make()) for k, v in pairs])()

    return st.one_of(
        *(made(items, lambda them, kind=kind: kind([it.make() for it in them])) for kind in kinds),
        *(made(values, lambda it, wrap=wrap: wrap(it.make())) for wrap in wraps),
        made(pairs, lambda them: {key.make(): value.make() for key, value in them}),
        made(pairs, lambda them: {key.make() for key, _ in them}),
        made(pairs, unhashed),
    )


odd = made(st.sampled_from(sorted(HOSTILE)), lambda kind: HOSTILE[kind])
anything = st.recursive(made(scalars) | odd, containers, max_leaves=30)
json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0")),
    lambda values: st.lists(values) | st.dictionaries(st.text("abcß"), values),
    max_leaves=20,
)
thorough = settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])


@thorough
@given(anything)
def test_anything_at_all_becomes_strict_json_within_the_limits(made):
    value = made.make()
    convert(value, named=True)
    try:
        convert(value, named=False)
    except NotData:
        record({"v": value, "w": 1}, "*")


@thorough
@given(json_values)
def test_what_is_json_already_stays_as_it_is(value):
    assert repr(convert(value)) == repr(value)


@settings(thorough, max_examples=100)
@given(st.dictionaries(texts, anything, max_size=6))
def test_any_variables_make_a_record(variables):
    variables = {name: made.make() for name, made in variables.items()}
    data, skipped = record(variables, "*")
    assert len(data) + skipped == len(variables)


@thorough
@given(texts, st.integers(30, 200))
def test_clean_text_keeps_to_its_limit(text, limit):
    for each in (text, text * 20):
        cleaned = clean_text(each, limit)
        cleaned.encode()
        assert len(cleaned) <= limit
        assert "\0" not in cleaned
        assert cleaned == clean_text(cleaned, limit)
        assert cleaned.endswith(f"…[cut, {len(each)} characters]") == (len(each) > limit)


# -- The page --------------------------------------------------------------------------------


def rows(heading):
    """Yield the cells of the tables in one section of the page."""
    section = PAGE.read_text("utf-8").split(f"\n## {heading}\n")[1].split("\n## ")[0]
    for line in section.splitlines():
        if line.startswith("| ") and "`" in line:
            yield [cell.strip() for cell in line.strip("|").split(" | ")]


@pytest.fixture(scope="module")
def classes():
    """Return the names that the page's examples use."""
    names = dict(globals(), Enum=enum.Enum, dataclass=dataclasses.dataclass)
    names |= {"field": dataclasses.field, "__name__": __name__}
    code = re.search(r"```python\n(.*?)```", PAGE.read_text("utf-8"), re.DOTALL)[1]
    exec(code, names)

    def cycle():
        found = [1]
        found.append(found)
        return found

    def broken():
        return type("Broken", (), {"__repr__": raising(ValueError)})()

    return names | {"cycle": cycle, "broken": broken}


@pytest.mark.parametrize("heading", ["What a value becomes", "What is made safe"])
def test_the_examples_of_the_page_are_true(heading, classes):
    examples = list(rows(heading))
    assert len(examples) > 5
    for _, example, stored in examples:
        value = eval(example.strip("`"), classes)
        assert convert(value) == json.loads(stored.strip("`")), example


def test_the_examples_of_what_is_skipped_are_true(classes):
    for pattern, example, stored in list(rows("What is skipped"))[1:]:
        data, _ = record({"v": eval(example.strip("`"), classes)}, pattern.strip('`"'))
        assert data == ({} if stored == "nothing" else {"v": json.loads(stored.strip("`"))})


def test_the_limits_of_the_page_are_true():
    section = PAGE.read_text("utf-8").split("\n## Limits\n")[1]
    limits = [MAX_TEXT, MAX_KEY, MAX_ITEMS, MAX_DEPTH, MAX_VARIABLE, MAX_ITEMS, MAX_RECORD]
    found = re.findall(r"^\| [^|]* \| ([\d,]+) \|$", section, re.MULTILINE)
    assert found == [f"{limit:,}" for limit in limits]
    assert f"{BYTES_OF_VARIABLE // 1024} KiB" in section
    assert f"{BYTES_OF_RECORD // 1024**2} MiB" in section
    assert f"each value counts {VALUE_COST} more" in section
    assert f"takes up to {len(to_json(chr(1))) - len(to_json(''))}," in section
    assert f"texts of up to {_SHORT} characters" in section
    assert f"{MAX_INTEGER_BITS:,} bits" in PAGE.read_text("utf-8")
