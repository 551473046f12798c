"""The leader creates and drops the indexes of CHEST_INDEXED_VARIABLES, beside delivery."""

from __future__ import annotations

import logging
import sqlite3
import threading
from contextlib import closing

import pytest
from flask import Flask
from flask_chest_sqlite import SqliteStore
from support.settings import load_settings
from support.waiting import until

from flask_chest import FlaskChest, hookimpl
from flask_chest.errors import ConfigurationError, ExporterUnavailable
from flask_chest.export import indexing


@pytest.fixture(autouse=True)
def soon(monkeypatch):
    """Let the first attempt, and each further one, be due at once."""
    for name in ("FIRST_SECONDS", "RETRY_SECONDS"):
        monkeypatch.setattr(indexing, name, 0.05)


@pytest.fixture
def shop(tmp_path):
    """Return a function that delivers a record to exporters, until it is called again."""
    states = []

    def end():
        while states:
            states.pop().close()

    def start(*variables, plugin=None, **exporters):
        end()
        app = Flask("shop", instance_path=str(tmp_path))
        chest = FlaskChest(
            exporters=exporters or {"main": f"sqlite:///{tmp_path}/chest.sqlite3"},
            journal=str(tmp_path / "journal"),
            export_interval_seconds=0.05,
            indexed_variables=variables,
        )
        if plugin is not None:
            chest.register_plugin(plugin, "plugin")
        chest.init_app(app)
        states.extend(chest._applications.states)
        with app.app_context(), chest.record("work"):
            pass
        return chest

    yield start
    end()


def plugin_of(**methods):
    """Return a plugin with a store of SQLite that has other methods."""
    kind = type("Other", (SqliteStore,), {"type": "other", **methods})
    return type("Plugin", (), {"chest_exporters": hookimpl(lambda self: [kind])})()


def indexed(path):
    with closing(sqlite3.connect(path)) as connection:
        rows = connection.execute("SELECT name FROM sqlite_master WHERE type = 'index'")
        return sorted(n.rpartition("_")[0] for (n,) in rows if n.startswith("chest_v_"))


def test_indexes_are_created_and_dropped_as_the_setting_changes(tmp_path, shop):
    path = tmp_path / "chest.sqlite3"
    for variables, expected in (
        (["user_id", "user.plan"], ["chest_v_user_id", "chest_v_user_plan"]),
        (["user_id", "app.release"], ["chest_v_app_release", "chest_v_user_id"]),
        ([], []),
    ):
        shop(*variables)
        until(lambda expected=expected: indexed(path) == expected)
    until(lambda: not [t for t in threading.enumerate() if t.name.startswith("chest-indexing")])


@pytest.mark.parametrize("names_variables", [True, False])
def test_a_failure_names_the_setting_only_when_it_is_set(tmp_path, shop, caplog, names_variables):
    def index_variables(self):
        raise ExporterUnavailable("the database is down")

    shop(
        *["user_id"] * names_variables,
        plugin=plugin_of(index_variables=index_variables),
        main={"type": "other", "path": str(tmp_path / "x.sqlite3")},
    )
    until(lambda: "the database is down" in caplog.text)
    assert ("CHEST_INDEXED_VARIABLES" in caplog.text) is names_variables
    assert (
        "of the exporter 'main' now" in caplog.text or "from the exporter 'main' now" in caplog.text
    )


def test_a_database_that_is_away_is_said_once_by_delivery(tmp_path, shop, caplog):
    caplog.set_level(logging.DEBUG, "flask_chest")

    def open_(self):
        raise ExporterUnavailable("the database is away")

    path = str(tmp_path / "x.sqlite3")
    shop(plugin=plugin_of(open=open_), main={"type": "other", "path": path})
    until(lambda: "cannot deliver; the records wait" in caplog.text)
    until(lambda: "as delivery fails, too: " in caplog.text)
    warnings = [r.getMessage() for r in caplog.records if r.levelno >= logging.WARNING]
    assert not [text for text in warnings[1:] if "delivery goes on" in text]


def test_what_fails_is_said_and_tried_again_and_delivery_goes_on(tmp_path, shop, caplog):
    fails = threading.Event()
    fails.set()

    def index_variables(self):
        if fails.is_set():
            raise ExporterUnavailable("the database is busy")
        return SqliteStore.index_variables(self)

    path = tmp_path / "chest.sqlite3"
    plugin = plugin_of(index_variables=index_variables)
    chest = shop("user_id", plugin=plugin, main={"type": "other", "path": str(path)})
    until(lambda: "the database is busy" in caplog.text)
    assert chest.flush(30)
    assert not indexed(path)
    fails.clear()
    until(lambda: indexed(path) == ["chest_v_user_id"])


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("user_id,app.release", ("user_id", "app.release")),
        (["variables['odd name']"], ("variables['odd name']",)),
        ("", ()),
    ],
)
def test_the_setting_takes_variables_as_filters_name_them(given, expected):
    assert load_settings({"indexed_variables": given}, {}).indexed_variables == expected


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        ("route", "'route' is a field of the record"),
        ("user_*", "CHEST_INDEXED_VARIABLES"),
        ([f"v{n}" for n in range(17)], "names 17 variables"),
    ],
)
def test_what_is_no_variable_is_refused(given, reason):
    with pytest.raises(ConfigurationError, match=reason):
        load_settings({"indexed_variables": given}, {})
