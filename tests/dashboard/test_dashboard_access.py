"""Who may look: a function of the application says it, or a password."""

from __future__ import annotations

import logging
import re
import time
from concurrent.futures import ThreadPoolExecutor
from html import unescape

import pytest
from flask import Response, abort, redirect, session
from flask_chest_dashboard import attempts
from werkzeug.security import generate_password_hash

PASSWORD = "a long enough one"
OTHER_HASH = generate_password_hash("another one", "scrypt:1024:8:1")
CLOSED = {
    "dashboard_allow": None,
    "dashboard_user": "ops",
    "dashboard_password_hash": generate_password_hash(PASSWORD, "scrypt:1024:8:1"),  # cheap
}


def log_in(client, user="ops", password=PASSWORD, *, path="/chest", root="", data=(), **options):
    """Send the form of the log-in page, as a browser does."""
    client.get(f"{path}/login", **options)
    token = client.get_cookie("chest_csrf", path=f"{root}{path}").value
    form = {"csrf_token": token, "user": user, "password": password, **dict(data)}
    return client.post(f"{path}/login", data=form, **options)


# -- A function -------------------------------------------------------------------------------


def test_a_function_of_the_request_lets_in(shop):
    client = shop(
        dashboard_allow=lambda request: request.headers.get("X-Forwarded-Groups") == "ops"
    ).test_client()
    for path in ("/chest/", "/chest/overview/charts", "/chest/nothing", "/chest/login"):
        answer = client.get(path)
        assert answer.status_code == 403
        assert "CHEST_DASHBOARD_ALLOW of the application says who may" in answer.text
        assert "Explore" not in answer.text  # no names of pages
    assert client.post("/chest/nothing").status_code == 403
    ops = {"X-Forwarded-Groups": "ops"}
    assert client.get("/chest/", headers=ops).status_code == 200
    assert client.get("/chest/nothing", headers=ops).status_code == 404
    assert client.get("/chest", headers=ops).location == "/chest/"
    shared = client.get("/chest?since=7d&where=a&where=b", headers=ops).location
    assert shared == "/chest/?since=7d&where=a&where=b"
    for odd in ("endpoint=1", "page=2", "_anchor=x", "_method=POST", "_scheme=x&_external=1"):
        assert client.get(f"/chest?{odd}", headers=ops).location == f"/chest/?{odd}"
    assert client.head("/chest/", headers=ops).status_code == 200
    assert client.options("/chest/", headers=ops).status_code == 200
    assert client.options("/chest/").status_code == 403


def test_what_a_function_returns_or_raises_is_never_taken_for_a_yes(shop, caplog):
    async def later():
        return True

    def fail():
        raise RuntimeError("odd")

    said = {
        "yes": lambda: 1,
        "no": lambda: None,
        "a coroutine": later,
        "what a view returns": lambda: ("go away", 403),
        "a fault": fail,
        "its log-in": lambda: redirect("/account"),
        "abort": lambda: abort(401),
        "abort with a fault": lambda: abort(500),
        "abort with a response": lambda: abort(Response("pay first", 402)),
    }
    client = shop(dashboard_allow=lambda request: said[request.headers["X-Say"]]()).test_client()
    found = {each: client.get("/chest/", headers={"X-Say": each}).status_code for each in said}
    assert found == {
        "yes": 200,
        "no": 403,
        "a coroutine": 403,
        "what a view returns": 403,
        "a fault": 403,
        "its log-in": 302,
        "abort": 401,
        "abort with a fault": 403,
        "abort with a response": 402,
    }
    answer = client.get("/chest/", headers={"X-Say": "its log-in"})
    assert (answer.location, answer.headers["Cache-Control"]) == ("/account", "no-store")
    logged = [record for record in caplog.records if record.levelno >= logging.ERROR]
    assert len(logged) == 1  # in a minute
    assert "CHEST_DASHBOARD_ALLOW cannot decide" in logged[0].getMessage()


def test_a_function_without_a_parameter_asks_what_flask_offers(shop):
    """As Flask-Login's ``lambda: current_user.is_authenticated and current_user.is_admin``."""
    app = shop(dashboard_allow=lambda: session.get("role") == "admin")
    app.secret_key = "of the application"

    @app.get("/become/<role>")
    def become(role):
        session["role"] = role
        return ""

    client = app.test_client()
    assert client.get("/chest/").status_code == 403
    client.get("/become/admin")
    assert client.get("/chest/").status_code == 200


# -- A password -------------------------------------------------------------------------------


def test_who_has_no_session_is_sent_to_log_in_and_comes_back(shop):
    client = shop(**CLOSED).test_client()
    address = "/chest/explore?where=path%20==%20'/a%26b'&since=7d"
    answer = client.get(address)
    assert answer.status_code == 303
    form = client.get(answer.location)
    assert form.status_code == 200
    assert "Explore" not in form.text
    assert 'autocomplete="username"' in form.text
    assert 'autocomplete="current-password"' in form.text
    [kept] = re.findall(r'name="next" value="([^"]*)"', form.text)
    answer = log_in(client, data={"next": unescape(kept)})
    assert (answer.status_code, answer.location) == (303, address)
    assert client.get(address).status_code == 200
    assert client.get("/chest/login").location == "/chest/"
    assert client.post("/chest/requests").status_code in {404, 405}


