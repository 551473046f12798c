"""What every answer of the dashboard has, whatever the application does after each request."""

from __future__ import annotations

import re

import pytest
from flask import Response
from werkzeug.security import generate_password_hash

OWN = {
    "X-Frame-Options": "DENY",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "X-Robots-Tag": "noindex, nofollow",
}
WEAK = {
    "Content-Security-Policy": "default-src *",
    "X-Frame-Options": "ALLOWALL",
    "X-Content-Type-Options": "",
    "Referrer-Policy": "unsafe-url",
    "Cross-Origin-Resource-Policy": "cross-origin",
    "X-Robots-Tag": "all",
    "Cache-Control": "public, max-age=600",
    "Access-Control-Allow-Origin": "https://elsewhere.example",
    "Access-Control-Allow-Credentials": "true",
}
OPS = {"X-Group": "ops"}


@pytest.fixture
def app(shop):
    app = shop(
        dashboard_allow=lambda request: request.headers.get("X-Group") == "ops",
        dashboard_user="ops",
        dashboard_password_hash=generate_password_hash("a password", "pbkdf2:sha256:1"),
    )

    @app.after_request
    def weaken(response: Response) -> Response:
        response.headers.update(WEAK)
        return response

    return app


def check(answer, status, cache="no-store"):
    assert answer.status_code == status
    assert answer.headers.getlist("Cache-Control") == [cache]
    for name, value in OWN.items():
        assert answer.headers.getlist(name) == [value], name
    [policy] = answer.headers.getlist("Content-Security-Policy")
    parts = dict(part.split(" ", 1) for part in policy.split("; "))
    assert parts.pop("default-src") == parts.pop("base-uri") == "'none'"
    assert parts.pop("frame-ancestors") == "'none'"
    assert set(parts.values()) == {"'self'"}
    assert not [name for name, _ in answer.headers if name.startswith("Access-Control")]


def test_every_answer_has_the_headers_that_protect_it(app):
    client = app.test_client()
    for path, status in (
        ("/chest/", 200),
        ("/chest/overview/charts", 200),
        ("/chest/?tz=Nowhere/Town", 400),
        ("/chest/overview/charts?where=(", 400),
        ("/chest", 303),
        ("/chest/no/such/page", 404),
        ("/chest/assets/no-such-file.js", 404),
        ("/chest/login", 200),
    ):
        check(client.get(path, headers=OPS), status)
        assert client.head(path, headers=OPS).headers["Cache-Control"] == "no-store"
    check(client.options("/chest/", headers=OPS), 200)
    for method in ("POST", "PUT", "PATCH", "DELETE"):
        for path in ("/chest", "/chest/", "/chest/explore", "/chest/no/such/page"):
            check(client.open(path, method=method, headers=OPS), 404)
    check(client.get("/chest/"), 303)  # to log in
    check(client.get("/chest/no/such/page"), 303)
    check(client.post("/chest/no/such/page"), 403)
    token = client.get_cookie("chest_csrf", path="/chest").value
    check(client.post("/chest/login"), 400)
    for status in (403, 403, 403, 403, 403, 429):
        check(client.post("/chest/login", data={"csrf_token": token}), status)


def test_an_asset_is_kept_for_ever_and_needs_no_session(app):
    client = app.test_client()
    addresses = re.findall(r'(?:href|src)="(/chest/assets/[^"]+)"', client.get("/chest/login").text)
    assert len(set(addresses)) >= 5
    for address in addresses:
        check(client.get(address), 200, "public, max-age=31536000, immutable")


def test_a_fault_of_ours_is_a_page_that_says_where_to_look(app, caplog):
    def fail():
        raise ZeroDivisionError("odd")

    app.view_functions["chest_dashboard.explore"] = fail
    app.view_functions["chest_dashboard.overview_charts"] = fail
    client = app.test_client()
    for path, is_page in (("/chest/explore", True), ("/chest/overview/charts", False)):
        answer = client.get(path, headers=OPS)
        check(answer, 500)
        assert "The log of the application says why." in answer.text
        assert ("<html" in answer.text) is is_page
    assert "ZeroDivisionError: odd" in caplog.text


def test_no_address_changes_anything_by_get(app, tmp_path):
    client = app.test_client()
    client.get("/chest/", headers=OPS)
    token = {"csrf_token": client.get_cookie("chest_csrf", path="/chest").value}
    client.post("/chest/views", data={**token, "name": "mine"}, headers=OPS)
    kept = (tmp_path / "chest_dashboard.sqlite3").read_bytes()
    adapter = app.url_map.bind("localhost")
    seen = 0
    for rule in app.url_map.iter_rules():
        if not rule.endpoint.startswith("chest_dashboard."):
            continue
        values = dict.fromkeys(rule.arguments, 1)
        path = adapter.build(rule.endpoint, values, method=min(rule.methods - {"OPTIONS", "HEAD"}))
        if "GET" in rule.methods:
            assert client.get(path, headers=OPS).status_code < 500, path
            seen += 1
        if rule.methods == {"POST", "OPTIONS"}:
            assert client.post(path, headers=OPS).status_code == 400, path
            assert client.get(path, headers=OPS).status_code < 500, path
            seen += 1
        else:  # what refuses all else
            assert rule.methods & {"POST", "PUT", "PATCH", "DELETE"} == set() or (
                rule.endpoint == "chest_dashboard.nothing"
            ), path
    assert seen > 20
    assert (tmp_path / "chest_dashboard.sqlite3").read_bytes() == kept


def test_a_cookie_chooses_the_theme_and_nothing_else(app):
    client = app.test_client()
    for theme, is_one in (
        ("dark", True),
        ("light", True),
        ("x' onload=alert(1)", False),
        ("", False),
    ):
        client.set_cookie("chest_theme", theme)
        page = client.get("/chest/", headers=OPS).text
        assert (f'data-theme="{theme}"' in page) is is_one
        assert ("data-theme" in page) is is_one
        assert "alert(1)" not in page
