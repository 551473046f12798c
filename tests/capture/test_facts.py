"""Facts about a request and its response: recorded when a pattern names them, and only then."""

from __future__ import annotations

import time

import pytest
from flask import Blueprint, Flask, Response, g, request
from werkzeug.middleware.proxy_fix import ProxyFix

from flask_chest import hookimpl
from flask_chest.capture.facts import client_ip
from flask_chest.errors import ConfigurationError

HEADERS = {
    "User-Agent": "curl/8.1",
    "Accept-Language": "de",
    "X-Tenant_Id": "acme",
    "X-Plan": "gold",
    "Cookie": "session=s3cret",
    "Authorization": "Bearer s3cret",
    "X-Forwarded-For": "198.51.100.9",
}


@pytest.fixture
def ask(app, make_chest, recorded):
    """Return a function that sends one request to a tracked route, and returns its variables."""

    def one(*patterns, settings=(), answer="hello", client=None, **arguments):
        chest = make_chest(**dict(settings))
        view = chest.track(*patterns)(lambda: answer() if callable(answer) else answer)
        app.add_url_rule("/", "index", view, methods=["GET", "POST"])
        chest.init_app(app)
        arguments.setdefault("headers", HEADERS)
        response = app.test_client(use_cookies=False).open("/", **arguments)
        response.get_data()
        response.close()
        [row] = recorded(chest, 1)
        return row["variables"]

    return one


# -- What takes them -----------------------------------------------------------------------------


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


def test_methods_blueprints_and_the_application_take_facts_too(make_chest, recorded):
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
    client.get("/other?page=1&size=2", headers=HEADERS)
    client.get("/api/?page=1", headers=HEADERS)
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


# -- Redaction -----------------------------------------------------------------------------------


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


def test_request_star_lists_the_address_too(ask):
    taken = ask("request.*")
    assert list(taken) == [
        "request.client_ip", "request.user_agent", "request.host", "request.bytes",
    ]  # fmt: skip
    assert taken["request.client_ip"] == "127.0.0.1"


def test_what_one_route_may_keep_another_does_not(make_chest, recorded):
    chest, app = make_chest(), Flask("shop")
    app.get("/named")(chest.track("request.headers.x-forwarded-for", "client_ip")(put_address))
    app.get("/caught", endpoint="caught")(chest.track("request.headers.x-f*")(lambda: ""))
    chest.init_app(app)
    for path in ("/named", "/caught") * 3:
        app.test_client().get(path, headers=HEADERS)
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


# -- The address of a client ---------------------------------------------------------------------


@pytest.mark.opens_nothing
@pytest.mark.parametrize(
    ("address", "whole", "network"),
    [
        ("203.0.113.7", "203.0.113.7", "203.0.113.0"),
        ("2001:db8:1:2:3::7", "2001:db8:1:2:3::7", "2001:db8:1::"),
        ("2001:0DB8:0:0::7", "2001:db8::7", "2001:db8::"),
        ("::ffff:203.0.113.7", "203.0.113.7", "203.0.113.0"),
        ("fe80::1%eth0", "fe80::1", "fe80::"),
        (" 203.0.113.7 ", "203.0.113.7", "203.0.113.0"),
        ("203.0.113.7:51234", "203.0.113.7", "203.0.113.0"),
        ("[2001:db8::7]:443", "2001:db8::7", "2001:db8::"),
        ("[2001:db8::7]", "2001:db8::7", "2001:db8::"),
        ("", None, None),
        (None, None, None),
        ("unknown", None, None),
        ("203.0.113", None, None),
        ("203.0.113.7/8", None, None),
        ("203.0.113.777", None, None),
        ("<script>", None, None),
    ],
)
def test_an_address_is_normal_cut_or_null(address, whole, network):
    assert client_ip(address, None) == whole
    assert client_ip(address, (24, 48)) == network
    assert client_ip(address, (32, 128)) == whole


@pytest.mark.opens_nothing
def test_an_address_may_be_cut_to_nothing():
    assert client_ip("203.0.113.7", (0, 0)) == "0.0.0.0"
    assert client_ip("2001:db8::7", (0, 0)) == "::"


