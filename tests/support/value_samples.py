"""Values of every kind with their JSON form, and values that are no data."""

from __future__ import annotations

import array
import collections
import dataclasses
import enum
import io
import math
import re
import threading
import types
from datetime import date, datetime, timedelta, timezone
from decimal import Decimal
from fractions import Fraction
from ipaddress import ip_address
from numbers import Integral, Real
from pathlib import Path
from typing import NamedTuple
from uuid import UUID

import pydantic
import pytest
from markupsafe import Markup
from pydantic import BaseModel, Field, RootModel, SecretStr
from werkzeug.datastructures import CombinedMultiDict, MultiDict
from werkzeug.local import LocalProxy

from flask_chest.encode.limits import MAX_INTEGER_BITS


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
    "Decimal": (Decimal("19.90"), 19.9),
    "Decimal of 28 digits": (Decimal(100) / 3, 100 / 3),
    "whole Decimal": (Decimal("20.00"), 20),
    "whole Decimal of 64 bits": (Decimal(2**63 - 1), 2**63 - 1),
    "whole Decimal beyond 64 bits": (Decimal(2**70), str(2**70)),
    "tiny Decimal": (Decimal("1E-999999"), 0.0),
    "large Decimal": (Decimal("-1E+301"), "-1E+301"),
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
    "named tuple": (Point(1, 2), {"x": 1, "y": 2}),
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
    "pydantic model": (
        Model(x=1, inner=[Point(1, 2)]),
        {"x": 1, "inner": [{"x": 1, "y": 2}]},
    ),
    "pydantic model with extra fields": (Model(x=1, more=2), {"x": 1, "inner": [], "more": 2}),
    "pydantic model without a field": (Model.model_construct(), {"inner": []}),
    "pydantic root model": (RootModel[list[int]]([1]), [1]),
    "pydantic URL": (Site(url="http://a.b/"), {"url": "http://a.b/"}),
    "attrs object": (AttrsLike(), {"x": 1, "_y": [2]}),
    "namespace": (types.SimpleNamespace(a=1), {"a": 1}),
    "path": (Path("/tmp/a"), "/tmp/a"),
    "path beyond UTF-8": (Path("/tmp/\udcff"), "/tmp/\ufffd"),
    "IP address": (ip_address("::1"), "::1"),
    "proxy to a proxy": (LocalProxy(lambda: LocalProxy(lambda: None)), None),
    "proxy to a dict": (LocalProxy(lambda: {"a": Color.YES}), {"a": True}),
}


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
    "integer of another library": WholeLike(),
    "float of another library": RealLike(1.5),
    "enum of a class": Color.THING,
    "proxy to no data": LocalProxy(object),
    "iterator": iter([1]),
    "ellipsis": ...,
}
