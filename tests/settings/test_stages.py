"""Journal, patterns and instance folder come from the settings, or the application stops."""

from __future__ import annotations

import pytest
from flask import Flask

from flask_chest import FlaskChest
from flask_chest.errors import ConfigurationError


@pytest.mark.parametrize("journal", ["{file}/journal", "{file}", "/proc/journal"])
def test_a_journal_folder_that_cannot_be_written_stops_init_app(init, tmp_path, journal):
    file = tmp_path / "file"
    file.touch()
    with pytest.raises(ConfigurationError) as caught:
        init(EXPORTERS=f"sqlite:///{tmp_path / 'x'}", JOURNAL=journal.format(file=file))
    assert "CHEST_JOURNAL=" in str(caught.value)
    assert "'memory'" in str(caught.value)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("VARIABLES", ["user id"]),
        ("VARIABLES", [""]),
        ("VARIABLES", ["!"]),
        ("VARIABLES", ["a", "!a"]),
        ("VARIABLES", ["cart_*", "!*"]),
        ("VARIABLES", {"GETT": ["a"]}),
        ("EXCLUDE_ENDPOINTS", ["the health"]),
    ],
)
def test_a_pattern_that_cannot_match_stops_init_app(init, tmp_path, name, value):
    with pytest.raises(ConfigurationError, match=f"CHEST_{name}"):
        init(
            **{name: value},
            EXPORTERS=f"sqlite:///{tmp_path / 'x'}",
            JOURNAL=str(tmp_path / "journal"),
        )


def test_instance_means_the_instance_folder(tmp_path):
    app = Flask("shop", instance_path=str(tmp_path / "deep" / "instance"))
    FlaskChest(app).close()
    assert (tmp_path / "deep/instance/chest.sqlite3").is_file()
    assert (tmp_path / "deep/instance/chest/segments").is_dir()


def test_an_instance_folder_that_cannot_be_created_stops_init_app():
    with pytest.raises(ConfigurationError, match="instance folder '/proc/instance' cannot be"):
        FlaskChest(Flask("shop", instance_path="/proc/instance"))
