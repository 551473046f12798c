"""Facts about a request and its response: recorded when a pattern names them, and only then."""

from __future__ import annotations

import pytest
from flask import Blueprint, Flask, g

from flask_chest.errors import ConfigurationError


@pytest.mark.parametrize(
    "patterns", [(), ("*",), ("**",), ("re*", "*t*"), ("!note",), ("_*",), ("user_id",)]
)
def test_no_fact_is_recorded_that_no_pattern_names(ask, patterns):
    assert ask(*patterns or ("*",), query_string="page=2", answer=put_odd_names) == {}


def put_odd_names():
    # Reserved names on `g` are no facts, and could not be told from them.
    vars(g._get_current_object())["request.host"] = "made up"
    vars(g._get_current_object())["app.release"] = "made up"
    return ""


@pytest.mark.parametrize(
    ("patterns", "taken"),
    [
        (["request.host"], {"request.host": "localhost"}),
        (["request.user_agent"], {"request.user_agent": "curl/8.1"}),
        (["request.client_ip"], {"request.client_ip": "127.0.0.1"}),
        (["request.h*"], {"request.host": "localhost"}),
        (["request.*", "!request.client_ip"], {
            "request.user_agent": "curl/8.1", "request.host": "localhost", "request.bytes": 0,
        }),
        (["request.query.page"], {"request.query.page": "2"}),
        (["request.query.Page"], {}),
        (["request.query.ids"], {"request.query.ids": ["1", "2"]}),
        (["request.query.user[id]"], {"request.query.user[id]": "7"}),
        (["request.query.u*"], {"request.query.user[id]": "7"}),
        (["request.query.ﬁ"], {"request.query.ﬁ": "x"}),
        (["request.query.missing", "request.headers.missing", "response.headers.missing"], {}),
        (["request.headers.Accept_LANGUAGE"], {"request.headers.accept-language": "de"}),
        (["request.headers.x-*"], {
            "request.headers.x-tenant-id": "acme", "request.headers.x-plan": "gold",
            "request.headers.x-forwarded-for": "[redacted]",
        }),
        (["request.headers.x-*", "!request.headers.X_Tenant_Id", "!*forwarded*"], {
            "request.headers.x-plan": "gold",
        }),
        (["request.headers.x-*", "!*_id", "!*_for"], {"request.headers.x-plan": "gold"}),
        (["response.headers.content-*"], {
            "response.headers.content-type": "text/html; charset=utf-8",
            "response.headers.content-length": "5",
        }),
        (["*", "request.host"], {"request.host": "localhost", "user_id": "u-17"}),
        (["user_id", "request.host"], {"user_id": "u-17", "request.host": "localhost"}),
        (["request.host", "!request.headers.cookie"], {"request.host": "localhost"}),
        (["!request.headers.cookie"], {"user_id": "u-17"}),
    ],
)  # fmt: skip
def test_a_pattern_takes_the_facts_that_it_names(ask, patterns, taken):
    def answer():
        g.user_id = "u-17"
        return "hello"

    found = ask(*patterns, answer=answer, query_string="page=2&ids=1&ids=2&user[id]=7&ﬁ=x")
    assert found == taken
    assert list(found) == list(taken), "listed names come first"


@pytest.mark.parametrize(
    ("pattern", "hint"),
    [
        ("request.clientip", "Did you mean 'request.client_ip'?"),
        ("request.Client_IP", "Did you mean 'request.client_ip'?"),
        ("request.remote_addr", "Did you mean 'request.client_ip'?"),
        ("response.query.x", "Did you mean 'request.query.x'?"),
        ("request.header.accept", "Did you mean 'request.headers.accept'?"),
        ("response.header.etag", "Did you mean 'response.headers.etag'?"),
        ("request.args.page", "Did you mean 'request.query.page'?"),
        ("request.headers", "Did you mean 'request.headers.*'?"),
        ("request.query.", "Did you mean 'request.query.*'?"),
        ("request.first_byte_ms", "Did you mean 'response.first_byte_ms'?"),
        ("response.byte", "Did you mean 'response.bytes'?"),
        ("app.version", "Did you mean 'app.release'?"),
        ("!request.clientip", "Did you mean 'request.client_ip'?"),
        ("request.headers.user agent", "'user agent' is no name of a header"),
        ("request.q*", "The facts about a request are request.client_ip, "),
        ("request.method", "The facts about a request are request.client_ip, "),
        ("request.", "The facts about a request are request.client_ip, "),
    ],
)
@pytest.mark.parametrize("place", ["track", "method", "setting"])
def test_a_pattern_that_can_match_no_fact_is_refused_with_a_hint(make_chest, pattern, hint, place):
    def declare():
        if place == "setting":
            make_chest(variables=[pattern]).init_app(Flask("shop"))
        else:
            make_chest().track(pattern if place == "track" else {"GET": ["fine", pattern]})

    with pytest.raises(ConfigurationError) as refused:
        declare()
    assert f"{pattern!r} can match no variable and no fact about a request. {hint}" in str(
        refused.value
    )


