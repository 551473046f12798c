"""What of a request is recorded at all, by blueprint and by field, and where no value goes."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from flask import Blueprint, Flask, g, request

from flask_chest import hookimpl
from flask_chest.errors import ConfigurationError

SECRET = "Zq7xS3cr3tZq7x"


@pytest.fixture
def everything(tmp_path, caplog):
    """Return what returns all that is in the files of the test and in the log, as one text."""
    caplog.set_level("DEBUG")

    def read():
        files = [path.read_bytes() for path in Path(tmp_path).rglob("*") if path.is_file()]
        logged = [record.getMessage() + str(record.exc_info or "") for record in caplog.records]
        return b"\n".join(files).decode("utf-8", "replace") + "\n".join(logged)

    return read


# -- By blueprint ----------------------------------------------------------------------------


def fill(place, chest=None, *patterns):
    """Add a view that puts the same variables on `g` to an application or blueprint."""

    def view():
        g.user_id, g.total, g.note, g._private = 7, 1.5, "n", "p"
        return ""

    place.get("/view")(chest.track(*patterns)(view) if chest else view)


def record_of(app, recorded, chest, path):
    before = len(recorded(chest))
    app.test_client().get(path)
    rows = recorded(chest)[before:]
    return rows[0]["variables"] if rows else None


def test_a_blueprint_is_tracked_with_what_it_asks_for(app, chest, recorded):
    chest.init_app(app)
    shop, other = Blueprint("shop", __name__), Blueprint("other", __name__)
    fill(shop)
    fill(other)
    assert chest.track("user_id", "t*")(shop) is shop
    app.register_blueprint(shop, url_prefix="/shop")
    app.register_blueprint(other, url_prefix="/other")
    assert record_of(app, recorded, chest, "/shop/view") == {"user_id": 7, "total": 1.5}
    assert record_of(app, recorded, chest, "/other/view") is None


def test_a_bare_track_takes_all_that_is_public_of_a_blueprint(app, chest, recorded):
    chest.init_app(app)
    shop = Blueprint("shop", __name__)
    fill(shop)
    app.register_blueprint(chest.track(shop))
    assert record_of(app, recorded, chest, "/view") == {"user_id": 7, "total": 1.5, "note": "n"}


def test_the_innermost_decides_what_is_taken_and_exclusions_of_all_hold(app, make_chest, recorded):
    chest = make_chest(track_all=True, variables=["note", "!_*"])
    chest.init_app(app)
    outer, inner = Blueprint("outer", __name__), Blueprint("inner", __name__)
    fill(outer)
    fill(inner, chest, "*", "_private")
    chest.track("user_id", "!total")(outer)
    outer.register_blueprint(inner, url_prefix="/inner")
    app.register_blueprint(outer, url_prefix="/outer")
    fill(app)
    assert record_of(app, recorded, chest, "/view") == {"note": "n"}
    assert record_of(app, recorded, chest, "/outer/view") == {"user_id": 7}
    assert record_of(app, recorded, chest, "/outer/inner/view") == {"user_id": 7, "note": "n"}


def test_a_blueprint_may_ask_by_method_and_have_its_own_ids_and_rate(app, chest, recorded):
    chest.init_app(app)
    shop = Blueprint("shop", __name__)

    @shop.route("/", methods=["GET", "POST"])
    def view():
        g.a, g.b = 1, 2
        return ""

    chest.track({"GET": ["a"], "POST": ["b"]}, request_id="short")(shop)
    rare = Blueprint("rare", __name__)
    fill(rare)
    chest.track(sample_rate=0)(rare)
    app.register_blueprint(shop)
    app.register_blueprint(rare, url_prefix="/rare")
    client = app.test_client()
    assert re.fullmatch("[0-9a-z]{16}", client.get("/").headers["X-Request-ID"])
    client.post("/")
    client.get("/rare/view")
    assert [row["variables"] for row in recorded(chest, 2)] == [{"a": 1}, {"b": 2}]
    assert chest.stats().sampled_out == 1


def test_a_view_of_a_tracked_blueprint_that_exits_the_process_is_recorded(app, chest, recorded):
    chest.init_app(app)
    shop = Blueprint("shop", __name__)

    @shop.get("/")
    def view():
        raise SystemExit

    app.register_blueprint(chest.track(shop))
    with pytest.raises(SystemExit):
        app.test_client().get("/")
    assert [row["error"] for row in recorded(chest, 1)] == ["SystemExit"]


def test_a_blueprint_that_is_registered_already_is_refused(app, chest):
    chest.init_app(app)
    shop = Blueprint("shop", __name__)
    app.register_blueprint(shop)
    with pytest.raises(ConfigurationError, match="blueprint 'shop' comes too late"):
        chest.track(shop)


def test_an_excluded_endpoint_stays_out_of_its_tracked_blueprint(app, make_chest, recorded):
    chest = make_chest(exclude_endpoints=["shop.view"])
    chest.init_app(app)
    shop = Blueprint("shop", __name__)
    fill(shop)
    app.register_blueprint(chest.track(shop))
    assert record_of(app, recorded, chest, "/view") is None


# -- The record's own fields -----------------------------------------------------------------


@pytest.fixture
def fields_with(app, make_chest, recorded):
    def read(path="/reset/abc", **options):
        chest = make_chest(**options)
        chest.init_app(app)
        app.config["PROPAGATE_EXCEPTIONS"] = False

        @app.get("/reset/<token>")
        @chest.track
        def view(token):
            raise KeyError(token)

        app.test_client().get(path)
        [row] = recorded(chest, 1)
        return row["path"], row["instance"], row["error"]

    return read


def test_fields_are_kept_by_default(fields_with):
    path, instance, error = fields_with()
    assert (path, error) == ("/reset/abc", "KeyError")
    assert instance


def test_fields_can_be_omitted(fields_with):
    fields = {"path": "omit", "instance": "omit", "error": "omit"}
    assert fields_with(fields=fields) == ("", "", None)


def test_fields_can_be_masked(fields_with):
    fields = {"path": "redact", "instance": "redact", "error": "redact"}
    assert fields_with(fields=fields) == ("[redacted]",) * 3


def test_fields_can_be_hashed(fields_with):
    fields = {"path": "redact", "instance": "redact"}
    path, instance, error = fields_with(fields=fields, redact_with="hash", redact_key="k")
    assert re.fullmatch("hmac:[0-9a-f]{32}", path)
    assert re.fullmatch("hmac:[0-9a-f]{32}", instance)
    assert error == "KeyError"


def test_redacting_a_field_by_dropping_omits_it(fields_with):
    fields = {"path": "redact", "error": "redact"}
    path, _, error = fields_with(fields=fields, redact_with="drop")
    assert (path, error) == ("", None)


def test_secrets_in_a_path_are_masked_like_in_any_text(fields_with):
    path, _, _ = fields_with(f"/reset/eyJhbGciOiJub25lIn0.{SECRET}.")
    assert path == "/reset/[redacted]"


@pytest.mark.parametrize(
    ("options", "parts"),
    [
        ({"fields": {"path": "hide"}}, ["CHEST_FIELDS", "'hide'"]),
        ({"fields": {"status_code": "omit"}}, ["CHEST_FIELDS", "status_code"]),
        ({"redact_keys": [""]}, ["CHEST_REDACT_KEYS: ''", "'=dob'"]),
        ({"redact_with": "blur"}, ["CHEST_REDACT_WITH='blur'", "'mask'"]),
        ({"redact_values": ["phone"]}, ["CHEST_REDACT_VALUES", "'phone'", "'email'"]),
        ({"redact_with": "hash"}, ["CHEST_REDACT_KEY", "SECRET_KEY"]),
        ({"redact_with": "hash", "redact_key": {"a": SECRET}}, ["CHEST_REDACT_KEY"]),
    ],
)
def test_a_wrong_setting_stops_the_application(app, make_chest, options, parts):
    with pytest.raises(ConfigurationError) as caught:
        make_chest(**options).init_app(app)
    for part in parts:
        assert part in str(caught.value)
    assert SECRET not in str(caught.value)


def test_the_hash_takes_the_applications_secret_key(app, make_chest, recorded):
    app.secret_key = "k1"
    chest = make_chest(redact_with="hash", redact_keys="user_id")
    chest.init_app(app)
    fill(app, chest)
    first = record_of(app, recorded, chest, "/view")["user_id"]
    other = Flask("other")
    second_chest = make_chest(redact_with="hash", redact_keys="user_id", redact_key="k1")
    second_chest.init_app(other)
    fill(other, second_chest)
    before = len(recorded(second_chest))
    other.test_client().get("/view")
    rows = recorded(second_chest)[before:]
    assert [row["variables"]["user_id"] for row in rows] == [first]


# -- What is never recorded ------------------------------------------------------------------


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


def test_what_fails_on_a_request_is_logged_without_its_values(
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


def test_a_plugin_puts_in_what_is_wanted_and_it_is_redacted_too(app, make_chest, recorded):
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
