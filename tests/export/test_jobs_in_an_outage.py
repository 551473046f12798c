"""While delivery fails, retention, rollups and indexes do not say the same cause again."""

from __future__ import annotations

import logging
import threading

import pytest
from flask import Flask
from flask_chest_sqlite import SqliteStore
from support.waiting import until

from flask_chest import FlaskChest, hookimpl
from flask_chest.errors import BatchRejected, ConfigurationError, ExporterUnavailable
from flask_chest.export import indexing, retention, rollups

SILENT = (
    "Records of the exporter 'main' that have exceeded their retention are not deleted now, as",
    "The rollups of the exporter 'main' are not kept up now. Answers stay right: they come from",
    "Indexes that no setting names are not dropped from the exporter 'main' now, as",
)


@pytest.fixture
def shop(tmp_path, monkeypatch, caplog):
    """Return a function that lets a store with other methods deliver, in an application."""
    caplog.set_level(logging.DEBUG, "flask_chest")
    for job in (indexing, retention, rollups):
        for name in ("FIRST_SECONDS", "RETRY_SECONDS"):
            monkeypatch.setattr(job, name, 0.05)
    states = []

    def start(timeout_seconds=30.0, **methods):
        kind = type("Other", (SqliteStore,), {"type": "other", **methods})
        path = str(tmp_path / "chest.sqlite3")
        app = Flask("shop", instance_path=str(tmp_path))
        chest = FlaskChest(
            exporters={"main": {"type": "other", "path": path, "retention": "90d"}},
            journal=str(tmp_path / "journal"),
            export_interval_seconds=0.05,
            export_timeout_seconds=timeout_seconds,
        )
        plugin = type("Plugin", (), {"chest_exporters": hookimpl(lambda self: [kind])})()
        chest.register_plugin(plugin, "plugin")
        chest.init_app(app)
        states.extend(chest._applications.states)
        with app.app_context(), chest.record("work"):
            pass

    yield start
    for state in states:
        state.close()


def is_delivery():
    return threading.current_thread().name.startswith("chest-export-")


def warnings(caplog):
    return [r.getMessage() for r in caplog.records if r.levelno >= logging.WARNING]


@pytest.mark.parametrize(
    "error",
    [
        ExporterUnavailable("the database is away"),
        ConfigurationError('FATAL: password authentication failed for user "shop"'),
        BatchRejected("no such database"),
        ValueError("an error of the driver"),
        PermissionError(13, "Permission denied"),
        SystemExit(3),
    ],
    ids=lambda error: type(error).__name__,
)
def test_a_database_that_cannot_be_opened_is_said_once_whatever_the_error(shop, caplog, error):
    def open_(self):
        if not is_delivery():
            until(lambda: "cannot deliver; the records wait" in caplog.text)
        raise error

    shop(open=open_)
    until(lambda: all(said in caplog.text for said in SILENT))
    assert warnings(caplog)
    assert not [text for text in warnings(caplog) if "cannot deliver" not in text]


def test_an_error_that_shows_after_the_opening_is_said_once_when_it_is_the_same(shop, caplog):
    def fail(self, *_, **__):
        if not is_delivery():
            until(lambda: "cannot deliver; the records wait" in caplog.text)
        raise ConfigurationError("password=hunter2: authentication failed")

    shop(export=fail, index_variables=fail)
    until(lambda: SILENT[2] in caplog.text)
    assert not [text for text in warnings(caplog) if "cannot deliver" not in text]


def test_another_error_is_said_while_delivery_fails(shop, caplog):
    def fail(self, *_):
        raise ConfigurationError("no privilege INSERT")

    def index_variables(self):
        until(lambda: "cannot deliver; the records wait" in caplog.text)
        raise ConfigurationError("no privilege DELETE")

    shop(export=fail, index_variables=index_variables)
    until(lambda: "tried again: ConfigurationError: no privilege DELETE" in caplog.text)


def test_a_database_that_hangs_is_said_once(shop, caplog):
    released = threading.Event()

    def open_(self):
        if not is_delivery():
            until(lambda: "cannot deliver; the records wait" in caplog.text)
        released.wait()
        raise ExporterUnavailable("it did not answer")

    try:
        shop(open=open_, timeout_seconds=0.5)
        until(lambda: SILENT[0] in caplog.text and SILENT[1] in caplog.text)
        assert not [text for text in warnings(caplog) if "delivery goes on" in text]
    finally:
        released.set()
    until(lambda: not [t for t in threading.enumerate() if t.name.startswith("chest-re")])
