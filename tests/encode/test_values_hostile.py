"""Values that raise, lie or never end break neither the request nor the record."""

from __future__ import annotations

import collections
import re
from datetime import timedelta

import pytest
from support.hostile_values import RAISING, Fault, hostile, raising
from support.json_forms import NOTHING_SECRET, convert, record
from werkzeug.local import LocalProxy

from flask_chest.encode.limits import MAX_RECORD, MAX_TEXT
from flask_chest.encode.values import NotData, to_data
from flask_chest.redaction import PLAIN, Budget

pytestmark = pytest.mark.opens_nothing


def test_subclasses_of_built_in_types_are_read_by_the_methods_of_the_built_in_type():
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


@pytest.mark.parametrize("kind", RAISING)
def test_a_value_that_raises_becomes_its_type_by_name_and_is_skipped_by_pattern(kind):
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
def test_a_repr_that_raises_affects_only_its_own_value(error):
    value = type("Broken", (), {"__repr__": raising(error)})()
    assert convert(value) == f"<Broken: {error.__name__} while read>"
    assert convert([1, value, 2])[::2] == [1, 2]


@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit])
def test_only_keyboard_interrupt_and_system_exit_are_raised(error):
    value = type("Broken", (), {"__repr__": raising(error)})()
    with pytest.raises(error):
        to_data([value], PLAIN, MAX_RECORD, NOTHING_SECRET, Budget(), named=True)


def test_a_repr_may_be_huge_or_a_hostile_text():
    huge = type("Huge", (), {"__repr__": lambda _self: "x" * 100_000_000})()
    assert convert(huge).endswith("x…[cut, 100000000 characters]")
    odd = type("Odd", (), {"__repr__": lambda _self: hostile(str)("a\0\ud800")})()
    assert convert(odd) == "a\ufffd\ufffd"


def test_a_faked_class_attribute_is_ignored():
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
