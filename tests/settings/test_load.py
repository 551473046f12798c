"""Where settings come from, which source takes precedence, and what errors say."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from flask import Flask
from pydantic import BaseModel, Field
from support.settings import load_settings

from flask_chest.errors import ConfigurationError
from flask_chest.settings.load import Given
from flask_chest.settings.model import Settings
from flask_chest.settings.setting_faults import _meaning

ROOT = Path(__file__).parents[2]


def test_arguments_take_precedence_over_config_environment_and_defaults(monkeypatch):
    assert load_settings({}, {}).batch_records == 1_000
    monkeypatch.setenv("FLASK_CHEST_BATCH_RECORDS", "2")
    assert load_settings({}, {}).batch_records == 2
    assert load_settings({}, {"CHEST_BATCH_RECORDS": 3}).batch_records == 3
    assert load_settings({"batch_records": 4}, {"CHEST_BATCH_RECORDS": 3}).batch_records == 4


def test_a_dict_replaces_the_dict_of_a_later_source(monkeypatch):
    monkeypatch.setenv("FLASK_CHEST_EXPORTERS", '{"one": "sqlite:////a", "two": "sqlite:////b"}')
    assert set(load_settings({}, {}).exporters) == {"one", "two"}
    assert set(load_settings({}, {"CHEST_EXPORTERS": {"three": "sqlite:////c"}}).exporters) == {
        "three"
    }


@pytest.mark.parametrize(
    ("variable", "value", "field", "expected"),
    [
        ("EXPORTERS", "sqlite:////a", "exporters", {"main": "sqlite:////a"}),
        ("EXPORTERS__main", "sqlite:////a", "exporters", {"main": "sqlite:////a"}),
        ("VARIABLES", "user_id, cart_*", "variables", ("user_id", "cart_*")),
        ("VARIABLES", '["a"]', "variables", ("a",)),
        ("VARIABLES", '{"GET": ["a"]}', "variables", {"GET": ("a",)}),
        ("EXCLUDE_ENDPOINTS", "static,health", "exclude_endpoints", ("static", "health")),
        ("TRACK_ALL", "1", "track_all", True),
        ("TRACK_ALL", "false", "track_all", False),
        ("SHUTDOWN_SECONDS", "0.5", "shutdown_seconds", 0.5),
        ("JOURNAL", "memory", "journal", "memory"),
    ],
)
def test_the_environment_may_hold_text_lists_and_json(
    monkeypatch, variable, value, field, expected
):
    monkeypatch.setenv(f"FLASK_CHEST_{variable}", value)
    assert getattr(load_settings({}, {}), field) == expected
    app = Flask("shop")
    app.config.from_prefixed_env()  # Flask reads the same variables
    assert getattr(load_settings({}, app.config), field) == expected


@pytest.mark.parametrize(
    ("arguments", "config", "environment", "parts"),
    [
        ({}, {"CHEST_EXPORTER": {}}, {}, ["CHEST_EXPORTER ", "Did you mean CHEST_EXPORTERS?"]),
        ({"tracks_all": True}, {}, {}, ["CHEST_TRACKS_ALL", "CHEST_TRACK_ALL?"]),
        ({}, {}, {"FLASK_CHEST_JURNAL": "x"}, ["FLASK_CHEST_JURNAL", "FLASK_CHEST_JOURNAL?"]),
        ({"CHEST_TRACK_ALL": True}, {}, {}, ["CHEST_TRACK_ALL=", "Write track_all="]),
        ({}, {"CHEST_XYZZY": 1}, {}, ["CHEST_XYZZY", "The settings are:", "CHEST_JOURNAL"]),
        ({}, {"CHEST_BATCH_RECORDS": "many"}, {}, ["CHEST_BATCH_RECORDS='many'", "whole number"]),
        ({}, {"CHEST_BATCH_RECORDS": 0}, {}, ["CHEST_BATCH_RECORDS=0", "must be at least 1"]),
        ({}, {"CHEST_EXPORT_INTERVAL_SECONDS": -1}, {}, ["=-1", "Seconds between"]),
        ({}, {"CHEST_TRACK_ALL": "perhaps"}, {}, ["CHEST_TRACK_ALL='perhaps'", "neither true"]),
        ({}, {}, {"FLASK_CHEST_TRACK_ALL": "perhaps"}, ["FLASK_CHEST_TRACK_ALL='perhaps'"]),
        ({}, {}, {"FLASK_CHEST_EXPORTERS": "{'a'"}, ["FLASK_CHEST_EXPORTERS", "is not JSON"]),
        ({}, {"CHEST_EXPORTERS": {}}, {}, ["CHEST_EXPORTERS={}", "too few entries"]),
        ({}, {"CHEST_EXPORTERS": 7}, {}, ["CHEST_EXPORTERS=7", "name to URL"]),
        ({}, {"CHEST_REQUEST_ID_HEADER": "X Y"}, {}, ["CHEST_REQUEST_ID_HEADER[0]='X Y'"]),
        ({}, {"CHEST_JOURNAL": ""}, {}, ["CHEST_JOURNAL=''", "memory"]),
    ],
)
def test_a_wrong_setting_is_named_with_its_value_and_meaning(
    monkeypatch, arguments, config, environment, parts
):
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(ConfigurationError) as caught:
        load_settings(arguments, config)
    for part in parts:
        assert part in str(caught.value)
    assert caught.value.setting in str(caught.value)


def test_several_wrong_settings_are_all_named():
    with pytest.raises(ConfigurationError) as caught:
        load_settings({}, {"CHEST_BATCH_RECORDS": 0, "CHEST_BATCH_BYTES": 0})
    assert "CHEST_BATCH_RECORDS" in str(caught.value)
    assert "CHEST_BATCH_BYTES" in str(caught.value)


def test_every_setting_is_described():
    for name, field in Settings.model_fields.items():
        assert field.description, name


@pytest.mark.parametrize(
    ("given", "number"),
    [("1GB", "1_000_000_000"), ("64 MiB", "67_108_864"), ("1.5g", "1_500_000_000")],
)
def test_a_size_with_a_unit_is_told_the_number_to_write(given, number):
    for setting in ("journal_max_bytes", "batch_bytes"):
        with pytest.raises(ConfigurationError, match=rf"Write the number of bytes: {number}\."):
            load_settings({setting: given}, {})
    assert load_settings({"journal_max_bytes": number}, {}).journal_max_bytes == int(number)


def test_a_text_that_is_no_size_and_a_number_that_is_none_of_bytes_get_no_such_advice():
    for setting, given in [("journal_max_bytes", "much"), ("batch_records", "1k")]:
        with pytest.raises(ConfigurationError) as caught:
            load_settings({setting: given}, {})
        assert "number of bytes" not in str(caught.value)


@pytest.mark.parametrize("field", Settings.model_fields)
def test_the_meaning_in_an_error_refers_to_pages_that_are_there(field):
    said = _meaning(Settings, field)
    assert "](" not in said
    pages = re.findall(r"See (\S+)", said)
    assert all((ROOT / page).is_file() for page in pages), said
    assert len(pages) == (Settings.model_fields[field].description or "").count("See [")


def test_a_setting_of_a_plugin_that_is_missing_is_told_where_to_set_it():
    class Region(BaseModel):
        shop_region: str
        shop_floor: int = Field(description="Which one.")
        shop_parts: dict[str, int] = {}

    with pytest.raises(ConfigurationError) as caught:
        Given({}, {}).of_plugins({"shop": Region})
    assert str(caught.value).splitlines() == [
        f"CHEST_SHOP_{name}: is missing. Set it in app.config, or as FLASK_CHEST_SHOP_{name} in "
        f"the environment.{meaning}"
        for name, meaning in [("REGION", ""), ("FLOOR", " Its meaning: Which one.")]
    ]
