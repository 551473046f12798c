"""Settings of redaction, and what Flask-Chest never stores or logs."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from flask import Flask, g, request

from flask_chest import hookimpl
from flask_chest.errors import ConfigurationError

SECRET = "Zq7xS3cr3tZq7x"


# -- Settings --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "parts"),
    [
        ({"fields": {"path": "hide"}}, ["CHEST_FIELDS", "'hide'"]),
        ({"fields": {"status_code": "omit"}}, ["CHEST_FIELDS", "status_code"]),
        ({"redact_keys": [""]}, ["CHEST_REDACT_KEYS: ''", "'=dob'"]),
        ({"redact_with": "blur"}, ["CHEST_REDACT_WITH='blur'", "'mask'"]),
        ({"redact_values": ["phone"]}, ["CHEST_REDACT_VALUES", "'phone'", "'email'", "'!card'"]),
        ({"redact_values": "emial"}, ["CHEST_REDACT_VALUES", "'emial'", "mean 'email'"]),
        ({"redact_values": ["!Cards"]}, ["CHEST_REDACT_VALUES", "'!Cards'", "mean '!card'"]),
        ({"redact_with": "hash"}, ["CHEST_REDACT_KEY", "SECRET_KEY"]),
        ({"redact_with": "hash", "redact_key": {"a": SECRET}}, ["CHEST_REDACT_KEY"]),
    ],
)
def test_a_wrong_setting_of_redaction_stops_init_app(app, make_chest, options, parts):
    with pytest.raises(ConfigurationError) as caught:
        make_chest(**options).init_app(app)
    for part in parts:
        assert part in str(caught.value)
    assert SECRET not in str(caught.value)


@pytest.fixture
def hashed(make_chest, recorded):
    """Return a function that records a variable with `redact_with="hash"`, and returns its hash."""
    apps = []  # FlaskChest does not keep them alive

    def record(app, **options):
        chest = make_chest(redact_with="hash", redact_keys="user_id", **options)
        apps.append(app)
        chest.init_app(app)

        @app.get("/")
        @chest.track
        def view():
            g.user_id = 7
            return ""

        before = len(recorded(chest))
        app.test_client().get("/")
        [row] = recorded(chest)[before:]
        return row["variables"]["user_id"]

    return record


def test_the_default_key_of_the_hash_is_the_applications_secret_key(hashed):
    app = Flask("shop")
    app.secret_key = "k1"
    assert (
        hashed(app)
        == hashed(Flask("other"), redact_key="k1")
        != hashed(Flask("third"), redact_key="k2")
    )


# -- What is never recorded ------------------------------------------------------------------


@pytest.fixture
def everything(tmp_path, caplog):
    """Return a function that returns all files of the test and the log, as one text."""
    caplog.set_level("DEBUG")

    def read():
        files = [path.read_bytes() for path in Path(tmp_path).rglob("*") if path.is_file()]
        logged = [record.getMessage() + str(record.exc_info or "") for record in caplog.records]
        return b"\n".join(files).decode("utf-8", "replace") + "\n".join(logged)

    return read


def test_query_body_headers_cookies_and_addresses_are_never_recorded(
    app, make_chest, recorded, everything
):
    chest = make_chest(track_all=True)
    chest.init_app(app)

    @app.post("/view")
    def view():
        assert SECRET in request.query_string.decode() + request.get_data(as_text=True)
        g.seen = 1
        return ""

    client = app.test_client()
    client.set_cookie(SECRET, SECRET)
    response = client.post(
        f"/view?q={SECRET}",
        data=SECRET,
        headers={
            **dict.fromkeys(("Authorization", "User-Agent", "Referer", "X-Any"), SECRET),
            "X-Forwarded-For": "203.0.113.77",
        },
        environ_overrides={"REMOTE_ADDR": "203.0.113.78", "REMOTE_USER": SECRET},
    )
    assert response.status_code == 200
    [row] = recorded(chest, 1)
    assert row["variables"] == {"seen": 1}
    assert SECRET not in everything()
    assert "203.0.113" not in everything()


def test_an_error_is_logged_without_values_of_the_request(
    app, make_chest, recorded, everything, said
):
    def fail(request):
        raise ValueError(SECRET)

    class Plugin:
        @hookimpl
        def chest_request_id(self, request):
            raise KeyError(SECRET)

    chest = make_chest(raise_errors=False)
    chest.register_plugin(Plugin())
    chest.init_app(app)
    app.get("/")(chest.track(request_id=fail)(lambda: ""))
    app.test_client().get("/", headers={"X-Request-ID": f"{SECRET} "})
    assert len(recorded(chest, 1)) == 1
    assert chest.stats().request_ids_replaced >= 2
    assert any(re.search(r"KeyError at .*test_privacy.py:\d+", line) for line in said())
    assert SECRET not in everything()


def test_variables_that_a_plugin_adds_are_redacted(app, make_chest, recorded):
    class Plugin:
        @hookimpl
        def chest_filter_variables(self, variables, request):
            variables["agent"] = request.user_agent.string
            variables["headers"] = dict(request.headers)

    chest = make_chest()
    chest.register_plugin(Plugin())
    chest.init_app(app)
    app.get("/")(chest.track(lambda: ""))
    headers = {"Authorization": f"Bearer {SECRET}", "User-Agent": "a/1", "Cookie": f"a={SECRET}"}
    app.test_client().get("/", headers=headers)
    [row] = recorded(chest, 1)
    assert row["variables"]["agent"] == "a/1"
    assert row["variables"]["headers"]["Authorization"] == "[redacted]"
    assert SECRET not in json.dumps(row)


def test_no_part_of_an_address_is_stored_in_any_field(app, make_chest, recorded):
    chest = make_chest(redact_values=["email"])
    chest.init_app(app)

    @app.get("/users/<mail>")
    @chest.track("*", "request.headers.referer", "request.query.to")
    def view(mail):
        g.note = f"mail to '{mail}'"
        g.body = {"users": [mail], mail: {"html": mail.replace("'", "&#39;").replace("@", "&#64;")}}
        return ""

    app.test_client().get(
        "/users/Zoe.O'Neil@mail.example.co.uk?to=zoe.o%27neil%40example.co.uk",
        headers={"Referer": "https://shop.example/reset?mail=zoe.o%27neil%40example.co.uk&n=1"},
    )
    [row] = recorded(chest, 1)
    assert row["path"] == "/users/[redacted]"
    assert row["variables"]["note"] == "mail to '[redacted]'"
    referer = "https://shop.example/reset?mail=[redacted]&n=1"
    assert row["variables"]["request.headers.referer"] == referer
    assert not re.search("(?i)zoe|neil|co.uk|&#39|%27", json.dumps(row))


def test_the_case_of_an_address_counts_for_its_hash(app, make_chest, recorded):
    chest = make_chest(redact_values=["email"], redact_with="hash", redact_key="k", track_all=True)
    chest.init_app(app)

    @app.get("/")
    def view():
        g.mails = ["ann@example.com", "Ann@example.com", "ann%40example.com", "ann@example.com"]
        return ""

    app.test_client().get("/")
    [row] = recorded(chest, 1)
    first, capital, encoded, again = row["variables"]["mails"]
    assert first == again
    assert len({first, capital, encoded}) == 3
