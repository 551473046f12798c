"""Who may look: a function of the application says it, or a password."""

from __future__ import annotations

import re

from werkzeug.security import generate_password_hash

PASSWORD = "a long enough one"
HASH = generate_password_hash(PASSWORD, "scrypt:1024:8:1")  # cheap
PASSWORD_SETTINGS = {"dashboard_user": "ops", "dashboard_password_hash": HASH}
CLOSED = {"dashboard_allow": None, **PASSWORD_SETTINGS}


def log_in(client, user="ops", password=PASSWORD, prefix="/chest", **options):
    client.get(f"{prefix}/login")
    token = client.get_cookie("chest_csrf", path=prefix).value
    data = {"csrf_token": token, "user": user, "password": password, **options.pop("data", {})}
    return client.post(f"{prefix}/login", data=data, **options)


def test_who_has_no_session_is_sent_to_log_in_and_comes_back(shop):
    client = shop(**CLOSED).test_client()
    address = "/chest/explore?where=path%20==%20'/a%26b'&since=7d"
    answer = client.get(address)
    assert answer.status_code == 303
    form = client.get(answer.location)
    assert form.status_code == 200
    [kept] = re.findall(r'name="next" value="([^"]*)"', form.text)
    answer = log_in(client, data={"next": kept.replace("&amp;", "&").replace("&#39;", "'")})
    assert (answer.status_code, answer.location) == (303, address)
    assert client.get(address).status_code == 200
    assert client.get("/chest/login").location == "/chest/"


def test_a_wrong_user_or_password_is_told_in_the_same_words(shop):
    client = shop(**CLOSED).test_client()
    answers = [
        log_in(client, user="nobody"),
        log_in(client, password="wrong"),
        log_in(client, password=PASSWORD + "x" * 2_000),
    ]
    assert {answer.status_code for answer in answers} == {403}
    assert all("User or password is wrong." in answer.text for answer in answers)
    assert client.get("/chest/").status_code == 303
