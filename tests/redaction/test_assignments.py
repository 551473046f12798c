"""Passwords behind an operator, such as `=`, and beside their key without one."""

from __future__ import annotations

import pytest
from support.finders import marked

from flask_chest.redaction import SecretKeys
from flask_chest.redaction.assignments import assignments, passwords

pytestmark = pytest.mark.opens_nothing

ASSIGNMENTS = assignments(SecretKeys())


@pytest.mark.parametrize(
    "text",
    [
        "machine h1 login ann password «hunter22x»",
        "the password is «hunter22x», and",
        "your passwd was: «abc12345»",
        "passwords are «hunter22x» and more",
        "requirepass «foobared1234»",
        "masterauth «abc123defg»",
        "//registry.example/:_authToken «abc123defg456»",
        "PWD\t«hunter22x»",
        "aws_secret_access_key «wJalrXUtnFEMI7K»",
        "password «hunter22x» password «hunter33y»",
        "the password is wrong",
        "the password is longenough",
        "password is 12345678",
        "password abc1234",
    ],
)
def test_a_password_beside_its_key_has_a_letter_and_a_digit(text):
    assert marked(passwords, text) == text


@pytest.mark.parametrize(
    "text",
    [
        "password=«abc,def1» next",
        "password=«abc;def1»",
        "password=«abc|def1» next",
        "password=«a;b,c|d» next",
        "password=«abc»; Path=/",
        "password=«abc», then",
        "password=«abc»,user=ann",
        "token=«abc;def», user=ann",
        "https://h.example/?token=«abc»&a=b",
    ],
)
def test_a_value_goes_on_behind_a_comma_unless_a_space_or_another_key_follows(text):
    assert marked(ASSIGNMENTS, text) == text


@pytest.mark.parametrize("before", ["", "x "])
@pytest.mark.parametrize("text", ["?token=«abc;d»&a=b", "'cookie: «a=b; c=d»' x"])
def test_what_stands_around_a_key_ends_its_value_also_at_the_beginning_of_a_text(before, text):
    assert marked(ASSIGNMENTS, before + text) == before + text
