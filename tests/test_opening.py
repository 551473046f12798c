"""`open_store`: a store without an application."""

from __future__ import annotations

import subprocess
import sys
from contextlib import closing

import pytest

from flask_chest import ConfigurationError, ExporterUnavailable, Store, open_store
from flask_chest.plugins import discovery
from flask_chest.testing import RecordingExporter, make_batch, make_record

SECRET = "s3cret-pw"


def test_a_url_or_an_entry_of_the_exporters_opens_a_store(tmp_path):
    path = tmp_path / "chest.sqlite3"
    record = make_record()
    with closing(open_store(f"sqlite:///{path}", create=True)) as store:
        assert isinstance(store, Store)
        store.export(make_batch(record))
    with closing(open_store({"type": "sqlite", "path": str(path)})) as store:
        assert [each.id for each in store.query()] == [record["id"]]


def test_a_file_that_is_not_there_is_no_empty_store(tmp_path):
    with pytest.raises(
        ConfigurationError, match=r"there is no database .*typo\.sqlite3.*Check the path"
    ):
        open_store(f"sqlite:///{tmp_path}/typo.sqlite3")
    assert not list(tmp_path.iterdir())


def test_every_installed_database_is_opened(postgres, mysql, mongo):
    for url in (postgres, mysql, mongo):
        with closing(open_store(url)) as store:
            assert store.count() == 0


@pytest.mark.parametrize(
    ("entry", "parts"),
    [
        (
            f"orcale://u:{SECRET}@db/shop",
            ["'orcale'", "Installed: clickhouse, mongo, mysql, otlp, parquet, postgres, sqlite"],
        ),
        (f"{SECRET}-no-url", ["not a URL"]),
        ({"type": "sqlit"}, ["Did you mean 'sqlite'?"]),
        ({"path": "x", "password": SECRET}, ["`type` is missing"]),
        ({"type": "sqlite", "paht": SECRET}, ["'paht'", "Did you mean 'path'?"]),
        (f"postgresql://u:{SECRET}@db:port/shop", ["postgres"]),
        ("sqlite:///<instance>/x", ["without an application"]),
        ({"type": "sqlite", "path": "<instance>/x"}, ["without an application"]),
        (5, ["a URL or a dict", "int"]),
        (None, ["a URL or a dict"]),
    ],
)
def test_a_wrong_url_or_entry_is_refused_without_its_secrets(entry, parts):
    with pytest.raises(ConfigurationError) as raised:
        open_store(entry)
    text = str(raised.value)
    for part in parts:
        assert part in text
    if "not a URL" not in text:  # what is no URL is shown, so that it can be found
        assert SECRET not in text
    assert "CHEST_EXPORTERS" not in text
    assert raised.value.setting is None


def test_a_database_that_is_down_is_said_and_nothing_stays_open(tmp_path):
    for url in (
        f"postgresql://chest:{SECRET}@127.0.0.1:1/shop?connect_timeout=2",
        f"sqlite:///{tmp_path}/missing/chest.sqlite3",
    ):
        with pytest.raises((ExporterUnavailable, ConfigurationError)) as raised:
            open_store(url)
        assert SECRET not in str(raised.value)


def test_an_exporter_that_cannot_be_read_is_no_store(installed_webhook):
    with pytest.raises(ConfigurationError, match="'hook' cannot be read"):
        open_store("hook://x")


@pytest.fixture
def installed_webhook(monkeypatch):
    class Hook(RecordingExporter):
        type = "hook"

    info = discovery.PluginInfo("hook", "flask-chest-hook", "1.0")
    monkeypatch.setattr(discovery, "load", lambda _: [(info, Hook())])


def test_it_needs_no_application_and_heeds_the_plugins_of_the_environment(tmp_path):
    code = f"""
import flask_chest
try:
    flask_chest.open_store("sqlite:///{tmp_path}/chest.sqlite3", create=True).close()
    print("opened")
except flask_chest.ConfigurationError as error:
    print(error)
"""
    for value, expected in (("mongo", "opened"), ("sqlite", "CHEST_BLOCK_PLUGINS")):
        environment = {
            "PATH": "",
            "FLASK_CHEST_BLOCK_PLUGINS": value,
            "FLASK_CHEST_SAMPLE_RATE": "nonsense, which does not matter here",
        }
        result = subprocess.run(
            [sys.executable, "-c", code],
            env=environment,
            capture_output=True,
            text=True,
            check=True,
        )
        assert expected in result.stdout, result
