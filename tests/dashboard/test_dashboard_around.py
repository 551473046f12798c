"""The dashboard in an application: mounted, behind a proxy, beside others, switched off."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from flask import Flask, abort, g, redirect
from werkzeug.middleware.dispatcher import DispatcherMiddleware
from werkzeug.middleware.proxy_fix import ProxyFix
from werkzeug.security import generate_password_hash
from werkzeug.test import Client
from werkzeug.wrappers import Response

DOCS = Path(__file__).parents[2] / "docs"
CLOSED = {
    "dashboard_allow": None,
    "dashboard_user": "ops",
    "dashboard_password_hash": generate_password_hash("a password", "pbkdf2:sha256:1"),
}
PATHS = ("/chest/", "/chest", "/chest/explore", "/chest/requests", "/chest/delivery", "/chest/x")


def panels_of(client, path, **options):
    """Return the texts of the panels of a page, in order."""
    page = client.get(path, **options)
    assert page.status_code == 200
    found = re.findall(r'data-panel="([^"]*)"', page.text)
    assert found
    return [client.get(each.replace("&amp;", "&"), **options) for each in found]


def test_requests_to_the_dashboard_are_neither_recorded_nor_counted(shop):
    app = shop()
    client = app.test_client()
    asset = re.search(r'src="(/chest/assets/[^"]+)"', client.get("/chest/").text)[1]
    for path in (*PATHS, asset, "/chest/overview/charts"):
        client.get(path)
        client.head(path)
        client.post(path)
        client.options(path)
    stats = app.chest.stats()
    assert (stats.recorded, stats.suppressed, stats.excluded) == (0, 0, {})
    client.get("/items/1")
    with app.app_context():
        assert app.chest.flush(60)
    assert app.chest.stats().recorded == 1


def test_what_the_application_has_in_g_and_in_its_session_is_left_alone(shop):
    app = shop(**CLOSED)
    app.secret_key = "of the application"
    seen = []

    @app.after_request
    def look(response):
        seen.append(sorted(vars(g)))
        return response

    client = app.test_client()
    assert client.get("/no/such/address").status_code == 404
    usual = seen.pop()
    client.get("/chest/login")
    token = client.get_cookie("chest_csrf", path="/chest").value
    data = {"csrf_token": token, "user": "ops", "password": "a password"}
    assert client.post("/chest/login", data=data).status_code == 303
    for path in PATHS:
        answer = client.get(path)
        assert "session=" not in answer.headers.get("Set-Cookie", "")
        assert "Cookie" not in answer.headers.get("Vary", "")  # Flask sets it for who looked
    assert all(set(names) <= set(usual) for names in seen)


def test_functions_that_the_application_runs_before_each_request_run_before_the_dashboard(shop):
    app = shop()

    @app.before_request
    def refuse():
        abort(401)

    @app.errorhandler(401)
    def log_in(_error):
        return "log in to the shop", 401

    answer = app.test_client().get("/chest/")
    assert (answer.status_code, answer.text) == (401, "log in to the shop")


def test_it_works_where_the_application_is_mounted(shop):
    app = shop(**CLOSED, dashboard_prefix="/ops/chest")
    client = Client(DispatcherMiddleware(Response(status=404), {"/mount": app}), Response)
    answer = client.get("/mount/ops/chest/requests?since=7d")
    assert answer.status_code == 303
    assert answer.location == "/mount/ops/chest/login?next=/mount/ops/chest/requests?since%3D7d"
    form = client.get(answer.location)
    assert 'action="/mount/ops/chest/login"' in form.text
    token = client.get_cookie("chest_csrf", path="/mount/ops/chest").value
    data = {"csrf_token": token, "user": "ops", "password": "a password"}
    for wanted, location in (
        ("/ops/chest/requests", "/mount/ops/chest/"),
        ("/mount/ops/chest/requests", "/mount/ops/chest/requests"),
    ):
        answer = client.post("/mount/ops/chest/login", data={**data, "next": wanted})
        assert (answer.status_code, answer.location) == (303, location)
    assert client.get_cookie("chest_session", path="/mount/ops/chest")
    page = client.get("/mount/ops/chest/")
    links = re.findall(r'(?:href|src|action|data-panel)="([^"#]+)', page.text)
    assert len(links) > 10
    assert {link.startswith("/mount/ops/chest/") for link in links} == {True}
    assert {answer.status_code for answer in panels_of(client, "/mount/ops/chest/")} == {200}


def test_it_works_behind_a_proxy_that_takes_tls_off(shop):
    app = shop(**CLOSED)
    app.wsgi_app = ProxyFix(app.wsgi_app, x_for=1, x_proto=1, x_host=1, x_prefix=1)
    client = app.test_client(use_cookies=False)
    headers = {
        "X-Forwarded-For": "192.0.2.44",
        "X-Forwarded-Proto": "https",
        "X-Forwarded-Host": "shop.example",
        "X-Forwarded-Prefix": "/mount",
    }
    form = client.get("/chest/login", headers=headers)
    [cookie] = form.headers.getlist("Set-Cookie")
    assert "; Secure; HttpOnly; Path=/mount/chest; " in cookie
    token = re.search(r"chest_csrf=([^;]+)", cookie)[1]
    data = {"csrf_token": token, "user": "ops", "password": "a password"}
    for origin, status in (("https://shop.example", 303), ("https://evil.example", 400)):
        answer = client.post(
            "/chest/login",
            data=data,
            headers={**headers, "Cookie": f"chest_csrf={token}", "Origin": origin},
        )
        assert answer.status_code == status


def test_applications_that_share_a_chest_have_a_dashboard_each(shop):
    first = shop()
    second = Flask("second")
    first.chest.init_app(second)
    for app, name in ((first, "shop"), (second, "second")):
        page = app.test_client().get("/chest/")
        assert f" · {name} · " in page.text
        assert {answer.status_code for answer in panels_of(app.test_client(), "/chest/")} == {200}


def test_the_header_and_the_title_have_the_service_of_the_records(shop):
    app = shop(service="till <3")
    page = app.test_client().get("/chest/").text
    assert "<small>till &lt;3</small>" in page
    assert " · till &lt;3 · Keyhole</title>" in page


@pytest.mark.parametrize("way", ["disabled", "testing", "in memory"])
def test_pages_say_what_is_off_instead_of_failing(shop, make_chest, way, tmp_path):
    settings = {
        "disabled": {"enabled": False},
        "testing": {"testing": "memory"},
        "in memory": {"journal": "memory"},
    }
    app = Flask("shop")
    app.config["TESTING"] = way == "testing"
    make_chest(
        dashboard_allow=lambda: True,
        dashboard_file=str(tmp_path / "file.sqlite3"),
        **settings[way],
    ).init_app(app)
    client = app.test_client()
    for path in ("/chest/", "/chest/explore", "/chest/requests", "/chest/delivery", "/chest/views"):
        assert client.get(path).status_code == 200, path
    answers = panels_of(client, "/chest/")
    if way == "disabled":
        assert {"CHEST_ENABLED" in answer.text for answer in answers} == {True}
    else:
        assert {answer.status_code for answer in answers} == {200}


@pytest.mark.parametrize(
    "settings",
    [
        CLOSED,
        {**CLOSED, "block_plugins": ["monitor"]},
        {**CLOSED, "dashboard_prefix": "/ops", "monitor_prefix": "/ops/monitor"},
        {"dashboard_allow": lambda: redirect("/login")},
        {"dashboard_allow": lambda: True},
    ],
    ids=["monitor closed", "no monitor", "below it", "log-in of the application", "dashboard open"],
)
@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_a_probe_without_a_monitor_is_never_sent_to_a_log_in(shop, settings, method):
    app = shop(**settings)
    prefix = settings.get("monitor_prefix", "/chest")
    for view in ("live", "ready", "health", "metrics", "ready/"):
        answer = app.test_client().open(f"{prefix}/{view}", method=method)
        assert answer.status_code == 404, view
        assert method == "HEAD" or "CHEST_MONITOR_OPEN" in answer.text


@pytest.mark.parametrize(
    "given", [{"monitor_token": "t" * 16}, {"monitor_networks": ["10.0.0.0/8"]}]
)
def test_a_probe_that_the_monitor_refuses_is_never_sent_to_a_log_in(shop, given):
    client = shop(**CLOSED, **given).test_client()
    for view in ("live", "ready", "health", "metrics"):
        assert client.get(f"/chest/{view}").status_code in {401, 403}, view


@pytest.mark.parametrize("page", ["deploy", "kubernetes"])
def test_the_probes_of_a_page_answer_beside_a_dashboard_with_a_password(shop, monkeypatch, page):
    text = (DOCS / "how-to" / f"{page}.md").read_text("utf-8")
    name, value = re.search(r"(FLASK_CHEST_MONITOR_OPEN)(?:=|, value: )(\w+)", text).groups()
    monkeypatch.setenv(name, value)
    client = shop(**CLOSED).test_client()
    probes = set(re.findall(r"/chest/\w+", text))
    assert probes == {"/chest/live", "/chest/ready"}
    assert {client.get(probe).status_code for probe in probes} == {200}


def test_the_views_of_the_monitor_below_the_same_prefix_keep_their_rights(shop):
    app = shop(**CLOSED, monitor_open="probes", monitor_token="t" * 16)
    client = app.test_client()
    assert client.get("/chest/live").status_code == 200
    assert client.get("/chest/metrics").status_code in {401, 403}
    token = {"Authorization": f"Bearer {'t' * 16}"}
    assert client.get("/chest/metrics", headers=token).status_code == 200
    assert client.get("/chest/", headers=token).status_code == 303