@pytest.mark.parametrize("prefix", ["/24,/48", ("/24", "/48"), (24, 48), "24, 48", '["/24", 48]'])
def test_the_setting_cuts_the_address(ask, prefix):
    taken = ask(
        "request.client_ip",
        settings={"client_ip_prefix": prefix},
        environ_base={"REMOTE_ADDR": "203.0.113.7"},
    )
    assert taken == {"request.client_ip": "203.0.113.0"}


@pytest.mark.parametrize("prefix", ["/24", "/33,/48", "/24,/129", "/24,/48,/64", "x,y", 24, ""])
def test_a_prefix_that_is_none_is_refused(make_chest, prefix):
    with pytest.raises(ConfigurationError, match="CHEST_CLIENT_IP_PREFIX"):
        make_chest(client_ip_prefix=prefix).init_app(Flask("shop"))


@pytest.mark.parametrize("is_inside", [True, False])
def test_the_address_goes_by_proxy_fix(make_chest, recorded, is_inside):
    chest, app = make_chest(), Flask("shop")
    app.get("/")(chest.track("request.client_ip", "request.host")(lambda: ""))
    if is_inside:
        app.wsgi_app = ProxyFix(app.wsgi_app, x_host=1)
    chest.init_app(app)
    if not is_inside:
        app.wsgi_app = ProxyFix(app.wsgi_app, x_host=1)
    headers = {"X-Forwarded-For": "6.6.6.6, 203.0.113.7", "X-Forwarded-Host": "shop.example"}
    app.test_client().get("/", headers=headers)
    assert recorded(chest, 1)[0]["variables"] == {
        "request.client_ip": "203.0.113.7",
        "request.host": "shop.example",
    }


# -- Sizes ---------------------------------------------------------------------------------------


def test_the_size_of_a_request_is_its_announced_length_or_what_was_read(chest, app, recorded):
    @app.post("/read")
    @chest.track("request.bytes")
    def read():
        request.get_data()
        return ""

    app.post("/ignored", endpoint="ignored")(chest.track("request.bytes")(lambda: ""))
    chest.init_app(app)
    client = app.test_client()
    overrides = {"wsgi.input_terminated": True, "CONTENT_LENGTH": ""}
    chunked = {"headers": {"Transfer-Encoding": "chunked"}, "environ_overrides": overrides}
    client.post("/ignored", data=b"12345")
    client.post("/ignored")
    client.post("/ignored", data=b"12345", **chunked)
    client.post("/read", data=b"12345", **chunked)
    client.post("/ignored", environ_overrides={"CONTENT_LENGTH": "many"})
    client.post("/ignored", environ_overrides={"CONTENT_LENGTH": "", "SERVER_PROTOCOL": "HTTP/2"})
    sizes = [row["variables"]["request.bytes"] for row in recorded(chest, 6)]
    assert sizes == [5, 0, None, 5, None, None]


def without_length():
    response = Response("hello")
    response.automatically_set_content_length = False
    return response


def failing():
    yield b"hel"
    raise OSError


SIZES = {
    "whole": ("hello", 5),
    "text": ("größe", 7),
    "empty": ("", 0),
    "without length": (without_length, 5),
    "stream": (lambda: Response(iter([b"", b"he", b"llo"])), 5),
    "announced": (lambda: Response(iter([b"he", b"llo"]), headers={"Content-Length": "5"}), 5),
    "empty stream": (lambda: Response(iter([b""])), 0),
    "no content": (("ignored", 204), 0),
    "not modified": (("ignored", 304), 0),
}


@pytest.mark.parametrize(("answer", "size"), SIZES.values(), ids=SIZES)
def test_the_size_of_a_response_is_that_of_the_body_as_sent(
    app, chest, serve, recorded, answer, size
):
    app.get("/")(
        chest.track("response.bytes", "response.first_byte_ms")(
            lambda: answer() if callable(answer) else answer
        )
    )
    chest.init_app(app)
    client = serve(app)
    assert len(client.get("/").content) == size
    client.head("/")
    rows = recorded(chest, 2)
    assert [row["variables"]["response.bytes"] for row in rows] == [size, 0]


def test_a_body_that_fails_has_the_size_that_was_sent(app, chest, recorded):
    chest.init_app(app)
    app.get("/")(chest.track("response.bytes")(lambda: Response(failing())))
    with pytest.raises(OSError):  # noqa: PT011 - it has no text
        app.test_client().get("/").get_data()
    [row] = recorded(chest, 1)
    assert (row["variables"], row["error"]) == ({"response.bytes": 3}, "OSError")


