"""Keys that are secret, whatever their spelling, and those that are not."""

from __future__ import annotations

from decimal import Decimal

import pytest
from support.redacting import CARD, JWT, MASK, record

from flask_chest.encode.patterns import Patterns
from flask_chest.encode.variables import VariableFilter
from flask_chest.errors import ConfigurationError
from flask_chest.redaction import Redactor, SecretKeys

pytestmark = pytest.mark.opens_nothing


def words(text):
    return text.split()


def is_secret(key, *patterns, value="x"):
    keys = SecretKeys(patterns)
    return Redactor.is_secret(keys.verdict(key), value)


# https://github.com/getsentry/sentry-python/blob/master/sentry_sdk/scrubber.py
SENTRY = words(
    """
    password passwd secret api_key apikey auth credentials mysql_pwd privatekey private_key
    token session csrftoken sessionid x_csrftoken x_forwarded_for set_cookie cookie
    authorization proxy-authorization x_api_key aiohttp_session connect.sid csrf_token csrf
    _csrf _csrf_token PHPSESSID _session symfony user_session _xsrf XSRF-TOKEN x_real_ip
    ip_address remote_addr
    """
)


@pytest.mark.parametrize("key", SENTRY)
def test_what_sentrys_scrubber_covers_is_secret(key):
    assert is_secret(key)
    assert is_secret(f"my_{key}_old")
    assert is_secret(key.upper())


@pytest.mark.parametrize(
    "key",
    words(
        """
    X-Api-Key myApiKey APIKey apikey2 user[password] dbpassword PassWord pass_word PASSPHRASE
    accessToken refresh_tokens id_token oauth oauth2_state author_token user.secret
    client_secret creditCard card-number cardNumber user_pin PIN otp cvv ssn user_ssn iban
    authorization_url privateKeyPem AWS_SECRET_ACCESS_KEY sid connect.sid database_dsn
    jwt_payload
    """
    ),
)
def test_a_secret_part_of_a_key_is_found_in_any_spelling(key):
    assert is_secret(key)


@pytest.mark.parametrize(
    "key",
    words(
        """
    user_id tenant model cost_cents author authors coauthor authority country shipping pinned
    opinion spin classname ssnow inside president tokenizer passenger compass passed bypass
    hotpot key monkey keyboard cartesian path route total
    """
    ),
)
def test_other_keys_are_not_secret(key):
    assert not is_secret(key)


def test_a_number_of_tokens_is_not_secret_and_a_list_of_tokens_is():
    data = record({"prompt_tokens": 512, "tokens": ["a1b2"], "access_token": 7, "tokens_s": 1.5})
    assert data == {"prompt_tokens": 512, "tokens": MASK, "access_token": MASK, "tokens_s": 1.5}
    counts = {"tokens": {"prompt": 5, "completion": 7}, "token": [1, 2], "pin": Decimal(3)}
    assert record(counts) == {"tokens": {"prompt": 5, "completion": 7}, "token": [1, 2], "pin": 3}


def kept(variables, *patterns, **options):
    """Return what a route with these patterns records."""
    redact = Redactor(SecretKeys(), **options)
    variable_filter = VariableFilter(redact, pytest.fail, lambda *_masked: None)
    asked = Patterns(patterns, setting="track")
    data = variable_filter.take(variables, asked)
    assert variable_filter.take(variables, asked) == data  # also from what it remembers
    return data


def test_a_weak_name_is_kept_where_a_route_names_it_exactly():
    variables = {"session_id": "a1b2", "token": "x", "auth": {"pin": "1", "user": "ann"}}
    assert kept(variables, "session_id", "token") == {"session_id": "a1b2", "token": "x"}
    assert kept(variables, "auth") == {"auth": {"pin": MASK, "user": "ann"}}
    assert kept(variables, "*") == dict.fromkeys(variables, MASK)
    assert kept(variables, "session_*") == {"session_id": MASK}
    assert kept({"v": variables}, "v") == {"v": dict.fromkeys(variables, MASK)}


def test_what_is_secret_in_the_value_of_an_exactly_named_variable_is_masked():
    assert kept({"session_id": JWT}, "session_id") == {"session_id": MASK}
    assert kept({"session": f"id=7&password=x {CARD}"}, "session") == {
        "session": f"id=7&password={MASK} {MASK}"
    }


@pytest.mark.parametrize(
    "name", words("password api_key access_token authorization cookie card_number cvv ssn")
)
def test_a_strong_name_is_masked_also_where_a_route_names_it_exactly(name):
    assert kept({name: "x"}, name) == {name: MASK}
    assert kept({name: 7}, name) == {name: MASK}
    assert kept({name: "x"}, name, how="drop") == {}
    assert kept({name: None}, name) == {name: None}


def test_a_weak_word_with_a_describing_last_word_is_a_fact():
    facts = {
        "auth_provider": "google",
        "token_type": "opaque",
        "session_minutes": "12",
        "prompt_tokens_details": {"cached_tokens": 0, "audio_tokens": 3},
    }
    assert kept(facts, "*") == facts
    assert kept({"v": [facts]}, "v") == {"v": [facts]}


def test_booleans_and_null_are_not_secret():
    data = record({"has_password": True, "session": None, "token": False, "secret": 0})
    assert data == {"has_password": True, "session": None, "token": False, "secret": MASK}


def test_patterns_add_to_the_default_list_or_make_exceptions():
    assert is_secret("passport_no", "passport")
    assert is_secret("password", "passport")
    assert is_secret("dob", "=dob")
    assert not is_secret("dobermann", "=dob")
    assert not is_secret("session_id", "!session_id")
    assert is_secret("session", "!session_id")
    assert not is_secret("session_id", "!session")
    assert is_secret("session_token", "!session")
    assert not is_secret("password", "!*")
    assert is_secret("my_x", "!*", "x")


def test_of_two_patterns_at_one_place_the_longer_takes_precedence():
    assert not is_secret("public_key_id", "public_key", "!public_key_id")
    assert is_secret("public_key_ids", "!public_key", "public_key_ids")


@pytest.mark.parametrize("pattern", ["", "!", "=", "_", "-", "!="])
def test_a_pattern_without_letters_and_digits_is_refused(pattern):
    with pytest.raises(ConfigurationError, match=r"CHEST_REDACT_KEYS: .* cannot match any key"):
        SecretKeys([pattern])


def test_fullwidth_letters_match():
    assert is_secret("\uff50\uff41\uff53\uff53word")
