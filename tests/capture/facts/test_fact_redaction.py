"""Secrets in facts are masked, and a plugin may change what is left."""

from __future__ import annotations

import pytest
from flask import Flask, Response, g, request

from flask_chest import hookimpl
from flask_chest.redaction import Redactor, SecretKeys


def test_secrets_are_masked_by_the_name_of_a_parameter_or_header_and_by_their_form(ask):
    taken = ask(
        "request.headers.*",
        "request.query.*",
        "response.headers.set-cookie",
        query_string={"token": "s3cret", "user[password]": "s3cret", "q": "4111 1111 1111 1111",
                      "next": "/x?api_key=s3cret", "page": "2"},
        answer=lambda: Response("", headers={"Set-Cookie": "session=s3cret"}),
    )  # fmt: skip
    assert taken["request.headers.cookie"] == "[redacted]"
    assert taken["request.headers.authorization"] == "[redacted]"
    assert taken["request.query.token"] == "[redacted]"
    assert taken["request.query.user[password]"] == "[redacted]"
    assert taken["request.query.q"] == "[redacted]"
    assert taken["request.query.next"] == "/x?api_key=[redacted]"
    assert taken["request.query.page"] == "2"
    assert taken["response.headers.set-cookie"] == "[redacted]"
    assert "s3cret" not in str(taken)


def test_an_address_that_is_named_exactly_is_kept_and_a_strong_secret_is_not(ask):
    assert ask(
        "request.client_ip", "request.headers.x-forwarded-for", "request.headers.cookie"
    ) == {
        "request.client_ip": "127.0.0.1",
        "request.headers.x-forwarded-for": "198.51.100.9",
        "request.headers.cookie": "[redacted]",
    }


def test_what_one_route_may_keep_another_does_not(make_chest, recorded, sent_headers):
    chest, app = make_chest(), Flask("shop")
    app.get("/named")(chest.track("request.headers.x-forwarded-for", "client_*")(put_address))
    app.get("/caught", endpoint="caught")(chest.track("request.headers.x-f*")(lambda: ""))
    chest.init_app(app)
    for path in ("/named", "/caught") * 3:
        app.test_client().get(path, headers=sent_headers)
    assert [row["variables"] for row in recorded(chest, 6)] == [
        {"request.headers.x-forwarded-for": "198.51.100.9", "client_ip": "[redacted]"},
        {"request.headers.x-forwarded-for": "[redacted]"},
    ] * 3


def put_address():
    g.client_ip = request.remote_addr
    return ""


@pytest.mark.parametrize("key", ["client_ip", "request.client_ip", "=ip"])
def test_a_key_of_the_applications_own_hides_an_address_all_the_same(ask, key):
    assert ask("request.client_ip", settings={"redact_keys": [key]}) == {
        "request.client_ip": "[redacted]"
    }


def test_a_plugin_sees_facts_and_may_change_them(make_chest, recorded):
    class Plugin:
        @hookimpl
        def chest_filter_variables(self, variables):
            assert variables.pop("request.host") == "localhost"
            variables["request.client_ip"] = variables["request.client_ip"][:3]

    chest, app = make_chest(), Flask("shop")
    chest.register_plugin(Plugin())
    app.get("/")(chest.track("request.client_ip", "request.host")(lambda: ""))
    chest.init_app(app)
    for _ in range(2):
        app.test_client().get("/")
    assert [row["variables"] for row in recorded(chest, 2)] == [{"request.client_ip": "127"}] * 2


def test_a_fact_with_a_secret_name_is_secret_whatever_its_value():
    verdict = SecretKeys().verdict_of_fact
    assert Redactor.is_secret(verdict("request.query.token"), 7)
    assert not Redactor.is_secret(verdict("request.query.page"), "7")
    assert not Redactor.is_secret(verdict("request.client_ip"), "192.0.2.1")
