"""Missing and wrong settings stop the application, and the error says what to do."""

from __future__ import annotations

import json
import logging
import re
from pathlib import Path

import pytest
from flask import Flask
from flask_chest_dashboard import DashboardSettings
from werkzeug.security import generate_password_hash

from flask_chest.errors import ConfigurationError

README = (Path(__file__).parents[2] / "plugins" / "flask_chest_dashboard" / "README.md").read_text(
    "utf-8"
)
HASH = generate_password_hash("a password", "pbkdf2:sha256:1")
TOGETHER = "CHEST_DASHBOARD_USER and CHEST_DASHBOARD_PASSWORD_HASH are set together"
NOBODY = "is set, but nobody may look. Set CHEST_DASHBOARD_ALLOW, or CHEST_DASHBOARD_USER and"
IS_HASH = "CHEST_DASHBOARD_PASSWORD_HASH=***: is no hash of a password. Make one with `flask-chest"
IS_ASYNC = "is async, and pages are made without an event loop"
PASSWORD = {"user": "ops", "password_hash": HASH}


def anybody(_request):
    return True


async def anybody_later(_request):
    return True


class Later:
    async def __call__(self, _request):
        return True


class Some:
    pass


@pytest.fixture
def start(make_chest):
    """Return a function that makes an application with these settings of the dashboard."""

    def make(**settings):
        app = Flask("shop")
        make_chest(**{f"dashboard_{name}": value for name, value in settings.items()}).init_app(app)
        return app

    return make


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"user": "ops"}, TOGETHER),
        ({"password_hash": HASH}, TOGETHER),
        ({"allow": anybody, "user": "ops"}, TOGETHER),
        ({"prefix": "/ops"}, f"CHEST_DASHBOARD_PREFIX {NOBODY}"),
        ({"manage": True}, f"CHEST_DASHBOARD_MANAGE {NOBODY}"),
        ({**PASSWORD, "password_hash": "hunter2hunter2"}, IS_HASH),
        ({**PASSWORD, "password_hash": "scrypt:32768:8:1"}, "between single quotes"),
        ({**PASSWORD, "password_hash": "scrypt:3:8:1$abc$00"}, IS_HASH),
        ({**PASSWORD, "password_hash": "pbkdf2:md9:1$abc$00"}, IS_HASH),
        ({**PASSWORD, "password_hash": "plain$abc$00"}, IS_HASH),
        ({**PASSWORD, "user": ""}, "CHEST_DASHBOARD_USER='': is too short"),
        ({"allow": True}, "CHEST_DASHBOARD_ALLOW=True: is no function"),
        ({"allow": "everybody"}, "'everybody' is no path of a function, such as 'shop.auth:is_"),
        ({"allow": "no_such:thing"}, "ModuleNotFoundError: No module named 'no_such'"),
        ({"allow": "os:no_such"}, "It must be there before FlaskChest is given the application"),
        ({"allow": "os:sep"}, "is no function"),
        ({"allow": f"{__name__}:anybody_later"}, IS_ASYNC),
        ({"allow": anybody_later}, "CHEST_DASHBOARD_ALLOW=<function anybody_later at 0x"),
        ({"allow": Later()}, IS_ASYNC),
        ({"allow": Some}, "is a class, and not a function"),
        ({"allow": lambda request, role: True}, "of one parameter, the Flask request, or of none"),
        ({"allow": anybody, "manage": anybody_later}, IS_ASYNC),
        ({"allow": anybody, "manage": "perhaps"}, "CHEST_DASHBOARD_MANAGE='perhaps': is neither"),
        ({"allow": anybody, "manage": "no_such:thing"}, "No module named 'no_such'"),
        ({"allow": anybody, "prefix": "ops"}, "must begin with a slash and not end with one"),
        ({"allow": anybody, "prefix": "/"}, "must begin with a slash and not end with one"),
        ({"allow": anybody, "trace_url": "tempo"}, "must be an address with {trace_id} in it"),
        ({"allow": anybody, "alow": 1}, "Did you mean CHEST_DASHBOARD_ALLOW?"),
    ],
)
def test_a_wrong_setting_refuses_to_start_and_says_what_to_do(start, settings, message):
    with pytest.raises(ConfigurationError) as caught:
        start(**settings)
    assert message in str(caught.value)
    for secret in (HASH, "hunter2hunter2"):
        assert secret not in str(caught.value)


def test_the_environment_is_checked_in_the_same_way(start, monkeypatch):
    monkeypatch.setenv("FLASK_CHEST_DASHBOARD_USER", "ops")
    with pytest.raises(ConfigurationError, match=TOGETHER):
        start()
    monkeypatch.setenv("FLASK_CHEST_DASHBOARD_PASSWORD_HASH", "hunter2hunter2")
    with pytest.raises(ConfigurationError, match=r"FLASK_CHEST_DASHBOARD_PASSWORD_HASH=\*\*\*: is"):
        start()
    monkeypatch.setenv("FLASK_CHEST_DASHBOARD_PASSWORD_HASH", HASH)
    monkeypatch.setenv("FLASK_CHEST_DASHBOARD_MANAGE", "1")
    assert start().test_client().get("/chest/login").status_code == 200
    monkeypatch.setenv("FLASK_CHEST_DASHBOARD_ALLOW", f"{__name__}:anybody")
    assert start().test_client().get("/chest/").status_code == 200


def test_without_settings_there_are_no_pages_and_the_log_says_so(start, caplog):
    caplog.set_level(logging.INFO, "flask_chest")
    client = start().test_client()
    assert client.get("/chest/").status_code == 404
    [said] = [r.getMessage() for r in caplog.records if r.name == "flask_chest.dashboard"]
    assert "nobody may look: there are no pages. Set CHEST_DASHBOARD_ALLOW" in said


def test_the_readme_has_each_setting_with_its_default():
    rows = re.findall(r"^\| `CHEST_(\w+)` \| (.*?) \| .+ \|$", README, re.MULTILINE)
    read = {"none": None, "`False`": False}
    found = {
        name.lower(): read[default] if default in read else json.loads(default.strip("`"))
        for name, default in rows
    }
    assert found == {name: field.default for name, field in DashboardSettings.model_fields.items()}
