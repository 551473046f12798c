"""Every value has a JSON form that all databases take; docs/reference/values.md is true."""

from __future__ import annotations

import contextlib
import dataclasses
import enum
import io
import json
import math
import re
import sqlite3
from types import SimpleNamespace
from urllib.parse import urlsplit

import attrs
import pydantic
import pytest
from pydantic import BaseModel, SecretStr
from pydantic_core import to_json
from support import value_samples
from support.hostile_values import raising
from support.json_forms import BYTES_OF_RECORD, BYTES_OF_VARIABLE, convert, record
from support.value_samples import DATA, NO_DATA, Service
from support.values_page import PAGE, rows
from werkzeug.datastructures import Authorization, Headers

from flask_chest.encode.limits import (
    MAX_DEPTH,
    MAX_INTEGER_BITS,
    MAX_ITEMS,
    MAX_KEY,
    MAX_RECORD,
    MAX_SHORT,
    MAX_TEXT,
    MAX_VARIABLE,
    VALUE_COST,
)

pytestmark = pytest.mark.opens_nothing


@pytest.mark.parametrize("kind", DATA)
def test_data_has_the_same_form_by_name_and_by_pattern(kind):
    value, expected = DATA[kind]
    for named in (True, False):
        data = convert(value, named=named)
        assert data == expected
        assert type(data) is type(expected)


def test_an_attrs_object_gives_all_fields_but_those_hidden_from_the_repr():
    @attrs.define
    class Order:
        number: int
        lines: list = attrs.Factory(lambda: ["tea"])
        card: str = attrs.field(default="4111", repr=False)

    assert convert(Order(7)) == {"number": 7, "lines": ["tea"]}


def test_numbers_keep_their_type():
    data = convert([True, 1, 1.0, -0.0])
    assert [type(item) for item in data] == [bool, int, float, float]
    assert math.copysign(1, data[3]) == -1


def test_a_dict_keeps_the_order_of_its_items():
    assert list(convert({"b": 1, "a": 2})) == ["b", "a"]


@pytest.mark.parametrize("kind", NO_DATA)
def test_a_value_that_is_not_data_is_stored_by_name_and_skipped_by_pattern(kind):
    calls = Service.calls
    assert record({"v": NO_DATA[kind]}, "*") == ({}, 1)
    assert record({"v": [NO_DATA[kind]]}, "*")[0]["v"][0].startswith("<")
    assert Service.calls == calls, "a repr was asked of what a pattern caught"
    data, skipped = record({"v": NO_DATA[kind]}, "v")
    assert type(data["v"]) is str
    assert data["v"]
    assert skipped == 0


def test_an_object_inside_data_becomes_its_repr_by_name_and_its_type_by_pattern():
    value = {"a": [Service()], Service: 1}
    assert convert(value, named=False) == {"a": ["<Service>"], "<type>": 1}
    assert convert(value, named=True) == {"a": ["the service"], repr(Service): 1}


def test_iterators_and_files_are_not_advanced():
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


def test_no_property_runs_and_no_lazy_field_is_loaded():
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


@pytest.fixture(scope="module")
def classes():
    """Return the names that the page's examples use."""
    names = dict(vars(value_samples), Enum=enum.Enum, dataclass=dataclasses.dataclass)
    names |= {"field": dataclasses.field, "__name__": __name__}
    code = re.search(r"```python\n(.*?)```", PAGE.read_text("utf-8"), re.DOTALL)[1]
    exec(code, names)

    def cycle():
        found = [1]
        found.append(found)
        return found

    def broken():
        return type("Broken", (), {"__repr__": raising(ValueError)})()

    def row():
        with contextlib.closing(sqlite3.connect(":memory:")) as connection:
            connection.row_factory = sqlite3.Row
            return connection.execute("SELECT 7 AS id, 'Ann' AS name").fetchone()

    names |= {"SimpleNamespace": SimpleNamespace, "urlsplit": urlsplit, "Headers": Headers}
    return names | {"Authorization": Authorization, "cycle": cycle, "broken": broken, "row": row}


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
    assert f"texts of up to {MAX_SHORT} characters" in section
    assert f"{MAX_INTEGER_BITS:,} bits" in PAGE.read_text("utf-8")