@pytest.mark.parametrize(
    "patterns",
    [
        ["request.host", "!request.host"],
        ["request.query.*", "!request.*"],
        ["request.headers.x-secret", "!*_secret"],
        ["request.headers.X_Secret", "!request.headers.x-*"],
    ],
)
def test_a_fact_that_an_exclusion_covers_is_refused(chest, patterns):
    with pytest.raises(ConfigurationError, match="can match nothing"):
        chest.track(*patterns)


def test_methods_blueprints_and_the_application_take_facts_too(make_chest, recorded, sent_headers):
    chest = make_chest(track_all=True, variables=["request.query.page", "!request.headers.x-plan"])
    app, blueprint = Flask("shop"), Blueprint("api", __name__, url_prefix="/api")
    app.get("/other", endpoint="other")(lambda: "")
    blueprint.get("/")(lambda: "")
    app.route("/orders", methods=["GET", "POST"], endpoint="orders")(
        chest.track({"GET": ["request.query.*"], "POST": ["request.bytes"]})(lambda: "")
    )
    chest.track("request.headers.x-*", "!request.headers.x-forwarded-for")(blueprint)
    app.register_blueprint(blueprint)
    chest.init_app(app)
    client = app.test_client()
    client.get("/other?page=1&size=2", headers=sent_headers)
    client.get("/api/?page=1", headers=sent_headers)
    client.get("/orders?page=1&size=2")
    client.post("/orders?page=1", data=b"12345")
    assert [row["variables"] for row in recorded(chest, 4)] == [
        {"request.query.page": "1"},
        {"request.headers.x-tenant-id": "acme"},
        {"request.query.page": "1", "request.query.size": "2"},
        {"request.bytes": 5},
    ]


def test_an_exclusion_of_the_application_holds_for_a_fact_that_a_route_names(ask):
    variables = ["*", "!request.headers.*", "!*_ip"]
    names = ("request.headers.x-plan", "request.client_ip", "request.host")
    assert ask(*names, settings={"variables": variables}) == {"request.host": "localhost"}


def test_request_star_lists_the_address_too(ask):
    taken = ask("request.*")
    assert list(taken) == [
        "request.client_ip", "request.user_agent", "request.host", "request.bytes",
    ]  # fmt: skip
    assert taken["request.client_ip"] == "127.0.0.1"


def test_a_fact_that_cannot_be_read_is_null_and_costs_no_other(make_chest, recorded, sent_headers):
    class Broken(Flask.request_class):
        host = property(lambda _self: 1 / 0, lambda _self, _value: None)  # Flask sets it

        @property
        def args(self):
            raise RuntimeError

    chest, app = make_chest(), Flask("shop")
    app.request_class = Broken
    app.get("/")(chest.track("request.host", "request.query.*", "request.user_agent")(lambda: ""))
    chest.init_app(app)
    response = app.test_client().get("/?page=1", headers=sent_headers)
    assert response.status_code == 200
    assert recorded(chest, 1)[0]["variables"] == {
        "request.host": None,
        "request.user_agent": "curl/8.1",
    }


def test_of_very_many_parameters_a_bounded_number_is_kept(ask):
    taken = ask("request.query.*", query_string="&".join(f"p{n}={n}" for n in range(2_000)))
    assert 200 < len(taken) <= 1_001
    assert taken["…"] == "[cut, 2000 items]"
