"""Depth, breadth and size are bounded, and what is cut says so."""

from __future__ import annotations

import collections
import dataclasses
import enum
import re
import sys
import threading
import time
import tracemalloc
from collections.abc import Sequence

import pytest
from support.hostile_values import Hostile, endless, hostile, raising
from support.json_forms import NOTHING_SECRET, convert, record
from werkzeug.local import LocalProxy

from flask_chest.encode.limits import (
    MAX_DEPTH,
    MAX_ITEMS,
    MAX_KEY,
    MAX_RECORD,
    MAX_TEXT,
    VALUE_COST,
)
from flask_chest.encode.text import clean_text

pytestmark = pytest.mark.opens_nothing


@dataclasses.dataclass(eq=False)
class Node:
    inner: object


def test_a_cycle_is_cut_where_it_closes():
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


def test_an_object_that_occurs_twice_is_not_a_cycle():
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


def test_a_dict_of_a_thousand_ids_is_whole_also_when_none_was_seen_before():
    NOTHING_SECRET.harmless.clear()
    data = {str(10**6 + i): i for i in range(MAX_ITEMS)}
    assert convert(data) == data


def test_long_keys_are_cut_and_stay_distinct():
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
        assert 50 < len(data) <= MAX_ITEMS + 1
        assert data["…"] == f"[cut, {len(variables)} items]"


def test_names_count_as_room():
    data, _ = record({f"{i:0250}": "x" * 100 for i in range(MAX_ITEMS)}, "*")
    whole = [value for value in data.values() if value == "x" * 100]
    assert 100 <= len(whole) <= MAX_RECORD // (250 + 100 + VALUE_COST)
    assert data["…"] == f"[cut, {MAX_ITEMS} items]"


def test_short_values_are_kept_when_large_ones_use_up_the_room():
    greedy = {f"greedy_{i}": ["x" * MAX_TEXT] * 100 for i in range(5)}
    data, _ = record(
        {**greedy, "total": 1.5, "country": "DE", "city": "Köln", "key": b"abc", "long": "x" * 41},
        "*",
    )
    assert data["greedy_0"][-1] == "…[cut, 100 items]"
    assert data["greedy_4"] == "…[cut, list of 100 items]"
    assert (data["total"], data["country"], data["city"]) == (1.5, "DE", "Köln")
    assert (data["key"], data["long"]) == ("YWJj", "x" * 41)
    assert list(data) == [*greedy, "total", "country", "city", "key", "long"]


def test_names_are_made_safe_and_stay_distinct():
    names = ["a\0", "a\ufffd", "a\ufffd (2)", "\ud800", "b" * 300, "", "c"]
    data, skipped = record({name: number for number, name in enumerate(names)}, "*")
    assert list(data.values()) == list(range(len(names)))
    assert list(data)[:4] == ["a\ufffd", "a\ufffd (2)", "a\ufffd (2) (2)", "\ufffd"]
    assert skipped == 0


def test_a_name_that_is_not_a_text_is_skipped_and_counted():
    assert record({5: 1, None: 2, Hostile(): 3, "a": 4}, "*") == ({"a": 4}, 3)
    odd = {hostile(str)("b"): 1, hostile(str)("c"): [1], "b": 2}
    assert record(odd, "*", "x") == ({"b": 1, "c": [1], "b (2)": 2}, 0)


def test_another_thread_may_change_containers_at_any_time():
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
