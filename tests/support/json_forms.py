"""Converts values and variables, and checks that their JSON form keeps every promise."""

from __future__ import annotations

import json
import math

import pytest
from pydantic_core import to_json

from flask_chest.encode.limits import (
    MAX_DEPTH,
    MAX_ITEMS,
    MAX_KEY,
    MAX_RECORD,
    MAX_TEXT,
    MAX_VARIABLE,
)
from flask_chest.encode.patterns import Patterns
from flask_chest.encode.values import to_data
from flask_chest.encode.variables import VariableFilter
from flask_chest.redaction import PLAIN, Budget, Redactor, SecretKeys, SecretKinds

BYTES_OF_VARIABLE = 400 * 1024
BYTES_OF_RECORD = 4 * 1024 * 1024
NOTHING_SECRET = Redactor(SecretKeys(["!*"]), SecretKinds(["!*"]))


def convert(value, *, named=True):
    """Return the JSON form of a value, after a check of all that is promised of it."""
    data, taken = to_data(value, PLAIN, MAX_RECORD, NOTHING_SECRET, Budget(), named=named)
    check(data)
    assert 0 < taken < MAX_VARIABLE + 2_000
    return data


def record(variables, *patterns):
    """Return the JSON form of variables, all of which are chosen, and how many are skipped."""
    skipped = []
    data = VariableFilter(NOTHING_SECRET, skipped.append, lambda *_masked: None).take(
        {}, Patterns(patterns, setting="test"), lambda chosen: chosen.update(variables)
    )
    for value in data.values():
        check(value)
    assert all(len(name) <= MAX_KEY for name in data)
    assert len(to_json(data)) <= BYTES_OF_RECORD
    return data, sum(skipped)


def check(data):
    """Fail when a JSON form breaks a promise of docs/reference/values.md."""
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
