"""E-mail addresses are found as a whole, in every form of the `@` that URLs and HTML have."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.finders import marked

from flask_chest.redaction.budget import Budget
from flask_chest.redaction.emails import emails
from flask_chest.redaction.keys import SecretKeys
from flask_chest.redaction.kinds import SecretKinds
from flask_chest.redaction.redactor import Redactor
from flask_chest.redaction.scan import Scan

pytestmark = pytest.mark.opens_nothing

ATEXT = "!#$%&'*+-/=?^_`{|}~"  # beside letters and digits: RFC 5322, section 3.2.3
AT_SIGNS = [
    *("@", "%40", "%2540", "%252540", "&#64;", "&#064;", "&#x40;", "&#X40;", "&commat;"),
    *("\uff20", "\ufe6b"),
]


@pytest.mark.parametrize(
    "text",
    [
        "mail «ann.b+c@example.co.uk» now",
        "<«a-b@c.de»>",
        "«jürgen@müller.de».",
        "«ju\u0308rgen@mu\u0308ller.de»",
        "«अजय@डाटा.भारत»",
        "\u201c«ann@example.com»\u201d, (\u2018«bob@example.com»\u2019)",
        "Ann <«ann@example.com»>; Bob [«bob@example.com»]",
        "«ann@a.b.c.d.e.f.g.h.i.j.k.l.m.n.example.com».",
        "a @ b",
        "@ann",
        "a@b",
        '"ann"@example.com',
    ],
)
def test_addresses_are_found_in_prose(text):
    assert marked(emails, text) == text


@pytest.mark.parametrize(
    "text",
    [
        "«Bob.O'Neil+x@mail.example.co.uk»",
        "from «o'neil@example.com».",
        "mail to '«ann@example.com»'",
        "'«o'neil@example.com»'",
        "'«a@b.de»', '«c@d.de»'",
        "`«ann@example.com»` *«ann@example.com»* {«ann@example.com»} |«ann@example.com»|x|",
        "b'«ann@example.com»'",
        "{'mail': '«ann@example.com»', \"cc\": \"«o'neil@example.com»\"}",
        "WHERE mail='«ann@example.com»' OR mail!='«o'neil@example.com»'",
        "17|Ann|«ann@example.com»|x",
        "mail=«ann@example.com» cc='«bob@example.com»'",
        "«ann@example.com»/«bob@example.com»",
        "...«ann@example.com»...",
        "&lt;«ann@example.com»&gt; &#39;«o&#39;neil@example.com»&#39; &#x27;«a@b.de»&#x27;",
        "<a href='mailto:«o&#39;neil&#64;example.com»'>«O&apos;Neil@example.com»</a>",
        "{\\'mail\\': \\'«ann@example.com»\\', \\'cc\\': \\'«o\\'neil@example.com»\\'}",
        r'{"mail": "«o\u0027neil@example.com»"}',
        "?a=1&amp;mail=«ann@example.com»&amp;x=1",
    ],
)
def test_quotes_and_keys_around_an_address_are_kept(text):
    assert marked(emails, text) == text


@pytest.mark.parametrize(
    "text",
    [
        "https://h/?m=«a@b.de»&x",
        "/users/«ann@example.com»/orders",
        "/users/«o'neil@example.com»",
        "https://shop.example/reset?mail=«ann%40example.com»",
        "https://shop.example/reset?mail=«ann%40example.com»&next=%2Fcart",
        "https://h/a?next=%2Freset%3Fmail%3D«ann%2540example.com»%26x",
        "https://h/a?next=%2Freset%3Fx%3D1%26mail%3D«o%2527neil%2540example.com»",
        "https://h/a?to=Ann%20%3C«ann%40example.com»%3E",
        "https://h/a?mail=«ann%2Bnews%40example%2Ecom»#x",
        "https://h/a#mail=«ann%40example.com»",
        "q=%22«ann%40example.com»%22",
        "name=Ann&mail=«ann@example.com»&cc=«bob%40example.com»",
        "mailto:«ann@example.com»?subject=x",
        "https://shop.example/" + "a/" * 150 + "«ann@example.com»",
        "https://shop.example/?" + "a=1&" * 80 + "mail=«ann@example.com»",
        "width=100%, 40 items, R&D; x%40 y%40.5",
    ],
)
def test_an_address_is_found_in_a_url_and_the_rest_of_it_is_kept(text):
    assert marked(emails, text) == text


@pytest.mark.parametrize(
    "local",
    [
        "ann!x#$%&*",
        f"a{ATEXT}b",
        *(f"a{each}b" for each in ATEXT.replace("=", "")),
        "bounces+ann=example.com",
        "bounce-ann=example.com",
        "a" * 64,
        "a" * 100,
    ],
)
def test_the_local_part_may_have_any_character_of_an_atom(local):
    for text in (f"«{local}@example.com»", f"mail «{local}@example.com», x"):
        assert marked(emails, text) == text


@pytest.mark.parametrize("at", AT_SIGNS)
@pytest.mark.parametrize("local", ["ann", "o'neil", "Bob.O'Neil+x"])
def test_each_form_of_the_at_sign_is_found(at, local):
    text = f"mail «{local}{at}example.com», «{local}{at}mail.example.co.uk»."
    assert marked(emails, text) == text


def test_an_address_of_two_domains_is_masked_as_a_whole():
    redact = Redactor(SecretKeys(), SecretKinds(["email"]))
    assert redact.text("to ann@corp.example@proxy.example.", Budget()) == "to [redacted]."


@pytest.mark.parametrize(
    "text",
    [
        *('"ann lee"@example.com', "ann@localhost", "ann@[192.0.2.1]", "ann at example.com"),
        *("ann&amp;#64;example.com", r"ann\u0040example.com", "&#97;nn&#x0;@.example.com"),
    ],
)
def test_what_the_docs_say_is_not_found_is_kept(text):
    assert marked(emails, text) == text


@given(
    st.text(st.sampled_from("abc.+'!$%&*/?^`{|}~_-"), max_size=60),
    st.sampled_from(AT_SIGNS),
    st.sampled_from(["", " ", "('", '"', "<", "x: ", "\n"]),
)
def test_nothing_of_an_address_is_left_over(local, at, before):
    local = f"q{local}q"
    scan = Scan(f"{before}{local}{at}example.com", 10**6)
    emails(scan)
    assert scan.spans == [(len(before), len(scan.text))]


@pytest.mark.parametrize("text", ["100% of 39 & more: \u4e2d", "a=1&b=2%20c", "R&D; 12%"])
def test_a_text_without_an_at_sign_costs_nothing(text):
    scan = Scan(text, 0)
    emails(scan)
    assert (scan.steps, scan.end) == (0, len(text))
