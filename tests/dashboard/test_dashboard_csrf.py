"""What a form changes: only a page of ours may send it."""

from __future__ import annotations

import pytest
from flask import Blueprint
from flask_chest_dashboard import DashboardSettings
from flask_chest_dashboard.dashboard import Dashboard
from flask_chest_dashboard.responses import see_other

from flask_chest.errors import ConfigurationError, ExporterUnavailable, QueryError

ERRORS = {
    "query": (QueryError, 400),
    "away": (ExporterUnavailable, 503),
    "settings": (ConfigurationError, 500),
}


@pytest.fixture
def changed():
    """Return what the forms below have changed."""
    return []


@pytest.fixture
def forms(shop, changed):
    """Return a function that makes an application with forms that change something."""

    def make(**settings):
        given = {"dashboard_allow": lambda _request: True, **settings}
        app = shop(**given)
        dashboard = Dashboard(app, app.chest, DashboardSettings(**given))
        views = Blueprint("more", __name__, url_prefix="/chest/more")

        @dashboard.post(views, "/change")
        def change():
            changed.append("change")
            return see_other("/chest/requests")

        @dashboard.post(views, "/manage", manages=True)
        def manage():
            changed.append("manage")
            return see_other("/chest/requests")

        @dashboard.post(views, "/fail/<kind>")
        def fail(kind):
            raise ERRORS[kind][0]("an odd <b>thing</b>")

        app.register_blueprint(app.chest.exclude(views))
        return app

    return make


def token_of(client, path="/chest/"):
    client.get(path)
    return client.get_cookie("chest_csrf", path=path.rstrip("/")).value


def test_a_form_of_ours_changes_something_and_shows_a_page(forms, changed):
    client = forms().test_client()
    token = token_of(client)
    for headers in (
        {},
        {"Sec-Fetch-Site": "same-origin"},
        {"Origin": "http://localhost"},
        {"Origin": "https://LOCALHOST"},  # a proxy has taken TLS off
    ):
        answer = client.post("/chest/more/change", data={"csrf_token": token}, headers=headers)
        assert (answer.status_code, answer.location) == (303, "/chest/requests")
        assert answer.headers["Cache-Control"] == "no-store"
    assert changed == ["change"] * 4
    assert token_of(client) == token


def test_a_form_that_no_page_of_ours_sent_is_refused_with_a_reason(forms, changed):
    app = forms()
    client, stranger = app.test_client(), app.test_client()
    token = token_of(client)

    def refused(reason, data, sender=client, **headers):
        given = {name.replace("_", "-"): value for name, value in headers.items()}
        answer = sender.post("/chest/more/change", data=data, headers=given)
        assert answer.status_code == 400
        assert reason in answer.text
        assert "Nothing was changed" in answer.text
        assert answer.headers["Cache-Control"] == "no-store"

    out_of_date, no_cookie = "is out of date", "sent no cookie"
    for given in ({}, {"csrf_token": ""}, {"csrf_token": "é" * 43}, {"csrf_token": token[:-1]}):
        refused(out_of_date, given)
    refused(out_of_date, {"csrf_token": token_of(stranger)})
    refused(no_cookie, {"csrf_token": token}, app.test_client())
    short = app.test_client()
    short.set_cookie("chest_csrf", "x", path="/chest")
    refused(no_cookie, {"csrf_token": "x"}, short)
    right = {"csrf_token": token}
    for site in ("cross-site", "same-site", "none", ""):
        refused("from another site", right, Sec_Fetch_Site=site, Origin="http://localhost")
    for origin in ("null", "http://localhost.evil.example", "http://localhost:81", "http://[", "x"):
        refused("from another site", right, Origin=origin)
    refused("too large", {**right, "more": "x" * 200_000})
    answer = client.post(
        "/chest/more/change",
        data=right,
        headers={"Transfer-Encoding": "chunked"},
        environ_overrides={"wsgi.input_terminated": True},
    )
    assert (answer.status_code, "too large" in answer.text) == (400, True)
    assert changed == []


def test_the_token_is_sent_to_the_dashboard_alone_and_no_script_reads_it(forms):
    client = forms(dashboard_prefix="/ops/chest").test_client()
    [cookie] = client.get("/ops/chest/").headers.getlist("Set-Cookie")
    assert "; HttpOnly; Path=/ops/chest; SameSite=Lax" in cookie
    assert "Secure" not in cookie
    assert client.get("/ops/chest/").headers.getlist("Set-Cookie") == []
    other = client.application.test_client()
    [cookie] = other.get("/ops/chest/", base_url="https://x/mount").headers.getlist("Set-Cookie")
    assert "; Secure; HttpOnly; Path=/mount/ops/chest; SameSite=Lax" in cookie


def test_nothing_changes_by_get(forms, changed):
    client = forms().test_client()
    token = token_of(client)
    for method in ("GET", "HEAD", "PUT", "DELETE", "PATCH"):
        answer = client.open(f"/chest/more/change?csrf_token={token}", method=method)
        assert answer.status_code in {404, 405}
    assert changed == []


def test_managing_is_a_right_of_its_own(forms, changed):
    client = forms(
        dashboard_manage=lambda request: request.headers["X-Role"] == "ops"
    ).test_client()
    data = {"csrf_token": token_of(client)}
    answer = client.post("/chest/more/manage", data=data, headers={"X-Role": "dev"})
    assert (answer.status_code, changed) == (403, [])
    assert "CHEST_DASHBOARD_MANAGE says who may" in answer.text
    client.post("/chest/more/manage", data=data)  # its function raises
    assert changed == []
    client.post("/chest/more/manage", data=data, headers={"X-Role": "ops"})
    assert changed == ["manage"]


def test_nobody_manages_unless_it_is_configured(forms, changed):
    client = forms().test_client()
    answer = client.post("/chest/more/manage", data={"csrf_token": token_of(client)})
    assert (answer.status_code, changed) == (403, [])


def test_an_error_of_the_store_is_a_page(forms):
    client = forms().test_client()
    data = {"csrf_token": token_of(client)}
    for kind, (_, status) in ERRORS.items():
        answer = client.post(f"/chest/more/fail/{kind}", data=data)
        assert answer.status_code == status
        assert "an odd &lt;b&gt;thing&lt;/b&gt;" in answer.text
