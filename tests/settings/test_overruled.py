"""A variable that another source overrules is said."""

from __future__ import annotations

import pytest
from flask import Flask
from support.settings import load_settings

from flask_chest.settings.load import Given

_ARGUMENT = "the argument batch_records of FlaskChest"
_REST = "which is used. Remove one of them"


@pytest.mark.parametrize(
    ("arguments", "config", "text", "said"),
    [
        (
            {},
            {"CHEST_BATCH_RECORDS": 7},
            "9",
            "='9' in the environment has no effect: CHEST_BATCH_RECORDS of app.config sets 7, ",
        ),
        (
            {"batch_records": 8},
            {"CHEST_BATCH_RECORDS": 7},
            "9",
            f"='9' in the environment has no effect: {_ARGUMENT} sets 8, ",
        ),
        (
            {"batch_records": 8},
            {},
            "nine",
            f"='nine' in the environment has no effect: {_ARGUMENT} sets 8, ",
        ),
    ],
    ids=["app.config", "argument", "wrong"],
)
def test_a_variable_that_another_source_overrules_is_said_once(
    monkeypatch, caplog, arguments, config, text, said
):
    monkeypatch.setenv("FLASK_CHEST_BATCH_RECORDS", text)
    load_settings(arguments, config)
    [record] = caplog.records
    assert record.levelname == "WARNING"
    assert record.message == f"FLASK_CHEST_BATCH_RECORDS{said}{_REST}"


@pytest.mark.parametrize(
    ("name", "text", "config"),
    [
        ("BATCH_RECORDS", "7", {"CHEST_BATCH_RECORDS": 7}),
        ("TRACK_ALL", "yes", {"CHEST_TRACK_ALL": True}),
        ("RETENTION", "7d", {"CHEST_RETENTION": "1w"}),
        ("EXPORTERS", "sqlite:///a.db", {"CHEST_EXPORTERS": {"main": "sqlite:///a.db"}}),
        ("EXPORTERS__MAIN__PORT", "5432", {"CHEST_EXPORTERS": {"main": {"port": 5432}}}),
    ],
)
def test_the_same_value_from_two_sources_is_not_said(monkeypatch, caplog, name, text, config):
    monkeypatch.setenv(f"FLASK_CHEST_{name}", text)
    load_settings({}, config)
    assert not caplog.records


def test_what_flask_put_into_the_configuration_is_not_said(monkeypatch, caplog):
    monkeypatch.setenv("FLASK_CHEST_BATCH_RECORDS", "9")
    monkeypatch.setenv("FLASK_CHEST_SAMPLE_RATE", "1e-1")
    monkeypatch.setenv("FLASK_CHEST_EXPORTERS__MAIN__PORT", "5432")
    app = Flask("shop")
    app.config.from_prefixed_env()
    given = Given({}, app.config)
    assert given.settings().batch_records == 9
    assert not caplog.records
    assert given.sources["batch_records"] == given.sources["exporters"] == ["environment"]


@pytest.mark.parametrize(
    ("name", "config"),
    [
        ("REDACT_KEY", {"CHEST_REDACT_KEY": "swordfish"}),
        ("EXPORTERS_FILE", {"CHEST_EXPORTERS_FILE": "<path>"}),
        ("EXPORTERS", {"CHEST_EXPORTERS": "postgresql://chest:swordfish@db/shop"}),
        ("EXPORTERS__MAIN__PASSWORD", {"CHEST_EXPORTERS": {"main": {"password": "swordfish"}}}),
        ("EXPORTERS__MAIN__OPTIONS", {"CHEST_EXPORTERS": {"main": {"options": "swordfish"}}}),
    ],
)
def test_secrets_are_masked(monkeypatch, caplog, tmp_path, name, config):
    if name == "EXPORTERS_FILE":
        (tmp_path / "url").write_text("sqlite:///swordfish")
        config = {"CHEST_EXPORTERS_FILE": str(tmp_path / "url")}
    secret = (
        "hunter2"
        if not name.startswith("EXPORTERS") or "__" in name
        else "postgresql://chest:hunter2@db/shop"
    )
    monkeypatch.setenv(f"FLASK_CHEST_{name}", secret)
    load_settings({}, config)
    [record] = caplog.records
    assert f"FLASK_CHEST_{name}=" in record.message
    assert "hunter2" not in caplog.text
    assert "swordfish" not in caplog.text


def test_the_sources_of_a_setting_are_known(monkeypatch):
    monkeypatch.setenv("FLASK_CHEST_SERVICE", "shop")
    monkeypatch.setenv("FLASK_CHEST_EXPORTERS__MAIN__PASSWORD", "hunter2")
    config = {"CHEST_EXPORTERS": {"main": {"type": "postgresql"}}, "CHEST_RETENTION": "7d"}
    sources = Given({"retention": "8d"}, config).sources
    assert sources == {
        "service": ["environment"],
        "exporters": ["app.config", "environment"],
        "retention": ["argument"],
    }
