"""Every finder of secrets in texts stays within the budget, and says how far it came."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flask_chest.redaction.assignments import passwords
from flask_chest.redaction.cards import cards
from flask_chest.redaction.command_lines import command_lines
from flask_chest.redaction.credentials import credentials
from flask_chest.redaction.emails import emails
from flask_chest.redaction.issuers import issuers
from flask_chest.redaction.markup import markup
from flask_chest.redaction.private_keys import private_keys
from flask_chest.redaction.scan import Scan
from flask_chest.redaction.sql import sql
from flask_chest.redaction.tokens import json_web_tokens
from flask_chest.redaction.urls import url_passwords, url_signatures

pytestmark = pytest.mark.opens_nothing


def is_secret(name):
    return re.search(r"(?i)password|token", name) is not None


FINDERS = {
    "issuers": issuers,
    "cards": cards,
    "credentials": credentials,
    "url_passwords": url_passwords,
    "url_signatures": url_signatures,
    "private_keys": private_keys,
    "json_web_tokens": json_web_tokens,
    "emails": emails,
    "markup": markup(is_secret),
    "sql": sql(is_secret),
    "command_lines": command_lines(is_secret),
    "passwords": passwords,
}

# Each of these makes a finder look closely, and most of them do so in vain.
HOSTILE = [
    "-", "_", ".", "=", ":", "/", "@", "<", "'", '"', "\\", " ", "4", "a", "%", "a-", "s-", "sk-",
    "sk-" + "a" * 21 + " ", "a" * 19 + " ", "a" * 14 + ".", "x-", "a0-", "M" + "a" * 24 + "-",
    "ghp_" + "a" * 19 + "-", "xoxa.", "EAAA-", "dp.st.aa.", "[0-9]" + "a" * 36 + "-",
    "4111 ", "4111-", "4" * 13 + " ", "4" * 14 + " ", "4" * 16 + ",", "4111 1111 1111 1112 ",
    "%4444", "\\x44444", "\uff14\uff11\uff11\uff11 ", "3530 1113 3330 0001 ", "62 ",
    "bearer ", "bearer aaaaaaa1 ", "basic aaaa ", "token ", "digest a=b, ", "digest a=b,c=",
    "mac token=", "digest " + "a=b, " * 50, "authorization: ", "authorization:\n",
    "authorization='", "'authorization: basic a", "authorization: basic ",
    "authorization: \\\\\\", "apikeybasbotbeare",
    "://", "://a:b ", "://a:b", "://a:b@@", "://a:" + "@" * 500, "://a:b c@", "://" + "a" * 256,
    "%3a%2f%2f", "%3a%2f%2fa%3ab", "%3a%2f%2fa%3ab%40", "jdbc:", "jdbc:" + ";aaaaaaaa" * 50,
    "jdbc:oracle:thin:" + "a" * 120 + " ", "a@tcp(", "sig=a&", "sig=a se=", "x-amz-signature=",
    "@a.", "a" * 64 + "@", "%40", "%2540a.b", "&#64;", "%" * 190 + "@a.b,", "?a=" * 64 + "@a.b,",
    "a/" * 96 + "@a.b ", "=" * 63 + "@a.b ", "%20" * 20 + "%40a.b,", "\uff20", "a@b.c/", "'a@b.c",
     "a@" + "a." * 10, "private-----BEGIN ", "-----BEGIN A A A A ",
    "-----BEGIN PRIVATE KEY-----", "-----BEGIN PRIVATE KEY----------END PRIVATE KEY-----",
    "Private-Lines: 1", "eyJ", "eyJaaaaaa.", "eyJaaaaaa ", "eyJaaaaaa......",
    "<a ", "<a>", "<password>", "<password><", "<password>x</password>", "<a.b.c.d.e.f",
    "<key>password</key><string>", '<a name="password" ', '<add key="password" value="x"/>',
    "<password><![CDATA[", "&lt;a&gt;", "&lt;password&gt;a&lt;/", "form-data; name=password\n",
    "form-data; name=password\n\nx\n--", "form-data; name=password\n\n",
    "password '", "password 'a'", "identified by a ", "password = ", "set password for ",
    "insert into t (", "insert into t (password) values (", "('a','b'),", "into values ",
    "insert into t (password) values ('a'),", "values into a(" + "a," * 1999,
    " -", " -a b ", " --password ", " --password x", " -p x ", "mysql -px ", " -pp", "sqlplus a/",
    "user -user a:b ", " -a'", '--aaa "a\\"', "-passin pass:a",
]  # fmt: skip

# What the first test of each finder wants to see, so that its expressions are reached.
AROUND = "<>'\"=&lt;form-data -a values into private eyJ authori bearer"

SECRETS = [
    " ghp" + "_" + "aB3" * 12 + " ", " 4111 1111 1111 1111 ", "4111111111111111",
    " Bearer abcdefgh1 ", "\nAuthorization: Basic abc\n", "a://u:p@h.example ",
    "%3A%2F%2Fu%3Apw%40h", " u:p@tcp(h) ", "?sv=1&sig=abc&", "?X-Amz-Signature=abc&",
    " -----BEGIN PRIVATE KEY-----x-----END PRIVATE KEY-----", " eyJhbGciOiJIUzI1NiJ9.e30.abc ",
    " ann@example.com ", "?mail=o'neil%40example.com&", "ann&#64;example.com",
    "<password>x</password>", '<add key="password" value="x"/>',
    "\nform-data; name=password\n\nx\n--b ", " PASSWORD 'x' ",
    "INSERT INTO t (n, password) VALUES (1, 'x'), (2, 'y') ", " mysql -psecret ",
    " --password secret ", " token: ", " password hunter22x ",
    "0", "\u4e2d", "\u0130", "'", '"', "<", "://", "word ",
]  # fmt: skip


class Counted(Scan):
    """A scan that keeps what was paid for, and what the budget refused."""

    __slots__ = ("paid", "refused")

    def __init__(self, text, steps):
        super().__init__(text, steps)
        self.paid = []
        self.refused = []

    def look(self, position, *steps):
        before = self.steps
        granted = super().look(position, *steps)
        (self.paid if granted else self.refused).append(before - self.steps)
        return granted


@pytest.mark.parametrize("name", FINDERS)
@given(st.lists(st.sampled_from(SECRETS), max_size=12), st.integers(0, 5_000))
def test_what_a_spent_budget_leaves_is_behind_the_end(name, parts, budget):
    text = "".join(parts)
    whole, limited = Scan(text, 10**9), Counted(text, budget)
    FINDERS[name](whole)
    FINDERS[name](limited)
    assert whole.end == len(text)
    assert sum(limited.paid) <= budget
    assert bool(limited.refused) == (limited.steps < 0)
    assert len(limited.refused) <= 6  # one for each pass of a finder
    assert set(limited.spans) <= set(whole.spans)
    for start, end in whole.spans:
        assert 0 <= start < end <= len(text)
        if (start, end) not in limited.spans:
            assert start >= limited.end


@pytest.mark.parametrize("name", FINDERS)
@given(st.lists(st.sampled_from([*SECRETS, *HOSTILE]), max_size=20))
def test_a_finder_takes_any_text(name, parts):
    text = "".join(parts)
    scan = Scan(text, 10**9)
    FINDERS[name](scan)
    assert all(0 <= start < end <= len(text) for start, end in scan.spans)


@pytest.mark.parametrize("name", FINDERS)
def test_the_price_of_a_hostile_text_is_linear_in_its_length(name):
    for unit in HOSTILE:
        prices = []
        for length in (6_000, 24_000):
            text = (unit * (length // len(unit) + 1))[:length] + AROUND
            scan = Scan(text, 10**9)
            FINDERS[name](scan)
            prices.append(10**9 - scan.steps)
        assert prices[1] <= 4.5 * prices[0] + 200, unit
        assert prices[1] <= 200 * 24_000, unit


@pytest.mark.parametrize("name", FINDERS)
def test_a_sentence_costs_nothing(name):
    text = "The customer asked for a refund of the second order, since it came too late."
    scan = Scan(text, 0)
    FINDERS[name](scan)
    assert scan.end == len(text)
    assert scan.steps == 0
