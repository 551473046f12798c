"""Applications within applications: each records its own requests, with the path that was sent."""

from __future__ import annotations

import pytest
from flask import Flask, g
from werkzeug.middleware.dispatcher import DispatcherMiddleware
from werkzeug.middleware.proxy_fix import ProxyFix
from werkzeug.test import EnvironBuilder


def make_part(name, chest, *variables):
    app = Flask(name)

    @app.get("/", endpoint="index")
    @chest.track(*variables)
    def index():
        g.user_id, g.card = "u-1", "4"
        return name

    @app.get("/cards", endpoint="cards")
    @chest.track(*variables)
    def cards():
        g.user_id, g.card = "u-1", "4"
        return name

    return app


@pytest.mark.parametrize("mounted", ["before the chests", "after them"])
@pytest.mark.parametrize("chests", ["site", "api", "both", "one for both"])
def test_each_application_records_its_own_requests_by_its_own_rules(
    make_chest, tmp_path, serve, recorded, mounted, chests
):
    journals = {"site": tmp_path / "site", "api": tmp_path / "api"}
    site_chest = make_chest(journal=str(journals["site"]), service="site")
    api_chest = make_chest(journal=str(journals["api"]), service="api")
    if chests == "one for both":
        site_chest = api_chest = make_chest()
    site = make_part("site", site_chest, "user_id", "card")
    api = make_part("api", api_chest, "user_id", "card", "!card_*")
    wanted = {"site": ["site"], "api": ["api"]}.get(chests, ["site", "api"])

    def mount():
        site.wsgi_app = DispatcherMiddleware(site.wsgi_app, {"/api": api})

    if mounted == "before the chests":
        mount()
    if "site" in wanted:
        site_chest.init_app(site)
    if "api" in wanted:
        api_chest.init_app(api)
    if mounted == "after them":
        mount()
    client = serve(site)
    assert client.get("/cards").text == "site"
    assert client.get("/api/cards").text == "api"
    assert client.get("/api/").text == "api"
    rows = []
    for app, chest in ((site, site_chest), (api, api_chest)):
        if app.name in wanted:
            with app.app_context():
                rows = recorded(chest)
    expected = {"site": [("/cards", "u-1")], "api": [("/api/", "u-1"), ("/api/cards", "u-1")]}
    assert sorted((row["path"], row["variables"]["user_id"]) for row in rows) == sorted(
        pair for name in wanted for pair in expected[name]
    )
    if chests != "one for both":
        assert {(row["service"], row["path"].startswith("/api")) for row in rows} == {
            (name, name == "api") for name in wanted
        }


def test_the_exclusions_of_the_mounted_application_hold_for_its_requests(
    make_chest, tmp_path, serve, recorded
):
    site_chest = make_chest(journal=str(tmp_path / "site"), track_all=True)
    api_chest = make_chest(journal=str(tmp_path / "api"), variables=["*", "!card"])
    site = make_part("site", site_chest, "user_id", "card")
    api = make_part("api", api_chest, "user_id", "card", "note")
    site.wsgi_app = DispatcherMiddleware(site.wsgi_app, {"/api": api})
    site_chest.init_app(site)
    api_chest.init_app(api)
    client = serve(site)
    client.get("/api/cards")
    client.get("/cards")
    recorded(site_chest)
    rows = recorded(api_chest, 2)
    assert {row["path"]: row["variables"] for row in rows} == {
        "/api/cards": {"user_id": "u-1"},
        "/cards": {"user_id": "u-1", "card": "4"},
    }


def test_a_track_of_another_chest_is_none_of_this_applications_rules(make_chest, tmp_path, serve):
    mine = make_chest(journal=str(tmp_path / "mine"))
    other = make_chest(journal=str(tmp_path / "other"), raise_errors=False)
    app = Flask("shop")

    @app.get("/")
    @other.track("user_id")
    def index():
        g.user_id = "u-1"
        return "ok"

    mine.init_app(app)
    other.init_app(Flask("other"))
    assert serve(app).get("/").text == "ok"
    assert mine.flush(10)
    assert mine.stats().recorded == 0


def test_an_inner_answer_while_a_tracked_view_calls_the_application_is_not_the_views_record(
    make_chest, serve, recorded
):
    chest = make_chest()
    app = Flask("shop")
    answers = []
    inner = app.wsgi_app

    def health(environ, start_response):
        if environ["PATH_INFO"] == "/healthz":
            start_response("200 OK", [("Content-Type", "text/plain")])
            return [b"well"]
        return inner(environ, start_response)

    app.wsgi_app = health

    @app.get("/")
    @chest.track("user_id")
    def index():
        g.user_id = "u-1"
        answers.append(app.test_client().get("/healthz").text)
        answers.append(app.test_client().get("/other").text)
        return "ok"

    @app.get("/other")
    def other():
        return "other"

    chest.init_app(app)
    serve(app).get("/")
    assert answers == ["well", "other"]
    [row] = recorded(chest, 1)
    assert (row["path"], row["status_code"], row["variables"]) == ("/", 200, {"user_id": "u-1"})


@pytest.mark.parametrize(
    ("script", "path", "expected"),
    [
        ("", "/cards", "/cards"),
        ("/api", "/cards", "/api/cards"),
        ("/api", "/", "/api/"),
        ("/api", "", "/api"),
        ("/a/b", "/cards", "/a/b/cards"),
    ],
)
def test_the_path_is_the_one_that_the_client_sent(make_chest, recorded, script, path, expected):
    chest = make_chest(track_all=True)
    app = make_part("shop", chest, "user_id")
    chest.init_app(app)
    environ = EnvironBuilder("/").get_environ()
    environ["SCRIPT_NAME"], environ["PATH_INFO"] = script, path
    body = app.wsgi_app(environ, lambda *_: None)
    b"".join(body)
    body.close()
    [row] = recorded(chest, 1)
    assert row["path"] == expected


def test_the_path_behind_a_proxy_has_the_prefix_that_the_proxy_took_off(
    make_chest, serve, recorded
):
    chest = make_chest()
    app = make_part("shop", chest, "user_id")
    chest.init_app(app)
    app.wsgi_app = ProxyFix(app.wsgi_app, x_prefix=1)
    serve(app).get("/cards", headers={"X-Forwarded-Prefix": "/shop"})
    [row] = recorded(chest, 1)
    assert row["path"] == "/shop/cards"
