"""`flask chest check` of settings and endpoints."""

from __future__ import annotations

import pytest
from support.checking import findings, set_app


@pytest.fixture
def started(delivered):
    """Return the folder of an application that has recorded and delivered."""
    return delivered


def test_a_pattern_that_fits_no_endpoint_is_said_and_is_a_warning_where_one_is_near(started):
    set_app(
        started,
        "exclude_endpoints=['stattic', 'api.*', 'static', '*'],"
        " sample_rate={'static': 0.5, 'nosuch': 1, '*': 0.1}",
    )
    lines = started.flask("check", code=0).stdout.splitlines()
    said = [line for line in lines if "is no endpoint of this application" in line]
    assert [line.partition("settings: ")[2] for line in said] == [
        f"{level}endpoints: {setting} has {pattern!r}, which is no endpoint of this application. "
        f"A job may have the name{remedy}"
        for level, setting, pattern, remedy in (
            ("warning: ", "CHEST_EXCLUDE_ENDPOINTS", "stattic", ". Did you mean 'static'?"),
            ("", "CHEST_EXCLUDE_ENDPOINTS", "api.*", ""),
            ("", "CHEST_SAMPLE_RATE", "nosuch", ""),
        )
    ]


def test_each_setting_that_is_set_is_there_with_its_source(started, monkeypatch):
    set_app(started, "keep_errors=False")
    monkeypatch.setenv("FLASK_CHEST_RETENTION", "90d")
    monkeypatch.setenv("FLASK_CHEST_KEEP_ERRORS", "nonsense")
    done = started.flask("check", code=0)
    [line] = [line for line in done.stdout.splitlines() if line.startswith("settings: set are")]
    assert "CHEST_KEEP_ERRORS (argument)" in line
    assert "CHEST_RETENTION (environment)" in line
    assert "FLASK_CHEST_KEEP_ERRORS='nonsense' in the environment has no effect" in done.stderr


def test_the_settings_of_each_plugin_are_there_and_no_secret_is(started, monkeypatch):
    monkeypatch.setenv("FLASK_CHEST_MONITOR_TOKEN", "0123456789abcdef")
    found = findings(started)
    assert found["settings", "monitor"]["text"] == "set are CHEST_MONITOR_TOKEN (environment)"
    text = found["settings", "dashboard"]["text"]
    assert text.startswith("none is set. Without CHEST_DASHBOARD_ALLOW, CHEST_DASHBOARD_USER and")
    assert text.endswith("there are no pages.")


@pytest.mark.parametrize(
    ("settings", "text"),
    [
        ("", "secret keys, and in texts credentials, jwt, card; not email"),
        ("redact_values=['email']", "secret keys, and in texts credentials, jwt, card, email"),
        ("redact_values='!*', redact_keys='!*'", "no keys, and in texts nothing; not credentials"),
    ],
)
def test_what_is_masked_is_said(started, settings, text):
    set_app(started, settings)
    assert findings(started)["settings", "masked"]["text"].startswith(text)


ROUTES = """
from flask import Blueprint, Flask

from flask_chest import FlaskChest

app = Flask(__name__)
chest = FlaskChest(app, exclude_endpoints="health", {settings})
admin, api = Blueprint("admin", __name__), Blueprint("api", __name__)
for number in range(7):
    admin.get(f"/{{number}}", endpoint=f"page{{number}}")(lambda: "")
api.get("/api", endpoint="v1")(lambda: "")
app.route("/orders", methods=["GET", "POST"], endpoint="orders")(chest.track(lambda: ""))
app.get("/health", endpoint="health")(lambda: "")
app.register_blueprint(admin)
app.register_blueprint(chest.track("*")(api))
"""


@pytest.mark.parametrize(
    ("settings", "tracked"),
    [("", "2 of 9 endpoints; not "), ("track_all=True", "9 of 9 endpoints")],
)
def test_the_endpoints_that_are_not_tracked_are_named(place, settings, tracked):
    (place.folder / "app.py").write_text(ROUTES.format(settings=settings))
    found = findings(place)["settings", "tracked"]
    names = ", ".join(f"admin.page{number}" for number in range(5))
    assert found["level"] == "ok"
    assert found["text"] == tracked + (f"{names} and 2 more" if not settings else "")
