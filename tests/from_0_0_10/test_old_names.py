"""Who imports or passes a name of Flask-Chest 0.0.10 is told what replaced it."""

from __future__ import annotations

import importlib
import json
import sys
from pathlib import Path

import pytest
from flask import Flask

import flask_chest
import flask_chest.exporter
from flask_chest import FlaskChest
from flask_chest._old_names import ARGUMENTS, ATTRIBUTES, NAMES, REPLACED
from flask_chest.errors import ConfigurationError

NAMES_OF_0_0_10 = json.loads(Path(__file__).with_name("names.json").read_text("utf-8"))
"""Each module, class, method and function, with its parameters. `old_shop.py` made the list."""

STILL_THERE = {"flask_chest", "flask_chest.FlaskChest", "flask_chest.exporter"}


def gone():
    """Yield what can be imported no more: modules, and names in a module that is there."""
    for name in NAMES_OF_0_0_10:
        parent = name.rpartition(".")[0]
        if name not in STILL_THERE and (parent in STILL_THERE or _is_module(name)):
            yield name.removeprefix("flask_chest.")


def _is_module(name):
    return NAMES_OF_0_0_10[name] is None and not name.rpartition(".")[2].isupper()


def test_each_name_that_is_gone_has_what_replaced_it():
    assert set(gone()) == set(NAMES)


@pytest.mark.parametrize("name", sorted(NAMES))
def test_an_import_of_it_says_what_replaced_it(name):
    with pytest.raises(
        ImportError, match=r"(?s)0\.0\.10\. Now there is .*from-0\.0\.10\.md"
    ) as raised:
        importlib.import_module(f"flask_chest.{name}")
    parts = name.split(".")
    assert any(f"flask_chest.{'.'.join(parts[:n])} is" in str(raised.value) for n in (1, 2))
    package, _, last = f"flask_chest.{name}".rpartition(".")
    with pytest.raises(ImportError, match=r"0\.0\.10\. Now there is"):
        exec(f"from {package} import {last}")


def public_names(module):
    """Return the classes, functions and constants of a module and of those below it."""
    below = [name for name in NAMES_OF_0_0_10 if name.startswith(f"flask_chest.{module}.")]
    within = {name.rpartition(".")[0] for name in below if not _is_module(name)}
    modules = {name for name in (*below, f"flask_chest.{module}") if _is_module(name)}
    assert within
    return {
        name.rpartition(".")[2]
        for name in below
        if not _is_module(name) and name.rpartition(".")[0] in modules
    }


# FlaskChest is in flask_chest as before, and FlaskChestExporter was imported by a neighbour.
@pytest.mark.parametrize(
    "module", sorted(name for name in NAMES if _is_module(f"flask_chest.{name}"))
)
def test_an_import_from_a_module_says_what_replaced_each_name_in_it(module):
    with pytest.raises(ImportError) as raised:
        importlib.import_module(f"flask_chest.{module}")
    imported = {"FlaskChest", "FlaskChestExporter"} if "." in module else {"FlaskChest"}
    for name in public_names(module) - imported:
        assert REPLACED[name] in str(raised.value)


@pytest.mark.parametrize("name", sorted(name for name in NAMES if "." not in name))
def test_an_attribute_of_it_says_so_too_and_may_be_looked_for(name):
    with pytest.raises(AttributeError, match=r"0\.0\.10\. Now there is"):
        getattr(flask_chest, name)
    assert not hasattr(flask_chest, name)


def test_what_never_was_is_missed_as_anywhere_else():
    with pytest.raises(AttributeError, match="module 'flask_chest' has no attribute 'nonsuch'"):
        _ = flask_chest.nonsuch
    for module in ("flask_chest", "flask_chest.exporter"):
        with pytest.raises(ModuleNotFoundError, match="nonsuch"):
            importlib.import_module(f"{module}.nonsuch")
        with pytest.raises(ImportError, match="cannot import name 'nonsuch'"):
            exec(f"from {module} import nonsuch")


def test_other_packages_are_looked_for_as_before():
    assert importlib.util.find_spec("chests") is None
    with pytest.raises(ModuleNotFoundError):
        importlib.import_module("decorator.flask_chest.decorator")


def test_each_argument_of_0_0_10_has_what_replaced_it():
    given = {
        name
        for dotted in (
            *("FlaskChestSQLite", "FlaskChestInfluxDB", "FlaskChestCustomWriter"),
            *("decorator.flask_chest", "exporter.FlaskChestExporter"),
            *("exporter.FlaskChestExporterInfluxDB", "exporter.mysql.FlaskChestExporterMySQL"),
        )
        for name in NAMES_OF_0_0_10[f"flask_chest.{dotted}"]
    }
    assert given - {"app"} == set(ARGUMENTS)


# CHEST_REQUEST_ID_GENERATOR is a setting, and means the same for all routes.
@pytest.mark.parametrize("name", sorted(set(ARGUMENTS) - {"request_id_generator"}))
def test_an_old_argument_of_the_extension_is_refused_with_it(name):
    with pytest.raises(ConfigurationError, match=rf"'{name}' is of Flask-Chest 0\.0\.10\. "):
        FlaskChest(Flask("shop"), enabled=False, **{name: "x"})


@pytest.mark.parametrize(
    "name", ["chests", "tracked_vars", "request_id_generator", "raise_exceptions"]
)
def test_an_old_argument_of_the_decorator_is_refused_with_it(name):
    with pytest.raises(TypeError, match=rf"unexpected .*'{name}'\. .*0\.0\.10\. "):
        FlaskChest().track("user_id", **{name: None})


def test_an_unknown_argument_of_the_decorator_is_refused_as_python_does():
    with pytest.raises(TypeError, match=r"got an unexpected keyword argument 'nonsuch'$"):
        FlaskChest().track("user_id", nonsuch=1)


@pytest.mark.parametrize("name", ATTRIBUTES)
def test_an_old_attribute_of_the_extension_says_what_replaced_it(name):
    with pytest.raises(AttributeError, match=rf"FlaskChest\.{name} is of Flask-Chest 0\.0\.10\."):
        getattr(FlaskChest(), name)
    assert not hasattr(FlaskChest(), name)


def test_each_method_of_the_old_store_has_what_replaced_it():
    begin = "flask_chest.FlaskChestSQLite."
    methods = {name.removeprefix(begin) for name in NAMES_OF_0_0_10 if name.startswith(begin)}
    assert methods <= set(ATTRIBUTES)


def test_other_attributes_are_missed_as_anywhere_else():
    class Sub(FlaskChest):
        @property
        def faulty(self):
            return {}.nonsuch

    for name, missed in (("nonsuch", "'Sub' object"), ("faulty", "'dict' object")):
        with pytest.raises(AttributeError, match=f"{missed} has no attribute 'nonsuch'"):
            getattr(Sub(), name)


def test_nothing_of_it_is_loaded():
    old = [f"flask_chest.{name}" for name in NAMES]
    assert not set(old) & set(sys.modules)
