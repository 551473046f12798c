"""What is masked is counted by name, and each name is said once."""

from __future__ import annotations

import logging

import pytest
from flask import g

from flask_chest.encode.masked_names import MaskedNames
from flask_chest.redaction import SecretKeys
from flask_chest.runtime.counters import Counters

pytestmark = pytest.mark.filterwarnings("default")

CARD = "4111 1111 1111 1111"


@pytest.fixture
def counters():
    return Counters()


@pytest.fixture
def ask(app, make_chest):
    """Return a function that records variables of requests, and returns the chest."""

    def ask(variables, *patterns, times=1, **options):
        chest = make_chest(**options)
        chest.init_app(app)

        @app.get("/")
        @chest.track(*patterns)
        def view():
            vars(g).update(variables)
            return ""

        for _ in range(times):
            app.test_client().get("/")
        return chest

    return ask


def warnings(caplog):
    return [record.getMessage() for record in caplog.records if record.levelno == logging.WARNING]


def test_masked_values_are_counted_by_name(ask):
    variables = {
        "password": "x",
        "session_id": "y",
        "body": {"user": {"api_key": "z", "n": 1}, "rows": [{"token": "a"}, {"token": "b"}]},
        "note": f"paid with {CARD}",
        "count": 3,
    }
    chest = ask(variables, "*", times=3)
    assert chest.stats().redacted == {
        "password": 3,
        "session_id": 3,
        "body.api_key": 3,
        "body.token": 6,
        "note": 3,
    }


@pytest.mark.parametrize("how", ["mask", "hash", "drop"])
def test_they_are_counted_whatever_replaces_them(ask, how):
    chest = ask({"password": "x", "otp": "y"}, "*", times=2, redact_with=how, redact_key="k")
    assert chest.stats().redacted == {"password": 2, "otp": 2}


def test_a_name_is_said_once_with_the_way_to_keep_it_and_to_agree(ask, caplog):
    ask({"session_id": "x", "body": {"password": "y"}, "note": CARD}, "*", times=3)
    session, password, note = sorted(warnings(caplog), key=lambda text: "session" not in text)
    assert "'session_id' is masked in records" in session
    assert "@chest.track('session_id')" in session
    assert "CHEST_REDACT_KEYS = ['!session_id']" in session
    assert "CHEST_REDACT_KEYS = ['=session_id']" in session
    both = password + note
    assert "'body.password' is masked" in both
    assert "CHEST_REDACT_KEYS = ['!password']" in both
    assert "A part of 'note' is masked" in both
    assert "a payment card" in both
    assert "CHEST_REDACT_VALUES = ['!card']" in both
    assert "CHEST_REDACT_VALUES = ['card']" in both
    assert CARD not in caplog.text


@pytest.mark.parametrize(
    "pair",
    [
        ["Bearer $cr3t-of-ours", "x"],
        {"Bearer $cr3t-of-ours": "x"},
        [["Bearer $cr3t-of-ours", 1, "x"]],
    ],
    ids=["a pair", "a dict", "a triple"],
)
def test_no_secret_in_a_key_is_counted_or_said(ask, caplog, pair):
    chest = ask({"v": pair}, "*")
    assert chest.stats().redacted
    assert "cr3t" not in caplog.text + repr(chest.stats().redacted)


def test_an_exactly_named_weak_variable_is_neither_counted_nor_said(ask, caplog):
    chest = ask({"session_id": "x"}, "session_id")
    assert (chest.stats().redacted, warnings(caplog)) == ({}, [])


def test_what_the_application_asked_to_mask_is_counted_and_not_said(ask, caplog):
    chest = ask({"session_id": "x", "dob": "y"}, "*", redact_keys=["=session_id", "dob"])
    assert chest.stats().redacted == {"session_id": 1, "dob": 1}
    assert warnings(caplog) == []


def test_what_an_own_key_hides_in_a_text_is_not_said_and_what_another_hides_is(ask, caplog):
    own = {"a": "dob=1970-01-31", "b": '{"session_id": "x1y2z3", "dob": "1970-01-31"}'}
    both = {"c": "dob=1970-01-31 password=abcdef12"}
    chest = ask({**own, **both}, "*", redact_keys=["dob", "=session_id", "!token"])
    assert chest.stats().redacted == {"a": 1, "b": 1, "c": 1}
    [warning] = warnings(caplog)
    assert "'c'" in warning
    assert "password=" in warning


def test_a_kind_that_the_application_has_named_is_counted_and_not_said(ask, caplog):
    chest = ask({"user_id": "ann@example.com", "card": CARD}, "*", redact_values=["email", "card"])
    assert chest.stats().redacted == {"user_id": 1, "card": 1}
    assert warnings(caplog) == []


def test_each_form_of_secret_in_a_variable_is_said_with_its_own_remedy(caplog, counters):
    names = MaskedNames(SecretKeys(), counters, {"email"})
    for form in ("email", "card", "jwt", "card", "key", "credentials"):
        names.add({"note": 1}, {"note": {form}})
    card, jwt, key, credentials = warnings(caplog)
    assert "a payment card" in card
    assert "['!jwt']" in jwt
    assert "password=" in key
    assert "CHEST_REDACT_KEYS" in key
    assert "['!credentials']" in credentials
    assert counters.by_reason("redacted") == {"note": 6}


def test_naming_an_email_leaves_the_other_kinds_masked(app, make_chest, recorded):
    chest = make_chest(track_all=True, redact_values=["email"])
    chest.init_app(app)
    app.get("/")(lambda: vars(g).update(note=f"ann@example.com paid with {CARD}") or "")
    app.test_client().get("/")
    [record] = recorded(chest)
    assert record["variables"] == {"note": "[redacted] paid with [redacted]"}


def test_secrets_in_path_and_request_id_are_counted(app, make_chest, recorded):
    chest = make_chest(track_all=True, request_id_header="X-Request-ID", trust_request_id=True)
    chest.init_app(app)
    token = "ghp_" + "0123456789abcdefghij" + "ABCDEFGHIJ012345"
    answer = app.test_client().get(f"/reset/{token}", headers={"X-Request-ID": token})
    assert answer.headers["X-Request-ID"] == token  # the client has it already
    [record] = recorded(chest)
    assert token not in str(record)
    assert record["path"] == "/reset/[redacted]"
    assert record["request_id"] == "[redacted]"
    assert chest.stats().redacted == {"path": 1, "request_id": 1}


def test_any_number_of_names_is_counted_in_bounded_memory_and_log(caplog, counters):
    names = MaskedNames(SecretKeys(), counters)
    for number in range(5_000):
        names.add({f"body.password{number}": 2}, {})
    counted = counters.by_reason("redacted")
    assert len(counted) == 1_001
    assert sum(counted.values()) == 10_000
    assert counted["…"] == 8_000
    assert len(warnings(caplog)) == 51
    assert "chest.stats().redacted" in warnings(caplog)[-1]
