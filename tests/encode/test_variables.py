"""Variables become JSON: what a plugin changes, who is asked for a repr, other threads."""

from __future__ import annotations

import sys
import threading

import pytest

from flask_chest.encode.limits import MAX_ITEMS
from flask_chest.encode.patterns import Patterns
from flask_chest.encode.variables import VariableFilter
from flask_chest.redaction import Redactor, SecretKeys

pytestmark = pytest.mark.opens_nothing


def encode(variables, *patterns):
    """Return what becomes of variables that a plugin has left, and how many are skipped."""
    skipped = []
    variable_filter = VariableFilter(Redactor(SecretKeys()), skipped.append, lambda *_masked: None)
    asked = Patterns(patterns, setting="track")
    data = variable_filter.take({}, asked, lambda chosen: chosen.update(variables))
    return data, skipped


def test_a_listed_variable_is_stored_and_a_caught_one_only_if_it_is_data():
    variables = {"listed": object, "caught": object, "data": [1]}
    data, skipped = encode(variables, "*", "listed")
    assert data == {"listed": "<class 'object'>", "data": [1]}
    assert skipped == [1]


def test_a_variable_that_a_plugin_adds_counts_as_listed_unless_a_pattern_matches_it():
    assert encode({"added": object}, "user_id", "cart_*") == ({"added": "<class 'object'>"}, [])
    assert encode({"cart_x": object, "cart_y": len}, "cart_*") == ({}, [2])


def test_nothing_is_counted_when_nothing_is_skipped():
    assert encode({"a": 1, "b": [object]}, "*") == ({"a": 1, "b": ["<type>"]}, [])


def test_what_the_filter_remembers_changes_no_record():
    names = ("user_id", "*", "!note")
    variable_filter = VariableFilter(Redactor(SecretKeys()), pytest.fail, lambda *_masked: None)
    patterns = Patterns(names, setting="track")
    for variables in (
        {"user_id": 1, "password": "x", "tokens": 5},
        {"tokens": "text", "user_id": "acme", "note": 1, "_private": 2},
        {"tags": ["a", 1], "user_id": None, "tokens": 5, "odd\0": 1, "big": 2**70},
    ) * 3:
        fresh = VariableFilter(Redactor(SecretKeys()), pytest.fail, lambda *_masked: None)
        expected = fresh.take(variables, Patterns(names, setting="track"))
        taken = variable_filter.take(variables, patterns)
        assert list(taken.items()) == list(expected.items())
        changed = variable_filter.take(variables, patterns, lambda chosen: chosen.update(added=1))
        assert changed == {**expected, "added": 1}


def test_another_thread_may_write_to_g():
    variables = {f"v{number}": number for number in range(50)}
    done = threading.Event()

    def write():
        number = 50
        while not done.is_set():
            variables[f"v{number}"] = number
            variables.pop(f"v{number - 50}")
            number += 1

    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    thread = threading.Thread(target=write)
    thread.start()
    try:
        every = Patterns(["*", "v7"], setting="track")
        variable_filter = VariableFilter(Redactor(SecretKeys()), pytest.fail, lambda *_masked: None)
        for _ in range(500):
            data = variable_filter.take(variables, every)
            assert 49 <= len(data) <= 52
            assert all(name == f"v{number}" for name, number in data.items())
    finally:
        done.set()
        thread.join()
        sys.setswitchinterval(interval)


def test_of_very_many_variables_a_bounded_number_is_kept():
    variables = {f"v{number}": number for number in range(100_000)}
    data = VariableFilter(Redactor(SecretKeys()), pytest.fail, lambda *_masked: None).take(
        variables, Patterns("*", setting="track")
    )
    assert 500 < len(data) <= MAX_ITEMS + 1
    assert data["…"] == "[cut, 100000 items]"
