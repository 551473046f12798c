"""Which exporter `chest.store()` reads."""

from __future__ import annotations

import threading
from contextlib import closing

import psycopg
import pytest
from flask import Flask
from flask_chest_sqlite import SqliteStore
from support.waiting import until

from flask_chest import FlaskChest
from flask_chest.errors import ConfigurationError, SchemaMismatch
from flask_chest.testing import RecordingExporter

SQLITE = "sqlite:///{0}/{1}.sqlite3"


@pytest.fixture
def read_by_default(tmp_path):
    """Return a function that returns the file which `chest.store()` reads, without its ending."""
    chests = []

    def read(*names, **settings):
        app = Flask("shop", instance_path=str(tmp_path))
        exporters = {name: SQLITE.format(tmp_path, name) for name in names}
        exporters |= settings.pop("exporters", {})
        chest = FlaskChest(exporters=exporters, journal=str(tmp_path / "journal"), **settings)
        chest.register_plugin(RecordingExporter())
        chest.init_app(app)
        chests.append(chest)
        with app.app_context():
            return chest.store().config.path.stem

    yield read
    for chest in chests:
        chest.close()


def test_main_is_read_unless_another_is_named(read_by_default):
    assert read_by_default("near", "main") == "main"


def test_the_setting_decides(read_by_default):
    assert read_by_default("near", "main", store="near") == "near"


def test_the_only_one_that_can_be_read_is_read(read_by_default):
    assert read_by_default("near", exporters={"log": {"type": "recording"}}) == "near"


def test_of_two_without_a_main_one_has_to_be_named(read_by_default):
    with pytest.raises(ConfigurationError, match=r"store\('main'\).*\['far', 'near'\]"):
        read_by_default("near", "far")


@pytest.mark.parametrize("name", ["main", "log"])
def test_where_none_can_be_read_the_error_says_to_add_a_store(read_by_default, name):
    with pytest.raises(ConfigurationError, match=r"^No exporter .* can be read. Add a store to"):
        read_by_default(exporters={name: {"type": "recording"}})


def test_the_application_does_not_start_with_a_store_that_cannot_be_read(read_by_default):
    with pytest.raises(ConfigurationError, match=r"CHEST_STORE.*'mian'.*\['main'\]") as caught:
        read_by_default("main", store="mian")
    assert caught.value.setting == "CHEST_STORE"
    with pytest.raises(ConfigurationError, match=r"CHEST_STORE.*'recording' cannot be read"):
        read_by_default("main", store="log", exporters={"log": {"type": "recording"}})


def test_a_database_that_is_away_holds_up_no_question_to_another(tmp_path, monkeypatch):
    app = Flask("shop", instance_path=str(tmp_path))
    exporters = {name: SQLITE.format(tmp_path, name) for name in ("main", "away", "third")}
    chest = FlaskChest(app, exporters=exporters, journal="memory")
    opens, entered, back = SqliteStore.open, threading.Event(), threading.Event()

    def slow(store):
        if store.config.path.stem == "away":
            entered.set()
            assert back.wait(60)
        opens(store)

    def ask(name):
        with app.app_context():
            answered.append((name, chest.store(name).config.path.stem))

    answered = []
    with app.app_context():
        chest.store("main")
    monkeypatch.setattr(SqliteStore, "open", slow)
    waiting = [threading.Thread(target=ask, args=("away",)) for _ in range(2)]
    for thread in waiting:
        thread.start()
    assert entered.wait(60)
    others = [threading.Thread(target=ask, args=(name,)) for name in ("main", "third")]
    for thread in others:
        thread.start()
    for thread in others:
        thread.join(60)
    assert sorted(answered) == [("main", "main"), ("third", "third")]
    back.set()
    for thread in waiting:
        thread.join(60)
    assert sorted(answered)[:2] == [("away", "away")] * 2
    chest.close()


def test_commands_read_the_same_store(tmp_path):
    exporters = {name: SQLITE.format(tmp_path, name) for name in ("near", "main")}
    app = Flask("shop", instance_path=str(tmp_path))
    chest = FlaskChest(app, exporters=exporters, journal=str(tmp_path / "journal"), store="near")
    run = app.test_cli_runner().invoke
    assert "near.sqlite3" in run(args=["chest", "query"]).stderr
    assert "main.sqlite3" in run(args=["chest", "query", "--exporter", "main"]).stderr
    chest.close()


def test_a_store_that_cannot_be_opened_leaves_no_connection(postgres, tmp_path):
    app = Flask("shop", instance_path=str(tmp_path))
    chest = FlaskChest(app, exporters=postgres, track_all=True)
    app.test_client().get("/")
    assert chest.flush(timeout=60)
    with closing(psycopg.connect(postgres, autocommit=True)) as administrator:
        administrator.execute("UPDATE chest_schema SET version = 2")
        with app.app_context(), pytest.raises(SchemaMismatch, match="version 2"):
            chest.store()
        chest.close()
        connected = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
        until(lambda: administrator.execute(connected).fetchone() == (1,))
