"""A variable that lacks FLASK_ is noticed."""

from __future__ import annotations

import pytest
from flask import Flask
from support.settings import load_settings

from flask_chest.settings import unprefixed


@pytest.fixture(autouse=True)
def nothing_said(monkeypatch):
    monkeypatch.setattr(unprefixed, "_said", set())


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("CHEST_REDACT_KEY", "FLASK_CHEST_REDACT_KEY"),
        ("CHEST_REDACT_KEY_FILE", "FLASK_CHEST_REDACT_KEY_FILE"),
        ("CHEST_REDACT_KYE", "FLASK_CHEST_REDACT_KEY"),
        ("CHEST_EXPORTERS", "FLASK_CHEST_EXPORTERS"),
        (
            "CHEST_EXPORTERS__MAIN__PASSWORD_FILE",
            "FLASK_CHEST_EXPORTERS__MAIN__PASSWORD_FILE",
        ),
    ],
)
def test_a_variable_without_flask_is_said_once_with_its_right_name(
    monkeypatch, caplog, name, meant
):
    monkeypatch.setenv(name, "hunter2")
    for _ in range(2):
        load_settings({}, {})
    [record] = caplog.records
    assert record.levelname == "WARNING"
    assert f"{name} in the environment is not read. Rename it to {meant}," in record.message
    assert "hunter2" not in caplog.text


def test_what_is_read_or_belongs_to_others_is_not_said(monkeypatch, caplog):
    monkeypatch.setenv("CHEST_REDACT_KEY", "a")
    monkeypatch.setenv("FLASK_CHEST_REDACT_KEY", "a")  # as Compose fills one in from the other
    monkeypatch.setenv("CHEST_SERVICE", "shop")
    monkeypatch.setenv("CHEST_FREEZER_DOOR", "open")
    monkeypatch.setenv("SHOP_CHEST_BATCH_RECORDS", "7")
    app = Flask("shop")
    app.config["CHEST_SERVICE"] = "shop"  # by the application itself, from os.environ
    assert load_settings({}, app.config).batch_records == 1_000
    assert not caplog.records