@pytest.mark.parametrize(
    ("settings", "status"), [(CLOSED, 303), ({"dashboard_allow": lambda: False}, 403)]
)
def test_no_address_answers_a_stranger(shop, settings, status):
    app = shop(**settings, dashboard_manage=True)
    client = app.test_client()
    client.get("/chest/")
    cookie = client.get_cookie("chest_csrf", path="/chest")
    data = {"csrf_token": cookie.value if cookie else ""}
    adapter = app.url_map.bind("localhost")
    open_to_all = {"asset", "log_in", "try_log_in", "log_out"}
    seen = set()
    for rule in app.url_map.iter_rules():
        blueprint, _, endpoint = rule.endpoint.partition(".")
        if blueprint != "chest_dashboard" or endpoint in open_to_all:
            continue
        values = dict.fromkeys(rule.arguments, 1)
        for method in rule.methods - {"OPTIONS"}:
            path = adapter.build(rule.endpoint, values, method=method)
            answer = client.open(path, method=method, data=data)
            assert answer.status_code == (status if method in {"GET", "HEAD"} else 403), path
            seen.add((endpoint, method))
    assert {("overview", "GET"), ("save_view", "POST"), ("drop_letters", "POST")} <= seen


def test_a_wrong_user_or_password_is_told_in_the_same_words(shop, caplog):
    client = shop(**CLOSED).test_client()
    answers = [
        log_in(client, user="hunter2hunter2"),
        log_in(client, password="wrong"),
        log_in(client, password=PASSWORD + "x" * 2_000),
        log_in(client, user="öps\x00", password=""),
    ]
    assert {answer.status_code for answer in answers} == {403}
    assert all("User or password is wrong." in answer.text for answer in answers)
    assert client.get("/chest/").status_code == 303
    assert "failed, from 127.0.0.1" in caplog.text
    assert "hunter2hunter2" not in caplog.text  # it may be a password


def test_after_the_log_in_the_browser_stays_with_the_dashboard(shop):
    app = shop(**CLOSED)
    for wanted in (
        "https://evil.example/chest/",
        "//evil.example/chest/",
        "/\\evil.example",
        "/chest/\\evil",
        "/chest/../account",
        "/chest/%2e%2e/account",
        "/chest/..",
        "/chest//evil.example",
        "/chestnut/",
        "/chest/\r\nSet-Cookie: a=b",
        "javascript:alert(1)",
        "account",
    ):
        assert log_in(app.test_client(), data={"next": wanted}).location == "/chest/", wanted
    for wanted in ("/chest/", "/chest/requests?where=a..b//c", "/chest/route?route=/x/../y"):
        assert log_in(app.test_client(), data={"next": wanted}).location == wanted


def test_the_session_is_ours_alone_and_ends(shop, monkeypatch):
    app = shop(**CLOSED)
    client = app.test_client()
    [cookie] = log_in(client).headers.getlist("Set-Cookie")
    assert re.search(r"; Max-Age=43200; HttpOnly; Path=/chest; SameSite=Strict$", cookie)
    assert not client.get_cookie("session")
    value = client.get_cookie("chest_session", path="/chest").value

    def may_look(app, value):
        other = app.test_client()
        other.set_cookie("chest_session", value, path="/chest")
        return other.get("/chest/").status_code == 200

    assert may_look(app, value)
    assert not may_look(app, value[:-2] + ("aa" if value[-2:] != "aa" else "bb"))
    assert not may_look(app, "")
    assert may_look(shop(**CLOSED), value)  # of another worker or host
    assert not may_look(shop(**{**CLOSED, "dashboard_password_hash": OTHER_HASH}), value)
    assert not may_look(shop(**{**CLOSED, "dashboard_user": "dev"}), value)
    now = time.time()
    monkeypatch.setattr(time, "time", lambda: now + 12 * 3_600 + 2)
    assert not may_look(app, value)


def test_logging_out_needs_a_form_and_ends_the_session(shop):
    client = shop(**CLOSED).test_client()
    log_in(client)
    page = client.get("/chest/")
    assert "Log out" in page.text
    [token] = set(re.findall(r'name="csrf_token" value="([^"]*)"', page.text))
    client.get("/chest/logout")
    assert client.post("/chest/logout").status_code == 400
    assert client.get("/chest/").status_code == 200
    answer = client.post("/chest/logout", data={"csrf_token": token})
    assert (answer.status_code, answer.location) == (303, "/chest/login")
    assert client.get_cookie("chest_session", path="/chest") is None
    assert client.get("/chest/").status_code == 303


def test_a_function_or_a_password_is_enough(shop):
    allow = {"dashboard_allow": lambda request: request.headers.get("X-Group") == "ops"}
    client = shop(**{**CLOSED, **allow}).test_client()
    page = client.get("/chest/", headers={"X-Group": "ops"})
    assert page.status_code == 200
    assert "Log out" not in page.text
    assert client.get("/chest/").status_code == 303
    log_in(client)
    assert "Log out" in client.get("/chest/").text