def test_a_body_that_nobody_reads_has_no_byte(app, chest, recorded):
    chest.init_app(app)
    names = ("response.bytes", "response.first_byte_ms")
    app.get("/")(
        chest.track(*names)(lambda: Response(iter([b"12345"]), headers={"Content-Length": "5"}))
    )
    environ = app.test_client().get("/", buffered=True).request.environ
    app.wsgi_app(environ, lambda *_: None).close()
    [read, closed] = recorded(chest, 2)
    assert read["variables"]["response.bytes"] == 5
    assert closed["variables"] == {"response.bytes": 0, "response.first_byte_ms": None}


def test_without_a_response_there_is_neither_size_nor_first_byte(app, chest, recorded):
    chest.init_app(app)
    app.config["PROPAGATE_EXCEPTIONS"] = True

    @app.get("/")
    @chest.track("response.*", "request.host")
    def view():
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        app.test_client().get("/")
    assert recorded(chest, 1)[0]["variables"] == {
        "response.bytes": None,
        "response.first_byte_ms": None,
        "request.host": "localhost",
    }


# -- The first byte ------------------------------------------------------------------------------


@pytest.mark.parametrize("headers", [{}, {"Content-Length": "5"}])
def test_the_first_byte_of_a_stream_is_that_of_the_first_chunk_that_has_one(
    app, chest, serve, recorded, headers
):
    def chunks():
        time.sleep(0.05)
        yield b""
        time.sleep(0.05)
        yield b"he"
        time.sleep(0.2)
        yield b"llo"

    chest.init_app(app)
    app.get("/")(chest.track("response.first_byte_ms")(lambda: Response(chunks(), headers=headers)))
    assert serve(app).get("/").text == "hello"
    [row] = recorded(chest, 1)
    first = row["variables"]["response.first_byte_ms"]
    assert first >= 100
    assert row["duration_ms"] >= first + 200
    assert first == round(first, 3)


def test_the_first_byte_of_a_whole_body_is_there_when_it_is_returned(ask):
    def answer():
        time.sleep(0.05)
        return "hello"

    assert ask("response.first_byte_ms", answer=answer)["response.first_byte_ms"] >= 50


# -- Faults --------------------------------------------------------------------------------------


def test_a_fact_that_cannot_be_read_is_null_and_costs_no_other(make_chest, recorded):
    class Broken(Flask.request_class):
        host = property(lambda _self: 1 / 0, lambda _self, _value: None)  # Flask sets it

        @property
        def args(self):
            raise RuntimeError

    chest, app = make_chest(), Flask("shop")
    app.request_class = Broken
    app.get("/")(chest.track("request.host", "request.query.*", "request.user_agent")(lambda: ""))
    chest.init_app(app)
    response = app.test_client().get("/?page=1", headers=HEADERS)
    assert response.status_code == 200
    assert recorded(chest, 1)[0]["variables"] == {
        "request.host": None,
        "request.user_agent": "curl/8.1",
    }


def test_of_very_many_parameters_a_bounded_number_is_kept(ask):
    taken = ask("request.query.*", query_string="&".join(f"p{n}={n}" for n in range(2_000)))
    assert len(taken) == 1_001
    assert taken["…"] == "[cut, 2000 items]"


# -- The release ---------------------------------------------------------------------------------


@pytest.mark.parametrize("patterns", [("*",), ("user_id",), ("request.host",), ("app.release",)])
def test_the_release_is_on_every_record(ask, patterns):
    assert ask(*patterns, settings={"release": "2026.11.3"})["app.release"] == "2026.11.3"


@pytest.mark.parametrize("exclusion", ["!app.release", "!app.*", "!*release"])
def test_a_route_may_leave_the_release_out(ask, exclusion):
    assert ask("*", exclusion, settings={"release": "2026.11.3"}) == {}


def test_the_release_is_there_for_methods_that_record_nothing_else(make_chest, recorded):
    chest, app = make_chest(release="1.10"), Flask("shop")
    app.route("/", methods=["GET", "POST"])(chest.track({"POST": ["user_id"]})(lambda: ""))
    chest.init_app(app)
    app.test_client().get("/")
    assert recorded(chest, 1)[0]["variables"] == {"app.release": "1.10"}


def test_without_the_setting_there_is_no_release(ask):
    assert ask("app.release", "*") == {}
