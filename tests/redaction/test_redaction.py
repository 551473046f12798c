"""Secrets are found by their keys and in texts, and replaced."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.redacting import CARD, JWT, MASK, of, record

from flask_chest.encode.limits import MAX_TEXT
from flask_chest.redaction import Budget, Redactor, SecretKeys, SecretKinds
from flask_chest.redaction.default_keys import EXCEPTIONS, STRONG_KEYS, WEAK_KEYS

pytestmark = pytest.mark.opens_nothing

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "redaction.md"


# -- Texts -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "redacted"),
    [
        ("Bearer abc.def-1", "Bearer *"),
        ("bearer: abc", "bearer: *"),
        ("curl -H 'Authorization: Bearer abc' x", "curl -H 'Authorization: Bearer *' x"),
        ("Authorization: Basic dXNlcjpwYXNz", "Authorization: Basic *"),
        ("got Basic dXNlcjpwYXNz there", "got Basic * there"),
        ("Proxy-Authorization: Digest abc", "Proxy-Authorization: Digest *"),
        (f"see {JWT}, please", "see *, please"),
        (f"x{JWT}", "x*"),
        ("eyJhbGciOiJkaXIifQ..iv.text.tag", "*"),
        (f"paid with {CARD}.", "paid with *."),
        ("paid with 4111 1111 1111 1111 today", "paid with * today"),
        ("12 4111-1111-1111-1111", "12 *"),
        ("123 5500 0055 5555 5559", "123 *"),
        (f"E('\\x19{CARD}')", "E('\\x19*')"),
        ("E('\\notp=x \\x1fotp=y')", "E('\\notp=* \\x1fotp=*')"),
        ("amex 3782 822463 10005", "amex *"),
        ("https://ann:pa55@host/x?y=1", "https://ann:*@host/x?y=1"),
        ("postgresql://:p@ss@h:5/d", "postgresql://:*@h:5/d"),
        ("C:\\token=abc, \\x\\password: abc", "C:\\token=*, \\x\\password: *"),
        ("https://h/x?a=1&token=abc&b=2", "https://h/x?a=1&token=*&b=2"),
        ("https://h/cb#access_token=abc", "https://h/cb#access_token=*"),
        ("/login?next=%2Fx%3Ftoken%3Dabc", "/login?next=%2Fx%3Ftoken%3D*"),
        ("user%5Bpassword%5D=abc&x=1", "user%5Bpassword%5D=*&x=1"),
        ("user[password]=abc", "user[password]=*"),
        ('{"password": "a\\"b c", "n": 1}', '{"password": "*", "n": 1}'),
        ("{'password': 'a b', 'n': 1}", "{'password': '*', 'n': 1}"),
        (json.dumps(json.dumps({"token": "abc", "n": 1})), '"{\\"token\\": \\"*\\", \\"n\\": 1}"'),
        ("User(name='Ann', password='x')", "User(name='Ann', password='*')"),
        ("User(token=12, n=3)", "User(token=*, n=3)"),
        ("D(password=E(v='x', w=[1, ')']), n=3)", "D(password=*, n=3)"),
        ("{'a': 1, 'token': ['x', {'y': 2}], 'b': 2}", "{'a': 1, 'token': *, 'b': 2}"),
        ("secret=b'x y' z", "secret=*' z"),
        ("secret=[1, 2", "secret=*"),
        ("prompt_tokens=512&refresh_tokens=abc", "prompt_tokens=512&refresh_tokens=*"),
        ("D(secret=Root[int](root='x'), n=3)", "D(secret=*, n=3)"),
        ("MultiDict([('token', 'x'), ('n', '1')])", "MultiDict([('token', '*'), ('n', '1')])"),
        ("--password=abc -v", "--password=* -v"),
        ("PGPASSWORD=abc psql", "PGPASSWORD=* psql"),
        ("12password=abc", "12password=*"),
        ('password: str = "abc d"', 'password: str = "*"'),
        ("f(token: Optional[str] = 'abc d')", "f(token: Optional[str] = '*')"),
        ("Set-Cookie: a=b; c=d\r\nHost: h", "Set-Cookie: *\r\nHost: h"),
        ('Cookie: a="x y"; b=c\nHost: h', "Cookie: *\nHost: h"),
        ("{'cookie': D(v='x'), 'n': 1}", "{'cookie': *, 'n': 1}"),
        ("X-Api-Key: abc", "X-Api-Key: *"),
        ("AKIAIOSFODNN7EXAMPLE", "*"),
        ("ghp_0123456789abcdefghijABCDEFGHIJ012345", "*"),
        ("sk-proj-0123456789abcdefghij", "*"),
        ("-----BEGIN RSA PRIVATE KEY-----\nab\n-----END RSA PRIVATE KEY-----.", "*."),
        ("-----BEGIN PRIVATE KEY-----\nab", "*"),
    ],
)
def test_a_secret_in_a_text_is_masked_and_the_rest_is_kept(text, redacted):
    expected = redacted.replace("*", MASK)
    assert of(text) == expected
    assert of({"a": [(1, text, 2)]}) == {"a": [[1, expected, 2]]}
    assert of(text.encode()) == expected


@pytest.mark.parametrize(
    "text",
    [
        "a basic thing",
        "Basic information about bearers",
        "/orders/7?page=2&sort=-total",
        "2026-11-27T16:20:00Z",
        "eyJ is how they begin",
        "4111 1111 1111 1112",  # fails Luhn's test
        "1234567890123456789012",  # too long
        "1764260000000",  # milliseconds
        "0511223344556677",
        "01a2041f-4f20-7dd3-923d-2718af5a6ea7",
        "ann@example.com",
        "https://example.com:8080/x@y",
        "task-0123456789abcdefghijkl",
        "time: 12:00, author: Ann",
        "192.168.100.200 555.123.4567",
    ],
)
def test_a_text_that_resembles_a_secret_is_kept(text):
    assert of(text) == text


def test_email_addresses_are_secret_on_request():
    texts = ["mail ann.b+c@example.co.uk now", "https://h/?m=a@b.de", "a @ b"]
    assert [of(text) for text in texts] == texts
    assert [of(text, kinds=SecretKinds(["email"])) for text in texts] == [
        f"mail {MASK} now",
        f"https://h/?m={MASK}",
        "a @ b",
    ]


def test_each_kind_of_secret_can_be_turned_off():
    text = f"Bearer abc {JWT} {CARD}"
    assert of(text, kinds=SecretKinds(["!*"])) == text
    assert of(text, kinds=SecretKinds(["!*", "jwt"])) == f"Bearer abc {MASK} {CARD}"
    assert of(text, kinds=SecretKinds(["!card"])) == f"Bearer abc {MASK} {CARD}"
    assert of(int(CARD), kinds=SecretKinds(["!card"])) == int(CARD)


@pytest.mark.parametrize(
    ("names", "masked", "own"),
    [
        ([], "credentials jwt card", ""),
        (["email"], "credentials jwt card email", "email"),
        (["card"], "credentials jwt card", "card"),
        (["!card"], "credentials jwt", ""),
        (["!*"], "", ""),
        (["!*", "email"], "email", "email"),
        (["email", "!*"], "email", "email"),
        (["email", "!email"], "credentials jwt card", ""),
        (["!card", "card"], "credentials jwt card", "card"),
    ],
)
def test_kinds_add_to_the_default_ones_and_leave_some_out(names, masked, own):
    kinds = SecretKinds(names)
    assert (set(kinds.masked), kinds.own) == (set(masked.split()), set(own.split()))


def test_a_card_number_is_secret_also_as_a_number():
    assert of([int(CARD), float(CARD), int(CARD) + 1]) == [MASK, MASK, int(CARD) + 1]
    assert of(1764260000000) == 1764260000000


def test_a_secret_is_redacted_before_a_text_is_cut():
    for secret in (f"Bearer {'s' * 50}", JWT, "4111 1111 1111 1111", "password=" + "s" * 50):
        for start in range(MAX_TEXT - 60, MAX_TEXT + 5):
            text = "a " * (start // 2) + secret + " b" * 100
            cut = of(text)
            assert cut.endswith(f"…[cut, {len(text)} characters]")
            assert len(cut) <= MAX_TEXT
            assert not re.search(r"sss|eyJ|4111|1 1111", cut)


# -- Structures ------------------------------------------------------------------------------


def test_secrets_in_nested_dicts_lists_and_tuples_are_redacted():
    given = {"user": [{"profile": ({"password": {"old": ["x"]}, "name": "Ann"},)}]}
    expected = {"user": [{"profile": [{"password": MASK, "name": "Ann"}]}]}
    assert of(given) == expected
    assert record({"password": given, "n": 1}) == {"password": MASK, "n": 1}


def test_a_pair_is_redacted_like_a_key_and_its_value():
    headers = [("Authorization", "x y"), ["Host", "h"], ("Cookie", {"a": "b"})]
    assert of(headers) == [["Authorization", MASK], ["Host", "h"], ["Cookie", MASK]]


def test_a_secret_in_a_name_or_key_is_redacted():
    assert record({f"x {CARD}": 1}) == {f"x {MASK}": 1}
    assert of({CARD: 1, f"a {CARD}": 2, ("token", "x"): 3}) == {
        MASK: 1,
        f"a {MASK}": 2,
        '["token","[redacted]"]': 3,
    }


def test_drop_removes_the_value_and_its_key():
    options = {"how": "drop"}
    assert record({"password": 1, "n": {"token": "x", "m": 2}}, **options) == {"n": {"m": 2}}
    assert of([("Cookie", "x")], **options) == [["Cookie"]]
    assert of("a Bearer a1b2c3d4 b", **options) == "a Bearer  b"
    assert of(int(CARD), **options) == ""


def test_a_hash_is_equal_for_equal_values_and_depends_on_the_key():
    options = {"how": "hash"}
    data = record(
        {"session": "s1", "token": "s1", "password": 5, "otp": "5", "jwt": "s2"}, **options
    )
    assert data["session"] == data["token"] != data["jwt"]
    assert data["password"] == data["otp"]
    assert all(re.fullmatch("hmac:[0-9a-f]{32}", value) for value in data.values())
    assert of("Bearer s1", **options) == f"Bearer {data['session']}"
    assert of({"a": {"secret": [1, {"b": 2}]}}, **options) == of(
        {"a": {"secret": (1, {"b": 2})}}, **options
    )
    assert record({"session": "s1"}, secret_key=b"other", **options)["session"] != data["session"]


def test_the_docs_list_every_default_pattern():
    text = PAGE.read_text("utf-8")
    for pattern in (*STRONG_KEYS, *WEAK_KEYS, *EXCEPTIONS):
        assert f"`{pattern}`" in text, pattern


@given(st.text(), st.sampled_from(["mask", "hash", "drop"]))
def test_any_text_is_redacted_without_an_error(text, how):
    redact = Redactor(SecretKeys(), SecretKinds(["email"]), how=how)
    redacted = redact.text(text, Budget())
    assert isinstance(redacted, str)
    if redact.is_harmless(text):
        assert redacted == text


@pytest.mark.parametrize(
    ("command", "hidden"),
    [
        (["mysql", "--password", "abc", "-v"], 2),
        (["tool", "--verbose", "abc"], None),
        (["mysqldump", "--password", "--verbose", "shop"], None),
        (["sudo", "mysql", "-pabc"], 2),
    ],
)
def test_the_secret_of_a_list_of_arguments_is_masked_and_the_others_are_kept(command, hidden):
    expected = [MASK if index == hidden else item for index, item in enumerate(command)]
    assert of(command) == expected
