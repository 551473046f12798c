"""Settings that come too late are said, once."""

from __future__ import annotations

import pytest
from flask import Flask

from flask_chest import FlaskChest


@pytest.fixture
def app(tmp_path):
    app = Flask("shop", instance_path=str(tmp_path))
    app.get("/")(lambda: "")
    return app


def late_lines(caplog):
    return [line for line in caplog.messages if "was changed after FlaskChest had read it" in line]


def test_what_came_after_the_settings_were_read_is_logged_with_the_first_request(app, caplog):
    app.config.update(CHEST_SERVICE="shop", CHEST_FIELDS={"path": "keep"}, CHEST_RELEASE="1")
    chest = FlaskChest(app)
    del app.config["CHEST_RELEASE"]
    app.config["CHEST_TRACK_ALL"] = True
    app.config["CHEST_RETENTOIN"] = "3d"
    app.config["CHEST_FIELDS"] = {"path": "keep"}  # is the same
    app.config["SOMETHING_ELSE"] = 1
    for _ in range(2):
        app.test_client().get("/")
    [line] = late_lines(caplog)
    assert line.startswith("CHEST_RELEASE, CHEST_RETENTOIN, CHEST_TRACK_ALL in app.config")
    told = app.test_cli_runner().invoke(args=["chest", "check"]).output
    assert "settings: warning: too late: CHEST_RELEASE, CHEST_RETENTOIN, CHEST_TRACK_ALL" in told
    chest.close()


def test_nothing_is_said_where_all_came_in_time(app, caplog):
    app.config["CHEST_TRACK_ALL"] = True
    chest = FlaskChest()
    app.config.from_mapping(CHEST_SERVICE="shop")
    chest.init_app(app)
    app.config["TESTING"] = True
    app.test_client().get("/")
    assert late_lines(caplog) == []
    told = app.test_cli_runner().invoke(args=["chest", "check"]).output
    assert "too late" not in told
    chest.close()


def test_an_application_that_was_switched_off_says_it_too(app, caplog):
    chest = FlaskChest(app, enabled=False, track_all=True)
    app.config["CHEST_ENABLED"] = True
    app.test_client().get("/")
    chest.close()
    assert len(late_lines(caplog)) == 1


def test_what_flask_takes_from_the_environment_afterwards_was_read_in_time(
    app, caplog, monkeypatch
):
    """`from_prefixed_env` decodes JSON, and makes dicts of names with two underscores."""
    monkeypatch.setenv("FLASK_CHEST_SERVICE", "2024")
    monkeypatch.setenv("FLASK_CHEST_EXPORTERS__MAIN__PATH", "<instance>/main.sqlite3")
    monkeypatch.setenv("FLASK_CHEST_EXPORTERS__MAIN__TYPE", "sqlite")
    monkeypatch.setenv("OTHER_CHEST_RELEASE", "1.4")  # nobody has read this one
    app.config["CHEST_FIELDS"] = {"path": "keep"}
    monkeypatch.setenv("FLASK_CHEST_FIELDS", '{"path": "drop"}')  # the one of `app.config` holds
    chest = FlaskChest(app)
    app.config.from_prefixed_env()
    app.config.from_prefixed_env("OTHER")
    assert app.config["CHEST_SERVICE"] == 2024
    app.test_client().get("/")
    [line] = late_lines(caplog)
    assert line.startswith("CHEST_FIELDS, CHEST_RELEASE in app.config was changed")
    chest.close()


@pytest.mark.parametrize("key", [("limits", "day"), 7, None, b"CHEST_SERVICE"])
def test_a_key_that_is_no_text_costs_neither_the_start_nor_a_request(app, caplog, key):
    app.config[key] = 1
    chest = FlaskChest(app, track_all=True)
    app.config[key] = 2
    assert app.test_client().get("/").status_code == 200
    assert late_lines(caplog) == []
    assert chest.stats().recorded == 1
    chest.close()
