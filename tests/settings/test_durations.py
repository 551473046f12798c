"""How long records are kept: durations, and errors that name the remedy."""

from __future__ import annotations

from datetime import timedelta

import pytest
from flask_chest_sqlite import SqliteStore
from pydantic import BaseModel
from support.settings import load_settings

from flask_chest.errors import ConfigurationError
from flask_chest.settings.exporters import make_exporters
from flask_chest.testing import RecordingExporter

WRONG = ["90", 90, "90 d", "90days", "-1d", "d", "1.5.2d", True, [], {"days": 1}, "0s", "36501d"]


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("90d", timedelta(days=90)),
        (" 12h ", timedelta(hours=12)),
        ("30m", timedelta(minutes=30)),
        ("45s", timedelta(seconds=45)),
        ("2w", timedelta(weeks=2)),
        ("1.5d", timedelta(hours=36)),
        (timedelta(days=7), timedelta(days=7)),
        ("none", None),
        (" None ", None),
        ("null", None),
        (None, None),
    ],
)
def test_a_duration_has_a_number_and_a_unit(monkeypatch, tmp_path, value, expected):
    assert load_settings({"retention": value}, {}).retention == expected
    if isinstance(value, str):
        monkeypatch.setenv("FLASK_CHEST_RETENTION", value)
        assert load_settings({}, {}).retention == expected
    entry = {"type": "sqlite", "path": str(tmp_path / "x"), "retention": value}
    [made] = make_exporters({"main": entry}, {"sqlite": SqliteStore}, "").values()
    assert made.retention == expected
    assert entry["retention"] == value  # the application's dict is not changed


@pytest.mark.parametrize("value", WRONG)
def test_a_wrong_duration_stops_the_start_with_setting_value_and_remedy(init, tmp_path, value):
    with pytest.raises(ConfigurationError) as caught:
        init(RETENTION=value)
    assert str(caught.value).startswith("CHEST_RETENTION=")
    assert "such as `90d`" in str(caught.value)
    entry = {"type": "sqlite", "path": str(tmp_path / "x"), "retention": value}
    with pytest.raises(ConfigurationError) as caught:
        init(EXPORTERS={"main": entry}, JOURNAL=str(tmp_path / "journal"))
    assert "CHEST_EXPORTERS['main']: {'retention': " in str(caught.value)
    if not isinstance(value, dict):  # in which a key might be secret
        assert f"{value!r}}}: " in str(caught.value)
    assert "90d" in str(caught.value) or "36500d" in str(caught.value)


def test_an_exporter_that_is_no_store_cannot_have_one_of_its_own():
    entry = {"type": "recording", "retention": "90d"}
    with pytest.raises(ConfigurationError, match=r"'recording' deletes no records\. Remove"):
        make_exporters({"main": entry}, {"recording": RecordingExporter}, "")


class TopicConfig(BaseModel):
    retention: int


class Topic(RecordingExporter):
    type = "topic"
    config_model = TopicConfig


def test_a_plugin_may_have_a_field_of_that_name():
    entry = {"type": "topic", "retention": 7}
    [made] = make_exporters({"main": entry}, {"topic": Topic}, "").values()
    assert made.config.retention == 7