def test_a_link_of_another_site_finds_the_session_in_a_second_request(shop):
    client = shop(**CLOSED).test_client()
    elsewhere = {"Sec-Fetch-Site": "cross-site"}
    answer = client.get("/chest/login?next=/chest/requests?where=ü", headers=elsewhere)
    assert answer.headers["Refresh"] == "0; url=/chest/requests?where=%C3%BC"
    assert "Refresh" not in client.get("/chest/login").headers


# -- Attempts ---------------------------------------------------------------------------------


def later(monkeypatch, seconds):
    now = time.time()
    monkeypatch.setattr(time, "time", lambda: now + seconds)


def test_after_five_attempts_an_address_waits_also_with_the_right_password(shop, monkeypatch):
    first, second = shop(**CLOSED), shop(**CLOSED)  # two workers, which share the file
    wrong = [log_in(app.test_client(), password="wrong") for app in (first, second) * 2]
    wrong.append(log_in(first.test_client(), user="nobody"))
    assert {answer.status_code for answer in wrong} == {403}
    for app in (first, second):
        answer = log_in(app.test_client())
        assert answer.status_code == 429
        assert 890 <= int(answer.headers["Retry-After"]) <= 900
        assert "Too many attempts. Try again in 15 minutes." in answer.text
        assert answer.headers["Cache-Control"] == "no-store"
        assert not answer.headers.getlist("Set-Cookie")
    other = {"environ_base": {"REMOTE_ADDR": "192.0.2.7"}}
    assert log_in(first.test_client(), **other).status_code == 303
    later(monkeypatch, 890)
    answer = log_in(first.test_client())
    assert (answer.status_code, "Try again in a minute." in answer.text) == (429, True)
    later(monkeypatch, 20)
    assert log_in(first.test_client()).status_code == 303


def test_a_right_password_in_time_begins_the_count_anew(shop):
    client = shop(**CLOSED).test_client()
    for _ in range(3):
        for _ in range(4):
            assert log_in(client, password="wrong").status_code == 403
        assert log_in(client).status_code == 303
        client.delete_cookie("chest_session", path="/chest")


def test_many_addresses_lock_out_all_but_those_that_are_known(shop, monkeypatch):
    monkeypatch.setattr(attempts, "IN_ALL", 8)
    client = shop(**CLOSED).test_client()

    def at(address, password=PASSWORD):
        client.delete_cookie("chest_session", path="/chest")
        return log_in(client, password=password, environ_base={"REMOTE_ADDR": address}).status_code

    assert at("192.0.2.1") == 303
    assert {at(f"198.51.100.{number}", "wrong") for number in range(8)} == {403}
    assert at("203.0.113.9") == 429
    assert at("192.0.2.1") == 303
    assert [at("192.0.2.1", "wrong") for _ in range(6)] == [403] * 5 + [429]


def test_attempts_count_for_the_network_of_the_client(shop, monkeypatch):
    monkeypatch.setattr(attempts, "IN_ALL", 100)
    app = shop(**CLOSED)
    for sent, is_same in (
        ([{"REMOTE_ADDR": f"2001:db8::{number}"} for number in range(6)], True),
        ([{"REMOTE_ADDR": f"2001:db8:1:{number}::1"} for number in range(6)], False),
        ([{"REMOTE_ADDR": address} for address in ["192.0.2.9", "::ffff:192.0.2.9"] * 3], True),
        ([{"HTTP_X_FORWARDED_FOR": f"{n}.1.1.1, 192.0.2.1"} for n in range(6)], True),
        ([{"HTTP_X_FORWARDED_FOR": f"192.0.2.1, {n}.1.1.1"} for n in range(6)], False),
        ([{"HTTP_X_FORWARDED_FOR": "<b>" + "x" * 9_999 + "é"} for _ in range(6)], True),
        ([{"REMOTE_ADDR": ""} for _ in range(6)], True),
    ):
        found = [
            log_in(app.test_client(), password="wrong", environ_base=environ).status_code
            for environ in sent
        ]
        assert found == [403] * 5 + [429 if is_same else 403], sent


def test_attempts_at_the_same_time_are_as_many_as_one_after_the_other(shop):
    app = shop(**CLOSED)

    def attempt(_):
        return log_in(app.test_client(), password="wrong").status_code

    with ThreadPoolExecutor(8) as pool:
        found = sorted(pool.map(attempt, range(12)))
    assert found == [403] * 5 + [429] * 7


def test_attempts_are_limited_in_memory_where_there_is_no_file(shop, tmp_path, caplog):
    (tmp_path / "file").write_text("no database" * 1_000)
    app = shop(**CLOSED, dashboard_file=str(tmp_path / "file"))
    found = [log_in(app.test_client(), password="wrong").status_code for _ in range(7)]
    assert found == [403] * 5 + [429] * 2
    assert caplog.text.count("CHEST_DASHBOARD_FILE") == 1
